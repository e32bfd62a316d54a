"""Pages from memory while the store cannot be written, and what was paged so, written down after the repair."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from alerts.book import Book
from alerts.emergency import Memory
from alerts.message import Channel
from alerts.oncall import Schedules
from alerts.signal import Signal
from monitor.store.database import Store
from probes.words.clock import SystemClock
from probes.words.errors import StoreError

log = structlog.get_logger("showup")

WRITE_DOWN = 5.0  # seconds between tries


@dataclass(slots=True)
class LastResort:
    """`page` for the engine; `run` for as long as the keeper serves."""

    store: Store
    book: Callable[[], Book]
    channels: Mapping[str, Channel]
    clock: SystemClock
    schedules: Schedules | None = None
    memory: Memory = field(default_factory=Memory)

    async def page(self, signal: Signal) -> bool:
        """Tell everybody at once what the store cannot be told; True when a person was reached."""
        why = str(self.store.trouble or "the store cannot be written")
        log.error("paging from memory", subject=signal.subject, member=signal.member, reason=why)
        at = self.clock.now()
        await self.memory.page(
            signal, book=self.book(), channels=self.channels, at=at, why=why, schedules=self.schedules
        )
        return self.memory.reached(signal.subject, at)

    async def run(self) -> None:
        """Write down what was paged, as soon as that is possible."""
        while True:
            await asyncio.sleep(WRITE_DOWN)
            await self.write_down()

    async def write_down(self) -> None:
        """What was paged and belongs to an incident by now goes into its record, and is resolved with it."""
        if not self.memory.sent:
            return
        try:
            done = await self.store.write(lambda session: self.memory.record(session, now=self.clock.now()))
        except StoreError:
            return  # it stays in memory
        self.memory.forget(done)
