"""Questions in every dialect to a server that speaks them all: answers, tools, documents, limits and every fault."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from time import monotonic
from typing import Any

import pytest

from monitor.sandbox.models import ModelServer
from monitor.sandbox.models.kinds import MODEL_KINDS
from probes.attempt import make, prepare
from probes.frames import Request
from probes.target import Target
from probes.tools import Timeouts, Trouble
from probes.tools.answer import Exchange
from probes.tools.chat_answer import ChatAnswer
from probes.tools.http import Http
from probes.tools.rounds import talk
from probes.words.failure import Failure

QUESTION = "A cleaning on 2026-12-01 for 2 people, please, and say it with words enough to be timed by"
LABELS = ("openai", "openai-responses", "anthropic", "ollama", "compatible")
PLACES = {"openai": "/v1", "openai-responses": "/v1", "anthropic": "/v1", "ollama": "", "compatible": "/compatible/v1"}
MODELS = {"anthropic": "claude-haiku-4-5", "ollama": "llama3.2"}
TOOLS = {"book_cleaning": {"description": "Books it.", "parameters": {"date": "string", "people": "integer"}}}
SCHEMA = {"type": "object", "properties": {"date": {"type": "string"}, "people": {"type": "integer"}}}
# What a fault of the server is, where the wire alone does not make it a failure: whoever checks the answer judges it.
JUDGED_LATER = {"slow", "slow-tokens", "buffered", "garbage", "wrong"}
HANGS = {"hang": "first_byte", "no-first-token": "first_token", "idle-gap": "idle"}


class Caller:
    """Asks in one dialect as a probe does."""

    def __init__(self, server: ModelServer, label: str) -> None:
        self.server, self.label = server, label
        self.fault = f"chat.{label}" if label != "openai" else "chat"
        self.recorded: list[Exchange] = []

    async def ask(
        self, how: Mapping[str, Any] | None = None, timeout: Timeouts | float | None = None, **settings: Any
    ) -> ChatAnswer:
        """One question; `settings` join the target's chat."""
        dialect = "openai" if self.label == "compatible" else self.label
        chat = {"dialect": dialect, "model": MODELS.get(self.label, "gpt-5-mini"), **settings}
        place = {"url": self.server.url + PLACES[self.label], "auth": {"bearer": self.server.key}, "chat": chat}
        target = Target.of(place, {"KEY": self.server.key})
        async with Http(target, run_id="RUN", deadline=monotonic() + 5, record=self.recorded.append) as http:
            return await talk(http, chat, [{"role": "user", "content": QUESTION}], how or {}, timeout=timeout)


@pytest.fixture(params=LABELS)
async def caller(request: pytest.FixtureRequest) -> AsyncIterator[Caller]:
    async with ModelServer() as server:
        yield Caller(server, request.param)


@pytest.mark.parametrize("stream", [True, False])
async def test_an_answer_in_every_dialect(caller: Caller, stream: bool) -> None:
    caller.server.pace = 0.003
    answer = await caller.ask(stream=stream, system="Be brief.", max_tokens=400, options={"temperature": 0})
    assert answer.text == f"You said: {QUESTION}"
    assert answer.model == MODELS.get(caller.label, "gpt-5-mini")
    assert answer.finish_reason == {"anthropic": "end_turn", "openai-responses": "completed"}.get(caller.label, "stop")
    assert answer.doubts == []
    if not stream:
        return
    assert 0 < answer.first_token < answer.total and not answer.buffered
    assert answer.tokens_out == len(answer.text.split()) and answer.values["tokens"] > answer.tokens_out
    assert 50 < answer.values["tokens_per_second"] < 2_000
    assert ("load" in answer.values) is (caller.label == "ollama")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_tool_is_called_and_its_result_gone_on_with(caller: Caller, stream: bool) -> None:
    called = await caller.ask({"tools": TOOLS}, stream=stream)
    assert [(call.name, call.arguments["people"]) for call in called.tool_calls] == [("book_cleaning", 2)]
    assert (called.text, called.said) == ("", [])
    done = await caller.ask({"tools": TOOLS, "tool_results": {"book_cleaning": {"booking": 42}}}, stream=stream)
    assert [call.name for call in done.tool_calls] == ["book_cleaning"]
    assert done.text.startswith("The tool said: {")
    assert done.said is not None and [message["role"] for message in done.said] == ["assistant", "tool", "assistant"]
    assert (done.rounds, len(caller.recorded)) == (2, 3)
    assert done.first_token > caller.recorded[1].phases["first_byte"] / 1e6
    with pytest.raises(Trouble, match="called book_cleaning, and tool_results answers for cancel"):
        await caller.ask({"tools": TOOLS, "tool_results": {"cancel": {}}})


async def test_an_answer_by_a_schema_is_a_document(caller: Caller) -> None:
    answer = await caller.ask({"schema": SCHEMA})
    assert answer.json("$.people") == 2
    caller.server.faults.set("wrong", text="Gladly!", where=caller.fault)
    with pytest.raises(Trouble, match="not JSON, though it was asked for by a schema: Gladly!"):
        await caller.ask(schema=SCHEMA)


