"""The life of a drill in the keeper: begun, stepped once a second, healed, and measured. Whatever happens, it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog
from sqlmodel import Session, col, select

from alerts import drills
from alerts.signal import Severity
from alerts.tables import Drill, Incident, Occasion
from monitor.config.catalog import Probe
from monitor.config.references import worst_run
from monitor.engine.rehearsal import Staged, ended, member_of
from monitor.engine.signals import DRILL
from monitor.services import proof
from probes.words.errors import DeliveryError, Refused
from probes.words.units import MINUTE, SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.drills")

LIMIT = 15 * MINUTE  # µs that an answer is waited for
LATE_PROOF = 30 * SECOND  # µs after the healing in which a service may still be read back
END = 60 * SECOND  # µs after the healing when a drill is over, whatever still waits
ASK = 10.0  # seconds that a service has to be read back
_ACTS: set[asyncio.Task[Any]] = set()


class Do(StrEnum):
    """What is to be done about a drill now."""

    WAIT = "wait"
    HEAL = "heal"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Stand:
    """How a drill stands, times in µs. `due`: by then its runs should have been made; `noticed`: when it was;
    `staged`: its failure is still being staged; `real`: a real incident of the workflow began meanwhile; `quiet`:
    nothing about it waits to be sent or read back; `up`: this process runs since."""

    began: int
    limit: int
    length: int
    staged: bool
    healed: int | None = None
    due: int = 0
    noticed: int | None = None
    answered: int | None = None
    open: bool = False
    real: str = ""
    quiet: bool = True
    up: int = 0


def move(stand: Stand, *, now: int) -> tuple[Do, str]:
    """What is to be done, and why it was called off, "" when it was not. Pure."""
    if stand.healed is not None:
        over = now >= max(stand.healed, stand.up) + END or (not stand.open and stand.quiet)
        return (Do.FINISH if over else Do.WAIT), ""
    if not stand.staged:
        return Do.HEAL, "showup was started anew in the middle of it"
    if stand.real:
        return Do.HEAL, f"a real failure began meanwhile: {stand.real}"
    if stand.answered is not None and now >= stand.began + stand.length:
        return Do.HEAL, ""
    # an answer is waited for from when there is something to answer
    asked = stand.noticed if stand.noticed is not None else max(stand.began, stand.due)
    return (Do.HEAL if now >= max(asked + stand.limit, stand.began + stand.length) else Do.WAIT), ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What kind of drill: `limit` and `length` in µs; `at_once` does not wait for the next scheduled run."""

    author: str
    urgent: bool = False
    at_once: bool = False
    limit: int = LIMIT
    length: int = 0
    scheduled: str = ""


async def begin(keeper: Keeper, probe: Probe, wanted: Wanted) -> Drill:
    """Stage a failure in a probe's runs; raises Refused while another drill or a real incident of it goes on."""
    now, subject = keeper.clock.now(), f"{probe.workflow}/{probe.environment}"
    workflow = keeper.catalog.workflows[probe.workflow]

    def write(session: Session) -> Drill:
        if why := why_not(session, subject, now=now, planned=bool(wanted.scheduled)):
            raise Refused(why[0], hint=why[1])
        row = Drill(
            public_id=drills.new_id(session, now),
            subject=subject,
            member="",
            urgent=wanted.urgent,
            author=wanted.author,
            scheduled=bool(wanted.scheduled),
            runbook=workflow.runbook,
            began=now,
            injected=now,
            report={
                "probe": probe.id,
                "now": wanted.at_once,
                "due": _due(keeper, probe, now, at_once=wanted.at_once),
                "limit": wanted.limit,
                "length": wanted.length,
                "plan": wanted.scheduled,
            },
        )
        row.member = member_of(probe, row.public_id)
        session.add(row)
        session.flush()
        session.expunge(row)
        return row

    row = await keeper.store.write(write)
    staged = Staged(row.public_id, probe.id, now, urgent=wanted.urgent)
    keeper.engine.rehearsals.stage(staged)
    log.info("a drill began", drill=row.public_id, probe=probe.id, by=wanted.author)
    if wanted.at_once:
        _run(keeper, staged)
    return row


def _due(keeper: Keeper, probe: Probe, now: int, *, at_once: bool) -> int:
    """When the runs that its rule wants should have been made (µs)."""
    track, first = keeper.engine.tracks.get(probe.id), keeper.engine.next_due(probe.id)
    period = worst_run(probe) if at_once or track is None else track.cadence.period
    start = now if at_once or first is None else first
    return start + (probe.confirm[0] - 1) * period + worst_run(probe)


def why_not(session: Session, subject: str, *, now: int, planned: bool) -> tuple[str, str] | None:
    """Why no drill of a subject may begin now, and what to do; None when it may."""
    for row in drills.running(session):
        if row.subject == subject:
            return f"a drill of {subject} goes on: {row.public_id}", f"end it: showup drill stop {row.public_id}"
    if real := _real(session, subject, since=0):
        return f"{subject} has a real incident: {real}", "a drill would only be in the way"
    if planned:
        window = select(Occasion).where(
            col(Occasion.start) <= now, col(Occasion.end) > now, col(Occasion.lifted).is_(None)
        )
        for occasion in session.exec(window).all():
            if subject in occasion.workflows or subject.partition("/")[0] in occasion.workflows:
                return f"{subject} has an event now", "its drill is left out"
    return None


