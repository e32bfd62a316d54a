"""Objectives: what a budget allows, what has been spent, and hours that are right when the clock changes."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.slo import Budget, Slo, check_slo, clip, error_budget
from monitor.ledger.spans import Span
from monitor.ledger.uptime import Shares, total
from probes.words.hours import Interval, Opening, hours_between, merge, parse_hours
from probes.words.outcome import State
from probes.words.wall import day_edges, wall_of
from tests.pure.ledger_kit import DAY, HOUR, MINUTE, SECOND, drawn, histories, intervals, picture_of

NEW_YORK = ZoneInfo("America/New_York")
MONTH = 30 * DAY
MONDAY = day_edges(UTC, date(2026, 11, 23), 1)[0]


# ------------------------------------------------------------------------------------------------------------- budget


def test_a_budget_is_what_the_target_leaves_of_the_window() -> None:
    budget = error_budget(Shares(up=MONTH - HOUR, down=HOUR), Slo(99_500, MONTH))
    assert (budget.allowed_us, budget.spent_us, budget.left_us) == (216 * MINUTE, 60 * MINUTE, 156 * MINUTE)
    assert budget.burn_rate == pytest.approx(60 / 216)


def test_a_budget_can_be_overspent() -> None:
    budget = error_budget(Shares(up=MONTH - 5 * HOUR, down=5 * HOUR), Slo(99_500, MONTH))
    assert budget.left_us == 216 * MINUTE - 300 * MINUTE


def test_an_outage_right_after_the_start_burns_fast_and_leaves_the_rest_of_the_window() -> None:
    budget = error_budget(Shares(up=54 * MINUTE, down=6 * MINUTE), Slo(99_500, MONTH))
    assert (budget.allowed_us, budget.left_us) == (216 * MINUTE, 210 * MINUTE)
    assert budget.burn_rate == pytest.approx(20)
    strict = error_budget(Shares(up=54 * MINUTE, down=6 * MINUTE), Slo(99_999, MONTH))
    assert strict.burn_rate == pytest.approx(10_000)


def test_neither_planned_work_nor_unwatched_time_earns_a_budget() -> None:
    half = Shares(up=15 * DAY, maintenance=10 * DAY, unknown=5 * DAY)
    assert error_budget(half, Slo(99_500, MONTH)).allowed_us == 108 * MINUTE


def test_nothing_known_burns_nothing_that_can_be_said() -> None:
    assert error_budget(Shares(unknown=HOUR), Slo(99_500, MONTH)).burn_rate is None
    assert error_budget(Shares(down=HOUR), Slo(100_000, MONTH)) == Budget(0, HOUR, -HOUR, None)


LENGTHS = st.integers(0, 10**13)


@given(st.builds(Shares, LENGTHS, LENGTHS, LENGTHS, LENGTHS, LENGTHS), st.integers(1, 100_000), st.integers(1, 10**14))
def test_a_budget_is_left_exactly_while_the_target_can_still_be_met(some: Shares, target: int, window: int) -> None:
    budget = error_budget(some, Slo(target, window))
    to_come = max(0, window - some.total)
    seen = some.known + to_come
    best = Fraction(some.good + to_come, seen) if seen else Fraction(1)
    assert (budget.left_us >= 0) == (best >= Fraction(target, 100_000))
    assert budget.left_us == budget.allowed_us - budget.spent_us


# -------------------------------------------------------------------------------------------------------------- check


def test_an_objective_that_probes_can_show_is_accepted() -> None:
    assert check_slo(99_500, 5 * MINUTE, MONTH) is None
    assert check_slo(99_000, 864 * SECOND, DAY) is None  # spends all of it, and no more


@pytest.mark.parametrize(
    ("target", "period", "window", "reason"),
    [
        (0, MINUTE, MONTH, "a target of 0 % or less promises nothing: write one above 0 %, for example 99.5 %"),
        (-5, MINUTE, MONTH, "a target of 0 % or less promises nothing: write one above 0 %, for example 99.5 %"),
        (
            100_000,
            MINUTE,
            MONTH,
            "a target of 100 % has no error budget, one failed run would break it: write less, for example 99.5 %",
        ),
        (
            99_990,
            5 * MINUTE,
            MONTH,
            "99.99 % of 30 d allows 259 s of downtime, and one failed run already counts for 5 min: "
            "probe more often, lengthen the window, or write a target of at most 99.988 %",
        ),
        (
            99_500,
            2 * DAY,
            DAY,
            "99.5 % of 1 d allows 432 s of downtime, and one failed run already counts for 2 d: "
            "probe more often, or lengthen the window",
        ),
        (
            50_000,
            DAY,
            DAY,
            "50 % of 1 d allows 12 h of downtime, and one failed run already counts for 1 d: "
            "probe more often, or lengthen the window",
        ),
        (
            90_000,
            MINUTE,
            0,
            "90 % of 0 s allows 0 s of downtime, and one failed run already counts for 1 min: "
            "probe more often, or lengthen the window",
        ),
    ],
)
def test_an_impossible_objective_is_named_with_what_to_write_instead(
    target: int, period: int, window: int, reason: str
) -> None:
    assert check_slo(target, period, window) == reason


@given(st.integers(1, 99_999), st.integers(SECOND, DAY), st.integers(HOUR, 400 * DAY))
def test_an_objective_is_refused_exactly_when_one_failed_run_would_break_it(
    target: int, period: int, window: int
) -> None:
    refused = check_slo(target, period, window) is not None
    one_failed_run = Shares(up=max(0, window - period), down=period)
    budget = error_budget(one_failed_run, Slo(target, max(window, period)))
    assert refused == (period > (100_000 - target) * window // 100_000)
    if period <= window:
        assert refused == (budget.left_us < 0)


# -------------------------------------------------------------------------------------------------------------- hours


def test_office_hours_are_five_intervals_a_week() -> None:
    week = hours_between("Mon-Fri 08:00-18:00", UTC, MONDAY, MONDAY + 7 * DAY)
    assert week == [(MONDAY + n * DAY + 8 * HOUR, MONDAY + n * DAY + 18 * HOUR) for n in range(5)]


def test_hours_are_cut_where_the_window_is() -> None:
    assert hours_between("Mon 08:00-18:00", UTC, MONDAY + 9 * HOUR, MONDAY + 10 * HOUR) == [
        (MONDAY + 9 * HOUR, MONDAY + 10 * HOUR)
    ]
    assert hours_between("Mon 08:00-18:00", UTC, MONDAY + 18 * HOUR, MONDAY + 6 * DAY) == []
    assert hours_between("Mon 08:00-18:00", UTC, MONDAY, MONDAY) == []


def test_night_hours_end_on_the_next_day_even_when_the_window_begins_at_midnight() -> None:
    assert hours_between("Sun 22:00-06:00", UTC, MONDAY, MONDAY + DAY) == [(MONDAY, MONDAY + 6 * HOUR)]


def test_eight_o_clock_stays_eight_o_clock_when_the_clock_changes() -> None:
    edges = day_edges(NEW_YORK, date(2026, 11, 5), 10)
    assert edges[-1] - edges[0] == 10 * DAY + HOUR  # autumn falls among them
    for start, end in hours_between("Mon-Sun 08:00-18:00", NEW_YORK, edges[0], edges[-1]):
        assert (wall_of(start, NEW_YORK).hour, wall_of(end, NEW_YORK).hour) == (8, 18)
        assert end - start == 10 * HOUR


def test_a_whole_day_of_a_clock_change_is_an_hour_longer() -> None:
    sunday = day_edges(NEW_YORK, date(2026, 11, 1), 1)
    assert hours_between("Sun 00:00-24:00", NEW_YORK, *sunday) == [sunday]
    assert sunday[1] - sunday[0] == 25 * HOUR


def test_hours_that_meet_or_overlap_are_one() -> None:
    spec = "Mon 08:00-12:00, Mon 12:00-14:00, Mon 13:00-15:00"
    assert hours_between(spec, UTC, MONDAY, MONDAY + DAY) == [(MONDAY + 8 * HOUR, MONDAY + 15 * HOUR)]


def test_days_may_be_listed_wrap_around_the_week_and_be_written_in_any_case() -> None:
    eight, noon = timedelta(hours=8), timedelta(hours=12)
    assert parse_hours("mon, WED 8:00-12:00") == (Opening(0, eight, noon), Opening(2, eight, noon))
    assert [opening.weekday for opening in parse_hours("Sat - Mon 08:00 - 12:00")] == [5, 6, 0]
    assert parse_hours("Fri 12:00-08:00") == (Opening(4, noon, eight + timedelta(days=1)),)
    assert parse_hours("Fri 08:00-08:00") == (Opening(4, eight, eight + timedelta(days=1)),)
    assert parse_hours("Fri 08:00-11:59") == (Opening(4, eight, noon - timedelta(minutes=1)),)


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("", "'' is not days and hours"),
        ("always", "'always' is not days and hours"),
        ("Mon-Fri", "Mon has no hours"),
        ("Mon-Fri 8-18", "'Mon-Fri 8-18' is not days and hours"),
        ("Mon-Fry 08:00-18:00", "'Fry' is not a day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        ("Mon 08:00-25:00", "25:00 is not a time of day; write 00:00 to 24:00"),
        ("Mon 08:60-18:00", "08:60 is not a time of day; write 00:00 to 24:00"),
        ("Mon 08:00-24:01", "24:01 is not a time of day; write 00:00 to 24:00"),
    ],
)
def test_hours_that_cannot_be_read_are_refused_with_what_to_write(spec: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"^hours {spec!r}: ") as refusal:
        parse_hours(spec)
    assert complaint in str(refusal.value)


@given(st.integers(0, 600), st.integers(0, 900))
def test_hours_of_two_halves_are_those_of_the_whole(cut_at: int, length: int) -> None:
    start = MONDAY + 11 * MINUTE
    middle, end = start + cut_at * HOUR, start + (cut_at + length) * HOUR
    spec = "Mon-Thu 07:30-19:00, Fri 20:00-04:00"
    halves = hours_between(spec, NEW_YORK, start, middle) + hours_between(spec, NEW_YORK, middle, end)
    assert merge(halves, within=(start, end)) == hours_between(spec, NEW_YORK, start, end)


# --------------------------------------------------------------------------------------------------------------- clip


def test_outside_the_hours_nothing_counts() -> None:
    clipped = clip(drawn("uuddddduuu"), [(1, 3), (6, 9)])
    assert picture_of(clipped) == " ud   duu"
    assert total(clipped) == Shares(up=3, down=2)


def test_within_the_hours_what_was_not_observed_is_unknown() -> None:
    assert clip(drawn("uu"), [(1, 4)]) == [Span(1, 2, State.UP), Span(2, 4, State.UNKNOWN)]


@given(histories(), intervals())
def test_clipped_spans_cover_the_hours_to_the_microsecond(spans: list[Span], some: list[Interval]) -> None:
    hours = merge(some, within=(0, 60))
    assert total(clip(spans, hours)).total == sum(end - start for start, end in hours)
