"""What commands and the API can ask for: one function each, plain JSON in and out, the same in the keeper and
without it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from alerts.message import IncidentView, Reaction
from alerts.oncall import reach
from alerts.tables import Notification
from monitor.config.naming import probe_id
from monitor.deadman import health
from monitor.ledger.uptime import Figures
from monitor.status import history
from monitor.store.queries import presence
from monitor.store.queries.history import last_runs
from monitor.store.queries.ledgers import find_ledger
from monitor.store.queries.notes import read_note
from monitor.store.queries.proof import evidence_of
from monitor.store.queries.runs import RunView, read_run
from probes.words.clock import moment
from probes.words.errors import Refused
from probes.words.names import nearest, run_key
from probes.words.units import DAY, SECOND, micros_of, parse_duration

if TYPE_CHECKING:
    from monitor.app import Keeper

Service = Callable[..., Awaitable[Any]]
SERVICES: dict[str, Service] = {}
ACTS: set[str] = set()  # those that change something


def service(*, acts: bool = False) -> Callable[[Service], Service]:
    """Make a function reachable by its name."""

    def add(function: Service) -> Service:
        SERVICES[function.__name__] = function
        if acts:
            ACTS.add(function.__name__)
        return function

    return add


def when(at: int | None) -> str | None:
    """ISO 8601 in UTC, or None."""
    return moment(at).isoformat(timespec="seconds") if at is not None else None


def _figures(found: Figures) -> dict[str, Any]:
    return {
        "uptime": None if found.uptime is None else found.uptime / 1000,
        "coverage": None if found.coverage is None else found.coverage / 1000,
        "at_least": None if found.at_least is None else found.at_least / 1000,
        "first_try": None if found.first_try is None else found.first_try / 1000,
        "enough": found.enough,
    }


def incident_of(view: IncidentView) -> dict[str, Any]:
    """An incident as JSON, times in ISO 8601."""
    found = asdict(view)
    for name in ("began", "opened", "paged_at", "acked_at", "resolved_at", "next_at"):
        found[name] = when(found[name])
    found["events"] = [{**event, "at": when(event["at"])} for event in found["events"]]
    return found


def _run(view: RunView, name: str) -> dict[str, Any]:
    return {
        "id": view.id,
        "probe": name,
        "started": when(view.started),
        "lateness_ms": view.lateness / 1000,
        "took_ms": view.took / 1000,
        "state": str(view.result),
        "first_state": str(view.state),
        "failure": str(view.failure or ""),
        "attempts": view.attempts,
        "phases_ms": [length / 1000 for length in view.phases],
    }


@service()
async def status(keeper: Keeper) -> dict[str, Any]:
    """One screen: what is wrong since when, who is on call, what was not delivered, and how showup itself is."""
    now, catalog, desk = keeper.clock.now(), keeper.catalog, keeper.desk

    def read(session: Session) -> dict[str, Any]:
        record = history.read(session, start=now - 30 * DAY, end=now, now=now)
        workflows = [_workflow(keeper, session, record, place, now) for place in _places(keeper)]
        oncall = {name: _duty(keeper, session, name, now) for name in catalog.book.rotations}
        waiting = [
            {
                "channel": row.channel,
                "to": row.name or row.target,
                "purpose": row.purpose,
                "error": row.error,
                "since": when(row.created),
            }
            for row in desk.undelivered(session)
        ]
        return {
            "workflows": workflows,
            "incidents": [incident_of(view) for view in desk.views(session, now=now)],
            "on_call": oncall,
            "undelivered": waiting,
            "published": read_note(session, "published"),
            "phone_tests": read_note(session, "phone tests") or {},
        }

    found = await keeper.store.read(read)
    engine = keeper.engine
    found |= {
        "at": when(now),
        "health": list(health(keeper).reasons) if engine.pulse.began else ["the daemon is not running"],
        "config": {"trouble": keeper.config_trouble, "warnings": list(catalog.warnings)},
        "paused": sorted(engine.paused),
        "lateness_ms": {"p50": engine.lateness.quantile(0.5) / 1000, "p99": engine.lateness.quantile(0.99) / 1000,
                        "max": engine.lateness.worst / 1000, "starts": engine.lateness.number},
        "hosts": [asdict(one) for one in keeper.hosts.stats()],
        "dead_man": keeper.notes.get("dead_man") or {"configured": bool(catalog.dead_man)},
    }  # fmt: skip
    return found


def _places(keeper: Keeper) -> list[history.Place]:
    found = dict.fromkeys(
        (probe.workflow, probe.environment) for probe in keeper.catalog.probes.values() if probe.scheduled
    )
    return list(found)


def _workflow(
    keeper: Keeper, session: Session, record: history.Record, place: history.Place, now: int
) -> dict[str, Any]:
    workflow = keeper.catalog.workflows[place[0]]
    spans = record.spans(place)
    probes = []
    for number in record.ledgers.get(place, ()):
        run = record.newest.get(number)
        probes.append({"name": record.names[number], "last": _run(run, record.names[number]) if run else None})
    known = {probe["name"] for probe in probes}
    return {
        "workflow": place[0],
        "environment": place[1],
        "title": workflow.title,
        "state": str(spans[-1].state) if spans else "unknown",
        "since": when(spans[-1].start) if spans else None,
        "first_run": when(record.since.get(place)),
        "24h": _figures(record.figures(place, now - DAY)),
        "30d": _figures(record.figures(place, now - 30 * DAY)),
        "probes": probes,
        "not_yet": [
            p.name
            for p in keeper.catalog.probes.values()
            if (p.workflow, p.environment) == place and p.name not in known
        ],
    }


def _duty(keeper: Keeper, session: Session, rotation: str, at: int) -> dict[str, Any]:
    now, following = keeper.desk.on_call(session, rotation, at=at)
    people = keeper.catalog.book.people

    def name(key: str | None, given: str) -> str:
        return people[key].name if key is not None and key in people else given

    return {
        "person": now.person,
        "name": name(now.person, now.name) or "nobody",
        "until": when(now.end),
        "source": now.source,
        "reason": now.reason,
        "next": name(following.person, following.name) or "nobody",
    }


def probe_named(keeper: Keeper, name: str) -> str:
    """The full id of a probe named in full or by its last part; raises Refused with the nearest."""
    return probe_id(name, keeper.catalog.probes)


def place_named(keeper: Keeper, name: str) -> history.Place:
    """The (workflow, environment) of `workflow` or `workflow/environment`; raises Refused with the nearest."""
    workflow, _, environment = name.partition("/")
    if workflow not in keeper.catalog.workflows:
        near = nearest(workflow, keeper.catalog.workflows)
        raise Refused(
            f"there is no workflow {workflow}", hint=f"did you mean {near}?" if near else "see: showup status"
        )
    return workflow, environment or "production"


@service()
async def runs(keeper: Keeper, probe: str, limit: int = 20) -> list[dict[str, Any]]:
    """The newest runs of a probe."""
    found = keeper.catalog.probes[probe_named(keeper, probe)]

    def read(session: Session) -> list[dict[str, Any]]:
        number = find_ledger(session, (found.workflow, found.environment, found.name, found.location))
        if number is None:
            return []
        return [_run(view, found.name) for view in last_runs(session, number, limit=max(1, min(limit, 1000)))]

    return await keeper.store.read(read)


@service()
async def run(keeper: Keeper, id: str) -> dict[str, Any]:
    """One run with its evidence."""
    try:
        started, ledger = run_key(id)
    except ValueError:
        raise Refused(f"{id[:40]} is no run id", hint="see: showup runs PROBE") from None

    def read(session: Session) -> dict[str, Any] | None:
        view = read_run(session, started, ledger)
        if view is None:
            return None
        from monitor.store.queries.ledgers import ledgers

        name = next(
            (f"{one.workflow}/{one.environment}/{one.probe}" for one in ledgers(session) if one.id == ledger), ""
        )
        proof = [{"attempt": one.n, **one.body} for one in evidence_of(session, started, ledger)]
        return {**_run(view, name), "evidence": proof}

    found = await keeper.store.read(read)
    if found is None:
        raise Refused(f"there is no run {id[:40]}", hint="see: showup runs PROBE")
    return found


@service()
async def incidents(keeper: Keeper, days: float = 0) -> list[dict[str, Any]]:
    """Open incidents, or all of the last days."""
    now = keeper.clock.now()
    since = now - int(days * DAY) if days else None
    views = await keeper.store.read(lambda session: keeper.desk.views(session, now=now, since=since))
    return [incident_of(view) for view in views]


@service()
async def incident(keeper: Keeper, id: str) -> dict[str, Any]:
    """One incident with its timeline."""
    now = keeper.clock.now()
    view = await keeper.store.read(lambda session: keeper.desk.find(session, id, now=now))
    if view is None:
        raise Refused(f"there is no incident {id[:40]}", hint="see: showup incidents")
    return incident_of(view)


async def _react(keeper: Keeper, action: str, id: str, by: str, via: str) -> dict[str, Any]:
    if not id:
        views = await keeper.store.read(lambda session: keeper.desk.views(session, now=keeper.clock.now()))
        candidates = [view for view in views if view.state == "triggered" or action == "resolve"]
        if len(candidates) != 1:
            names = ", ".join(view.public_id for view in views) or "none is open"
            raise Refused("say which incident", hint=f"open: {names}")
        id = candidates[0].public_id
    answer = await keeper.react(Reaction(action=action, incident=id, by=by or "somebody", via=via))
    return {"accepted": answer.accepted, "text": answer.text}


@service(acts=True)
async def ack(keeper: Keeper, id: str = "", by: str = "", via: str = "the command line") -> dict[str, Any]:
    """Acknowledge an incident; without an id the only open one."""
    return await _react(keeper, "ack", id, by, via)


@service(acts=True)
async def resolve(keeper: Keeper, id: str = "", by: str = "", via: str = "the command line") -> dict[str, Any]:
    """Resolve an incident; while it still fails this counts as an acknowledgement."""
    return await _react(keeper, "resolve", id, by, via)


@service()
async def explain(keeper: Keeper, workflow: str, window: str = "30d") -> dict[str, Any]:
    """The spans and runs behind a number."""
    place, now = place_named(keeper, workflow), keeper.clock.now()
    length = _length(window)

    def read(session: Session) -> dict[str, Any]:
        record = history.read(session, start=now - length, end=now, now=now, places=[place])
        found = record.explain(place)
        if found is None:
            return {"workflow": "/".join(place), "first_run": None, "rows": []}
        firsts = history.firsts(session, record, place, found.window[0])
        rows = [
            {
                "start": when(row.start),
                "end": when(row.end),
                "seconds": row.length / SECOND,
                "state": str(row.state),
                "because": list(row.because),
            }
            for row in found.rows
        ]
        return {
            "workflow": "/".join(place),
            "first_run": when(record.since.get(place)),
            "window": [when(found.window[0]), when(found.window[1])],
            "figures": _figures(record.figures(place, found.window[0], firsts=firsts)),
            "seconds": {name: part / SECOND for name, part in asdict(found.shares).items()},
            "rows": rows,
            "runs": firsts[1],
            "passed_first_try": firsts[0],
            "as_of": when(now),
        }

    return await keeper.store.read(read)


def _length(text: str) -> int:
    try:
        return max(SECOND, micros_of(parse_duration(text)))
    except ValueError as error:
        raise Refused(f"{text[:40]!r} is {error}") from None


@service()
async def oncall(keeper: Keeper, days: int = 28) -> dict[str, Any]:
    """Who is on call in each rotation: now, next, and day by day."""
    now = keeper.clock.now()

    def read(session: Session) -> dict[str, Any]:
        found = {}
        for name in keeper.catalog.book.rotations:
            days_ahead = [
                (now + day * DAY, _duty(keeper, session, name, now + day * DAY)) for day in range(max(1, min(days, 90)))
            ]
            found[name] = {
                **_duty(keeper, session, name, now),
                "days": [{"at": when(at), "name": duty["name"]} for at, duty in days_ahead],
            }
        return found

    return await keeper.store.read(read)


@service(acts=True)
async def override(
    keeper: Keeper, rotation: str, person: str, length: str, start: str = "", by: str = "", reason: str = ""
) -> dict[str, Any]:
    """Let a person take over a rotation for a time."""
    now = keeper.clock.now()
    begins = now + (_length(start) if start else 0)
    row = await keeper.store.write(
        lambda session: keeper.desk.override(
            session,
            rotation,
            person,
            start=begins,
            end=begins + _length(length),
            author=by or "somebody",
            reason=reason,
            now=now,
        ).model_dump()
    )
    return {"rotation": rotation, "person": person, "from": when(row["start"]), "until": when(row["end"])}


@service(acts=True)
async def maintenance(
    keeper: Keeper, workflow: str, length: str, reason: str, start: str = "", by: str = ""
) -> dict[str, Any]:
    """Announce maintenance: probes go on, its time is not counted, and pages are held until it ends."""
    place, now = place_named(keeper, workflow), keeper.clock.now()
    begins = now + (_length(start) if start else 0)
    ends, subject, author = begins + _length(length), "/".join(place), by or "somebody"

    def write(session: Session) -> int | None:
        number = presence.add_window(session, subject, start=begins, end=ends, author=author, reason=reason, now=now)
        keeper.desk.mute(
            session, subject, start=begins, end=ends, author=author, reason=f"maintenance: {reason}", now=now
        )
        return number

    number = await keeper.store.write(write)
    keeper.changed.set()
    return {"id": number, "subject": subject, "from": when(begins), "until": when(ends)}


@service(acts=True)
async def pause(keeper: Keeper, probe: str, resume: bool = False) -> dict[str, Any]:
    """Stop or resume a probe's runs, or all of a workflow's; what is paused is unknown meanwhile."""
    catalog = keeper.catalog
    if not keeper.engine.pulse.began:
        raise Refused("the daemon does not run, so there is nothing to pause", hint="start it: showup run")
    names = [one.id for one in catalog.probes.values() if one.workflow == probe or one.subject == probe]
    names = names or [probe_named(keeper, probe)]
    found = await keeper.engine.pause(names, paused=not resume)
    return {"paused": sorted(found)}


@service(acts=True)
async def notify(keeper: Keeper, person: str, seconds: float = 30.0) -> list[dict[str, Any]]:
    """Send a test on each of a person's channels and wait for each receipt."""
    book, now = keeper.catalog.book, keeper.clock.now()
    if person not in book.people:
        near = nearest(person, book.people)
        raise Refused(
            f"there is no person {person}", hint=f"did you mean {near}?" if near else "see people: in the configuration"
        )
    ways = reach(book.people[person], book=book)
    if not ways:
        raise Refused(f"{book.people[person].name} has no channel", hint='add phone: ["ntfy:${secret:NAME}"]')
    numbers = await keeper.store.write(lambda session: keeper.desk.test_message(session, ways, now=now))
    running = keeper.engine.pulse.began > 0
    keeper.dispatcher.wake({way.channel for way in ways})
    end = keeper.clock.mono() + seconds
    while True:
        if not running:
            for way in ways:
                await keeper.dispatcher.sweep(way.channel, wait=True)
        rows = await keeper.store.read(lambda session: [_told(session, number) for number in numbers])
        settled = all(row["state"] != "sending" and (row["state"] != "pending" or row["tries"]) for row in rows)
        if settled or keeper.clock.mono() > end:
            break
        await asyncio.sleep(0.1)
    if all(row["state"] == "delivered" for row in rows):
        from monitor.store.queries.notes import remember

        def keep(session: Session) -> None:
            tests = {**(read_note(session, "phone tests") or {}), person: when(keeper.clock.now())}
            remember(session, "phone tests", tests, now=keeper.clock.now())

        await keeper.store.write(keep)
    return rows


