"""Every chore by name; each is looked at on its own, and one that fails or hangs holds back no other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

import structlog

from probes.words.errors import StoreError

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.chores")

LONGEST = 120.0  # seconds that one look may take


@dataclass(frozen=True, slots=True)
class Chore:
    """`module.look(keeper)` each `every` seconds; what it does once it claims as a row, so that a look may repeat."""

    module: str
    every: float


CHORES: Mapping[str, Chore] = MappingProxyType(
    {
        "burn": Chore("burn", 60.0),
        "calendars": Chore("calendars", 1_800.0),
        "exposed": Chore("exposed", 5.0),
        "gaps": Chore("gaps", 900.0),
        "handoffs": Chore("handoffs", 5.0),
        "mutes": Chore("mutes", 10.0),
        "events": Chore("events", 1.0),
        "drills": Chore("drills", 1.0),
        "canary": Chore("canary", 2.0),
        "outbox": Chore("outbox", 30.0),
        "selftests": Chore("selftests", 300.0),
        "strangers": Chore("strangers", 900.0),
    }
)


def loops(keeper: Keeper) -> dict[str, Callable[[], Awaitable[None]]]:
    """One loop for each chore, to run until cancelled."""
    return {f"chore {name}": _loop(keeper, name, chore) for name, chore in CHORES.items()}


def _loop(keeper: Keeper, name: str, chore: Chore) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        look: Callable[[Keeper], Awaitable[None]] = import_module(f"monitor.chores.{chore.module}").look
        failed = ""
        while True:
            try:
                async with asyncio.timeout(LONGEST):
                    await look(keeper)
                failed = ""
            except StoreError as error:
                failed = _said(name, failed, f"the store refuses: {error}")
            except Exception as bug:  # the outermost loop of a chore: pages go on without it
                failed = _said(name, failed, f"{type(bug).__name__}: {bug}")
            keeper.notes[f"chore {name}"] = {"at": keeper.clock.now(), "failed": failed}
            await asyncio.sleep(chore.every)

    return run


def _said(name: str, before: str, now: str) -> str:
    if before != now:
        log.error("a chore failed", chore=name, reason=now[:300])
    return now
