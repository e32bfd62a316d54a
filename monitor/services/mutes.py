"""Holding pages back, by maintenance or by a mute: announced, listed with what it held back, and ended early."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, or_, select

from alerts import occasions
from alerts.mute import OURS, concerns, ends
from alerts.tables import Event, Incident, Mute
from monitor.services.base import length_of, place_named, service, when
from monitor.services.moments import ahead
from monitor.store.queries import presence
from monitor.store.queries.presence import WindowView
from probes.words.clock import moment
from probes.words.errors import Refused
from probes.words.text import clean
from probes.words.units import DAY

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.status.history import Place

LONGEST = 7 * DAY  # µs of a mute: what is not to page for longer is paused, or is maintenance
PAST = 30 * DAY  # µs that lists look back
AHEAD = 400 * DAY
SOON = DAY  # µs that lists of mutes look ahead; what is planned beyond stands under maintenance
MOST = 200  # in one list
PLANNED = "maintenance: "  # begins the reason of a mute that a maintenance window brought


@service(acts=True)
async def maintenance(
    keeper: Keeper, workflow: str, length: str, reason: str, start: str = "", by: str = "", at: str = ""
) -> dict[str, Any]:
    """Announce maintenance: probes go on, its time is not counted, and pages are held until it ends."""
    place, now, author = place_named(keeper, workflow), keeper.clock.now(), clean(by, 80) or "somebody"
    if start.strip().startswith("-") or start.strip().endswith("ago"):
        raise Refused("maintenance cannot begin in the past", hint="for what is over: showup correct")
    begins = ahead(at, keeper.catalog.site.timezone, now=now) if at else now + (length_of(start) if start else 0)
    finish = begins + length_of(length)

    def write(session: Session) -> int | None:
        return lay(keeper, session, place, begins, finish, author=author, reason=clean(reason, 200), now=now)

    number = await keeper.store.write(write)
    keeper.changed.set()
    return {"id": number, "subject": "/".join(place), "from": when(begins), "until": when(finish)}


def lay(
    keeper: Keeper,
    session: Session,
    place: Place,
    start: int,
    end: int,
    *,
    author: str,
    reason: str,
    now: int,
    source: str | None = None,
) -> int | None:
    """A window and the mute that holds its pages, [start, end) in µs; its number, None when the same one of `source`
    is there. Raises Refused while an event window covers any of it."""
    subject = "/".join(place)
    event = occasions.overlapping(session, subject, start, end)
    if event is not None:
        said = f"{subject} has an event then: {event.title or 'event'} {event.id}"
        raise Refused(f"{said}, until {moment(occasions.ends(event)):%Y-%m-%d %H:%M} UTC",
                      hint=f"begin after it, or end it: showup event end {event.id}")  # fmt: skip
    number = presence.add_window(
        session, subject, start=start, end=end, author=author, reason=reason, now=now, source=source
    )
    if number is not None:
        about = about_of(keeper, subject)
        keeper.desk.mute(session, about, start=start, end=end, author=author, reason=f"{PLANNED}{reason}", now=now)
    return number


def about_of(keeper: Keeper, subject: str) -> str:
    """What the incidents of a place are about: a provider's have no environment."""
    workflow = keeper.catalog.workflows.get(subject.partition("/")[0])
    return subject.partition("/")[0] if workflow is not None and workflow.provider else subject


def take_back(keeper: Keeper, session: Session, window: WindowView, *, by: str, now: int) -> None:
    """End a window and its mute: one under way ends now, one to come is gone; what is past stays."""
    presence.end_window(session, window.id, now=now)
    about = about_of(keeper, window.subject)
    query = select(Mute).where(
        Mute.subject == about, Mute.start == window.start, Mute.end == window.end, col(Mute.lifted).is_(None)
    )
    for row in session.exec(query).all():
        if row.reason == f"{PLANNED}{window.reason}":
            keeper.desk.unmute(session, row.id or 0, by=by, now=now)
            return


@service()
async def maintenances(keeper: Keeper, past: bool = False) -> dict[str, Any]:
    """Maintenance windows: those that are now and to come, or also those of the last 30 days."""
    now = keeper.clock.now()
    found = await keeper.store.read(
        lambda session: presence.windows(session, now - PAST if past else now, now + AHEAD)[:MOST]
    )
    return {
        "at": when(now),
        "windows": [
            {
                "id": one.id,
                "subject": one.subject,
                "from": when(one.start),
                "until": when(one.end),
                "state": "over" if one.end <= now else "now" if one.start <= now else "planned",
                "reason": one.reason,
                "author": one.author,
                "recurring": (one.source or "").partition(" ")[0],
            }
            for one in found
        ],
    }


@service(acts=True)
async def maintenance_end(keeper: Keeper, id: int, by: str = "") -> dict[str, Any]:
    """End maintenance now, or take back what is planned: what it holds is due at once."""
    now = keeper.clock.now()

    def act(session: Session) -> WindowView:
        found = {one.id: one for one in presence.windows(session, now, now + AHEAD)}
        if id not in found:
            raise Refused(f"no maintenance {id} is under way or to come", hint="see: showup maintenance")
        take_back(keeper, session, found[id], by=clean(by, 80) or "somebody", now=now)
        return found[id]

    window = await keeper.store.write(act)
    keeper.dispatcher.wake(set(keeper.channels))
    keeper.changed.set()
    return {"id": id, "subject": window.subject, "planned": window.start >= now}