def _told(session: Session, number: int) -> dict[str, Any]:
    row = session.get(Notification, number)
    if row is None:
        return {"channel": "", "state": "gone", "tries": 1}
    took = (row.delivered_at - row.created) / SECOND if row.delivered_at else None
    receipt: Mapping[str, Any] = row.receipt or {}
    return {
        "channel": row.channel,
        "to": row.target,
        "state": row.state,
        "seconds": took,
        "receipt": str(receipt.get("id", "")),
        "error": row.error,
        "tries": row.tries,
    }


@service(acts=True)
async def publish(keeper: Keeper) -> dict[str, Any]:
    """Make the pages now and put them where they are published."""
    from monitor.status.publisher import publish as put

    return await put(keeper)


@service(acts=True)
async def reload(keeper: Keeper) -> dict[str, Any]:
    """Read the configuration again."""
    trouble = await keeper.reload()
    return {"taken": not trouble, "trouble": trouble}


@service(acts=True)
async def run_now(keeper: Keeper, probe: str) -> dict[str, Any]:
    """Run a scheduled probe at once, for the record."""
    name = probe_named(keeper, probe)
    await keeper.engine.run_now(name)
    await keeper.store.flush()
    return {"probe": name, "last": asdict(last) if (last := keeper.engine.tracks[name].last) else None}


@service(acts=True)
async def backup(keeper: Keeper, kind: str = "daily") -> dict[str, Any]:
    """Copy the database while it is used, to `backups/KIND-TIME.db` in the state folder; seven of a kind are kept."""
    from monitor.store.copies import name_of, thin

    path = keeper.folder / "backups" / name_of(kind, keeper.clock.now())
    await keeper.store.backup(path)
    thin(path.parent, kind)
    return {"path": str(path), "bytes": path.stat().st_size}
