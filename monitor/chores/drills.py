"""Drills: each that goes on is stepped once a second, and those that are planned begin at their time, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from sqlmodel import Session

from alerts import drills, once
from monitor.services import loose, staging
from monitor.services.drills import choose
from probes.words.errors import Refused
from probes.words.units import MINUTE, SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper
    from monitor.config.planned import PlannedDrill

log = structlog.get_logger("showup.drills")

LATE = 10 * MINUTE  # µs: a drill that could not begin within this time is left out until its next
PLANS_EVERY = 10 * SECOND


async def look(keeper: Keeper) -> None:
    """Step every drill; begin those that are planned for now."""
    if not keeper.engine.pulse.began:
        return
    now = keeper.clock.now()
    if now - keeper.notes.get("drills planned", 0) >= PLANS_EVERY:
        keeper.notes["drills planned"] = now
        for plan in keeper.catalog.drills.values():
            await _plan(keeper, plan, now=now)
    await loose.tell_ends(keeper)
    for number in await keeper.store.read(lambda session: [row.public_id for row in drills.running(session)]):
        await staging.step(keeper, number)


async def _plan(keeper: Keeper, plan: PlannedDrill, *, now: int) -> None:
    due = plan.after(now - LATE)
    if due > now:
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
