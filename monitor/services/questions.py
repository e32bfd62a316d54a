"""What can be asked: status, runs, incidents, the rows behind a number, and who is on call. Nothing here acts."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from alerts import roster, times
from alerts.message import IncidentView
from alerts.tables import Notification
from monitor import selfcheck
from monitor.deadman import outside
from monitor.ledger.uptime import Figures
from monitor.services import partners
from monitor.services.base import length_of, place_named, service, when
from monitor.services.duties import duty_of
from monitor.services.mutes import listed
from monitor.services.providers import providers_of
from monitor.services.rehearsed import rehearsals
from monitor.services.runs import changes_of, run_of
from monitor.status import history
from monitor.status.build import private_pages
from monitor.store.queries.notes import read_note
from probes.words.errors import Refused
from probes.words.units import DAY, SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper

_MOMENTS = ("began", "opened", "paged_at", "acked_at", "resolved_at", "next_at", "spoken_at", "heard_at", "last_good",
            "reported_at")  # fmt: skip
ENDINGS = 10  # in one answer, the soonest


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
    for name in _MOMENTS:
        found[name] = when(found[name])
    found["beside"]["good_at"] = when(found["beside"]["good_at"])
    took = times.took(view.began, view.opened, view.paged_at, view.acked_at, view.resolved_at)
    found["took"] = {name: None if (length := getattr(took, name)) is None else length / SECOND for name in times.NAMES}
    found["events"] = [{**event, "at": when(event["at"])} for event in found["events"]]
    return found


def _message(row: Notification) -> dict[str, Any]:
    return {
        "channel": row.channel,
        "to": row.name or row.target,
        "purpose": row.purpose,
        "error": row.error,
        "since": when(row.created),
    }


@service()
async def status(keeper: Keeper, pages: bool = True) -> dict[str, Any]:
    """One screen: what is wrong since when, who is on call, what was not delivered, and how showup itself is.

    `pages`: also the addresses of private clients' pages, which whoever knows them can read.
    """
    now, catalog, desk = keeper.clock.now(), keeper.catalog, keeper.desk

    def read(session: Session) -> dict[str, Any]:
        record = history.read(session, start=now - 30 * DAY, end=now, now=now)
        workflows = [_workflow(keeper, session, record, place, now) for place in _places(keeper)]
        given = roster.read(session, now=now)
        oncall = {name: duty_of(keeper, given, name, now) for name in catalog.book.rotations}
        late, later = list[dict[str, Any]](), list[dict[str, Any]]()
        for row in desk.undelivered(session):
            if row.state == "pending" and not row.tries and row.due_at > now:  # it waits, and nothing is wrong
                later.append(_message(row) | {"at": when(row.due_at)})
            else:
                late.append(_message(row))
        return {
            "workflows": workflows,
            "incidents": [incident_of(view) for view in desk.views(session, now=now)],
            "providers": providers_of(keeper, record, now),
            "on_call": oncall,
            "undelivered": late,
            "later": later,
            "mutes": [one for one in listed(session, now=now) if one["state"] == "now"] if pages else [],
            "published": read_note(session, "published"),
            "phone_tests": read_note(session, "phone tests") or {},
            "rehearsed": rehearsals(catalog, session, now=now),
            **({"pages": private_pages(session, catalog)} if pages else {}),
        }

    found = await keeper.store.read(read)
    engine = keeper.engine
    found |= {
        "at": when(now),
        "running": engine.pulse.began > 0,
        "health": list(outside(keeper).reasons) if engine.pulse.began else ["the daemon is not running"],
        "config": {"trouble": keeper.config_trouble, "warnings": list(catalog.warnings)},
        "paused": sorted(engine.paused),
        "lateness_ms": {"p50": engine.lateness.quantile(0.5) / 1000, "p99": engine.lateness.quantile(0.99) / 1000,
                        "max": engine.lateness.worst / 1000, "starts": engine.lateness.number},
        "hosts": [asdict(one) for one in keeper.hosts.stats()],
        "endings": await partners.soonest(keeper, now, ENDINGS),
        "headroom": partners.rooms(keeper),
        "certificates": [_certificate(host, ends, now) for host, ends in engine.expiries.soonest()],
        "self_tests": _self_tests(keeper),
        "canary_page": _canary_page(keeper),
        "dead_man": keeper.notes.get("dead_man") or {"configured": bool(catalog.dead_man)},
    }  # fmt: skip
    return found


def _self_tests(keeper: Keeper) -> dict[str, Any]:
    """What each channel said when it was last spoken to."""
    return {
        name: {"at": when(one.at), "ok": one.ok, "said": one.said, "since": when(one.since)}
        for name, one in selfcheck.tests(keeper).items()
    }


def _canary_page(keeper: Keeper) -> dict[str, Any]:
    """The newest canary page and the last good one; what is known of it when it is configured."""
    plan, found = keeper.catalog.canary_page, keeper.notes.get("canary page") or {}
    if plan is None:
        return {"configured": False}
    times = {"at": when(found.get("at")), "good": when(found.get("good")), "next": when(plan.after(keeper.clock.now()))}
    return {"configured": True, "through": plan.through, **found, **times}


def _certificate(host: str, ends: int, now: int) -> dict[str, Any]:
    return {"host": host, "expires": when(ends), "days_left": (ends - now) // DAY}


def _places(keeper: Keeper) -> list[history.Place]:
    watched = [probe for probe in keeper.catalog.probes.values() if probe.scheduled and probe.watches]
    return list(dict.fromkeys((probe.workflow, probe.environment) for probe in watched))


def _workflow(
    keeper: Keeper, session: Session, record: history.Record, place: history.Place, now: int
) -> dict[str, Any]:
    workflow = keeper.catalog.workflows[place[0]]
    spans = record.spans(place)
    probes = []
    watched = {p.name for p in keeper.catalog.probes.values() if (p.workflow, p.environment) == place}
    for number in record.ledgers.get(place, ()):
        if record.names[number] not in watched:  # its history stays, but it no longer fails
            continue
        run = record.newest.get(number)
        probes.append({"name": record.names[number], "last": run_of(run, record.names[number]) if run else None})
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


@service()
async def explain(keeper: Keeper, workflow: str, window: str = "30d") -> dict[str, Any]:
    """The spans and runs behind a number."""
    place, now = place_named(keeper, workflow), keeper.clock.now()
    length = length_of(window)

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
            "corrections": [_corrected(one) for one in record.corrections(place)],
            "changes": changes_of(session, record.ledgers.get(place, ()), record.names, window=found.window),
            "runs": firsts[1],
            "passed_first_try": firsts[0],
            "as_of": when(now),
        }

    return await keeper.store.read(read)


def _corrected(one: history.Corrected) -> dict[str, Any]:
    found = one.correction
    return {
        "start": when(found.start),
        "end": when(found.end),
        "state": str(found.state),
        "probes": list(one.probes),
        "reason": found.reason,
        "author": found.author,
        "made": when(found.made),
    }
