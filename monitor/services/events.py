"""Event windows: announced with what they cost, listed, ended, and watched by whoever presents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from alerts import occasions
from alerts.mute import ends as mute_ends
from alerts.tables import Mute, Occasion
from monitor.config.catalog import Probe
from monitor.engine.events import PERIOD, attended, hastens
from monitor.engine.signals import title_of
from monitor.services.base import length_of, place_named, service, when
from monitor.services.moments import ahead
from monitor.services.oncall import known
from monitor.services.presenting import View, view_of
from monitor.store.queries import presence
from monitor.tokens import event_token, key_in
from probes.words.clock import moment
from probes.words.errors import Refused
from probes.words.text import clean
from probes.words.units import DAY, HOUR, MINUTE, micros_of

if TYPE_CHECKING:
    from monitor.app import Keeper

LONGEST = 3 * DAY  # µs of an event: what is longer is no event, its probes should run more often
FAR = 400 * DAY
PAST = 30 * DAY


@service(acts=True)
async def event_add(
    keeper: Keeper, start: str, length: str, workflows: str, tell: str, title: str = "", plan_b: str = "", by: str = ""
) -> dict[str, Any]:
    """Announce an event: its workflows are probed every 15 s, page on the first confirmed failure and take no
    maintenance; says what that costs."""
    now, zone = keeper.clock.now(), keeper.catalog.site.timezone
    begins, lasts = ahead(start, zone, now=now), length_of(length)
    if lasts > LONGEST or lasts < MINUTE:
        raise Refused("an event lasts from a minute to three days", hint="write --for 3h")
    if begins > now + FAR:
        raise Refused("that is more than 400 days ahead", hint="announce it later")
    places = _places(keeper, workflows)
    row = Occasion(
        title=clean(title, 80), start=begins, end=begins + lasts, workflows=places,
        tell=known(tell, keeper.catalog.book.people, "person"), plan_b=clean(plan_b, 500),
        author=clean(by, 80) or "somebody", created=now,
    )  # fmt: skip

    def act(session: Session) -> Occasion:
        _free(session, row, now=now)
        session.add(row)
        session.flush()
        session.refresh(row)
        session.expunge(row)
        return row

    made = await keeper.store.write(act)
    await attend(keeper)
    return event_of(keeper, made, now) | {"costs": costs(keeper, places, lasts)}


def _places(keeper: Keeper, text: str) -> list[str]:
    """Every `workflow/environment` of a list with commas; raises Refused with the nearest, or where nothing runs."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise Refused("an event is about workflows", hint="write --workflows intake,bookings")
    found = list(dict.fromkeys("/".join(place_named(keeper, name)) for name in names))
    watched = {one.subject for one in keeper.catalog.probes.values() if one.scheduled}
    for place in found:
        if place not in watched:
            raise Refused(f"nothing watches {place} by itself", hint="see what is watched: showup status")
    return found


def _free(session: Session, row: Occasion, *, now: int) -> None:
    """Raises Refused when maintenance or a mute holds pages in its time."""
    for window in presence.windows(session, max(now, row.start), row.end):
        about = [one for one in row.workflows if not window.subject or f"{window.subject}/".startswith(f"{one}/")]
        if about:
            said = f"maintenance {window.id} of {about[0]} falls into it, {moment(window.start):%Y-%m-%d %H:%M} UTC"
            hint = f"end it first: showup maintenance --end {window.id}"
            raise Refused(said, hint=hint)
    for mute in _mutes(session, row.start, row.end):
        if not mute.subject or mute.subject in row.workflows:
            hint = f"lift it first: showup unmute {mute.id}"
            raise Refused(f"mute {mute.id} of {mute.subject or 'every workflow'} would hold its pages", hint=hint)


def _mutes(session: Session, start: int, end: int) -> list[Mute]:
    from sqlmodel import col, select

    rows = session.exec(select(Mute).where(col(Mute.end) > start, col(Mute.start) < end)).all()
    return [row for row in rows if mute_ends(row) > max(start, row.start)]


def hastened(keeper: Keeper, places: list[str]) -> list[Probe]:
    """The probes that an event of these places runs every 15 s."""
    return [one for one in keeper.catalog.probes.values() if one.subject in places and hastens(one)]


