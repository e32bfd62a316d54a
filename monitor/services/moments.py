"""Moments to come, as people say them: `Thu 14:00`, `tomorrow 09:30`, `in 2h`, a date; on the wall of a zone."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from monitor.services.base import length_of
from probes.words.clock import micros
from probes.words.errors import Refused
from probes.words.wall import instant, wall_of

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SAID = re.compile(r"(?:([a-z]+)\s+)?(\d{1,2}):(\d{2})$")
_WRITE = "write 2026-11-28T22:00, 'Thu 14:00', 'tomorrow 09:30' or 'in 2h'"


def ahead(text: str, zone: str, *, now: int) -> int:
    """A moment that is not over, µs; a weekday is its next one, a time alone its next one. Raises Refused."""
    said, there = text.strip().lower(), ZoneInfo(zone)
    if said == "now":
        return now
    if said.startswith("in "):
        return now + length_of(said[3:])
    match = _SAID.match(said)
    found = _next(match, there, now) if match else _dated(text.strip(), there)
    if found is None:
        raise Refused(f"{text[:40]!r} is no moment", hint=_WRITE)
    if found < now:
        raise Refused(f"{text[:40]} is over already", hint=_WRITE)
    return found


def _next(match: re.Match[str], zone: ZoneInfo, now: int) -> int | None:
    day, hour, minute = match.group(1), int(match.group(2)), int(match.group(3))
    if hour > 23 or minute > 59:
        return None
    today = wall_of(now, zone).date()
    named = {"today": 0, "tomorrow": 1}
    if day in named:
        return instant(datetime.combine(today + timedelta(days=named[day]), time(hour, minute)), zone)
    if day is not None and day[:3] not in DAYS:
        return None
    for later in range(8):
        on = today + timedelta(days=later)
        if day is not None and on.weekday() != DAYS.index(day[:3]):
            continue
        at = instant(datetime.combine(on, time(hour, minute)), zone)
        if at > now:
            return at
    return None


def _dated(text: str, zone: ZoneInfo) -> int | None:
    try:
        found = datetime.fromisoformat(text)
        return micros(found) if found.tzinfo else instant(found, zone)
    except (ValueError, OverflowError):
        return None
