"""Escalation by itself, each rule at its edge: whom a level tells, and when the next one does not wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import Session, select

from alerts.ladder import Ladder
from alerts.message import Purpose
from alerts.policy import Level, PolicySpec
from alerts.tables import Notification, Occasion, Step
from probes.words.units import HOUR, MINUTE, SECOND
from tests.story.climbing import (
    ALONE,
    ANA_THEN_NOBODY,
    ANSWERED,
    CLIMB,
    NOBODY_THEN_BO,
    TWICE,
    incident,
    levels,
    page,
    paged,
    said,
)
from tests.story.night import MINUTES, START, memory


@pytest.fixture
def session() -> Iterator[Session]:
    with Session(memory(), expire_on_commit=False) as made:
        yield made


# --- levels -----------------------------------------------------------------------------------------------------------


def test_who_presents_hears_of_it_with_whoever_is_called_first_and_once(session: Session) -> None:
    row = incident(session, level=0)
    for person in ("cy", "ana"):
        session.add(
            Occasion(
                start=START,
                end=START + HOUR,
                workflows=[row.subject],
                tell=person,
                author="Bo",
                created=START,
            )
        )
    CLIMB.advance(session, row, now=START)
    assert paged(session, row) == ["ana", "cy"]
    for told in session.exec(select(Notification)).all():
        told.state = "delivered"
    CLIMB.advance(session, row, now=START + 5 * MINUTE)
    assert paged(session, row) == ["ana", "cy", "bo"], "and not again with the next level"


def test_a_level_that_reaches_nobody_starts_the_next_at_once(session: Session) -> None:
    row = incident(session, NOBODY_THEN_BO, level=0)
    CLIMB.advance(session, row, now=START + MINUTE)
    assert said(session, row, "empty") == ["level 1 reaches nobody: the next one starts at once"]
    assert levels(session, row) == [(1, 1, 0), (1, 2, MINUTE)]
    assert paged(session, row) == ["bo"]


def test_the_last_level_that_reaches_nobody_has_none_after_it(session: Session) -> None:
    row = incident(session, ANA_THEN_NOBODY)
    CLIMB.advance(session, row, now=START + 5 * MINUTE)
    assert said(session, row, "empty") == ["level 2 reaches nobody: there is none after it"]
    assert (row.round, row.round_at) == (1, START), "the next round comes when it would have"


def test_how_many_a_level_tells_is_written_down(session: Session) -> None:
    row = incident(session, PolicySpec(levels=(Level(notify=("ana", "bo", "on-call:empty")),)), level=0)
    CLIMB.advance(session, row, now=START + SECOND)
    [step] = session.exec(select(Step).where(Step.incident == row.id)).all()
    assert (step.told, step.due, step.started) == (2, START, START + SECOND)
    assert said(session, row, "empty") == []


def test_when_nobody_answered_the_last_level_and_the_fallback_are_told_as_a_round_of_their_own(
    session: Session,
) -> None:
    row = incident(session, round=2, climbs=2, level=2)
    CLIMB.advance(session, row, now=START + 20 * MINUTE)
    assert (row.nobody, row.level, row.round, row.climbs) == (True, 2, 3, 3)
    assert levels(session, row) == [(3, 2, 20 * MINUTE)]
    assert paged(session, row) == ["bo", "cy"]
    [step] = session.exec(select(Step).where(Step.incident == row.id)).all()
    assert step.told == 2
    assert said(session, row, "nobody") == ["nobody reached: 2 rounds brought no answer"]


def test_a_round_that_begins_again_tells_its_first_level_at_once(session: Session) -> None:
    row = incident(session, level=2)
    CLIMB.advance(session, row, now=START + 15 * MINUTE)
    assert (row.nobody, row.round, row.level) == (False, 2, 1)
    assert levels(session, row) == [(2, 1, 15 * MINUTE)]
    assert paged(session, row) == ["ana"]
    assert said(session, row, "nobody") == []


# --- nobody could be told ---------------------------------------------------------------------------------------------


def test_when_every_way_of_every_person_has_failed_the_next_level_starts_now(session: Session) -> None:
    row = incident(session)
    failed = page(session, row)
    page(session, row, lane="bo")
    CLIMB.hurry(session, failed, now=START + MINUTE)
    assert levels(session, row) == [(1, 2, MINUTE)]
    assert said(session, row, "hurried") == ["nobody could be told: the next level starts 4m early"]
    assert row.due_at == START + 11 * MINUTE


def test_while_one_person_may_be_reached_still_it_waits(session: Session) -> None:
    row = incident(session)
    failed = page(session, row)
    page(session, row, lane="bo", exhausted=False)
    CLIMB.hurry(session, failed, now=START + MINUTE)
    assert (levels(session, row), said(session, row, "hurried")) == ([], [])


def test_and_once_one_was_told(session: Session) -> None:
    row = incident(session)
    failed = page(session, row)
    page(session, row, lane="bo", state="delivered")
    CLIMB.hurry(session, failed, now=START + MINUTE)
    assert levels(session, row) == []


@pytest.mark.parametrize("first", [True, False])
def test_a_persons_ways_are_exhausted_with_the_last_of_them(session: Session, first: bool) -> None:
    row = incident(session)
    page(session, row, exhausted=first)
    failed = page(session, row, exhausted=not first)
    CLIMB.hurry(session, failed, now=START + MINUTE)
    assert levels(session, row) == [(1, 2, MINUTE)]


@pytest.mark.parametrize(
    "other", [{"round": 2}, {"level": 2}, {"purpose": str(Purpose.WARNING)}, {"human": False}, {"elsewhere": True}]
)
@pytest.mark.parametrize("state", [{"state": "delivered"}, {"exhausted": False}])
def test_what_is_no_page_to_a_person_of_this_level_counts_for_nothing(
    session: Session, other: dict[str, Any], state: dict[str, Any]
) -> None:
    row = incident(session)
    failed = page(session, row)
    about = incident(session) if "elsewhere" in other else row
    given = {name: value for name, value in other.items() if name != "elsewhere"}
    page(session, about, **{"lane": "bo", **state, **given})
    CLIMB.hurry(session, failed, now=START + MINUTE)
    assert levels(session, row) == [(1, 2, MINUTE)]


@pytest.mark.parametrize("earlier", [{"round": 1, "level": 1}, {"round": 2, "level": 2}, {"round": 1, "level": 2}])
def test_what_failed_of_an_earlier_round_or_another_level_hurries_nothing(
    session: Session, earlier: dict[str, int]
) -> None:
    row = incident(session, round=2, climbs=2)
    failed = page(session, row, **earlier)
    CLIMB.hurry(session, failed, now=START + MINUTE)
    assert (levels(session, row), row.round_at, row.due_at) == ([], START, None)


@pytest.mark.parametrize(
    "given", [{"state": "acknowledged", "ack_expires": START + HOUR}, {"paging": False}, {"paging": False, **ANSWERED}]
)
def test_what_is_answered_or_wakes_nobody_is_not_hurried(session: Session, given: dict[str, Any]) -> None:
    row = incident(session, **given)
    CLIMB.hurry(session, page(session, row), now=START + MINUTE)
    assert (levels(session, row), row.round_at, row.due_at) == ([], START, None)


def test_a_page_about_an_incident_that_is_gone_hurries_nothing(session: Session) -> None:
    row = incident(session)
    failed = page(session, row, incident=9_999)
    CLIMB.hurry(session, failed, now=START + MINUTE)
    assert levels(session, row) == []


def test_a_next_level_that_is_due_is_not_said_to_be_early(session: Session) -> None:
    for late in (0, MINUTE):
        row = incident(session)
        CLIMB.hurry(session, page(session, row), now=START + 5 * MINUTE + late)
        assert levels(session, row) == [(1, 2, 5 * MINUTE)], "and keeps its time"
        assert said(session, row, "hurried") == []


def test_when_the_last_level_could_not_be_told_the_fallback_is_told_beside_it_once(session: Session) -> None:
    row = incident(session, level=2)
    failed = page(session, row)
    for minute in (6, 7):
        CLIMB.hurry(session, failed, now=START + minute * MINUTE)
    assert paged(session, row) == ["cy"]
    assert said(session, row, "fallback") == ["nobody could be told: cy is told too"]
    assert said(session, row, "hurried") == []
    assert (row.round_at, row.due_at) == (START, START + 15 * MINUTE)


def test_without_a_fallback_nobody_is(session: Session) -> None:
    row = incident(session, ALONE, level=2)
    CLIMB.hurry(session, page(session, row), now=START + 6 * MINUTE)
    assert paged(session, row) == []
    assert row.due_at == START + 15 * MINUTE


def test_once_nobody_was_reached_the_ladder_is_not_hurried_even_where_it_has_grown(session: Session) -> None:
    row = incident(session, nobody=True, round=3, climbs=3)
    CLIMB.hurry(session, page(session, row), now=START + MINUTE)
    assert paged(session, row) == ["cy"]
    assert (row.round_at, said(session, row, "hurried")) == (START, [])


def test_a_level_whose_only_phone_has_failed_since_before_does_not_hold_up_the_next(session: Session) -> None:
    again = (Level(notify=("bo",)), Level(at=5 * MINUTES, notify=("bo",)), Level(at=30 * MINUTES, notify=("cy",)))
    row = incident(session, PolicySpec(levels=again))
    page(session, row, lane="bo", target="bo/phone/0", person="bo")
    CLIMB.advance(session, row, now=START + 5 * MINUTE)
    assert levels(session, row) == [(1, 2, 5 * MINUTE), (1, 3, 5 * MINUTE)]
    assert paged(session, row) == ["cy"]


def test_where_nobody_of_the_ladder_is_left_its_policy_is_climbed_as_it_is_now(session: Session) -> None:
    left = PolicySpec(levels=(Level(notify=("dee",)), Level(at=5 * MINUTES, notify=("eve",))))
    row = incident(session, left, level=2, round=3, climbs=3, nobody=True)
    CLIMB.advance(session, row, now=START + 15 * MINUTE)
    assert row.ladder == Ladder.of(TWICE).dump()
    assert (row.policy, row.round, row.climbs, row.level, row.nobody) == ("usual", 4, 1, 1, False)
    assert levels(session, row) == [(4, 1, 15 * MINUTE)]
    assert paged(session, row) == ["ana"]
    assert said(session, row, "policy") == ["nobody whom it named can be told: usual is followed as it is now"]