@service(acts=True)
async def mute(
    keeper: Keeper, workflow: str, length: str, reason: str, start: str = "", by: str = ""
) -> dict[str, Any]:
    """Hold the pages of a workflow, or of all, for a time: its probes go on, and its time counts as it is."""
    now, author = keeper.clock.now(), clean(by, 80) or "somebody"
    begins, lasts = now + (length_of(start) if start else 0), length_of(length)
    if workflow == OURS and workflow not in keeper.catalog.workflows:
        raise Refused("showup's own troubles cannot be muted", hint="acknowledge the incident: showup ack")
    if lasts > LONGEST:
        hint = "what is not to run for longer: showup pause; planned work: showup maintenance"
        raise Refused("a mute lasts 7 days at most, so that none is forgotten", hint=hint)
    subject = "" if workflow == "all" else "/".join(place_named(keeper, workflow))

    def act(session: Session) -> dict[str, Any]:
        event = occasions.overlapping(session, subject, begins, begins + lasts)
        if event is not None:
            said = f"event {event.id} is to page at once until {moment(occasions.ends(event)):%Y-%m-%d %H:%M} UTC"
            raise Refused(f"{said}: it takes no mute", hint=f"end it first: showup event end {event.id}")
        row = keeper.desk.mute(
            session, about_of(keeper, subject), start=begins, end=begins + lasts, author=author,
            reason=clean(reason, 200), now=now,
        )  # fmt: skip
        return muted(session, row, now)

    found = await keeper.store.write(act)
    keeper.changed.set()
    return found


@service(acts=True)
async def unmute(keeper: Keeper, id: int, by: str = "") -> dict[str, Any]:
    """End a mute now: what it holds is due at once."""
    now = keeper.clock.now()

    def act(session: Session) -> dict[str, Any]:
        row = session.get(Mute, id)
        if row is not None and row.reason.startswith(PLANNED):
            raise Refused(f"mute {id} belongs to maintenance", hint="end that: showup maintenance")
        return muted(session, keeper.desk.unmute(session, id, by=clean(by, 80) or "somebody", now=now), now)

    found = await keeper.store.write(act)
    keeper.dispatcher.wake(set(keeper.channels))
    keeper.changed.set()
    return found


@service()
async def mutes(keeper: Keeper, past: bool = False) -> dict[str, Any]:
    """What is muted now and later, until when, by whom and why, and what it has held back so far; `past`: also what
    ended in the last 30 days."""
    now = keeper.clock.now()
    return await keeper.store.read(lambda session: {"at": when(now), "mutes": listed(session, now=now, past=past)})


def listed(session: Session, *, now: int, past: bool = False) -> list[dict[str, Any]]:
    """Mutes as JSON, maintenance among them, those that end first before the others."""
    since = now - PAST if past else now
    query = select(Mute).where(col(Mute.end) > since, or_(col(Mute.lifted).is_(None), col(Mute.lifted) > since))
    rows = session.exec(query.order_by(col(Mute.end), col(Mute.id)).limit(MOST)).all()
    kept = [row for row in rows if ends(row) > row.start and row.start <= now + SOON]
    return [muted(session, row, now) for row in kept]


def held_back(session: Session, row: Mute) -> list[Incident]:
    """The incidents whose pages it held, oldest first."""
    held = (
        select(Incident)
        .join(Event, col(Event.incident) == col(Incident.id))
        .where(Event.kind == "held", col(Event.at) >= row.start, col(Event.at) <= ends(row))
        .order_by(col(Incident.opened), col(Incident.id))
    )
    found = {one.id: one for one in session.exec(held).all() if concerns(row, one.subject)}
    return list(found.values())


def summed(found: list[Incident], *, holds: bool = False) -> str:
    """`2 incidents, 1 is over, 1 is paging now`; "" for none. `holds`: the mute is not over, so none pages."""
    if not found:
        return ""
    over = sum(one.resolved_at is not None for one in found)
    taken = sum(one.resolved_at is None and one.state == "acknowledged" for one in found)
    parts = [f"{len(found)} incident" + ("" if len(found) == 1 else "s")]
    for number, said in ((over, "over"), (taken, "acknowledged")):
        if number:
            parts.append(f"{number} {'is' if number == 1 else 'are'} {said}")
    left = len(found) - over - taken
    if left:
        held = left if holds else sum(one.held_by is not None and one.resolved_at is None for one in found)
        word = "held still" if held == left else "paging now"
        parts.append(f"{left} {'is' if left == 1 else 'are'} {word}")
    return ", ".join(parts)


def muted(session: Session, row: Mute, now: int) -> dict[str, Any]:
    """A mute as JSON, with what it held back."""
    found = held_back(session, row)
    return {
        "id": row.id,
        "subject": row.subject,
        "what": row.subject or "every workflow",
        "from": when(row.start),
        "until": when(ends(row)),
        "state": "over" if ends(row) <= now else "now" if row.start <= now else "planned",
        "author": row.author,
        "reason": row.reason,
        "lifted_by": row.lifted_by,
        "held": summed(found, holds=row.start <= now < ends(row)),
        "incidents": [
            {"id": one.public_id, "title": one.title, "sentence": one.sentence, "over": one.resolved_at is not None}
            for one in found
        ],
    }
