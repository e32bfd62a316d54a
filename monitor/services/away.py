"""Who is away: out of every rotation, with whoever stands in, and what falls due meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from alerts import absences, roster
from alerts.oncall import Roster
from alerts.rotation import Cover
from alerts.tables import Absence, Occasion
from monitor.services.base import service, when
from monitor.services.duties import change, name_of, planned
from monitor.services.oncall import known, told
from monitor.services.partners import soonest
from monitor.services.rehearsed import rehearsals
from probes.words.clock import micros, moment
from probes.words.errors import Refused
from probes.words.text import clean
from probes.words.wall import instant

if TYPE_CHECKING:
    from monitor.app import Keeper

ENDINGS = 50
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@service(acts=True)
async def away(keeper: Keeper, person: str, time: str, by: str = "", reason: str = "") -> dict[str, Any]:
    """Take a person out of every rotation for a time; says who stands in, and what falls due meanwhile."""
    now, zone = keeper.clock.now(), keeper.catalog.site.timezone
    start, end = span_of(time, zone, now=now)
    wanted = absences.check(keeper.catalog.book, person, start, end, now=now)

    def weigh(before: Roster) -> list[dict[str, Any]]:
        on_call = keeper.desk.climb.on_call(before)
        absences.refuse_gaps(on_call, wanted)
        return _stand_ins(keeper, before, on_call.without(wanted).roster, wanted)

    def keep(session: Session) -> dict[str, Any]:
        row = absences.add(session, wanted, author=by or "somebody", reason=clean(reason, 200), now=now)
        return _absence(keeper, row)

    stand_ins, kept = await change(keeper, now, weigh=weigh, keep=keep)
    found = kept | {"stand_ins": stand_ins}
    due = await keeper.store.read(lambda session: _due(keeper, session, start, end))
    endings = [one for one in await soonest(keeper, now, ENDINGS) if _within(one.get("ends"), start, end)]
    owned = sorted(one.title for one in keeper.catalog.workflows.values() if one.owner == person and not one.provider)
    return {**found, "owns": owned, "endings": endings, **due}


def _stand_ins(keeper: Keeper, before: Roster, given: Roster, away: Cover) -> list[dict[str, Any]]:
    """Who has which of the duties that the one who is away had."""
    found = []
    for name in keeper.catalog.book.rotations:
        theirs = [one for one in planned(keeper, before, name, away.start, away.end) if one.person == away.person]
        for one in planned(keeper, given, name, away.start, away.end):
            for had in theirs if one.person != away.person else ():
                start = max(one.start or away.start, had.start or away.start)
                end = min(one.end or away.end, had.end or away.end)
                if start < end:
                    found.append({"rotation": name, **told(keeper, replace(one, start=start, end=end))})
    return found


def _due(keeper: Keeper, session: Session, start: int, end: int) -> dict[str, Any]:
    """Events within the time, and runbooks that nobody has rehearsed lately."""
    events = select(Occasion).where(
        col(Occasion.start) < end, col(Occasion.end) > start, col(Occasion.lifted).is_(None)
    )
    rehearsed = rehearsals(keeper.catalog, session, now=keeper.clock.now())
    return {
        "events": [{"title": one.title or ", ".join(one.workflows), "from": when(one.start), "until": when(one.end)}
                   for one in session.exec(events).all()],
        "unrehearsed": [one["title"] for one in rehearsed if one["due"]],
    }  # fmt: skip


def _within(ends: Any, start: int, end: int) -> bool:
    try:
        return start <= micros(datetime.fromisoformat(str(ends))) < end
    except ValueError:
        return False


def _absence(keeper: Keeper, row: Absence) -> dict[str, Any]:
    return {
        "id": row.id,
        "person": row.person,
        "name": name_of(keeper, row.person),
        "from": when(row.start),
        "until": when(row.end),
        "reason": row.reason,
        "author": row.author,
        "source": row.source,
    }


@service()
async def absent(keeper: Keeper) -> list[dict[str, Any]]:
    """Who is away now and later."""
    now = keeper.clock.now()
    return await keeper.store.read(
        lambda session: [_absence(keeper, row) for row in roster.listed(session, Absence, now=now)]
    )


@service(acts=True)
async def back(keeper: Keeper, id: int) -> dict[str, Any]:
    """End an absence early, or take it back."""
    now = keeper.clock.now()
    return await keeper.store.write(lambda session: _absence(keeper, roster.lift(session, Absence, id, now=now)))


@service(acts=True)
async def away_import(keeper: Keeper, person: str, text: str, by: str = "") -> dict[str, Any]:
    """Take a person's absences from an iCal calendar: each event of at least an hour, of the next 400 days."""
    from alerts.ical import read_absences

    name, now = known(person, keeper.catalog.book.people, "person"), keeper.clock.now()
    try:
        found = await read_absences(text, person=name, start=now, zone=keeper.catalog.site.timezone)
    except ValueError as error:
        raise Refused(f"this is no calendar: {clean(str(error), 100)}", hint="export it as iCal (.ics)") from None
    changed = await keeper.store.write(
        lambda session: absences.follow_calendar(session, name, by or "a file", found, now=now)
    )
    return {"person": name, "events": len(found), "changed": changed}


def span_of(text: str, zone: str, *, now: int) -> tuple[int, int]:
    """[start, end) in µs of `2026-12-24..2027-01-02` (both days whole), of two moments, of `today..tomorrow`, or of
    `Fri..Mon`, the next there are; on the wall of `zone`. Raises Refused."""
    first, dots, last = text.partition("..")
    if not dots:
        last = first
    start = _edge(first, zone, since=now)
    end = _edge(last, zone, since=max(start, now), last=True, now=now)
    if not start < end:
        raise Refused("it ends before it begins", hint="write 2026-12-24..2027-01-02")
    return start, end


def _edge(text: str, zone: str, *, since: int, now: int | None = None, last: bool = False) -> int:
    """The beginning of a day, or its end for the `last`; a day of the week is the next one at or after `since`."""
    there, said, now = ZoneInfo(zone), text.strip().lower(), since if now is None else now
    today = moment(now).astimezone(there).date()
    named = {"today": today, "tomorrow": today + timedelta(days=1)}
    if said == "now":
        return now
    for number, name in enumerate(WEEKDAYS):
        if said in (name, name[:3]):
            begins = moment(since).astimezone(there).date()
            named[said] = begins + timedelta(days=(number - begins.weekday()) % 7)
    try:
        if len(said) > len("2026-12-24"):
            at = datetime.fromisoformat(said)
            return micros(at) if at.tzinfo else instant(at, there)
        day = named.get(said) or date.fromisoformat(said)
        day += timedelta(days=1 if last else 0)
    except (ValueError, OverflowError):
        raise Refused(f"{text[:40]!r} is no day", hint="write 2026-12-24..2027-01-02, or tomorrow") from None
    return instant(datetime.combine(day, time()), there)
