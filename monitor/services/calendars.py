"""iCal: duties to export and to subscribe to."""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from alerts.ical import OURS
from alerts.oncall import Roster
from alerts.rotation import Duty
from monitor.services.duties import changed_by_people, name_of, planned
from monitor.tokens import key_in, oncall_token
from probes.words.clock import moment
from probes.words.text import clean
from probes.words.units import DAY

if TYPE_CHECKING:
    from monitor.app import Keeper

BEHIND = 90 * DAY  # µs before the first duty that is shown in which its beginning is looked for


async def calendar_of(keeper: Keeper, *, rotation: str = "", person: str = "", days: int = 90) -> str:
    """The duties of a rotation, of a person, or of all, from a week ago on, as iCal; stable uids, so that a feed that
    is read again moves events and doubles none."""
    now = keeper.clock.now()
    today = now // DAY * DAY  # read again on one day, the same text
    start, end = today - 7 * DAY, today + (1 + max(1, min(days, 365))) * DAY
    given = await changed_by_people(keeper, start - BEHIND)
    return await asyncio.to_thread(_calendar, keeper, given, rotation, person, (start, now, end))


def _calendar(keeper: Keeper, given: Roster, rotation: str, person: str, times: tuple[int, int, int]) -> str:
    from icalendar import Calendar

    start, now, end = times
    names = [rotation] if rotation else list(keeper.catalog.book.rotations)
    made = Calendar()
    made.add("prodid", "-//showup//on call//EN")
    made.add("version", "2.0")
    who = name_of(keeper, person) if person else ""
    made.add("x-wr-calname", clean(f"On call: {rotation or who or keeper.catalog.site.title}", 100))
    for name in names:
        for one, began in whole(keeper, given, name, start, end):
            cut = one.end == end and (began or start) >= now  # it comes when its end is known
            if not cut and (not person or one.person == person):
                uid = uid_of(name, one, began)
                made.add_component(_event(name, one, name_of(keeper, one.person, one.name) or "nobody", uid, now=now))
    return bytes(made.to_ical()).decode()


def whole(keeper: Keeper, given: Roster, rotation: str, start: int, end: int) -> list[tuple[Duty, int | None]]:
    """The duties of a rotation in [start, end), and when each began; None: farther back than it is looked at. The first
    is followed back to its beginning: cut off, it would be another event each time."""
    found = planned(keeper, given, rotation, start - BEHIND, end)
    last = [one for one in found if (one.end or end) > start]
    return [(one, None if one.start == start - BEHIND else one.start) for one in last]


def uid_of(rotation: str, one: Duty, began: int | None) -> str:
    """The same for the same duty, however long it goes on and whenever it is read."""
    said = f"{rotation}|{'open' if began is None else began}|{one.person}"
    return f"{blake2b(said.encode(), digest_size=12).hexdigest()}{OURS}"


def _event(rotation: str, one: Duty, name: str, uid: str, *, now: int) -> Any:
    from icalendar import Event

    start, end = one.start or now, one.end or now
    event = Event()
    event.add("uid", uid)
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
