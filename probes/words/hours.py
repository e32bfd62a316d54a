"""Agreed hours such as "Mon-Fri 08:00-18:00": of an objective, of a shift. Lengths and instants are µs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from probes.words.wall import instant, wall_of

Interval = tuple[int, int]
"""[start, end), µs since the epoch."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_PIECE = re.compile(
    r"(?P<first>[a-z]{3})(?:\s*-\s*(?P<last>[a-z]{3}))?(?:\s+(?P<opens>\d\d?:\d\d)\s*-\s*(?P<closes>\d\d?:\d\d))?", re.I
)
_LIKE = 'write them like "Mon-Fri 08:00-18:00" or "Mon-Thu 08:00-18:00, Fri 08:00-14:00"'


@dataclass(frozen=True, slots=True)
class Opening:
    """Agreed hours that begin on one weekday (0 is Monday); `closes` may be 24:00 or later, into the next day."""

    weekday: int
    opens: timedelta
    closes: timedelta


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


def merge(intervals: Iterable[Interval], *, within: Interval) -> list[Interval]:
    """Intervals in any order as sorted ones that neither touch nor overlap, clipped to `within`, without empty ones."""
    start, end = within
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        first, last = max(first, start), min(last, end)
        if first >= last:
            continue
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


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
