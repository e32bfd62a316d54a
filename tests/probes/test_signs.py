"""What a run reads off its answers beside its checks: which version answers, whether a stand-in does or can."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from aiohttp import web
from pydantic import ValidationError

from probes.attempt import make, prepare
from probes.frames import Reply
from probes.signs import FallbackSection, forced
from probes.spec import read
from tests.probes.stage import Stage, request

ASK = "{kind: chat, ask: Hello, check: [{contains: booked}], %s}"


async def tried(stage: Stage, written: str, **target: Any) -> Reply:
    """One attempt of a probe that asks, its primary forced off where it says so."""
    spec = yaml.safe_load(written)
    job = {"kind": spec["kind"], "probe": "books", "spec": spec, "target": stage.target(**target)}
    if "fallback" in spec:
        job["target"] = forced(job["target"], FallbackSection.model_validate(spec["fallback"]))
    return await make(prepare(job), request())


# -- versions


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("version: $.prompt", "v12"),
        ("version: {header: X-Prompt}", "h7"),
        ("version: {regex: 'prompt\": *\"(v[0-9]+)'}", "v12"),
        ("version: {get: /version, json: $.build}", "b3"),
    ],
)
async def test_a_version_is_read_where_it_is_said_to_stand(stage: Stage, written: str, found: str) -> None:
    stage.on("POST /chat", {"reply": "booked", "prompt": "v12"}, **{"X-Prompt": "h7"})
    stage.on("GET /version", {"build": "b3"})
    reply = await tried(stage, ASK % written)
    assert (reply.state, reply.versions["version"]) == ("up", found)


async def test_a_version_that_is_not_there_is_no_failure(stage: Stage) -> None:
    stage.on("POST /chat", {"reply": "booked"})
    for written in ("version: $.prompt", "version: {header: X-Prompt}", "version: {get: /version, json: $.build}"):
        reply = await tried(stage, ASK % written)
        assert (reply.state, reply.versions) == ("up", {})


async def test_asking_for_a_version_takes_none_of_the_runs_time_and_no_request_of_its_own(stage: Stage) -> None:
    stage.on("POST /chat", {"reply": "booked"})
    stage.on("GET /version", {"build": "b3"}, after=0.4)
    reply = await tried(stage, ASK % "version: {get: /version, json: $.build}")
    assert reply.versions == {"version": "b3"}
    assert reply.took < 350_000
    assert reply.spent["requests"] == 1


async def test_a_run_that_fails_says_its_version_too(stage: Stage) -> None:
    stage.on("POST /chat", {"reply": "sorry", "prompt": "v13"})
    reply = await tried(stage, ASK % "version: $.prompt")
    assert (reply.failure, reply.versions) == ("wrong", {"version": "v13"})


async def test_what_a_target_says_of_itself_is_cleaned_and_cut(stage: Stage) -> None:
    stage.on("POST /chat", {"reply": "booked", "prompt": "a\x1b[31m\n" + "b" * 5_000})
    reply = await tried(stage, ASK % "version: $.prompt")
    assert len(reply.versions["version"]) <= 200
    assert reply.versions["version"].isprintable()


# -- a stand-in that answers


@pytest.mark.parametrize(
    "mark",
    ["{header: X-Served-By, contains: backup}", "{json: $.route, equals: b}", "{json: $.degraded}"],
)
async def test_a_run_that_a_stand_in_answered_is_degraded(stage: Stage, mark: str) -> None:
    said = {"reply": "booked", "route": "b", "degraded": True}
    stage.on("POST /chat", said, **{"X-Served-By": "Backup-2"})
    reply = await tried(stage, ASK % f"fallback_mark: {mark}")
    assert (reply.state, reply.failure) == ("degraded", "provider_down")
    assert reply.sentence.startswith("running on fallback: ")


async def test_without_its_mark_all_is_well(stage: Stage) -> None:
    stage.on("POST /chat", {"reply": "booked", "route": "a"}, **{"X-Served-By": "primary"})
    for mark in ("{header: X-Served-By, contains: backup}", "{json: $.route, equals: b}", "{header: X-Fallback}"):
        assert (await tried(stage, ASK % f"fallback_mark: {mark}")).state == "up"


async def test_a_failure_is_not_softened_by_a_mark(stage: Stage) -> None:
    stage.on("POST /chat", {"reply": "sorry"}, **{"X-Served-By": "backup"})
    reply = await tried(stage, ASK % "fallback_mark: {header: X-Served-By}")
    assert (reply.state, reply.failure) == ("down", "wrong")


# -- the primary forced off


def routed(stage: Stage, *, stands: bool) -> None:
    """An app whose primary is off where a request says so, and whose stand-in `stands` or does not."""

    async def chat(request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.text())
        off = request.headers.get("X-Force") == "1" or request.query.get("force") == "1" or body.get("force") is True
        if off and not stands:
            return web.json_response({"error": "no model"}, status=502)
        return web.json_response({"reply": f"booked by {'stand-in' if off else 'primary'}"})

    stage.on("POST /chat", chat)


@pytest.mark.parametrize("way", ['headers: {X-Force: "1"}', 'params: {force: "1"}', "body: {force: true}"])
async def test_the_primary_is_forced_off_in_the_way_that_the_user_says(stage: Stage, way: str) -> None:
    routed(stage, stands=True)
    written = f"{{kind: chat, ask: Hello, check: [{{contains: stand-in}}], fallback: {{{way}}}}}"
    assert (await tried(stage, written)).state == "up"
    routed(stage, stands=False)
    reply = await tried(stage, written)
    assert reply.state == "down"
    assert reply.sentence.startswith("the fallback does not answer: ")


async def test_another_address_is_asked_instead(stage: Stage) -> None:
    async with Stage() as other:
        other.on("POST /chat", {"reply": "booked elsewhere"})
        written = f"{{kind: chat, ask: Hello, check: [{{contains: elsewhere}}], fallback: {{url: '{other.url}'}}}}"
        assert (await tried(stage, written)).state == "up"
        assert stage.seen == [] and other.seen == ["POST /chat"]


def test_a_probe_of_the_fallback_degrades_and_only_warns_unless_it_says_otherwise() -> None:
    written = {"ask": "Hello", "check": [{"contains": "booked"}], "fallback": {"headers": {"X-Force": "1"}}}
    spec = read(written)
    assert (spec.affects, spec.severity) == ("degraded", "warning")
    spec = read({**written, "affects": "down", "severity": "critical"})
    assert (spec.affects, spec.severity) == ("down", "critical")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("fallback", {}, "nothing forces the primary off"),
        ("version", {"json": "$.a", "header": "X"}, "it is read in one place"),
        ("version", "prompt", "JSONPath"),
        ("version", {"regex": "(a+)+"}, "can take for ever"),
        ("fallback_mark", {"contains": "backup"}, "it is read in one place"),
    ],
)
def test_what_cannot_work_is_said(key: str, value: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read({"ask": "Hello", "check": [{"contains": "booked"}], key: value})
    assert said.lower() in str(caught.value).lower()
