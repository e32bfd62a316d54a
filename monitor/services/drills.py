"""Drills: begun, ended, listed, and each with its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from alerts import drills as rows
from alerts.tables import Drill
from monitor.config.naming import probe_id, probes_of
from monitor.engine.signals import DRILL
from monitor.services import proof, staging
from monitor.services.base import length_of, service, when
from monitor.services.rehearsed import rehearsals
from probes.words.errors import Refused
from probes.words.text import clean
from probes.words.units import DAY, MINUTE, SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.config.catalog import Catalog, Probe

FAR = 15 * MINUTE  # µs: whoever waits for a run that is farther off is told so first
LONGEST = DAY


@service(acts=True)
async def drill_start(
    keeper: Keeper,
    workflow: str,
    probe: str = "",
    urgent: bool = False,
    now: bool = False,
    limit: str = "15m",
    length: str = "",
    by: str = "",
) -> dict[str, Any]:
    """Stage a failure of a workflow: it is noticed, paged, answered and healed as a real one."""
    if not keeper.engine.pulse.began:
        raise Refused(
            "the daemon does not run, so nothing could be noticed",
            hint="start it: showup run; or rehearse without it: showup drill WORKFLOW --sandbox",
        )
    chosen = choose(keeper, workflow, probe)
    due = keeper.engine.next_due(chosen.id)
    if not now and (due is None or due - keeper.clock.now() > FAR):
        said = f"the next run of {chosen.name} is at {when(due)}" if due else f"{chosen.name} has no next run"
        raise Refused(said, hint="write --now to run it at once")
    longest, lasts = length_of(limit), length_of(length) if length else 0
    if max(longest, lasts) > LONGEST:
        raise Refused("a drill lasts a day at most", hint="write --for 30m")
    author = clean(by, 80) or "somebody"
    wanted = staging.Wanted(author, urgent=urgent, at_once=now, limit=longest, length=lasts)
    row = await staging.begin(keeper, chosen, wanted)
    return {"id": row.public_id, "probe": chosen.id, "due": None if now else when(due), "urgent": urgent}


def choose(keeper: Keeper, workflow: str, probe: str = "") -> Probe:
    """The probe whose failure is staged: the named one, else the one whose next run comes first; raises Refused."""
    catalog, engine = keeper.catalog, keeper.engine
    if probe:
        name = probe_id(f"{workflow}/{probe}" if "/" not in probe else probe, catalog.probes)
        found = [catalog.probes[name]]
    else:
        found = [catalog.probes[name] for name in probes_of(workflow, catalog.probes)]
    can = [one for one in found if one.id in engine.tracks and one.id not in engine.paused and one.heartbeat is None]
    if not can:
        raise Refused(f"no probe of {workflow[:80]} runs by itself", hint="see: showup status")
    loud = [one for one in can if staging.pages(one)]
    if not loud:
        raise Refused(f"no failure of {workflow[:80]} would wake anybody", hint="its probes only warn, or only degrade")
    plain = [one for one in loud if one.golden is None and not one.weighed] or loud
    return min(plain, key=lambda one: (engine.next_due(one.id) or 1 << 62, one.id))


@service(acts=True)
async def drill_stop(keeper: Keeper, id: str = "", by: str = "") -> dict[str, Any]:
    """Call a drill off: it is healed at once. Without an id the only one."""
    running = await keeper.store.read(lambda session: [row.public_id for row in rows.running(session)])
    if not id and len(running) > 1:
        raise Refused("say which drill", hint=f"running: {', '.join(running)}")
    number = id.strip().upper() or (running[0] if running else "")
    if number not in running:
        raise Refused("no such drill goes on" if id else "no drill goes on", hint="see: showup drills")
    healed = await staging.heal(keeper, number, why=f"called off by {clean(by, 80) or 'somebody'}")
    return {"id": number, "healed": healed}


@service()
async def drill(keeper: Keeper, id: str) -> dict[str, Any]:
    """One drill: measured so far, or as it was when it ended."""

    def read(session: Session) -> dict[str, Any] | None:
        row = rows.find(session, id)
        return report(keeper.catalog, session, row) if row is not None else None

    found = await keeper.store.read(read)
    if found is None:
        raise Refused(f"there is no drill {id[:40]}", hint="see: showup drills")
    staged = keeper.engine.rehearsals.get(str(found["id"]))
    if staged is not None:
        due = keeper.engine.next_due(staged.probe)
        found |= {"looked": staged.looked, "seen": staged.seen, "due": due if staged.noticed is None else None}
    return {**found, "now_at": keeper.clock.now()}


def report(catalog: Catalog, session: Session, row: Drill) -> dict[str, Any]:
    """A drill as JSON, times in µs: what was kept when it ended, or what its rows say now."""
    found = dict(row.report)
    if row.ended is None:
        prefix = DRILL if row.kind == rows.DRILL else ""
        incident = rows.incident_of(session, row, f"{prefix}{row.subject}")
        found |= proof.described(catalog, row) | rows.measured(session, row, incident)
    found |= {
        "id": row.public_id,
        "kind": row.kind,
        "subject": row.subject,
        "author": row.author,
        "scheduled": row.scheduled,
        "urgent": row.urgent,
        "runbook": row.runbook,
        "outcome": row.outcome or "running",
        "began": row.began,
        "ended": row.ended,
    }
    found["exercised"] = proof.exercised(found)
    found["left_out"] = proof.left_out(found, urgent=row.urgent)
    return found


@service()
async def drills(keeper: Keeper, limit: int = 50) -> dict[str, Any]:
    """The newest drills, and when each workflow was last rehearsed."""
    now, catalog = keeper.clock.now(), keeper.catalog

    def read(session: Session) -> dict[str, Any]:
        found = rows.newest(session, limit=max(1, min(limit, 500)))
        return {
            "drills": [_line(catalog, session, row) for row in found],
            "rehearsed": rehearsals(catalog, session, now=now),
            "planned": [
                {"name": one.name, "workflow": one.workflow, "next": when(one.after(now))}
                for one in catalog.drills.values()
            ],
        }

    return await keeper.store.read(read)


def _line(catalog: Catalog, session: Session, row: Drill) -> dict[str, Any]:
    found = report(catalog, session, row)
    times = found.get("times") or {}
    seconds = {name: (times[name] - row.began) / SECOND for name in STAGES if times.get(name) is not None}
    return {
        "id": row.public_id,
        "subject": row.subject,
        "began": when(row.began),
        "outcome": row.outcome or "running",
        "why": str(found.get("why") or ""),
        "by": (found.get("answer") or {}).get("by", ""),
        "author": row.author,
        "scheduled": row.scheduled,
        "urgent": row.urgent,
        "seconds": seconds,
    }


STAGES = ("detected", "paged", "acknowledged", "resolved")
