"""Figures: shares that sum to the window, percentages that never flatter, days as a reader's calendar has them."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.spans import Span
from monitor.ledger.uptime import Day, Figures, Shares, days, figures, floored, percent_text, shares, total
from probes.words.hours import Interval
from probes.words.outcome import State
from probes.words.wall import day_edges
from tests.pure.ledger_kit import DAY, HOUR, MINUTE, drawn, histories, windows

NEW_YORK = ZoneInfo("America/New_York")
LENGTHS = st.integers(0, 10**15)
SHARES = st.builds(Shares, LENGTHS, LENGTHS, LENGTHS, LENGTHS, LENGTHS)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000


# ------------------------------------------------------------------------------------------------------------- shares


def test_shares_are_the_lengths_of_each_state_and_the_rest_is_unknown() -> None:
    assert shares(drawn("uuugddm-"), 0, 10) == Shares(up=3, degraded=1, down=2, maintenance=1, unknown=3)
    assert shares(drawn("uuugddm-"), 2, 5) == Shares(up=1, degraded=1, down=1)
    assert shares([], 0, 10) == Shares(unknown=10)
    assert [shares(drawn("ugdm-"), 0, 5).of(state) for state in State] == [1] * 5


@given(histories(), windows())
def test_shares_sum_to_the_window_to_the_microsecond(spans: list[Span], window: Interval) -> None:
    assert shares(spans, *window).total == window[1] - window[0]


@given(histories(), windows(), st.integers(-10, 70))
def test_shares_of_two_halves_add_up_to_those_of_the_whole(spans: list[Span], window: Interval, cut_at: int) -> None:
    start, end = window
    middle = min(max(cut_at, start), end)
    assert shares(spans, start, middle) + shares(spans, middle, end) == shares(spans, start, end)


# ------------------------------------------------------------------------------------------------------------ figures


def test_the_three_figures_are_what_they_say() -> None:
    shown = figures(Shares(up=700, degraded=100, down=100, maintenance=500, unknown=100), first_try=(3, 4))
    assert shown == Figures(uptime=88_888, coverage=90_000, at_least=80_000, first_try=75_000, enough=True)
    assert shown.uptime_text == "88.888 %"


def test_one_missed_microsecond_in_a_year_is_not_a_hundred_percent() -> None:
    shown = figures(Shares(up=365 * DAY - 1, down=1))
    assert (shown.uptime_text, percent_text(shown.coverage)) == ("99.999 %", "100 %")


def test_no_data_is_never_a_percentage() -> None:
    for nothing in (Shares(), Shares(unknown=DAY), Shares(maintenance=DAY), Shares(maintenance=DAY, unknown=DAY)):
        shown = figures(nothing, first_try=(0, 0))
        assert (shown.uptime, shown.at_least, shown.first_try, shown.enough) == (None, None, None, False)
        assert shown.uptime_text == "no data"
    assert figures(Shares(maintenance=DAY)).coverage is None


def test_under_half_of_the_time_seen_there_is_not_enough_data() -> None:
    assert figures(Shares(up=50, unknown=50)).uptime_text == "100 %"
    scarce = figures(Shares(up=49_999, unknown=50_001))
    assert (scarce.uptime_text, scarce.uptime, scarce.coverage) == ("not enough data", 100_000, 49_999)
    assert figures(Shares(down=10)).uptime_text == "0.000 %"


@pytest.mark.parametrize(
    ("thousandths", "text"),
    [
        (99_953, "99.953 %"),
        (99_999, "99.999 %"),
        (100_000, "100 %"),
        (98_020, "98.020 %"),
        (7, "0.007 %"),
        (None, "no data"),
    ],
)
def test_percentages_are_printed_with_three_decimals(thousandths: int | None, text: str) -> None:
    assert percent_text(thousandths) == text


@given(SHARES)
def test_every_percentage_is_within_bounds_and_rounds_down(some: Shares) -> None:
    shown = figures(some)
    for figure in (shown.uptime, shown.coverage, shown.at_least):
        assert figure is None or 0 <= figure <= 100_000
    if shown.uptime is not None and shown.at_least is not None and shown.coverage is not None:
        exact = Fraction(some.up + some.degraded, some.up + some.degraded + some.down)
        assert shown.uptime <= exact * 100_000 < shown.uptime + 1
        assert shown.at_least <= shown.uptime
        assert shown.at_least <= shown.coverage
        assert (shown.uptime == 100_000) == (some.down == 0)
    assert (shown.uptime is None) == (some.up + some.degraded + some.down == 0)
    assert ("%" in shown.uptime_text) == shown.enough


@given(SHARES, st.integers(1, 10**15))
def test_more_unknown_lowers_coverage_and_at_least_and_leaves_uptime(some: Shares, more: int) -> None:
    before, after = figures(some), figures(some + Shares(unknown=more))
    assert before.uptime == after.uptime
    assert (after.coverage or 0) <= (100_000 if before.coverage is None else before.coverage)
    assert before.at_least is None or (after.at_least is not None and after.at_least <= before.at_least)


@given(st.integers(0, 10**18), st.integers(1, 10**18))
def test_a_floored_percentage_is_exact_integer_arithmetic(part: int, whole: int) -> None:
    figure = floored(part, whole)
    assert figure is not None
    assert figure * whole <= part * 100_000 < (figure + 1) * whole


# --------------------------------------------------------------------------------------------------------------- days


def test_days_run_from_midnight_to_midnight_in_the_site_s_zone() -> None:
    edges = day_edges(NEW_YORK, date(2026, 11, 2), 3)
    assert edges == (utc(2026, 10, 31, 4), utc(2026, 11, 1, 4), utc(2026, 11, 2, 5), utc(2026, 11, 3, 5))


def test_days_of_a_clock_change_have_twenty_three_and_twenty_five_hours() -> None:
    always = [Span(0, utc(2027, 1, 1), State.UP)]
    spring = days(always, zone=NEW_YORK, today=date(2026, 3, 9), count=3, since=0)
    autumn = days(always, zone=NEW_YORK, today=date(2026, 11, 2), count=3, since=0)
    assert [day.shares for day in spring] == [Shares(up=n * HOUR) for n in (24, 23, 24)]
    assert [day.shares for day in autumn] == [Shares(up=n * HOUR) for n in (24, 25, 24)]
    assert [day.date for day in spring] == [date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9)]


def test_a_day_that_a_zone_skipped_has_no_shares() -> None:
    always = [Span(0, utc(2027, 1, 1), State.UP)]
    page = days(always, zone=ZoneInfo("Pacific/Apia"), today=date(2011, 12, 31), count=3, since=0)
    assert page[1] == Day(date(2011, 12, 30), None, None)
    assert page[2].shares == Shares(up=24 * HOUR)


def test_before_the_first_run_there_is_nothing_and_its_day_begins_with_it() -> None:
    since = utc(2026, 11, 20, 18)
    spans = [Span(since, since + 30 * HOUR, State.UP)]
    page = days(spans, zone=UTC, today=date(2026, 11, 22), count=4, since=since)
    assert [day.shares for day in page] == [None, Shares(up=6 * HOUR), Shares(up=24 * HOUR), None]
    assert [day.worst for day in page] == [None, State.UP, State.UP, None]


def test_a_workflow_that_never_ran_has_ninety_empty_days() -> None:
    page = days([], zone=UTC, today=date(2026, 11, 22), since=None, until=utc(2026, 11, 22, 9))
    assert page == [Day(date(2026, 11, 22) - timedelta(days=89 - n), None, None) for n in range(90)]


def test_hours_to_come_are_not_unknown() -> None:
    today = utc(2026, 11, 22)
    spans = [Span(0, today + HOUR, State.UP), Span(today + HOUR, today + 2 * HOUR, State.DOWN)]
    (day,) = days(spans, zone=UTC, today=date(2026, 11, 22), count=1, since=0)
    assert day == Day(date(2026, 11, 22), Shares(up=HOUR, down=HOUR), State.DOWN)


def test_days_without_evidence_are_unknown_and_not_empty() -> None:
    died = utc(2026, 11, 20, 12)
    spans = [Span(0, died, State.UP)]
    now = utc(2026, 11, 22, 9)
    page = days(spans, zone=UTC, today=date(2026, 11, 22), count=3, since=0, until=now)
    assert [day.shares for day in page] == [
        Shares(up=12 * HOUR, unknown=12 * HOUR),
        Shares(unknown=24 * HOUR),
        Shares(unknown=9 * HOUR),
    ]
    # Without a now, today has not begun; the days before it did pass.
    assert days(spans, zone=UTC, today=date(2026, 11, 22), count=3, since=0) == [
        *page[:2],
        Day(date(2026, 11, 22), None, None),
    ]
    assert days([], zone=UTC, today=date(2026, 11, 22), count=2, since=0) == [
        Day(date(2026, 11, 21), Shares(unknown=24 * HOUR), State.UNKNOWN),
        Day(date(2026, 11, 22), None, None),
    ]


def test_the_worst_of_a_day_follows_the_worst_of_rule() -> None:
    hour = [State.UP, State.MAINTENANCE, State.DEGRADED, State.UNKNOWN, State.DOWN]
    for number, worst in enumerate(hour):
        spans = [Span(n * HOUR, (n + 1) * HOUR, state) for n, state in enumerate(hour[: number + 1])]
        (day,) = days(spans, zone=UTC, today=date(1970, 1, 1), count=1, since=0)
        assert day.worst is worst


@given(histories(), st.integers(-5, 70), st.integers(-5, 70), st.sampled_from([UTC, NEW_YORK, ZoneInfo("Asia/Tehran")]))
def test_the_days_add_up_to_the_window_however_it_is_cut(
    spans: list[Span], since: int, until: int, zone: ZoneInfo
) -> None:
    scaled = [Span(span.start * 3 * HOUR, span.end * 3 * HOUR, span.state) for span in spans]
    start, end = since * 3 * HOUR, until * 3 * HOUR
    page = days(scaled, zone=zone, today=date(1970, 1, 9), count=12, since=start, until=end)
    edges = day_edges(zone, date(1970, 1, 9), 12)
    summed = sum((day.shares for day in page if day.shares), Shares())
    first, last = max(start, edges[0]), min(end, edges[-1])
    assert summed == shares(scaled, first, max(first, last))
    for day, a, b in zip(page, edges, edges[1:], strict=False):
        whole = shares(scaled, max(a, start), max(min(b, end), a, start))
        assert (day.shares or Shares()) == whole
        assert day.worst is None or whole.of(day.worst) > 0


@pytest.mark.serial
def test_ninety_days_are_cut_in_a_fraction_of_a_page_s_time() -> None:
    edges = day_edges(NEW_YORK, date(2026, 11, 20), 90)
    spans: list[Span] = []
    at = edges[0]
    for number in range(35):
        broken = edges[0] + number * 61 * HOUR + HOUR
        spans += [Span(at, broken, State.UP), Span(broken, broken + 10 * MINUTE, State.DOWN)]
        at = broken + 10 * MINUTE
    spans.append(Span(at, edges[-1], State.UP))
    best = float("inf")
    for _ in range(50):
        begun = time.perf_counter()
        page = days(spans, zone=NEW_YORK, today=date(2026, 11, 20), since=edges[0], until=edges[-1])
        best = min(best, time.perf_counter() - begun)
    assert sum(day.worst is State.DOWN for day in page) == 35
    assert total(spans).down == 350 * MINUTE
    assert best < 0.0003, f"{best * 1e3:.3f} ms"  # 0.08 ms here; the page has 100 of them to draw in 60 ms
