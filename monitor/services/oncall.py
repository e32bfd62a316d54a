"""Who is on call: now, next and ahead; who takes over, who is away, and the same as calendars."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from alerts import absences, roster
from alerts.oncall import Roster
from alerts.rotation import Duty
from alerts.tables import Override
from monitor.services.base import length_of, moment_of, service, when
from monitor.services.duties import change, changed_by_people, duty_of, name_of, planned
from monitor.services.moments import ahead
from probes.words.clock import moment
from probes.words.errors import Refused
from probes.words.names import nearest
from probes.words.text import clean
from probes.words.units import DAY
from probes.words.wall import day_edges

if TYPE_CHECKING:
    from monitor.app import Keeper

MOST_DAYS = 90


@service()
async def oncall(keeper: Keeper, days: int = 28, at: str = "", rotation: str = "", person: str = "") -> dict[str, Any]:
    """Who is on call in each rotation: now (or at a moment), next, and every duty of the days ahead."""
    book, now = keeper.catalog.book, keeper.clock.now()
    if at:
        now = _ahead(at, keeper.catalog.site.timezone, now)
    names = [known(rotation, book.rotations, "rotation")] if rotation else list(book.rotations)
    wanted = known(person, book.people, "person") if person else ""
    length = max(1, min(int(days), MOST_DAYS))

    given = await changed_by_people(keeper, now)

    def work_out() -> dict[str, Any]:
        found = {}
        for name in names:
            ahead = planned(keeper, given, name, now, now + length * DAY)
            if wanted and not any(one.person == wanted for one in ahead):
                continue
            found[name] = {
                **duty_of(keeper, given, name, now),
                "duties": [told(keeper, one) for one in ahead if not wanted or one.person == wanted],
                "days": _by_day(keeper, ahead, now, length),
                "zone": keeper.catalog.site.timezone,
                "today": str(moment(now).astimezone(ZoneInfo(keeper.catalog.site.timezone)).date()),
            }
        return found

    return await asyncio.to_thread(work_out)


def told(keeper: Keeper, one: Duty) -> dict[str, Any]:
    """A duty as JSON."""
    return {
        "start": when(one.start),
        "end": when(one.end),
        "person": one.person,
        "name": name_of(keeper, one.person, one.name) or "nobody",
        "source": one.source,
        "reason": one.reason,
    }


def _by_day(keeper: Keeper, ahead: list[Duty], now: int, length: int) -> list[dict[str, Any]]:
    """Each day on the site's wall: who is on call in it, in order, and when it changes hands."""
    zone = ZoneInfo(keeper.catalog.site.timezone)
    today = moment(now).astimezone(zone).date()
    edges = day_edges(zone, today + timedelta(days=length - 1), length)
    found = []
    for number, (first, last) in enumerate(pairwise(edges)):
        inside = [one for one in ahead if (one.start or 0) < last and (one.end or last) > first]
        names = [name_of(keeper, one.person, one.name) or "nobody" for one in inside]
        changes = [
            f"{moment(one.start).astimezone(zone):%H:%M}"
            for (before, _), (name, one) in pairwise(zip(names, inside, strict=True))
            if one.start is not None and name != before  # an override by who has the next turn is no handoff
        ]
        found.append({"day": str(today + timedelta(days=number)), "names": names, "handoffs": changes})
    return found


@service(acts=True)
async def override(
    keeper: Keeper,
    rotation: str,
    person: str,
    length: str,
    start: str = "",
    by: str = "",
    reason: str = "",
    at: str = "",
) -> dict[str, Any]:
    """Let a person take over a rotation for a time, from now, `start` later, or from a moment on."""
    now = keeper.clock.now()
    begins = ahead(at, keeper.catalog.site.timezone, now=now) if at else now + (length_of(start) if start else 0)
    def act(session: Session) -> dict[str, Any]:
        row = keeper.desk.override(
            session,
            rotation,
            person,
            start=begins,
            end=begins + length_of(length),
            author=by or "somebody",
            reason=clean(reason, 200),
            now=now,
        )
        return _override(keeper, row)

    return await keeper.store.write(act)


