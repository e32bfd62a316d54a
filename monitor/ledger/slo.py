"""Service level objectives: the error budget of a window, and objectives that count only in agreed hours.

A target is in thousandths of a percent: 99_500 is 99.5 %. All lengths are µs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from monitor.ledger.spans import Interval, Span, fill, merge
from monitor.ledger.uptime import WHOLE, Shares, percent_text
from monitor.ledger.wall import instant, wall_of

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_PIECE = re.compile(
    r"(?P<first>[a-z]{3})(?:\s*-\s*(?P<last>[a-z]{3}))?(?:\s+(?P<opens>\d\d?:\d\d)\s*-\s*(?P<closes>\d\d?:\d\d))?", re.I
)
_LIKE = 'write them like "Mon-Fri 08:00-18:00" or "Mon-Thu 08:00-18:00, Fri 08:00-14:00"'


@dataclass(frozen=True, slots=True)
class Slo:
    """An objective: `target_thousandths` of a percent of good time in any window of `window_us`.

    With hours, `window_us` is the sum of the hours in the window, and shares are those of `clip`.
    """

    target_thousandths: int
    window_us: int


@dataclass(frozen=True, slots=True)
class Budget:
    """An error budget in µs of downtime; `left_us` is negative once it is overspent.

    `burn_rate` 1 spends it exactly within its window, 2 in half of it; None where nothing is known or nothing allowed.
    """

    allowed_us: int
    spent_us: int
    left_us: int
    burn_rate: float | None


@dataclass(frozen=True, slots=True)
class Opening:
    """Agreed hours that begin on one weekday (0 is Monday); `closes` may be 24:00 or later, into the next day."""

    weekday: int
    opens: timedelta
    closes: timedelta


def error_budget(shares: Shares, slo: Slo) -> Budget:
    """What the objective still allows.

    allowed = (1 − target) × (window − maintenance − unknown): neither planned work nor time that nobody watched earns
    a budget, as neither counts in uptime. So nothing is left exactly when uptime, were all that remains of the window
    up, would miss the target. burn rate = (down / known) / (1 − target).
    """
    margin = WHOLE - slo.target_thousandths
    window = max(slo.window_us, shares.total)
    allowed = margin * (window - shares.maintenance - shares.unknown) // WHOLE
    burn_rate = shares.down * WHOLE / (shares.known * margin) if shares.known and margin > 0 else None
    return Budget(allowed, shares.down, allowed - shares.down, burn_rate)


def check_slo(target: int, period_us: int, window_us: int) -> str | None:
    """Why no probe of this period could show that the objective is kept, and what to write instead; None if one can.

    One failed run is down until the next, so it spends a whole period. `target` is in thousandths of a percent.
    """
    if target <= 0:
        return "a target of 0 % or less promises nothing: write one above 0 %, for example 99.5 %"
    if target >= WHOLE:
        return "a target of 100 % has no error budget, one failed run would break it: write less, for example 99.5 %"
    allowed = (WHOLE - target) * window_us // WHOLE
    if period_us <= allowed:
        return None
    reason = (
        f"{_percent(target)} of {_duration(window_us)} allows {_duration(allowed)} of downtime, and one failed run "
        f"already counts for {_duration(period_us)}"
    )
    reachable = WHOLE - -(-period_us * WHOLE // window_us) if window_us > 0 else 0
    if reachable <= 0:
        return f"{reason}: probe more often, or lengthen the window"
    return f"{reason}: probe more often, lengthen the window, or write a target of at most {_percent(reachable)}"


def parse_hours(spec: str) -> tuple[Opening, ...]:
    """Agreed hours such as "Mon-Fri 08:00-18:00, Sat 09:00-12:00"; ValueError says what is wrong and what to write.

    Days without hours take those that follow ("Mon, Wed 08:00-12:00"). Hours that end at or before they start
    end on the next day ("Fri 22:00-06:00"); "00:00-24:00" is the whole day.
    """
    openings: list[Opening] = []
    waiting: list[int] = []
    for piece in spec.split(","):
        found = _PIECE.fullmatch(piece.strip())
        if found is None:
            raise ValueError(f"hours {spec!r}: {piece.strip()!r} is not days and hours; {_LIKE}")
        waiting += _weekdays(found["first"], found["last"] or found["first"], spec=spec)
        if found["opens"] is not None:
            opens, closes = _clock(found["opens"], spec=spec), _clock(found["closes"], spec=spec)
            closes += timedelta(days=1) if closes <= opens else timedelta()
            openings += [Opening(weekday, opens, closes) for weekday in waiting]
            waiting = []
    if waiting:
        raise ValueError(f"hours {spec!r}: {WEEKDAYS[waiting[0]]} has no hours; {_LIKE}")
    return tuple(openings)


def hours_between(spec: str, zone: tzinfo, start: int, end: int) -> list[Interval]:
    """The agreed hours within [start, end) as sorted intervals that do not overlap; 08:00 is 08:00 on the zone's wall.

    Night hours are an hour shorter or longer where the clock changes within them.
    """
    openings = parse_hours(spec)
    if start >= end:
        return []
    found: list[Interval] = []
    day = wall_of(start, zone).date() - timedelta(days=1)  # last night's hours may reach into the window
    last = wall_of(end, zone).date()
    while day <= last:
        midnight = datetime.combine(day, time())
        for opening in openings:
            if opening.weekday == day.weekday():
                found.append((instant(midnight + opening.opens, zone), instant(midnight + opening.closes, zone)))
        day += timedelta(days=1)
    return merge(found, within=(start, end))


def clip(spans: Sequence[Span], intervals: Sequence[Interval]) -> list[Span]:
    """The spans within sorted intervals that do not overlap, which they cover exactly: unknown where no span is.

    Their `total` is the shares for the objective; between the intervals there are gaps.
    """
    return [piece for interval in intervals for piece in fill(spans, interval)]


def _weekdays(first: str, last: str, *, spec: str) -> list[int]:
    """The weekdays from first to last, over the week's end if need be."""
    for name in (first, last):
        if name.capitalize() not in WEEKDAYS:
            raise ValueError(f"hours {spec!r}: {name!r} is not a day; days are {', '.join(WEEKDAYS)}")
    begin, end = (WEEKDAYS.index(name.capitalize()) for name in (first, last))
    return [(begin + number) % 7 for number in range((end - begin) % 7 + 1)]


def _clock(text: str, *, spec: str) -> timedelta:
    """HH:MM from 00:00 to 24:00 as time since midnight."""
    hour, minute = (int(part) for part in text.split(":"))
    if minute > 59 or hour * 60 + minute > 24 * 60:
        raise ValueError(f"hours {spec!r}: {text} is not a time of day; write 00:00 to 24:00")
    return timedelta(hours=hour, minutes=minute)


def _percent(thousandths: int) -> str:
    """A target as a person writes it: 99.5 %, not 99.500 %."""
    number, sign = percent_text(thousandths).split(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {sign}"


def _duration(us: int) -> str:
    """A length in its largest whole unit, rounded down to seconds under a day: 30 d, 36 h, 90 s."""
    for unit, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000)):
        if us and us % size == 0:
            return f"{us // size} {unit}"
    return f"{us // 1_000_000} s"
