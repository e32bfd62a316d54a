"""iCal: duties to subscribe to, and absences read from a calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from alerts.rotation import Cover, Duty
from monitor.tokens import key_in, oncall_token
from probes.words.clock import micros, moment
from probes.words.text import clean
from probes.words.units import DAY, HOUR
from probes.words.wall import instant

if TYPE_CHECKING:
    from monitor.app import Keeper

AHEAD = 400 * DAY
LARGEST = 2_000_000  # characters of a calendar that is read
MOST = 1_000  # events of it
LEAST = HOUR  # shorter events are no absences


async def calendar_of(keeper: Keeper, *, rotation: str = "", person: str = "", days: int = 90) -> str:
    """The duties of a rotation, of a person, or of all, from a week ago on, as iCal; stable uids, so that a feed that
    is read again moves events and doubles none."""
    from icalendar import Calendar

    from monitor.services.oncall import name_of

    now = keeper.clock.now()
    names = [rotation] if rotation else list(keeper.catalog.book.rotations)
    start, end = now - 7 * DAY, now + max(1, min(days, 365)) * DAY
    found = await keeper.store.read(
        lambda session: [(name, one) for name in names for one in whole(keeper, session, name, start, end)]
    )
    found = [(name, one) for name, one in found if one.end != end]  # the last one is cut off, and comes with the next
    made = Calendar()
    made.add("prodid", "-//showup//on call//EN")
    made.add("version", "2.0")
    who = name_of(keeper, person) if person else ""
    made.add("x-wr-calname", clean(f"On call: {rotation or who or keeper.catalog.site.title}", 100))
    for name, one in found:
        if not person or one.person == person:
            made.add_component(_event(name, one, name_of(keeper, one.person, one.name) or "nobody", now=now))
    return bytes(made.to_ical()).decode()


def whole(keeper: Keeper, session: Session, rotation: str, start: int, end: int) -> list[Duty]:
    """The duties of a rotation, the first from its own beginning: cut off, it would be another event each time."""
    from monitor.services.oncall import planned

    found = planned(keeper, session, rotation, start, end)
    began = keeper.desk.on_call(session, rotation, at=start)[0].start
    return [replace(found[0], start=began or start), *found[1:]] if found else []


def _event(rotation: str, one: Duty, name: str, *, now: int) -> Any:
    from icalendar import Event

    start, end = one.start or now, one.end or now
    event = Event()
    event.add("uid", f"{blake2b(f'{rotation}|{start}|{one.person}'.encode(), digest_size=12).hexdigest()}@showup")
    event.add("dtstamp", moment(now).replace(microsecond=0))
    event.add("dtstart", moment(start))
    event.add("dtend", moment(end))
    event.add("summary", clean(f"{name} on call: {rotation}", 150))
    event.add("description", clean(one.reason, 200))
    event.add("transp", "TRANSPARENT")
    return event


def feed_address(keeper: Keeper, *, rotation: str = "", person: str = "") -> str:
    """Where a calendar program subscribes to it; "" where nobody outside could reach it."""
    base = keeper.catalog.web.url.rstrip("/")
    what = f"rotation:{rotation}" if rotation else f"person:{person}" if person else "all"
    return f"{base}/oncall/{oncall_token(key_in(keeper.folder), what)}.ics" if base else ""


def absences_in(text: str, *, person: str, start: int, zone: str) -> list[Cover]:
    """The absences of a person in an iCal text, from `start` (µs) on: events of an hour or more, repeats among them;
    all-day ones on the wall of `zone`. `reason` is the event's uid. Raises ValueError for what is no calendar."""
    import recurring_ical_events
    from icalendar import Calendar

    if len(text) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 1_000_000} MB")
    try:
        calendar = Calendar.from_ical(text)
        events = recurring_ical_events.of(calendar).between(moment(start), moment(start + AHEAD))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(type(error).__name__) from None
    found = []
    for event in events[:MOST]:
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        first, last = _instant(event.start, zone), _instant(event.end, zone)
        if last - first >= LEAST and last > start:
            found.append(Cover("", first, last, person, reason=clean(str(event.get("UID", "")), 100)))
    return found


def _instant(at: date | datetime, zone: str) -> int:
    """µs of an event's edge: a day, a wall-clock time of no zone, or an instant."""
    if not isinstance(at, datetime):
        return instant(datetime.combine(at, time()), ZoneInfo(zone))
    return micros(at.astimezone(UTC)) if at.tzinfo is not None else instant(at, ZoneInfo(zone))
