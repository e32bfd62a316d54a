"""Absences in an iCal text, read by a child process: what repeats each second for ever ends with the child.

`python -I -m alerts.ical` reads one request as JSON from its input and writes one answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from alerts.rotation import Cover
from probes.words.clock import micros, moment
from probes.words.text import clean
from probes.words.units import DAY, HOUR
from probes.words.wall import instant

AHEAD = 400 * DAY
LARGEST = 2_000_000  # characters of a calendar that is read
MOST = 1_000  # absences of it
LEAST = HOUR  # shorter events are no absences
PATIENCE = 20.0  # seconds for one calendar
MEMORY = 1 << 30  # bytes
OURS = "@showup"  # ends the uids of duties that showup exports: who is on call is not away


async def read_absences(text: str, *, person: str, start: int, zone: str, patience: float = PATIENCE) -> list[Cover]:
    """As `absences_in`, in a child that is ended after `patience` seconds; raises ValueError."""
    if len(text) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 1_000_000} MB")
    asked = json.dumps({"text": text, "start": start, "zone": zone}).encode()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", "alerts.ical", env={},  # it needs none of our secrets
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(patience):
            said, _ = await child.communicate(asked)
    except TimeoutError:
        raise ValueError(f"reading it takes longer than {patience:.0f} s: it repeats too often") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        answer = json.loads(said)
        trouble, found = str(answer["trouble"]), answer["found"]
    except (ValueError, KeyError, TypeError):
        raise ValueError("reading it takes more than there is: it repeats too often") from None
    if trouble:
        raise ValueError(trouble)
    return [Cover("", int(first), int(last), person, reason=str(uid)) for first, last, uid in found]


def absences_in(text: str, *, start: int, zone: str) -> list[tuple[int, int, str]]:
    """(start, end, uid) of the absences in an iCal text from `start` (µs) on: events of an hour or more, repeats among
    them, all-day ones on the wall of `zone`; the first thousand. An event that cannot be read is left out. Raises
    ValueError for what is no calendar. How long it takes is up to who wrote the text: ask `read_absences`."""
    import recurring_ical_events
    from icalendar import Calendar

    try:
        calendar = Calendar.from_ical(text)
        calendar.subcomponents = [one for one in calendar.subcomponents if _begins(one)]
        events = recurring_ical_events.of(calendar, skip_bad_series=True).between(moment(start), moment(start + AHEAD))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(type(error).__name__) from None
    found = [one for event in events if (one := _absence(event, zone)) is not None and one[1] > start]
    return sorted(found)[:MOST]


def _begins(part: Any) -> bool:
    """False for an event of which nobody can say when it begins: the others are not lost for it."""
    try:
        return part.name != "VEVENT" or isinstance(part["DTSTART"].dt, date)
    except (ValueError, KeyError, AttributeError):
        return False


def _absence(event: Any, zone: str) -> tuple[int, int, str] | None:
    uid = clean(str(event.get("UID", "")), 100)
    if str(event.get("STATUS", "")).upper() == "CANCELLED" or uid.endswith(OURS):
        return None
    try:
        first, last = _instant(event.start, zone), _instant(event.end, zone)
    except (ValueError, TypeError, AttributeError, OverflowError):
        return None
    return (first, last, uid) if last - first >= LEAST else None


def _instant(at: date | datetime, zone: str) -> int:
    """µs of an event's edge: a day, a wall-clock time of no zone, or an instant."""
    if not isinstance(at, datetime):
        return instant(datetime.combine(at, time()), ZoneInfo(zone))
    return micros(at.astimezone(UTC)) if at.tzinfo is not None else instant(at, ZoneInfo(zone))


def main() -> None:
    """One request from stdin, one answer to stdout; with a limit of its own, should nobody be left to end it."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (int(PATIENCE) + 5, int(PATIENCE) + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    asked = json.load(sys.stdin)
    try:
        answer = {"trouble": "", "found": absences_in(asked["text"], start=asked["start"], zone=asked["zone"])}
    except ValueError as error:
        answer = {"trouble": str(error) or "it is no calendar", "found": []}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
