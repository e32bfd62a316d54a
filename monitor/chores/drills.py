"""Drills: each that goes on is stepped once a second, and those that are planned begin at their time, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from sqlmodel import Session

from alerts import drills, once
from monitor.services import loose, staging
from monitor.services.drills import choose
from monitor.store.queries.notes import generations, read_note, remember
from probes.words.errors import Refused
from probes.words.units import MINUTE, SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.config.planned import PlannedDrill

log = structlog.get_logger("showup.drills")

LATE = 10 * MINUTE  # µs: a drill that could not begin within this time is left out until its next
NOTE = "drills planned"
PLANS_EVERY = 10 * SECOND


async def look(keeper: Keeper) -> None:
    """Step every drill; begin those that are planned for now."""
    if not keeper.engine.pulse.began:
        return
    now = keeper.clock.now()
    if now - keeper.notes.get(NOTE, 0) >= PLANS_EVERY:
        keeper.notes[NOTE] = now
        since = await _known_since(keeper, now=now)
        for plan in keeper.catalog.drills.values():
            await _plan(keeper, plan, now=now, since=since[_name(plan)])
    await loose.tell_ends(keeper)
    for number in await keeper.store.read(lambda session: [row.public_id for row in drills.running(session)]):
        await staging.step(keeper, number)


def _name(plan: PlannedDrill) -> str:
    """What makes it another plan: what it is about and its times, not how loud it is."""
    return f"{plan.name} {plan.place} {plan.cron} {plan.timezone}"


async def _known_since(keeper: Keeper, *, now: int) -> dict[str, int]:
    """Since when each plan stands in the configuration (µs), over restarts too."""
    names = {_name(plan) for plan in keeper.catalog.drills.values()}

    def read(session: Session) -> tuple[dict[str, int], int]:
        newest = generations(session, limit=1)
        return read_note(session, NOTE) or {}, newest[0][0] if newest else now

    kept, loaded = await keeper.store.read(read)
    known = {name: int(kept.get(name, loaded)) for name in names}
    if known != kept:
        await keeper.store.write(lambda session: remember(session, NOTE, known, now=now))
    return known


async def _plan(keeper: Keeper, plan: PlannedDrill, *, now: int, since: int) -> None:
    due = plan.after(now - LATE)
    if due > now or due < since:  # whoever adds a plan at five past ten expects nothing of ten o'clock
        return
    key = f"drill {plan.name} {due}"

    def take(session: Session) -> bool:
        return once.claim(session, key, now=now)

    if not await keeper.store.write(take):
        return
    try:
        probe = choose(keeper, plan.place, plan.probe)
        soon = keeper.engine.next_due(probe.id)
        at_once = soon is None or soon - now > LATE
        wanted = staging.Wanted(
            f"the plan {plan.name}", urgent=plan.urgent, at_once=at_once, limit=plan.limit, scheduled=plan.name
        )
        await staging.begin(keeper, probe, wanted)
    except Refused as refused:
        log.warning("a planned drill is left out", plan=plan.name, reason=str(refused))
