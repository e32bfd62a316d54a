"""A look at the outbox: a page that is due and that nobody sends is a fault of ours, which the outside switch hears."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor import selfcheck

if TYPE_CHECKING:
    from monitor.app import Keeper


async def look(keeper: Keeper) -> None:
    """Count what is stuck."""
    now = keeper.clock.now()
    number = await keeper.store.read(lambda session: selfcheck.stuck(session, now=now))
    keeper.notes[selfcheck.OUTBOX] = {"at": now, "stuck": number}
