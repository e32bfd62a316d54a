"""Figures out of spans: shares of a window in whole microseconds, and percentages floored to three decimals.

A percentage is an int in thousandths of a percent: 99_953 is 99.953 %. It is None where nothing is known: no data is
never a percentage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from functools import lru_cache

from monitor.ledger.spans import Span, fill
from probes.words.hours import Interval
from probes.words.outcome import State
from probes.words.wall import day_edges

WHOLE = 100_000  # thousandths of a percent in 100 %
ENOUGH = 50_000  # thousandths of a percent; under this coverage an uptime would mislead

_STATES = (State.UP, State.DEGRADED, State.DOWN, State.MAINTENANCE, State.UNKNOWN)  # in the order of Shares' fields
# For one word about a day: the order of the worst-of rule, with planned work between slow and well.
_WORST_FIRST = (State.DOWN, State.UNKNOWN, State.DEGRADED, State.MAINTENANCE, State.UP)


@dataclass(frozen=True, slots=True)
class Shares:
    """How long a window was in each state, in µs; they sum to the window."""

    up: int = 0
    degraded: int = 0
    down: int = 0
    maintenance: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        """The window, in µs."""
        return self.up + self.degraded + self.down + self.maintenance + self.unknown

    @property
    def good(self) -> int:
        """up + degraded: it answered, if slowly."""
        return self.up + self.degraded

    @property
    def known(self) -> int:
        """up + degraded + down: what was observed outside maintenance."""
        return self.up + self.degraded + self.down

    @property
    def expected(self) -> int:
        """The window without maintenance: what should have been observed."""
        return self.known + self.unknown

    def of(self, state: State) -> int:
        """The share of one state, in µs."""
        share: int = getattr(self, state.value)
        return share

    def __add__(self, other: Shares) -> Shares:
        return Shares(
            self.up + other.up,
            self.degraded + other.degraded,
            self.down + other.down,
            self.maintenance + other.maintenance,
            self.unknown + other.unknown,
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What is published about a window, in thousandths of a percent, floored; None where nothing is known.

    `enough` is False under 50 % coverage: then `uptime` is there to be explained, not to be shown.
    """

    uptime: int | None
    coverage: int | None
    at_least: int | None
    first_try: int | None
    enough: bool

    @property
    def uptime_text(self) -> str:
        """The uptime as it is shown: a percentage only when there is enough data for one."""
        return percent_text(self.uptime, enough=self.enough)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the page: `shares` and `worst` are None before the first scheduled run and for a day not begun."""

    date: date
    shares: Shares | None
    worst: State | None


def shares(spans: Sequence[Span], start: int, end: int) -> Shares:
    """How long [start, end) was in each state, to the µs; where no span is, it is unknown."""
    return total(fill(spans, (start, end)))


def total(spans: Sequence[Span]) -> Shares:
    """The lengths of spans that do not overlap, summed by state."""
    sums = dict.fromkeys(_STATES, 0)
    for span in spans:
        sums[span.state] += span.end - span.start
    return Shares(*sums.values())


def figures(shares: Shares, *, first_try: tuple[int, int] | None = None) -> Figures:
    """Uptime, coverage and at least; `first_try` is (runs whose first attempt passed, all runs).

    uptime = (up + degraded) / (up + degraded + down). coverage = known / (window − maintenance). at least =
    (up + degraded) / (window − maintenance), and None, not 0 %, when nothing is known.
    """
    coverage = floored(shares.known, shares.expected)
    return Figures(
        uptime=floored(shares.good, shares.known),
        coverage=coverage,
        at_least=floored(shares.good, shares.expected) if shares.known else None,
        first_try=floored(*first_try) if first_try else None,
        enough=coverage is not None and coverage >= ENOUGH,
    )


def floored(part: int, whole: int) -> int | None:
    """part / whole in thousandths of a percent, floored, so that a single failure never rounds up to 100 %."""
    return part * WHOLE // whole if whole else None


def percent_text(thousandths: int | None, *, enough: bool = True) -> str:
    """A percentage as it is printed: "99.953 %", "100 %", "no data" or "not enough data"."""
    if thousandths is None:
        return "no data"
    if not enough:
        return "not enough data"
    if thousandths == WHOLE:
        return "100 %"
    return f"{thousandths // 1000}.{thousandths % 1000:03} %"


def days(
    spans: Sequence[Span],
    *,
    zone: tzinfo,
    today: date,
    count: int = 90,
    since: int | None,
    until: int | None = None,
) -> list[Day]:
    """The last `count` days up to and with `today`, oldest first, each from midnight to midnight in the site's zone.

    `since` is the first scheduled run (None: there was none): the day that contains it begins there, earlier ones
    have no shares. `until` is now: today ends there, so that hours to come are not unknown; by default it is where
    the spans end, or today's midnight if they end before. A day of a clock change has 23 or 25 hours; a day that the
    zone skipped has no shares.
    """
    edges = day_edges(zone, today, count)
    if until is None:
        until = max(edges[-2], spans[-1].end) if spans else edges[-2]
    start, end = max(edges[0], edges[-1] if since is None else since), min(edges[-1], until)
    cover = fill(spans, (start, max(start, end)))
    page: list[Day] = []
    at = 0
    for day, first, last in zip(_dates(today, count), edges, edges[1:], strict=False):
        first = first if first > start else start
        last = last if last < end else end
        if first >= last:
            page.append(Day(day, None, None))
            continue
        while cover[at].end <= first:
            at += 1
        if cover[at].end >= last:  # one state all day, as most days are
            page.append(_plain_day(day, cover[at].state, last - first))
        else:
            page.append(_mixed_day(day, cover, at, bounds=(first, last)))
    return page


@lru_cache(maxsize=64)
def _dates(today: date, count: int) -> tuple[date, ...]:
    """The `count` dates that end with `today`, oldest first."""
    return tuple(today - timedelta(days=number) for number in reversed(range(count)))


@lru_cache(maxsize=1024)  # days without an event are alike in every workflow's row
def _plain_day(day: date, state: State, length: int) -> Day:
    """A day in one state."""
    return Day(day, Shares(**{state.value: length}), state)


def _mixed_day(day: date, cover: Sequence[Span], at: int, *, bounds: Interval) -> Day:
    """A day in several states, the first of them that of cover[at]; sums in one pass, as a page has thousands."""
    first, last = bounds
    sums = dict.fromkeys(_STATES, 0)
    while first < last:
        span = cover[at]
        stop = span.end if span.end < last else last
        sums[span.state] += stop - first
        first = stop
        at += 1
    for worst in _WORST_FIRST:
        if sums[worst]:
            break
    return Day(day, Shares(*sums.values()), worst)