def _real(session: Session, subject: str, *, since: int) -> str:
    """The public id of the workflow's own open incident that pages, begun since then; "" for none."""
    query = select(Incident.public_id).where(
        Incident.subject == subject,
        col(Incident.resolved_at).is_(None),
        col(Incident.paging).is_(True),
        col(Incident.opened) >= since,
    )
    return session.exec(query).first() or ""


def _run(keeper: Keeper, staged: Staged) -> None:
    """One run at once, beside the schedule: another one only when the one before was seen to fail, since each is a real
    request. A run that is going is waited for."""
    track = keeper.engine.tracks.get(staged.probe)
    if track is None or track.running or staged.failing or staged.asked > staged.seen:
        return
    staged.asked += 1
    _spawn(keeper.engine.run_now(staged.probe))


def _spawn(work: Coroutine[Any, Any, Any]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    _ACTS.add(task)
    task.add_done_callback(_ACTS.discard)


async def step(keeper: Keeper, number: str) -> None:
    """Do what is to be done about a drill now."""
    now = keeper.clock.now()
    staged = keeper.engine.rehearsals.get(number)

    def read(session: Session) -> tuple[Drill, Stand, list[tuple[int, str, str]]] | None:
        row = drills.find(session, number)
        if row is None or row.ended is not None:
            return None
        incident = drills.incident_of(session, row, f"{DRILL}{row.subject}")
        loose = drills.unverified(session, incident) if incident is not None else []
        loose = [one for one in loose if getattr(keeper.channels.get(one[1]), "verifies", False)]
        quiet = incident is None or drills.settled(session, incident)
        waits = bool(loose) and (row.healed is None or now < row.healed + LATE_PROOF)
        stand = Stand(
            began=row.began,
            limit=int(row.report.get("limit") or LIMIT),
            length=int(row.report.get("length") or 0),
            staged=staged is not None,
            due=int(row.report.get("due") or 0),
            noticed=incident.opened if incident is not None else None,
            healed=row.healed,
            answered=incident.answered_at if incident is not None else None,
            open=incident is not None and incident.resolved_at is None,
            real=_real(session, row.subject, since=row.began),
            quiet=quiet and not waits,
            up=keeper.engine.pulse.began,
        )
        session.expunge(row)
        return row, stand, loose

    found = await keeper.store.read(read)
    if found is None:
        return
    row, stand, loose = found
    await asyncio.gather(*(verify(keeper, *one) for one in loose))
    act, why = move(stand, now=now)
    if act is Do.HEAL:
        await heal(keeper, row.public_id, why=why)
    elif act is Do.FINISH:
        await finish(keeper, row.public_id)
    elif row.report.get("now") and staged is not None and staged.noticed is None:
        _run(keeper, staged)  # its rule wants more than one run


async def verify(keeper: Keeper, number: int, channel: str, key: str) -> None:
    """Read a page back from its service now, rather than in a minute."""
    try:
        async with asyncio.timeout(ASK):
            found = await keeper.channels[channel].verify(key)
    except (DeliveryError, TimeoutError, KeyError):
        return  # the usual verification goes on
    if found is not None:
        await keeper.store.write(lambda session: drills.verified(session, number, found))


async def heal(keeper: Keeper, number: str, *, why: str = "") -> bool:
    """Nothing fails any more: its incident recovers. `why`: it is called off. False when there was nothing to heal."""
    now, staged = keeper.clock.now(), keeper.engine.rehearsals.heal(number)

    def write(session: Session) -> tuple[str, str] | None:
        row = drills.find(session, number)
        if row is None or row.healed is not None or row.ended is not None:
            return None
        row.healed = now
        seen = {"looked": staged.looked, "seen": staged.seen, "attempts": staged.attempts} if staged else {}
        row.report = {**row.report, **seen, "stopped": why}
        session.add(row)
        return row.subject, row.member

    found = await keeper.store.write(write)
    if found is None:
        return False
    if staged is None or staged.noticed is not None:
        said = why or "the staged failure is over"
        told = ended(keeper.catalog, f"{DRILL}{found[0]}", found[1], at=now, why=said, gone=bool(why))
        keeper.engine.teller.tell(told)
    log.info("a drill was healed", drill=number, why=why or "it is over")
    return True


async def finish(keeper: Keeper, number: str) -> None:
    """Measure what came of it, and keep that."""
    now = keeper.clock.now()

    def write(session: Session) -> None:
        row = drills.find(session, number)
        if row is None or row.ended is not None:
            return
        incident = drills.incident_of(session, row, f"{DRILL}{row.subject}")
        row.incident, row.ended = incident.id if incident is not None else None, now
        found = drills.measured(session, row, incident)
        stopped = str(row.report.get("stopped") or "")
        row.outcome, why = (drills.STOPPED, stopped) if stopped else drills.judged(found)
        row.report = {**row.report, **proof.described(keeper.catalog, row), **found, "why": why}
        session.add(row)

    await keeper.store.write(write)
    keeper.changed.set()


def pages(probe: Probe) -> bool:
    """True for a probe whose failure wakes somebody."""
    return Severity(probe.severity).pages and probe.critical
