"""Who is on call changes hands: by the clock, by an override, by an absence, by another configuration. Both hear it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from alerts import handoffs
from monitor.store.queries.notes import read_note, remember

if TYPE_CHECKING:
    from monitor.app import Keeper

NOTE = "on call"


async def look(keeper: Keeper) -> None:
    """Compare with the last look; what is told is committed with what is remembered, so that it is told once."""
    book, now = keeper.catalog.book, keeper.clock.now()
    if not book.rotations:
        return

    def read(session: Session) -> tuple[dict[str, Any], dict[str, Any]]:
        duties = {name: keeper.desk.on_call(session, name, at=now)[0] for name in book.rotations}
        return duties, read_note(session, NOTE) or {}

    duties, kept = await keeper.store.read(read)
    before = {name: handoffs.Held(str(one.get("person", "")), str(one.get("name", ""))) for name, one in kept.items()}
    found = handoffs.changed(before, duties)
    after = {name: {"person": one.person, "name": one.name} for name, one in
             ((name, handoffs.held(duty)) for name, duty in duties.items())}  # fmt: skip
    if not found and after == kept:
        return

    def keep(session: Session) -> int:
        if (read_note(session, NOTE) or {}) != kept:
            return 0  # somebody else was faster
        remember(session, NOTE, after, now=now)
        return sum(handoffs.tell(session, book, name, *pair, now=now) for name, pair in found.items())

    if await keeper.store.write(keep):
        keeper.dispatcher.wake(set(keeper.channels))
