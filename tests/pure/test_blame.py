"""Who broke it, as far as a second witness shows: what always holds, and the cases that matter."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.blame import (
    FRESH,
    SPEAKING,
    Heard,
    Word,
    may_be_caused,
    of_canary,
    of_network,
    out_of_reach,
    weigh,
    word_of,
)
from monitor.engine.verdict import Verdict, judge
from probes.frames import REFUSED, Reply
from probes.words.failure import FACTS, Blame, Failure
from probes.words.outcome import State
from probes.words.units import MINUTE, SECOND

NOON = 1_800_000_000 * SECOND
NAMES = {"openai": "OpenAI", "anthropic": "Anthropic"}
HARD = [one for one in Failure if FACTS[one].state == "down"]
down = st.sampled_from(HARD).map(lambda one: judge(Reply(1, "down", one)))
verdicts = st.sampled_from(list(Failure)).map(lambda one: judge(Reply(1, FACTS[one].state, one)))
statements = st.builds(
    Heard,
    began=st.integers(NOON - 3 * MINUTE, NOON + MINUTE),
    ended=st.just(NOON + MINUTE),
    word=st.sampled_from(Word),
    failure=st.sampled_from([None, *SPEAKING]),
    sentence=st.text(max_size=20),
    acquits=st.booleans(),
)
heard = st.dictionaries(st.sampled_from(list(NAMES)), st.lists(statements, max_size=6))


def said(word: Word, at: int = 0, *, acquits: bool = True) -> Heard:
    return Heard(NOON + at * SECOND, NOON + at * SECOND + SECOND, word, Failure.TIMEOUT, "no token", "R1", acquits)


# -- what always holds


@given(verdicts, heard)
def test_no_provider_is_blamed_for_sure_without_its_own_canary_failing_just_before_or_meanwhile(
    verdict: Verdict, heard: dict[str, list[Heard]]
) -> None:
    found = weigh(verdict, heard, since=NOON, names=NAMES)
    if found.provider or (found.blame is Blame.PROVIDER and not found.suspected):
        known = [one for one in heard[found.provider] if one.word is not Word.NOTHING and one.began >= NOON - FRESH]
        assert max(known, key=lambda one: one.began).word is Word.FAILED
        assert (found.failure, found.blame, found.suspected) == (Failure.PROVIDER_DOWN, Blame.PROVIDER, False)


@given(verdicts, heard)
def test_a_witness_never_makes_anything_better_or_worse(verdict: Verdict, heard: dict[str, list[Heard]]) -> None:
    found = weigh(verdict, heard, since=NOON, names=NAMES)
    assert found.state is verdict.state
    assert found.level is verdict.level


@given(verdicts)
def test_without_a_witness_nothing_changes(verdict: Verdict) -> None:
    assert weigh(verdict, {}, since=NOON, names=NAMES) == verdict
    assert weigh(verdict, {"openai": [said(Word.NOTHING)]}, since=NOON, names=NAMES) == verdict


@given(down, heard)
def test_a_workflow_is_to_blame_for_sure_only_when_every_provider_answered_after_it_failed(
    verdict: Verdict, heard: dict[str, list[Heard]]
) -> None:
    found = weigh(verdict, heard, since=NOON, names=NAMES)
    if found.blame is Blame.WORKFLOW and not found.suspected and verdict.suspected:
        for words in heard.values():
            assert any(one.word is Word.PASSED and one.acquits and one.began >= NOON for one in words)
            assert not any(one.word is Word.FAILED and one.began >= NOON for one in words)


@given(verdicts)
def test_our_own_canary_is_never_made_up_and_its_own_trouble_is_unknown(verdict: Verdict) -> None:
    found = of_canary(verdict)
    assert (found.state is State.UP) == (verdict.state is State.UP)
    assert found.state in (verdict.state, State.UNKNOWN)
    assert (word_of(found) is Word.FAILED) <= (found.blame is Blame.PROVIDER)


# -- the cases that matter


@pytest.mark.parametrize("failure", [Failure.AUTH, Failure.QUOTA, Failure.RATE_LIMITED, Failure.CONTRACT_CHANGED])
def test_what_is_wrong_with_our_own_key_or_question_is_not_the_provider_being_down(failure: Failure) -> None:
    found = of_canary(judge(Reply(1, "down", failure, "answered 401")))
    assert (found.state, found.failure, found.blame) == (State.UNKNOWN, Failure.MONITOR_FAULT, Blame.US)
    assert "answered 401" in found.sentence
    assert word_of(found) is Word.NOTHING


def test_an_answer_that_our_own_limit_cut_shows_nothing() -> None:
    cut = judge(Reply(1, "down", "truncated", "cut at its token limit"))
    assert word_of(of_canary(cut)) is Word.FAILED
    assert word_of(of_canary(cut, capped=True)) is Word.NOTHING
    assert "raise its max_tokens" in of_canary(cut, capped=True).sentence


def test_a_canary_that_cannot_connect_may_mean_the_network() -> None:
    assert of_canary(judge(Reply(1, "down", "unreachable"))).suspected


def test_what_failed_before_counts_for_a_minute() -> None:
    verdict = judge(Reply(1, "down", "app_error"))
    assert weigh(verdict, {"openai": [said(Word.FAILED, -59)]}, since=NOON, names=NAMES).provider == "openai"
    assert weigh(verdict, {"openai": [said(Word.FAILED, -61)]}, since=NOON, names=NAMES) == verdict


def test_what_passed_before_the_failure_acquits_nobody() -> None:
    verdict = judge(Reply(1, "down", "app_error"))
    assert weigh(verdict, {"openai": [said(Word.PASSED, -1)]}, since=NOON, names=NAMES).suspected
    assert not weigh(verdict, {"openai": [said(Word.PASSED, 1)]}, since=NOON, names=NAMES).suspected


def test_a_list_of_models_that_answers_acquits_nobody_and_one_that_does_not_condemns() -> None:
    verdict = judge(Reply(1, "down", "app_error"))
    assert weigh(verdict, {"openai": [said(Word.PASSED, 1, acquits=False)]}, since=NOON, names=NAMES).suspected
    assert weigh(verdict, {"openai": [said(Word.FAILED, 1, acquits=False)]}, since=NOON, names=NAMES).provider


def test_of_two_providers_the_one_that_fails_is_named() -> None:
    verdict = judge(Reply(1, "down", "timeout", "no answer in 20 s"))
    words = {"openai": [said(Word.PASSED, 1)], "anthropic": [said(Word.FAILED, 1)]}
    found = weigh(verdict, words, since=NOON, names=NAMES)
    assert found.provider == "anthropic"
    assert found.sentence == "Anthropic fails (no token); seen here: no answer in 20 s"
    assert found.witness == "R1"


def test_an_upstream_error_under_an_answering_canary_stays_suspected() -> None:
    verdict = judge(Reply(1, "down", "provider_down", "503 from the model"))
    assert weigh(verdict, {"openai": [said(Word.PASSED, 1)]}, since=NOON, names=NAMES) == verdict


def test_what_no_provider_can_cause_asks_no_canary() -> None:
    for failure in (Failure.UNREACHABLE, Failure.AUTH, Failure.REFUSED, Failure.SLOW, Failure.PROBE_BUG):
        assert not may_be_caused(judge(Reply(1, "down", failure)), "")
    late = judge(Reply(1, "down", "timeout"))
    assert may_be_caused(late, "first_token") and not may_be_caused(late, "connect")
    assert not may_be_caused(replace(late, state=State.DEGRADED), "first_token"), "what is soft wakes nobody"


@given(verdicts, st.sampled_from(["", "dns", "connect", "tls", "first_byte", "total"]))
def test_our_own_network_is_blamed_only_where_no_sign_of_life_came_and_makes_nothing_down(
    verdict: Verdict, phase: str
) -> None:
    if out_of_reach(verdict, Reply(1, "down", phase=phase)):
        assert verdict.failure in (Failure.UNREACHABLE, Failure.TIMEOUT) and phase in ("dns", "connect")
        found = of_network(verdict, ["https://one.example.com"])
        assert (found.state, found.failure, found.blame) == (State.UNKNOWN, Failure.MONITOR_FAULT, Blame.NETWORK)


def test_a_refused_connection_was_answered() -> None:
    silent = Reply(1, "down", "unreachable", "no connection within 10 s", "connect")
    refused = Reply(1, "down", "unreachable", "127.0.0.1 refused the connection", "connect", witness=REFUSED)
    assert out_of_reach(judge(silent), silent)
    assert not out_of_reach(judge(refused), refused)
