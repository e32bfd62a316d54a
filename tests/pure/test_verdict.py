"""What a host's reply is believed to mean."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.confirm import Level
from monitor.engine.verdict import judge
from probes.frames import Reply
from probes.words.failure import FACTS, Blame, Failure
from probes.words.outcome import State

WORDS = st.text(max_size=40)
STATES = st.sampled_from([str(state) for state in State]) | WORDS


def test_a_pass_says_nothing_more() -> None:
    verdict = judge(Reply(1, "up"))
    assert (verdict.state, verdict.failure, verdict.level) == (State.UP, None, Level.PASS)


@pytest.mark.parametrize("failure", list(Failure))
def test_each_failure_means_what_its_row_says(failure: Failure) -> None:
    facts = FACTS[failure]
    verdict = judge(Reply(1, facts.state, str(failure)))
    assert (verdict.state, verdict.failure, verdict.blame) == (State(facts.state), failure, facts.blame)
    assert verdict.sentence == facts.sentence, "a host that says nothing is spoken for"


def test_a_soft_check_degrades_and_nothing_hardens() -> None:
    assert judge(Reply(1, "degraded", "wrong")).level is Level.DEGRADED
    assert judge(Reply(1, "down", "slow")).level is Level.DEGRADED
    assert judge(Reply(1, "down", "probe_bug")).level is Level.UNKNOWN
    assert judge(Reply(1, "up", "wrong")).level is Level.FAIL


def test_a_host_that_contradicts_itself_is_a_broken_probe() -> None:
    for reply in (Reply(1, "down"), Reply(1, "maintenance"), Reply(1, "down", "made up")):
        verdict = judge(reply)
        assert (verdict.state, verdict.failure, verdict.blame) == (State.UNKNOWN, Failure.PROBE_BUG, Blame.US)


def test_only_our_own_faults_are_certain_without_a_second_witness() -> None:
    sure = {failure for failure in Failure if not judge(Reply(1, FACTS[failure].state, str(failure))).suspected}
    assert sure == {Failure.PROBE_BUG, Failure.HOST_LOST, Failure.SKIPPED, Failure.MONITOR_FAULT}


def test_a_turned_away_start_is_told_from_a_skipped_one() -> None:
    shed = Reply(1, "unknown", "skipped", witness="shed")
    assert judge(shed).shed
    assert not judge(replace(shed, witness="")).shed
    assert not judge(replace(shed, failure="timeout")).shed


@given(STATES, st.none() | st.sampled_from([str(one) for one in Failure]) | WORDS, WORDS)
def test_whatever_a_host_says_our_faults_are_never_up_or_down(state: str, failure: str | None, said: str) -> None:
    verdict = judge(Reply(1, state, failure, said))
    ours = verdict.blame is Blame.US
    assert not ours or verdict.state is State.UNKNOWN
    assert (verdict.state is State.UP) == (state == "up" and failure is None)
    assert all(character.isprintable() for character in verdict.sentence)


@pytest.mark.parametrize("failure", list(Failure))
def test_what_is_a_partners_is_blamed_on_them_by_name_and_what_is_ours_never(failure: Failure) -> None:
    facts = FACTS[failure]
    verdict = judge(Reply(1, facts.state, str(failure), "GET /slots answered 503"), partner="Calendar Ltd")
    ours = facts.blame is Blame.US
    assert verdict.blame is (Blame.US if ours else Blame.PARTNER)
    assert verdict.sentence == ("" if ours else "Calendar Ltd: ") + "GET /slots answered 503"
    named = judge(Reply(1, facts.state, str(failure), "calendar ltd changed its interface"), partner="Calendar Ltd")
    assert named.sentence == "calendar ltd changed its interface", "it is said once"


def test_a_second_key_is_a_witness() -> None:
    taken, refused = Reply(1, "down", "auth", "401", witness="key"), Reply(1, "down", "auth", "401", witness="keys")
    assert (judge(taken, partner="x").blame, judge(taken, partner="x").suspected) == (Blame.WORKFLOW, False)
    assert (judge(refused, partner="x").blame, judge(refused).blame) == (Blame.PARTNER, Blame.PROVIDER)
