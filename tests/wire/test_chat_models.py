"""Questions to a model that speaks OpenAI's dialect: what was said, when, and every way in which it fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic

import pytest

from monitor.sandbox.models import ModelServer
from probes.target import Target
from probes.tools import Timeouts, Trouble
from probes.tools.answer import Exchange
from probes.tools.call import ChatAnswer, chat
from probes.tools.http import Http
from probes.words.failure import Failure

QUESTION = "What are your opening hours on Monday, and do you take new patients?"


class Caller:
    """Asks the model as a probe does, and keeps what was recorded."""

    def __init__(self, server: ModelServer) -> None:
        self.server = server
        self.recorded: list[Exchange] = []

    async def ask(
        self,
        *,
        key: str = "",
        timeout: Timeouts | float | None = None,
        deadline: float = 5.0,
        **settings: object,
    ) -> ChatAnswer:
        """One question; `settings` join the target's chat."""
        model = self.server.models[0]
        target = Target.of(
            {
                "url": self.server.base_url,
                "auth": {"bearer": "${secret:KEY}"},
                "chat": {"dialect": "openai", "model": model, **settings},
            },
            {"KEY": key or self.server.key},
        )
        async with Http(target, run_id="RUN", deadline=monotonic() + deadline, record=self.recorded.append) as http:
            return await chat(http, target.chat, QUESTION, timeout=timeout)

    async def trouble(self, **settings: object) -> Trouble:
        """The trouble that a question comes to."""
        with pytest.raises(Trouble) as caught:
            await self.ask(**settings)  # type: ignore[arg-type]
        return caught.value


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    async with ModelServer() as server:
        yield Caller(server)


async def test_an_answer_is_heard_and_timed(caller: Caller) -> None:
    caller.server.pace = 0.02
    answer = await caller.ask()
    assert QUESTION.split()[0] in answer.text
    assert answer.finish_reason == "stop"
    assert answer.model == caller.server.models[0]
    assert answer.fingerprint
    assert answer.tokens_in and answer.tokens_out
    assert 0 < answer.first_token < answer.total
    assert 0.005 < answer.worst_gap < answer.total
    assert answer.values["tokens_out"] == answer.tokens_out
    assert not answer.buffered
    assert answer.chunks > 5


async def test_an_answer_in_one_document_is_as_good(caller: Caller) -> None:
    answer = await caller.ask(stream=False)
    assert QUESTION.split()[0] in answer.text
    assert (answer.finish_reason, answer.buffered) == ("stop", False)
    assert answer.tokens_out
    assert answer.first_token == pytest.approx(answer.total)


@pytest.mark.parametrize(
    ("fault", "failure", "says"),
    [
        ("error-in-stream", Failure.PROVIDER_DOWN, "error in the answer"),
        ("cut", Failure.TRUNCATED, "middle of the answer"),
        ("length", Failure.TRUNCATED, "token limit"),
        ("content-filter", Failure.REFUSED, "content_filter"),
        ("refusal", Failure.REFUSED, "refused to answer"),
        ("empty", Failure.EMPTY, "empty"),
        ("server-error", Failure.PROVIDER_DOWN, "answered with an error"),
        ("rate-limited", Failure.RATE_LIMITED, "rate_limit_exceeded"),
        ("drop", Failure.TRUNCATED, "without an answer"),
    ],
)
async def test_each_way_to_fail_has_its_name(caller: Caller, fault: str, failure: Failure, says: str) -> None:
    caller.server.faults.set(fault)
    trouble = await caller.trouble()
    assert (trouble.failure, says in trouble.sentence) == (failure, True), trouble.sentence


async def test_an_answer_without_its_end_is_used_and_doubted(caller: Caller) -> None:
    caller.server.faults.set("no-done")
    doubted = await caller.ask()
    assert [doubt.failure for doubt in doubted.doubts] == [Failure.TRUNCATED]
    assert "lacks the final [DONE]; write needs_end: false" in doubted.doubts[0].sentence
    caller.server.faults.clear()
    caller.server.faults.set("no-done")
    assert (await caller.ask(needs_end=False)).doubts == []


