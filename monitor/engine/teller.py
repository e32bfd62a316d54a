"""The way from the engine to alerts: signals in order, committed with the rows they rest on, never lost on the way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from alerts.signal import Condition, Signal
from probes.words.clock import Clock
from probes.words.errors import StoreError
from probes.words.units import SECOND

if TYPE_CHECKING:
    from sqlmodel import Session

EMERGENCY_AFTER = 10 * SECOND  # µs of a store that refuses before we page from memory
EMERGENCY_MOMENT = 20.0  # seconds after which no further signal is paged from memory before the store is tried again
EMERGENCY_AGAIN = 30 * SECOND  # µs until it is tried again where nobody could be reached
RETRY_EVERY = 1.0  # seconds
BATCH = 200  # signals in one transaction
MOMENT = 0.2  # seconds that it may take: the first pages of a storm leave while the others are still told


class Write(Protocol):
    """Runs a function in one durable transaction of the store."""

    def __call__(self, work: Callable[[Session], Any], /) -> Awaitable[Any]: ...


class Teller:
    """Hands signals to alerts inside a store transaction; while the store refuses it keeps them, and pages from memory.

    `receive(session, signal)` is alerts' side and returns the channels that have new work; `woke` is told of them after
    the commit. `emergency(signal)` pages from memory and tells whether a person was reached; until one was, it is tried
    again for those that page.
    """

    def __init__(
        self,
        write: Write,
        receive: Callable[[Any, Signal], set[str]],
        *,
        clock: Clock,
        woke: Callable[[set[str]], None],
        emergency: Callable[[Signal], Awaitable[bool]],
    ) -> None:
        self._write, self._receive, self._clock = write, receive, clock
        self._woke, self._emergency = woke, emergency
        self._waiting: deque[Signal] = deque()
        self._paged: dict[int, int | None] = {}  # ids of waiting signals → when to page from memory again; None: done
        self._rang = asyncio.Event()
        self._one = asyncio.Lock()  # two flushes at once would tell a signal twice and drop another
        self.refused_since = 0  # µs; 0 while the store accepts

    def tell(self, signal: Signal) -> None:
        """Take a signal; it is committed within moments, in the order in which signals came."""
        self._waiting.append(signal)
        self._rang.set()

    @property
    def waiting(self) -> int:
        """How many signals are not committed yet."""
        return len(self._waiting)

    @property
    def untold(self) -> tuple[Signal, ...]:
        """The signals that are not committed yet."""
        return tuple(self._waiting)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._rang.wait()
            self._rang.clear()
            while self._waiting:
                if not await self.flush():
                    await asyncio.sleep(RETRY_EVERY)

    async def flush(self) -> bool:
        """Commit what waits, up to a batch; False when the store refused."""
        async with self._one:
            return await self._flush()

    async def _flush(self) -> bool:
        batch = [self._waiting[number] for number in range(min(BATCH, len(self._waiting)))]
        if not batch:
            return True
        try:
            woken, told = await self._write(lambda session: self._receive_some(session, batch))
        except StoreError:
            self.refused_since = self.refused_since or self._clock.now()
            if self._clock.now() - self.refused_since >= EMERGENCY_AFTER:
                await self._page_from_memory()
            return False
        self.refused_since = 0
        for _ in range(told):
            self._paged.pop(id(self._waiting.popleft()), None)
        self._woke(woken)
        return True

    def _receive_some(self, session: Any, batch: list[Signal]) -> tuple[set[str], int]:
        """Apply those for which there is time; the channels with work, and how many there were."""
        woken: set[str] = set()
        end = self._clock.mono() + MOMENT
        for told, signal in enumerate(batch, 1):
            woken |= self._receive(session, signal)
            if self._clock.mono() >= end:
                return woken, told
        return woken, len(batch)

    async def _page_from_memory(self) -> None:
        end = self._clock.mono() + EMERGENCY_MOMENT
        for signal in list(self._waiting):
            if self._clock.mono() >= end:
                return  # the store is tried again before the others
            pages = signal.severity.pages and signal.condition is not Condition.PASSING
            again = self._paged.get(id(signal), 0)
            if pages and again is not None and again <= self._clock.now():
                reached = await self._emergency(signal)
                self._paged[id(signal)] = None if reached else self._clock.now() + EMERGENCY_AGAIN
