"""The first run of each ledger, from which its windows begin: for many at once, as all begin on a new machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

import structlog
from sqlmodel import Session

from monitor.store.queries.ledgers import begin_ledgers
from monitor.store.rows import RunRow
from probes.words.errors import StoreError

log = structlog.get_logger("showup.engine")


class Beginnings:
    """Watches what is recorded for the first runs of those ledgers that have none. `write` is the store's."""

    def __init__(self, write: Callable[[Callable[[Session], None]], Awaitable[Any]]) -> None:
        self._write = write
        self._unbegun: set[int] = set()
        self._seen: dict[int, int] = {}
        self._task: asyncio.Task[None] | None = None  # a task that nothing refers to may be collected

    def expect(self, ledgers: Iterable[int]) -> None:
        """These have no first run yet."""
        self._unbegun = set(ledgers)

    def saw(self, runs: Sequence[RunRow]) -> None:
        """Runs were recorded; with none, what could not be noted is tried again."""
        for row in runs:
            if row.ledger in self._unbegun:
                self._unbegun.discard(row.ledger)
                self._seen.setdefault(row.ledger, row.started)  # after a reload one may be expected again
        if self._seen and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._note())

    async def _note(self) -> None:
        """Write down what was seen, and what was seen while that was written."""
        try:
            while self._seen:
                some, self._seen = self._seen, {}
                try:
                    await self._write(partial(begin_ledgers, firsts=some))
                except StoreError as error:  # tried again with the next run, or the next beat
                    log.warning("first runs could not be noted", ledgers=len(some), reason=str(error))
                    self._seen = {**self._seen, **some}
                    return
        finally:
            self._task = None