async def test_the_names_of_refusals_come_from_their_codes_not_their_status(caller: Caller) -> None:
    from monitor.sandbox.models.answers import REFUSALS

    expected = {
        "insufficient_quota": Failure.QUOTA,
        "rate_limit_exceeded": Failure.RATE_LIMITED,
        "invalid_api_key": Failure.AUTH,
        "model_not_found": Failure.CONTRACT_CHANGED,
        "context_length_exceeded": Failure.CONTRACT_CHANGED,
        "server_is_overloaded": Failure.PROVIDER_DOWN,
        "server_error": Failure.PROVIDER_DOWN,
    }
    seen = {}
    for fault, (_, code, *_rest) in REFUSALS.items():
        caller.server.faults.clear()
        caller.server.faults.set(fault)
        seen[code] = (await caller.trouble()).failure
    assert seen
    assert {code: failure for code, failure in seen.items() if expected.get(code, failure) is not failure} == {}


@pytest.mark.parametrize(
    ("fault", "limits", "phase"),
    [
        ("hang", Timeouts(first_byte=0.2), "first_byte"),
        ("no-first-token", Timeouts(first_token=0.2), "first_token"),
        ("idle-gap", Timeouts(idle=0.2), "idle"),
        ("no-first-token", 0.3, "first_token"),
        ("idle-gap", 0.3, "total"),
    ],
)
async def test_the_part_of_an_answer_that_ran_out_of_time(
    caller: Caller, fault: str, limits: Timeouts | float, phase: str
) -> None:
    caller.server.faults.set(fault, seconds=30)
    began = monotonic()
    trouble = await caller.trouble(timeout=limits)
    assert (trouble.failure, trouble.phase) == (Failure.TIMEOUT, phase), trouble.sentence
    assert monotonic() - began < 1.3


async def test_half_an_answer_is_kept_as_evidence(caller: Caller) -> None:
    caller.server.faults.set("error-in-stream", text="the engine is on fire, sk-sandbox")
    trouble = await caller.trouble()
    record = caller.recorded[0].evidence()
    assert record["response"].startswith("You said")
    assert "on fire" in record["stream_end"]
    assert "on fire" in trouble.sentence
    assert "sk-sandbox" not in trouble.sentence + str(record)


async def test_a_stream_held_back_is_noticed(caller: Caller) -> None:
    caller.server.faults.set("buffered")
    caller.server.pace = 0.01
    answer = await caller.ask()
    assert answer.buffered
    assert answer.first_token == pytest.approx(answer.total, abs=0.05)


async def test_a_model_that_is_not_the_one_asked_for_says_so(caller: Caller) -> None:
    caller.server.faults.set("model-swapped", text="cheap-mini")
    answer = await caller.ask()
    assert answer.model == "cheap-mini"
    assert [doubt.failure for doubt in answer.doubts] == [Failure.CONTRACT_CHANGED]
    assert "cheap-mini answered instead of gpt-5-mini" in answer.doubts[0].sentence


async def test_a_limited_model_says_how_long_to_wait(caller: Caller) -> None:
    caller.server.faults.set("rate-limited", seconds=7)
    trouble = await caller.trouble()
    assert (trouble.retry_after, trouble.witness) == (7.0, "openai")


async def test_a_wrong_key(caller: Caller) -> None:
    trouble = await caller.trouble(key="sk-another-key")
    assert trouble.failure is Failure.AUTH


async def test_a_limit_on_tokens_is_told_from_a_whole_answer(caller: Caller) -> None:
    trouble = await caller.trouble(max_tokens=3)
    assert (trouble.failure, "token limit" in trouble.sentence) == (Failure.TRUNCATED, True)
    assert (await caller.ask(max_tokens=500)).finish_reason == "stop"


async def test_talking_to_a_server_that_is_no_model(caller: Caller) -> None:
    trouble = await caller.trouble(path="/models", deadline=2.0)
    assert trouble.failure in (Failure.CONTRACT_CHANGED, Failure.GARBAGE)
