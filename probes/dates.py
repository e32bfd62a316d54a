"""Dates and times for what a probe says: today and later, in one small notation."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from probes.words.units import parse_duration

_OFFSET = re.compile(r"\s*([+-])\s*(\d{1,4})\s*(d|w|wd)\s*\Z")
_LATER = re.compile(r"\s*([+-])\s*(.+)\Z")
HELP = "write +30d, -1w or +5wd (weekdays, Monday to Friday)"


def shift_date(day: date, offset: str) -> date:
    """`day` moved by `+30d`, `-1w` or `+5wd` (Monday to Friday only); raises ValueError. "" moves nothing."""
    if not offset.strip():
        return day
    found = _OFFSET.match(offset)
    if not found:
        raise ValueError(f"{offset!r} is no distance between days; {HELP}")
    count = int(found[2]) * (1 if found[1] == "+" else -1)
    if found[3] != "wd":
        return day + timedelta(days=count * (7 if found[3] == "w" else 1))
    step = timedelta(days=1 if count >= 0 else -1)
    while count or day.weekday() > 4:
        day += step
        if day.weekday() < 5 and count:
            count -= step.days
    return day


def shift_time(at: datetime, offset: str) -> datetime:
    """`at` moved by `+1h30m` or `-5m`; raises ValueError. "" moves nothing."""
    if not offset.strip():
        return at
    found = _LATER.match(offset)
    if not found:
        raise ValueError(f"{offset!r} is no distance in time; write +1h or -30m")
    length = parse_duration(found[2])
    return at + length if found[1] == "+" else at - length


def day_of(at: datetime, zone: str) -> date:
    """The date that `at` has in a time zone ("" is UTC)."""
    return at.astimezone(ZoneInfo(zone) if zone else UTC).date()