async def test_what_is_left_of_the_limits(caller: Caller) -> None:
    caller.server.limit = (100, 2_000)
    values = (await caller.ask()).values
    if caller.label in ("ollama", "compatible"):
        assert "headroom_requests" not in values
    else:
        assert values["headroom_requests"] == pytest.approx(0.99) and 0.5 < values["headroom_tokens"] <= 1


async def test_a_used_up_limit_says_when_it_is_whole_again(caller: Caller) -> None:
    caller.server.limit = (1, 10_000)
    await caller.ask()
    with pytest.raises(Trouble) as caught:
        await caller.ask()
    assert caught.value.failure is Failure.RATE_LIMITED, caught.value
    assert caught.value.retry_after is not None and 1 <= caught.value.retry_after <= 61


@pytest.mark.parametrize("fault", sorted(MODEL_KINDS.keys() - JUDGED_LATER - HANGS.keys()))
async def test_every_fault_is_called_what_it_is(caller: Caller, fault: str) -> None:
    expected = MODEL_KINDS[fault].expected(caller.fault)
    caller.server.faults.set(fault, where=caller.fault, seconds=0.2)
    if expected is None or (fault == "refusal" and caller.label in ("ollama", "compatible")):
        return  # these refuse in plain words, which is for the checks to see
    try:
        answer = await caller.ask()
    except Trouble as trouble:
        found, said = trouble.failure.value, trouble.sentence
    else:
        found = answer.doubts[0].failure.value if answer.doubts else ""
        said = answer.doubts[0].sentence if answer.doubts else answer.text
    assert found == expected, said
    assert caller.server.key not in said


@pytest.mark.parametrize(("fault", "phase"), HANGS.items())
async def test_the_part_that_hung_is_named(caller: Caller, fault: str, phase: str) -> None:
    caller.server.faults.set(fault, where=caller.fault, seconds=20)
    began = monotonic()
    with pytest.raises(Trouble) as caught:
        await caller.ask(timeout=Timeouts(first_byte=0.3, first_token=0.3, idle=0.3))
    assert (caught.value.failure, caught.value.phase) == (Failure.TIMEOUT, phase), caught.value
    assert monotonic() - began < 1.5


async def test_a_model_that_stands_in_is_told_from_one_that_was_swapped(caller: Caller) -> None:
    caller.server.faults.set("model-swapped", where=caller.fault, text="small-model-1", times=3)
    swapped = (await caller.ask()).doubts[0]
    assert (swapped.failure, "known_as: [small-model-1]" in swapped.sentence) == (Failure.CONTRACT_CHANGED, True)
    stands_in = (await caller.ask(fallback=["small-model-1"])).doubts[0]
    assert stands_in.failure is Failure.PROVIDER_DOWN
    assert stands_in.sentence.startswith("running on fallback: small-model-1 answered instead of")
    assert (await caller.ask(known_as=["small-model-1"])).doubts == []


async def test_a_key_is_said_where_the_dialect_has_keys(caller: Caller) -> None:
    await caller.ask()
    sent = {name.lower(): value for name, value in caller.recorded[0].sent_headers}
    if caller.label == "anthropic":
        assert (sent[b"x-api-key"], b"authorization" in sent) == (caller.server.key.encode(), False)
        assert sent[b"anthropic-version"] == b"2023-06-01"
    else:
        assert sent[b"authorization"] == f"Bearer {caller.server.key}".encode()
    assert caller.server.key not in str(caller.recorded[0].evidence())


async def test_a_server_that_never_says_done_is_forgiven_where_it_is_known() -> None:
    from monitor.sandbox.models.compatible import Compatible

    async with ModelServer(dialects=[Compatible(says_done=False)]) as server:
        caller = Caller(server, "compatible")
        assert "lacks the final [DONE]; write needs_end: false" in (await caller.ask()).doubts[0].sentence
        assert (await caller.ask(needs_end=False)).doubts == []


async def test_a_doubt_degrades_the_run_and_the_rest_of_it_goes_on(caller: Caller) -> None:
    caller.server.faults.set("model-swapped", where=caller.fault, text="small-model-1")
    dialect = "openai" if caller.label == "compatible" else caller.label
    chat = {"dialect": dialect, "model": MODELS.get(caller.label, "gpt-5-mini"), "fallback": ["small-model-1"]}
    place = {"url": caller.server.url + PLACES[caller.label], "auth": {"bearer": caller.server.key}, "chat": chat}
    spec = {"ask": QUESTION, "check": [{"contains": "cleaning"}, {"model-is": "small-model-1"}]}
    ready = prepare({"kind": "chat", "workflow": "w", "probe": "asks", "spec": spec, "target": place})
    reply = await make(ready, Request(1, "job", "RUN", 1, 0, 0, 5.0))
    assert (reply.state, reply.failure) == ("degraded", "provider_down"), reply
    assert reply.sentence.startswith("running on fallback: small-model-1 answered")
    assert reply.versions["model"] == "small-model-1" and reply.values["tokens"] > 0
