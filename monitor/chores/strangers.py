"""People whose id at a channel is nobody's there, or no person's: said when it becomes so, not when they are called."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from alerts.signal import Condition
from monitor.engine import signals
from monitor.selfcheck import PATIENCE
from probes.words.errors import DeliveryError

if TYPE_CHECKING:
    from monitor.app import Keeper

CHANNELS = ("slack",)  # those that can be asked
MEMBER = "the id at "  # begins the member of the monitor's incident: the id at slack of ana


async def look(keeper: Keeper) -> None:
    """Tell the monitor's owner, and when it is put right; what cannot be asked now stays as it was told."""
    for name in CHANNELS:
        ask: Any = getattr(keeper.channels.get(name), "strangers", None)
        found: dict[str, str] = {}
        if name in keeper.catalog.book.channels and callable(ask):
            try:
                async with asyncio.timeout(PATIENCE):
                    found = await ask()
            except (DeliveryError, TimeoutError):
                continue  # its self-test tells of it
        await _tell(keeper, name, found)


async def _tell(keeper: Keeper, name: str, found: dict[str, str]) -> None:
    now, beginning = keeper.clock.now(), f"{MEMBER}{name} of "

    def read(session: Session) -> set[str]:
        members = (one.member for one in keeper.desk.open_members(session, signals.MONITOR))
        return {member.removeprefix(beginning) for member in members if member.startswith(beginning)}

    told = await keeper.store.read(read)
    said = {person: (Condition.FAILING, what) for person, what in found.items() if person not in told}
    said |= dict.fromkeys(told - found.keys(), (Condition.PASSING, "it is right now, or gone"))
    for person, (condition, sentence) in said.items():
        keeper.engine.teller.tell(
            signals.of_monitor(keeper.catalog, f"{beginning}{person}", condition, at=now, since=now, sentence=sentence)
        )