def _override(keeper: Keeper, row: Override) -> dict[str, Any]:
    return {
        "id": row.id,
        "rotation": row.rotation,
        "person": row.person,
        "name": name_of(keeper, row.person, row.person),
        "from": when(row.start),
        "until": when(row.end),
        "reason": row.reason,
        "author": row.author,
    }


@service()
async def overrides(keeper: Keeper) -> list[dict[str, Any]]:
    """Who takes over what, now and later."""
    now = keeper.clock.now()
    return await keeper.store.read(
        lambda session: [_override(keeper, row) for row in roster.listed(session, Override, now=now)]
    )


@service(acts=True)
async def override_cancel(keeper: Keeper, id: int) -> dict[str, Any]:
    """End an override early, or take it back; refused where nobody would be left. `then`: who is on call instead."""
    now = keeper.clock.now()
    gone = await keeper.store.read(lambda session: roster.cover_of(roster.standing(session, Override, id, now=now)))

    def weigh(before: Roster) -> str:
        on_call = keeper.desk.climb.on_call(before)
        if gone not in before.overrides:
            raise Refused("there is no such override, or it is over already", hint="see: showup override")
        absences.refuse_loss(on_call, gone, now=now)
        then = on_call.taken_back(gone).duty(gone.rotation, max(gone.start, now))
        return name_of(keeper, then.person, then.name) or "nobody"

    def keep(session: Session) -> dict[str, Any]:
        return _override(keeper, roster.lift(session, Override, id, now=now))

    then, kept = await change(keeper, now, weigh=weigh, keep=keep)
    return kept | {"then": then}


@service(acts=True)
async def swap(keeper: Keeper, rotation: str, person: str, other: str, by: str = "") -> dict[str, Any]:
    """Two people exchange their next turns in a rotation: each takes over the other's, whole."""
    book, now = keeper.catalog.book, keeper.clock.now()
    name = known(rotation, book.rotations, "rotation")
    one, two = (known(each, book.people, "person") for each in (person, other))
    if one == two:
        raise Refused("two people swap, and these are one", hint="name another person")

    def act(session: Session) -> dict[str, Any]:
        ahead = planned(keeper, roster.read(session, now=now), name, now, now + MOST_DAYS * DAY)
        turns = {each: next((turn for turn in ahead if turn.person == each), None) for each in (one, two)}
        for each, turn in turns.items():
            if turn is None:
                raise Refused(f"{each} has no turn in {name} within {MOST_DAYS} days", hint="see: showup oncall")
        found = []
        for each, turn in ((one, turns[two]), (two, turns[one])):
            if turn is None or turn.start is None or turn.end is None:
                continue
            keeper.desk.override(session, name, each, start=turn.start, end=turn.end, author=by or "somebody",
                                 reason=f"swap with {two if each == one else one}", now=now)  # fmt: skip
            found.append({"person": each, "from": when(turn.start), "until": when(turn.end)})
        return {"rotation": name, "turns": found}

    return await keeper.store.write(act)


@service()
async def oncall_calendar(
    keeper: Keeper, rotation: str = "", person: str = "", days: int = MOST_DAYS
) -> dict[str, Any]:
    """The duties of a rotation or a person as an iCal calendar, and the address where it can be subscribed to."""
    from monitor.services.calendars import calendar_of, feed_address

    book = keeper.catalog.book
    if rotation:
        known(rotation, book.rotations, "rotation")
    if person:
        known(person, book.people, "person")
    return {
        "ics": await calendar_of(keeper, rotation=rotation, person=person, days=days),
        "url": feed_address(keeper, rotation=rotation, person=person),
    }


def known(name: str, there: Any, what: str) -> str:
    """The name, when it is among those that there are; raises Refused with the nearest."""
    if name in there:
        return name
    near = nearest(name, there)
    hint = f"did you mean {near}?" if near else f"there is: {', '.join(there) or 'none'}"
    raise Refused(f"there is no {what} {name[:40]}", hint=hint)


def _ahead(text: str, zone: str, now: int) -> int:
    """A moment, also one to come: `now` and dates as everywhere, `in 2h` for later."""
    said = text.strip()
    if said.startswith("in "):
        return now + length_of(said[3:])
    return moment_of(said, zone, now=now)
