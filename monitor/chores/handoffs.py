"""Who is on call changes hands: by the clock, by an override, by an absence, by another configuration. Both hear it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from alerts import handoffs, roster
from alerts.oncall import Roster
from monitor.services.partners import soonest
from monitor.store.queries.notes import read_note, remember
from probes.words.clock import micros
from probes.words.units import DAY

if TYPE_CHECKING:
    from monitor.app import Keeper

NOTE = "on call"
SOON, LISTED = 7 * DAY, 5  # what is due in a week is said


async def look(keeper: Keeper) -> None:
    """Compare with the last look; what is told is committed with what is remembered, so that it is told once."""
    book, now = keeper.catalog.book, keeper.clock.now()
    if not book.rotations:
        return

    def read(session: Session) -> tuple[Roster, dict[str, Any]]:
        return roster.read(session, now=now), read_note(session, NOTE) or {}

    changes, kept = await keeper.store.read(read)
    on_call = keeper.desk.climb.on_call(changes)
    duties = {name: on_call.duty(name, now) for name in book.rotations}
    before = {name: handoffs.Held(str(one.get("person", "")), str(one.get("name", ""))) for name, one in kept.items()}
    found = handoffs.changed(before, duties)
    after = {name: {"person": one.person, "name": one.name} for name, one in
             ((name, handoffs.held(duty)) for name, duty in duties.items())}  # fmt: skip
    if not found and after == kept:
        return

    for name, (held, new) in found.items():
        ends = on_call.until(new, name, now)
        found[name] = (held, replace(new, end=ends))
    due = await _due(keeper, now) if found else []

    def keep(session: Session) -> int:
        if (read_note(session, NOTE) or {}) != kept:
            return 0  # somebody else was faster
        remember(session, NOTE, after, now=now)
        return sum(handoffs.tell(session, book, name, *pair, now=now, due=due) for name, pair in found.items())

    if await keeper.store.write(keep):
        keeper.dispatcher.wake(set(keeper.channels))


async def _due(keeper: Keeper, now: int) -> list[str]:
    """What ends within a week: keys, certificates, what partners announced."""
    found = []
    for one in await soonest(keeper, now, LISTED):
        ends = str(one.get("ends"))
        try:
            soon = micros(datetime.fromisoformat(ends)) < now + SOON
        except ValueError:
            continue
        if soon:
            found.append(f"{one.get('kind')} {one.get('name')} ends {ends[:10]}")
    return found
