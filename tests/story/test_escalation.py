"""Escalation by itself, each rule at its edge: rounds, when the next move is due, and what a mute holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import Session

from alerts import escalate
from alerts.escalate import Escalation
from alerts.oncall import Roster
from alerts.tables import Incident
from probes.words.units import HOUR, MINUTE, SECOND
from tests.story.climbing import ANSWERED, CLIMB, incident, levels, member, mute, paged, people, said
from tests.story.night import START, memory


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(memory(), expire_on_commit=False) as made:
        yield made


# --- a round begins, or nobody is woken any more ----------------------------------------------------------------------


def answer_of(row: Incident) -> tuple[Any, ...]:
    return (row.state, row.acked_at, row.acked_by, row.acked_via, row.acked_severity, row.acked_members,
            row.ack_expires, row.ack_grace)  # fmt: skip


NO_ANSWER: tuple[Any, ...] = ("triggered", None, "", "", "", [], None, False)


def test_a_fresh_round_forgets_the_answer_and_that_nobody_was_reached(session: Session) -> None:
    row = incident(session, level=2, climbs=2, round=4, nobody=True, paging=False, **ANSWERED)
    CLIMB.begin(session, row, now=START + MINUTE, why="it fails again")
    assert (row.round, row.climbs, row.level, row.round_at) == (5, 1, 0, START + MINUTE)
    assert (row.paging, row.nobody) == (True, False)
    assert answer_of(row) == NO_ANSWER
    assert said(session, row, "round") == ["round 5: it fails again"]


def test_a_round_that_goes_on_counts_and_remembers_that_nobody_was_reached(session: Session) -> None:
    row = incident(session, level=2, climbs=2, round=4, nobody=True)
    CLIMB.begin(session, row, now=START + MINUTE, why="nobody answered", fresh=False)
    assert (row.round, row.climbs, row.level, row.nobody) == (5, 3, 0, True)


def test_the_first_round_is_no_news(session: Session) -> None:
    row = incident(session, round=0, climbs=0, level=0, paging=False)
    CLIMB.begin(session, row, now=START, why="it fails")
    assert (row.round, row.climbs, said(session, row, "round")) == (1, 1, [])


def test_nobody_is_woken_any_more_once_it_is_stopped(session: Session) -> None:
    row = incident(session, nobody=True, held_by=7, **ANSWERED)
    CLIMB.stop(session, row, why="only a warning is left", now=START + MINUTE)
    assert (row.paging, row.nobody, row.held_by) == (False, False, None)
    assert answer_of(row) == NO_ANSWER
    assert said(session, row, "stopped") == ["nobody is woken any more: only a warning is left"]
    assert said(session, row, "unacknowledged") == ["Ana need not stay on it: only a warning is left"]
    CLIMB.advance(session, row, now=START + HOUR)
    assert (row.due_at, levels(session, row)) == (None, [])


def test_where_nobody_was_on_it_nobody_is_let_go(session: Session) -> None:
    row = incident(session)
    CLIMB.stop(session, row, why="only a warning is left", now=START + MINUTE)
    assert said(session, row, "unacknowledged") == []


# --- when the next move is due ----------------------------------------------------------------------------------------


def test_what_is_due_is_made_and_the_next_is_awaited(session: Session) -> None:
    row = incident(session, level=0)
    CLIMB.advance(session, row, now=START)
    assert (levels(session, row), row.due_at) == ([(1, 1, 0)], START + 5 * MINUTE)
    CLIMB.advance(session, row, now=START + 5 * MINUTE - 1)
    assert levels(session, row) == [(1, 1, 0)]
    CLIMB.advance(session, row, now=START + 5 * MINUTE)
    assert levels(session, row) == [(1, 1, 0), (1, 2, 5 * MINUTE)]
    assert row.due_at == START + 15 * MINUTE
    assert paged(session, row) == ["ana", "bo"]


@pytest.mark.parametrize(
    "given", [{"resolved_at": START}, {"paging": False}, {"state": "acknowledged", "ack_expires": START + HOUR}]
)
def test_nothing_is_climbed_where_it_is_over_or_wakes_nobody_or_is_answered(
    session: Session, given: dict[str, Any]
) -> None:
    row = incident(session, level=0, **given)
    CLIMB.advance(session, row, now=START + MINUTE)
    assert levels(session, row) == []
    assert row.due_at == given.get("ack_expires")


def test_an_answer_is_looked_at_when_it_runs_out_unless_something_is_due_before(session: Session) -> None:
    row = incident(session, **ANSWERED)
    CLIMB.advance(session, row, now=START + MINUTE)
    assert row.due_at == START + HOUR
    row.settle_at = START + 5 * MINUTE
    CLIMB.advance(session, row, now=START + MINUTE)
    assert row.due_at == START + 5 * MINUTE
    row.settle_at = START + 2 * HOUR
    CLIMB.advance(session, row, now=START + MINUTE)
    assert row.due_at == START + HOUR


def test_what_ran_out_of_an_answer_that_is_none_any_more_is_not_awaited(session: Session) -> None:
    row = incident(session, paging=False, ack_expires=START + HOUR)
    CLIMB.advance(session, row, now=START)
    assert row.due_at is None


def test_what_is_over_is_looked_at_no_more(session: Session) -> None:
    row = incident(session, resolved_at=START, settle_at=START + MINUTE)
    CLIMB.advance(session, row, now=START)
    assert row.due_at is None


def test_what_one_look_does_not_get_to_comes_with_the_next(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(escalate, "MOST_MOVES", 1)
    row = incident(session, level=0)
    CLIMB.advance(session, row, now=START + 6 * MINUTE)
    assert (levels(session, row), row.due_at) == ([(1, 1, 0)], START + 6 * MINUTE)
    CLIMB.advance(session, row, now=START + 6 * MINUTE)
    assert levels(session, row) == [(1, 1, 0), (1, 2, 5 * MINUTE)]


def test_a_level_waits_while_a_provider_is_asked(session: Session) -> None:
    asked = []

    def awaits(_: Session, about: Incident, due: int, now: int) -> bool:
        asked.append((about.public_id, due - START, now - START))
        return True

    row = incident(session)
    Escalation(people, awaits=awaits).advance(session, row, now=START + 5 * MINUTE)
    assert (levels(session, row), row.due_at) == ([], START + 5 * MINUTE)
    assert asked == [(row.public_id, 5 * MINUTE, 5 * MINUTE)]


def test_a_warning_that_is_muted_is_looked_at_when_that_ends(session: Session) -> None:
    row = incident(session, paging=False)
    member(session, row)
    CLIMB.advance(session, row, now=START)
    assert row.due_at is None, "no mute holds it, so it was posted"
    mute(session, row, START + 20 * MINUTE)
    CLIMB.advance(session, row, now=START)
    assert row.due_at == START + 20 * MINUTE


@pytest.mark.parametrize("given", [{"warned": True}, {"severity": "error"}, {"ended": START}, {"folds": True}])
def test_what_is_no_warning_that_waits_is_not(session: Session, given: dict[str, Any]) -> None:
    row = incident(session, paging=False)
    folds = {"folded_into": incident(session).id} if given.get("folds") else {}
    member(session, row, **{name: value for name, value in given.items() if name != "folds"}, **folds)
    mute(session, row, START + 20 * MINUTE)
    CLIMB.advance(session, row, now=START)
    assert row.due_at is None


@pytest.mark.parametrize("given", [{"warned": True}, {"severity": "error"}, {"folds": True}])
def test_beside_a_member_that_is_left_for_a_while_neither(session: Session, given: dict[str, Any]) -> None:
    row, other = incident(session, paging=False), incident(session)
    member(session, row, severity="error", folded_into=other.id, unfold_at=START + HOUR)
    folds = {"folded_into": other.id, "unfold_at": START + 2 * HOUR} if given.get("folds") else {}
    member(session, row, **{name: value for name, value in given.items() if name != "folds"}, **folds)
    mute(session, row, START + 20 * MINUTE)
    CLIMB.advance(session, row, now=START)
    assert row.due_at == START + HOUR
    member(session, row, member="rows")
    CLIMB.advance(session, row, now=START)
    assert row.due_at == START + 20 * MINUTE, "now a warning waits for the mute's end"


def test_another_incidents_members_are_its_own(session: Session) -> None:
    row, other = incident(session, paging=False), incident(session)
    member(session, other, folded_into=row.id, unfold_at=START + HOUR)
    CLIMB.advance(session, row, now=START)
    assert row.due_at is None


# --- a mute -----------------------------------------------------------------------------------------------------------


def test_a_level_that_falls_into_a_mute_is_due_when_that_ends_and_it_is_said_once(session: Session) -> None:
    row = incident(session)
    held = mute(session, row, START + 20 * MINUTE)
    for minute in (1, 5, 7):
        CLIMB.advance(session, row, now=START + minute * MINUTE)
        assert (row.due_at, row.held_by) == (START + 20 * MINUTE, held.id)
    assert (len(said(session, row, "held")), held.held) == (1, 1)
    assert said(session, row, "released") == []
    assert row.round_at == START + 15 * MINUTE, "as if the round had begun so much later"
    CLIMB.advance(session, row, now=START + 20 * MINUTE)
    assert levels(session, row) == [(1, 2, 20 * MINUTE)]
    assert (said(session, row, "released"), row.held_by) == (["the mute is over"], None)


def test_a_mute_that_ends_when_the_level_is_due_or_before_holds_nothing(session: Session) -> None:
    for end in (5 * MINUTE, 5 * MINUTE - 1):
        row = incident(session)
        mute(session, row, START + end)
        CLIMB.advance(session, row, now=START + MINUTE)
        assert (row.due_at, row.held_by) == (START + 5 * MINUTE, None)
        assert said(session, row, "held") == []


def test_one_second_longer_it_does(session: Session) -> None:
    row = incident(session)
    mute(session, row, START + 5 * MINUTE + SECOND)
    CLIMB.advance(session, row, now=START + MINUTE)
    assert row.due_at == START + 5 * MINUTE + SECOND
    assert row.held_by is not None


def test_a_second_mute_that_lasts_longer_holds_on_and_says_so(session: Session) -> None:
    row = incident(session)
    mute(session, row, START + 20 * MINUTE)
    CLIMB.advance(session, row, now=START + MINUTE)
    second = mute(session, row, START + 30 * MINUTE)
    CLIMB.advance(session, row, now=START + 2 * MINUTE)
    assert (row.due_at, row.held_by) == (START + 30 * MINUTE, second.id)
    assert len(said(session, row, "held")) == 2
    assert said(session, row, "released") == []


def test_what_is_held_speaks_for_nobody(session: Session) -> None:
    row, left = incident(session), incident(session, paging=False)
    folded = member(session, left, folded_into=row.id, period=2 * MINUTE)
    mute(session, row, START + 20 * MINUTE)
    CLIMB.advance(session, row, now=START + MINUTE)
    assert folded.unfold_at == START + 3 * MINUTE


def test_a_mute_that_was_lifted_makes_what_it_held_due_now(session: Session) -> None:
    row, other = incident(session), incident(session)
    held, stays = mute(session, row, START + 20 * MINUTE), mute(session, other, START + 20 * MINUTE)
    for each in (row, other):
        CLIMB.advance(session, each, now=START + MINUTE)
    held.lifted = START + 2 * MINUTE
    CLIMB.lift(session, held, now=START + 2 * MINUTE)
    assert (levels(session, row), row.held_by) == ([(1, 2, 2 * MINUTE)], None)
    assert (levels(session, other), other.held_by) == ([], stays.id)


def test_lifted_after_its_end_what_it_held_keeps_its_time(session: Session) -> None:
    row = incident(session)
    held = mute(session, row, START + 20 * MINUTE)
    CLIMB.advance(session, row, now=START + MINUTE)
    CLIMB.lift(session, held, now=START + 21 * MINUTE)
    assert levels(session, row) == [(1, 2, 20 * MINUTE)]


def test_a_mute_that_was_lifted_has_the_warnings_that_it_held_looked_at_and_no_others(session: Session) -> None:
    row, other = incident(session, paging=False), incident(session, paging=False)
    held = mute(session, row, START + 20 * MINUTE)
    for each in (row, other):
        each.due_at = START + 20 * MINUTE
    held.lifted = START + 2 * MINUTE
    CLIMB.lift(session, held, now=START + 2 * MINUTE)
    assert (row.due_at, other.due_at) == (START + 2 * MINUTE, START + 20 * MINUTE)


def test_what_is_over_is_not_woken_by_a_mute_that_was_lifted(session: Session) -> None:
    row = incident(session, resolved_at=START + MINUTE, round_at=START + HOUR)
    held = mute(session, row, START + 20 * MINUTE)
    row.held_by = held.id
    session.flush()
    CLIMB.lift(session, held, now=START + 2 * MINUTE)
    assert (levels(session, row), row.round_at) == ([], START + HOUR)


# --- who is asked -----------------------------------------------------------------------------------------------------


def test_who_is_on_call_is_asked_of_the_present_book() -> None:
    assert CLIMB.on_call(Roster()).duty("front", START).person == "ana"
