"""A golden set against a real server: what is asked, how it is scored, and what does not stop the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web

from probes.attempt import make, prepare
from probes.checks.rules import Rules
from probes.frames import Reply
from probes.kinds.golden.score import bare, scorer
from probes.spec import read
from tests.probes.stage import Stage, request

LABELS = ["book", "cancel", "other"]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as stage:
        stage.on("POST /chat", answer)
        stage.on("POST /classify", answer)
        yield stage


async def answer(asked: web.Request) -> web.StreamResponse:
    """What is asked for is what is answered: `say X`; `fail` and `hang` do as they say."""
    body = json.loads(await asked.text())
    text = str(body.get("message") or body.get("text"))
    if text.startswith("fail"):
        return web.Response(status=500, text="sorry")
    if text.startswith("hang"):
        await asyncio.sleep(30)
    said = text.removeprefix("say ")
    return web.json_response({"reply": said, "label": said, "id": f"id-{said}"})


async def ran(stage: Stage, probe: Mapping[str, Any], *, cases: list[str] | None = None, timeout: float = 5.0) -> Reply:
    job = {"kind": "golden", "probe": "p", "spec": dict(probe), "target": stage.target()}
    prepared = prepare(job)
    assert not prepared.bug, prepared.bug
    return await make(prepared, request(timeout=timeout, cases=cases or []))


def verdicts(reply: Reply) -> dict[str, str]:
    return {score["case"]: score["verdict"] for score in reply.scores}


async def test_questions_are_scored_by_their_labels_and_pairs_are_told(stage: Stage) -> None:
    cases = [{"name": "a", "ask": "say Book!", "expect": "book"},
             {"name": "b", "ask": "say book it", "expect": "cancel"},
             {"name": "c", "ask": "say who knows", "expect": "other"}]  # fmt: skip
    reply = await ran(stage, {"labels": LABELS, "cases": cases})
    assert verdicts(reply) == {"a": "right", "b": "wrong", "c": "wrong"}
    assert {score["case"]: score["got"] for score in reply.scores} == {"a": "book", "b": "book", "c": "who knows"}
    assert (reply.state, reply.failure) == ("up", None), "what that means is not the run's to say"
    assert reply.evidence is not None and {step["name"] for step in reply.evidence["steps"]} == {"a", "b", "c"}


async def test_a_request_is_made_for_each_case_with_its_own_values(stage: Stage) -> None:
    cases = [{"name": "a", "text": "say one", "n": 1, "expect": "one"},
             {"name": "b", "text": "say ${run_id}", "n": 2, "expect": "${run_id}"}]  # fmt: skip
    spec = {"post": "/classify", "json": {"text": "${case.text}", "n": "${case.n}"}, "answer": "$.label"}
    spec["cases"] = cases
    reply = await ran(stage, spec)
    assert verdicts(reply) == {"a": "right", "b": "right"}
    assert sorted(json.loads(body)["n"] for body in stage.bodies) == [1, 2]


async def test_only_the_cases_whose_turn_it_is_are_asked(stage: Stage) -> None:
    cases = [{"name": name, "ask": f"say {name}", "expect": name} for name in "abcdef"]
    assert list(verdicts(await ran(stage, {"cases": cases}, cases=["d", "a", "gone"]))) == ["d", "a"]
    assert len(verdicts(await ran(stage, {"cases": cases, "sample": 4}))) == 4


async def test_a_case_without_an_answer_is_wrong_and_stops_no_other(stage: Stage) -> None:
    cases = [{"name": "a", "ask": "fail", "expect": "x"}, {"name": "b", "ask": "say b", "expect": "b"},
             {"name": "c", "ask": "hang", "expect": "x"}, {"name": "d", "ask": "say d", "expect": "d"}]  # fmt: skip
    reply = await ran(stage, {"cases": cases, "timeout": "2s"}, cases=["a", "b", "c", "d"])
    assert verdicts(reply) == {"a": "wrong", "b": "right", "c": "wrong", "d": "right"}
    assert [score.get("failure") for score in reply.scores] == ["app_error", None, "timeout", None]
    assert reply.failure is None


async def test_a_run_in_which_nothing_answers_fails_as_any_run_does(stage: Stage) -> None:
    cases = [{"name": name, "ask": f"fail {name}", "expect": "x"} for name in "ab"]
    reply = await ran(stage, {"cases": cases})
    assert (reply.state, reply.failure, reply.scores) == ("down", "app_error", ())
    assert "(and 1 more)" in reply.sentence


async def test_a_wrong_answer_is_an_answer_however_many_there_are(stage: Stage) -> None:
    reply = await ran(stage, {"cases": [{"name": "a", "ask": "say no", "expect": "yes"}]})
    assert (reply.failure, verdicts(reply)) == (None, {"a": "wrong"})


async def test_checks_of_the_probe_and_of_the_case_have_to_hold(stage: Stage) -> None:
    cases = [{"name": "a", "ask": "say yes sir"},
             {"name": "b", "ask": "say yes, sorry", "check": {"not-contains": "sorry"}},
             {"name": "c", "ask": "say yes, sorry", "check": [{"contains": "sorry", "soft": True}]}]  # fmt: skip
    reply = await ran(stage, {"cases": cases, "check": [{"contains": "yes"}]})
    assert verdicts(reply) == {"a": "right", "b": "wrong", "c": "right"}


async def test_fields_are_compared_one_by_one(stage: Stage) -> None:
    cases = [{"name": "a", "text": "say x", "expect": {"label": "x", "id": "id-x"}},
             {"name": "b", "text": "say y", "expect": {"label": "y", "id": "other"}}]  # fmt: skip
    reply = await ran(stage, {"post": "/classify", "json": {"text": "${case.text}"}, "cases": cases})
    assert verdicts(reply) == {"a": "right", "b": "wrong"}
    (wrong,) = [score for score in reply.scores if score["case"] == "b"]
    assert wrong["fields"] == {"$.label": True, "$.id": False}


async def test_what_a_case_captured_is_what_its_own_clean_up_uses(stage: Stage) -> None:
    for name in "ab":
        stage.on(f"DELETE /made/id-{name}", status=204)
    cases = [{"name": name, "text": f"say {name}", "expect": name} for name in "ab"]
    spec = {"post": "/classify", "json": {"text": "${case.text}"}, "answer": "$.label", "cases": cases,
            "capture": {"made": "$.id"}, "cleanup": {"delete": "/made/${made}"}}  # fmt: skip
    reply = await ran(stage, spec)
    assert reply.cleanup_failed == ()
    assert sorted(line for line in stage.seen if "DELETE" in line) == ["DELETE /made/id-a", "DELETE /made/id-b"]


async def test_a_slow_case_degrades_the_run_and_is_right_all_the_same(stage: Stage) -> None:
    reply = await ran(stage, {"cases": [{"name": "a", "ask": "say a", "expect": "a"}], "budget": "1ms"})
    assert (reply.state, reply.failure, verdicts(reply)) == ("degraded", "slow", {"a": "right"})


async def test_hostile_answers_are_cleaned_and_cut(stage: Stage) -> None:
    nasty = "\x1b[31m\u202e<b>" + "x" * 5_000
    reply = await ran(stage, {"cases": [{"name": "a", "ask": f"say {nasty}", "expect": "a"}], "labels": ["a", "b"]})
    (score,) = reply.scores
    assert len(score["got"]) <= 200
    assert not set(score["got"]) & set("\x1b\u202e")


def scored(expected: Any, got: Any, **keys: Any) -> bool:
    spec = read({"kind": "golden", "ask": "x", "cases": [{"name": "n", "expect": expected}], **keys})
    made = scorer(spec)  # type: ignore[arg-type]
    assert made is not None
    return made(expected, got).right


@pytest.mark.parametrize(
    ("expected", "got", "keys", "right"),
    [
        ("Yes", " yes. ", {}, True),
        ("Yes", " yes. ", {"normalise": False}, False),
        ("Yes", "yes, of course", {}, False),
        (3, 3.0, {"score": "exact"}, True),
        (True, "true", {}, True),
        ("12", "12", {"score": "exact"}, True),
        ("book", "I would **book** it.", {"labels": LABELS}, True),
        ("book", "book or cancel", {"labels": LABELS}, False),
        ("not urgent", "This is not urgent", {"labels": ["urgent", "not urgent"]}, True),
        ("urgent", "This is not urgent", {"labels": ["urgent", "not urgent"]}, False),
        ("other", None, {"labels": LABELS}, False),
        (12.5, "12.50", {"tolerance": 0}, True),
        (12.5, "12,9", {"tolerance": 0.5}, True),
        (12.5, "13.1", {"tolerance": 0.5}, False),
        (100, "103", {"tolerance": "5%"}, True),
        (100, "about a hundred", {"tolerance": "5%"}, False),
        ({"total": 3}, {"total": 3, "more": 1}, {}, True),
        ({"total": 3}, None, {}, False),
    ],
)
def test_answers_are_scored_as_people_would(expected: Any, got: Any, keys: dict[str, Any], right: bool) -> None:
    assert scored(expected, got, **keys) is right


def test_bare_text_is_without_what_stands_around_it() -> None:
    assert bare(' "Yes!" ') == bare("yes") == "yes"
    assert Rules().normalise
