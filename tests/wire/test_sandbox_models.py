"""The local model provider: the shapes OpenAI's API has on the wire, and each way it fails."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from monitor.sandbox.models import ModelServer
from probes.words.clock import PushedClock

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
QUESTION = "A cleaning tomorrow at ten please"


@dataclass
class Heard:
    """What a client made of one stream."""

    status: int = 0
    chunks: list[dict[str, Any]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    done: bool = False
    broken: str = ""
    reads: int = 0
    headers: httpx.Headers = field(default_factory=httpx.Headers)

    @property
    def text(self) -> str:
        return "".join(c["choices"][0]["delta"].get("content") or "" for c in self.chunks if c.get("choices"))

    @property
    def finish(self) -> list[str]:
        found = [c["choices"][0]["finish_reason"] for c in self.chunks if c.get("choices")]
        return [f for f in found if f]


def body(*, stream: bool = True, **more: Any) -> dict[str, Any]:
    asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": QUESTION}]
    return {"model": "gpt-5-mini", "messages": asked, "stream": stream} | more


@pytest.fixture
async def models() -> AsyncIterator[ModelServer]:
    async with ModelServer() as server:
        yield server


async def ask(models: ModelServer, **more: Any) -> Heard:
    heard, loop = Heard(), asyncio.get_running_loop()
    began = loop.time()
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {models.key}"}, timeout=0.5) as http:
        try:
            async with http.stream("POST", f"{models.base_url}/chat/completions", json=body(**more)) as answer:
                heard.status, heard.headers = answer.status_code, answer.headers
                pending = ""
                async for part in answer.aiter_text():
                    heard.reads += 1
                    *events, pending = (pending + part).split("\n\n")
                    for event in events:
                        assert event.startswith("data: ")
                        if event == "data: [DONE]":
                            heard.done = True
                            continue
                        heard.chunks.append(json.loads(event.removeprefix("data: ")))
                        heard.times.append(loop.time() - began)
        except httpx.HTTPError as error:
            heard.broken = type(error).__name__
    return heard


async def whole(models: ModelServer, key: str = "", **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key or models.key}"}, timeout=0.5) as http:
        return await http.post(f"{models.base_url}/chat/completions", json=body(stream=False, **more))


async def test_a_stream_has_the_shape_of_openais(models: ModelServer) -> None:
    heard = await ask(models, stream_options={"include_usage": True})
    first, last = heard.chunks[0], heard.chunks[-1]
    assert heard.status == 200 and heard.done and heard.finish == ["stop"]
    assert heard.headers["content-type"].startswith("text/event-stream")
    assert first["choices"][0]["delta"]["role"] == "assistant" and first["choices"][0]["delta"]["content"] == ""
    assert heard.text == f"You said: {QUESTION}"
    assert last["choices"] == [] and last["usage"]["completion_tokens"] == 8
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + 8
    assert all(c["usage"] is None for c in heard.chunks[:-1])
    assert {c["object"] for c in heard.chunks} == {"chat.completion.chunk"}
    assert len({c["id"] for c in heard.chunks}) == 1 and first["system_fingerprint"]
    without = await ask(models)
    assert all("usage" not in c for c in without.chunks)


async def test_a_whole_answer_and_its_headers(models: ModelServer) -> None:
    answer = await whole(models)
    said = answer.json()
    assert said["object"] == "chat.completion" and said["choices"][0]["finish_reason"] == "stop"
    assert said["choices"][0]["message"] == {"role": "assistant", "content": f"You said: {QUESTION}", "refusal": None}
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.headers["x-ratelimit-limit-requests"] == "10000"
    assert answer.headers["x-ratelimit-remaining-requests"] == "9999"
    assert answer.headers["x-ratelimit-reset-requests"] in ("60s", "1m0s")


async def test_a_rule_makes_the_answer_and_the_limit_of_words_cuts_it() -> None:
    async with ModelServer(rule=lambda messages: f"{len(messages)} messages reached me here") as models:
        assert (await ask(models)).text == "2 messages reached me here"
        short = await ask(models, max_completion_tokens=2)
        assert (short.text, short.finish) == ("2 messages ", ["length"])


@pytest.mark.parametrize(
    ("kind", "text", "finish"),
    [
        ("length", "You said: A cleaning ", "length"),
        ("content-filter", "You said: ", "content_filter"),
        ("empty", "", "stop"),
        ("wrong", "The moon is made of cheese.", "stop"),
    ],
)
async def test_answers_that_are_complete_and_no_good(models: ModelServer, kind: str, text: str, finish: str) -> None:
    models.faults.set(kind, times=2)
    streamed, at_once = await ask(models), (await whole(models)).json()
    assert (streamed.text, streamed.finish, streamed.done) == (text, [finish], True)
    assert at_once["choices"][0]["message"]["content"] == text
    assert at_once["choices"][0]["finish_reason"] == finish
    assert (await ask(models)).text.endswith("please"), "the fault was for two answers"


async def test_a_refusal_garbage_and_a_swapped_model(models: ModelServer) -> None:
    models.faults.set("refusal", times=1)
    refused = await ask(models)
    assert refused.text == "" and any("refusal" in c["choices"][0]["delta"] for c in refused.chunks[1:])
    models.faults.set("garbage", times=1)
    assert "Ã" in (await ask(models)).text
    models.faults.set("garbage", text="loop", times=1)
    assert (await ask(models)).text.count("I can help with that.") == 40
    models.faults.set("model-swapped", times=1)
    assert {c["model"] for c in (await ask(models)).chunks} == {"tiny-model-0"}


async def test_streams_that_end_wrongly(models: ModelServer) -> None:
    models.faults.set("cut", times=1)
    cut = await ask(models)
    assert cut.status == 200 and cut.broken and not cut.done and not cut.finish and cut.text == "You said: A cleaning "
    models.faults.set("no-done", times=1)
    endless = await ask(models)
    assert endless.finish == ["stop"] and not endless.done and not endless.broken
    models.faults.set("error-in-stream", times=1, text="overloaded")
    failed = await ask(models)
    assert failed.status == 200 and failed.chunks[-1]["error"]["message"] == "overloaded"
    assert not failed.done and not failed.finish and failed.text


async def test_streams_that_come_too_late(models: ModelServer) -> None:
    models.faults.set("no-first-token", seconds=60, times=1)
    silent = await ask(models)
    assert silent.broken == "ReadTimeout" and silent.text == "" and len(silent.chunks) == 1
    models.faults.set("idle-gap", seconds=0.3, times=1)
    paused = await ask(models)
    gaps = [b - a for a, b in zip(paused.times, paused.times[1:], strict=False)]
    assert paused.done and max(gaps) > 0.25 and sorted(gaps)[-2] < 0.2
    models.faults.set("slow-tokens", seconds=0.03, times=1)
    slow = await ask(models)
    assert slow.done and slow.times[-1] > 0.2
    models.faults.set("buffered", times=1)
    models.pace = 0.02
    at_once = await ask(models)
    assert at_once.reads <= 2 and at_once.times[0] > 0.1 and at_once.times[-1] - at_once.times[0] < 0.05


async def test_a_whole_answer_meets_the_same_faults(models: ModelServer) -> None:
    models.faults.set("cut", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        await whole(models)
    models.faults.set("no-first-token", times=1)
    with pytest.raises(httpx.ReadTimeout):
        await whole(models)
    models.faults.set("error-in-stream", times=1)
    assert (await whole(models)).status_code == 500


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("unauthorized", 401, "invalid_api_key"),
        ("payment-required", 402, "payment_required"),
        ("no-credit", 429, "insufficient_quota"),
        ("rate-limited", 429, "rate_limit_exceeded"),
        ("overloaded", 503, "overloaded"),
        ("server-error", 500, "server_error"),
        ("model-missing", 404, "model_not_found"),
    ],
)
async def test_refusals_carry_status_and_code(models: ModelServer, kind: str, status: int, code: str) -> None:
    models.faults.set(kind, times=1, seconds=7 if kind == "rate-limited" else None)
    answer = await whole(models)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers.get("retry-after") == ("7" if kind == "rate-limited" else None)
    assert (await whole(models)).status_code == 200


async def test_the_status_of_an_overload_can_be_chosen(models: ModelServer) -> None:
    models.faults.set("overloaded", status=529, times=1)
    assert (await ask(models)).status == 529


async def test_wrong_keys_models_and_bodies_are_refused(models: ModelServer) -> None:
    wrong = await whole(models, key="sk-wrong")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (await whole(models, model="gpt-retired")).json()["error"]["code"] == "model_not_found"
    for change in ({"messages": []}, {"messages": ["x"]}, {"model": 4}, {"max_tokens": 0}, {"max_tokens": "x"}):
        refused = await whole(models, **change)
        assert refused.status_code == 400 and refused.json()["error"]["type"] == "invalid_request_error"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {models.key}"}) as http:
        for raw in (b"", b"{", b"[" * 5000, b"null", b"\xff"):
            assert (await http.post(f"{models.base_url}/chat/completions", content=raw)).status_code == 400
        listed = (await http.get(f"{models.base_url}/models")).json()
        assert [m["id"] for m in listed["data"]] == list(models.models)
        assert (await http.get(f"{models.base_url}/models/gpt-5")).json()["id"] == "gpt-5"
        assert (await http.get(f"{models.base_url}/models/none")).status_code == 404
        assert (await http.get(f"{models.base_url}/models", headers={"Authorization": ""})).status_code == 401
    assert not any(r.accepted for r in models.received if r.what == "chat")


async def test_a_minute_has_so_many_requests_and_tokens() -> None:
    clock = PushedClock(START)
    async with ModelServer(clock=clock, limit=(2, 10_000)) as models:
        assert [(await whole(models)).status_code for _ in range(3)] == [200, 200, 429]
        clock.push(timedelta(seconds=45))
        limited = await whole(models)
        assert limited.headers["retry-after"] == "15" and limited.headers["x-ratelimit-remaining-requests"] == "0"
        assert limited.headers["x-ratelimit-reset-requests"] == "15s"
        clock.push(timedelta(seconds=15))
        assert (await whole(models)).status_code == 200
    async with ModelServer(limit=(100, 5)) as models:
        assert "tokens per min" in (await whole(models)).json()["error"]["message"]


async def test_the_record_and_the_page_tell_what_was_said(models: ModelServer) -> None:
    models.rule = lambda _messages: "<b>hello</b>"
    await ask(models)
    assert models.received[-1].answer == "<b>hello</b>" and models.received[-1].accepted
    async with httpx.AsyncClient() as http:
        shown = (await http.get(models.url)).text
    assert "&lt;b&gt;hello" in shown and "<b>hello" not in shown
