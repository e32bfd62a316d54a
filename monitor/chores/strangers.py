"""People whose id at a channel is nobody's there, or no person's: said when it becomes so, not when they are called."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from monitor.chores.standing import stand
from monitor.selfcheck import PATIENCE
from probes.words.errors import DeliveryError

if TYPE_CHECKING:
    from monitor.app import Keeper

CHANNELS = ("slack",)  # those that can be asked


async def look(keeper: Keeper) -> None:
    """Tell the monitor's owner, and when it is put right; what cannot be asked now stays as it was told."""
    for name in CHANNELS:
        ask: Any = getattr(keeper.channels.get(name), "strangers", None)
        found: dict[str, str] = {}
        if name in keeper.catalog.book.channels and callable(ask):
            try:
                async with asyncio.timeout(PATIENCE):
                    found = {person: one.what for person, one in (await ask()).items()}
            except (DeliveryError, TimeoutError):
                continue  # its self-test tells of it
        await stand(keeper, f"the id at {name} of ", found, mended=lambda person: "it is right now, or gone")