def costs(keeper: Keeper, places: list[str], length: int) -> dict[str, Any]:
    """The runs of an event and what they come to at most; `unknown` are probes of which nobody can tell before."""
    runs, sums, unknown = 0, dict[str, float](), list[str]()
    for probe in hastened(keeper, places):
        number = max(1, length // PERIOD)
        if probe.every is not None and micros_of(probe.every) < PERIOD:
            number = length // micros_of(probe.every)
        runs += number
        for unit in ("tokens", "usd", "records"):
            sums[unit] = sums.get(unit, 0.0) + number * float(probe.costs.amounts.get(unit, 0.0))
        if probe.costs.provider and "usd" not in probe.costs.amounts:
            unknown.append(probe.id)
    return {"runs": runs, **{unit: round(amount, 2) for unit, amount in sums.items() if amount}, "unknown": unknown}


@service()
async def events(keeper: Keeper, past: bool = False) -> dict[str, Any]:
    """Events now and to come, or also those of the last 30 days."""
    now = keeper.clock.now()
    rows = await keeper.store.read(
        lambda session: [row.model_copy() for row in occasions.between(session, now - PAST if past else now, now + FAR)]
    )
    return {"at": when(now), "events": [event_of(keeper, row, now) for row in rows]}


@service(acts=True)
async def event_end(keeper: Keeper, id: int, by: str = "") -> dict[str, Any]:
    """End an event now, or take it back."""
    now = keeper.clock.now()

    def act(session: Session) -> Occasion:
        row = session.get(Occasion, id)
        if row is None or occasions.ends(row) <= now or row.lifted is not None:
            raise Refused(f"there is no event {id}, or it is over already", hint="see: showup event list")
        row.lifted = now
        session.add(row)
        session.flush()
        session.refresh(row)
        session.expunge(row)
        return row

    row = await keeper.store.write(act)
    await attend(keeper)
    return event_of(keeper, row, now) | {"by": clean(by, 80)}


@service()
async def event(keeper: Keeper, id: int) -> dict[str, Any]:
    """How an event goes, for whoever presents: one word, why, how old the last run is, and plan B."""
    row = await keeper.store.read(lambda session: _row(session, id))
    if row is None:
        raise Refused(f"there is no event {id}", hint="see: showup event list")
    return await present(keeper, row)


def _title(keeper: Keeper, place: str) -> str:
    """What people call a workflow; its key, when it has left the configuration."""
    key, _, environment = place.partition("/")
    known = keeper.catalog.workflows.get(key)
    return title_of(known, environment) if known is not None else place


def _row(session: Session, number: int) -> Occasion | None:
    row = session.get(Occasion, number)
    return row.model_copy() if row is not None else None


async def present(keeper: Keeper, row: Occasion) -> dict[str, Any]:
    """An event and its word of the moment."""
    now = keeper.clock.now()

    def read(session: Session) -> list[str]:
        views = keeper.desk.views(session, now=now)
        return [
            view.subject for view in views if view.subject in row.workflows and view.severity in ("critical", "error")
        ]

    failing = await keeper.store.read(read)
    running = keeper.engine.pulse.began > 0
    tracks = [one for one in keeper.engine.tracks.values() if one.probe.subject in row.workflows]
    titles = {place: _title(keeper, place) for place in row.workflows}
    shown: View = view_of(row, tracks if running else [], failing, now=now, paused=keeper.engine.paused, titles=titles)
    return event_of(keeper, row, now) | {
        "now": f"{moment(now):%H:%M:%S}", "word": shown.word, "why": shown.why,
        "age_seconds": shown.age, "left_seconds": shown.left,
        "workflows_now": [{"name": name, "word": word, "why": why} for name, word, why in shown.parts],
    }  # fmt: skip


def event_of(keeper: Keeper, row: Occasion, now: int) -> dict[str, Any]:
    """An event as JSON."""
    base, people = keeper.catalog.web.base, keeper.catalog.book.people
    end = occasions.ends(row)
    path = f"/event/{event_token(key_in(keeper.folder), row.id or 0)}"
    return {
        "id": row.id,
        "title": row.title or ", ".join(row.workflows),
        "from": when(row.start),
        "until": when(end),
        "state": "over" if end <= now else "now" if row.start <= now else "planned",
        "workflows": list(row.workflows),
        "tell": row.tell,
        "name": people[row.tell].name if row.tell in people else row.tell,
        "plan_b": row.plan_b,
        "go": row.go,
        "checked": when(row.checked),
        "report": row.report or {},
        "address": f"{base}{path}" if base else "",
    }


async def attend(keeper: Keeper) -> None:
    """Let the engine know the events of the next hour."""
    now = keeper.clock.now()
    found = await keeper.store.read(lambda session: attended(occasions.between(session, now, now + HOUR)))
    keeper.engine.attend(found)
