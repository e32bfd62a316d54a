"""Staged failures that are over and still open: a kill between the row that says so and its telling loses that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session

from alerts import drills
from monitor.engine.rehearsal import ended
from monitor.engine.signals import CANARY, DRILL

if TYPE_CHECKING:
    from monitor.app import Keeper


async def tell_ends(keeper: Keeper) -> None:
    """Tell the end of every staged failure that is open with nothing staged behind it; twice is as good as once."""
    now, teller = keeper.clock.now(), keeper.engine.teller

    def read(session: Session) -> list[tuple[str, str, str]]:
        mine = {one.member: one.subject for one in keeper.desk.open_members(session, DRILL, CANARY)}
        over = drills.stopped(session, mine) if mine else {}
        return [(mine[member], member, why) for member, why in over.items()]

    told = {one.member for one in teller.untold}
    for subject, member, why in await keeper.store.read(read):
        if member not in told:  # while the store refuses, what waits would only grow
            said = why or "the staged failure is over"
            teller.tell(ended(keeper.catalog, subject, member, at=now, why=said, gone=bool(why)))
