"""What waits for the store's thread: appends, transactions, reads and copies, and whose turn it is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import Session

from monitor.store.backlog import Backlog
from monitor.store.rows import Rows
from probes.words.errors import StoreBroken, StoreError

GROUP = 0.2  # seconds from the first append to its commit
BATCH = 20_000  # appends a transaction; a long backlog is committed in parts
TOGETHER = 64  # transactions that share one commit
READS = 32  # reads between two commits
LINE = 10_000  # transactions and reads that may wait; beyond it the store is not keeping up with its callers


@dataclass(slots=True)
class Job:
    """Something to do with a session, and the future that waits for what it returns."""

    act: Callable[[Session], Any]
    future: asyncio.Future[Any]
    writes: bool


@dataclass(slots=True)
class Copy:
    """A copy of the database to make, and the future that waits for it."""

    path: Path
    future: asyncio.Future[Path]


@dataclass(slots=True)
class Turn:
    """What to do next, in this order. `commit`: there is something to commit, or it is time to try again."""

    commit: bool = False
    appends: list[Rows] = field(default_factory=list)
    writes: list[Job] = field(default_factory=list)
    reads: list[Job] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    last: bool = False


class Line:
    """A queue with one consumer. Whatever is put in may come from any thread and never waits."""

    def __init__(self) -> None:
        self._awake = threading.Condition()
        self._backlog = Backlog()
        self._first = 0.0  # when the oldest waiting append was made, monotonic; 0 for none
        self._writes: list[Job] = []
        self._reads: list[Job] = []
        self._copies: list[Copy] = []
        self._ended = False
        self._late = 0

    def append(self, rows: Rows) -> None:
        """Rows for the next commit; after the end they are only counted as dropped."""
        with self._awake:
            if self._ended:
                self._late += len(rows)
                return
            self._backlog.add(rows)
            if not self._first:
                self._first = time.monotonic()
                self._awake.notify()

    def ask(self, job: Job | Copy) -> None:
        """Something that somebody waits for; raises StoreBroken when too many do, StoreError after the end."""
        with self._awake:
            if self._ended:
                raise StoreError("the store is closed")
            if len(self._writes) + len(self._reads) >= LINE:
                raise StoreBroken(
                    "the store does not keep up: too much waits for it", hint="look at the disk's speed and load"
                )
            if isinstance(job, Copy):
                self._copies.append(job)
            else:
                (self._writes if job.writes else self._reads).append(job)
            self._awake.notify()

    def end(self) -> None:
        """Nothing more comes; what waits still has its turn."""
        with self._awake:
            self._ended = True
            self._awake.notify()

    def put_back(self, appends: Iterable[Rows]) -> None:
        """Return appends that could not be committed, before those that came since."""
        with self._awake:
            self._backlog.put_back(appends)
            self._first = self._first or time.monotonic()

    @property
    def waiting(self) -> int:
        """Rows that wait."""
        return self._backlog.rows

    @property
    def dropped(self) -> int:
        """Rows given up because too many waited, or because they came after the end."""
        return self._backlog.dropped + self._late

    def next(self, *, again: float = 0.0) -> Turn:
        """Wait for the next turn. `again`: until then (monotonic) the store is broken, and nothing is taken for a
        commit but to be refused."""
        with self._awake:
            while (pause := self._pause(again)) > 0:
                self._awake.wait(pause)
            return self._take(again)

    def now(self) -> Turn:
        """What could be done at once, copies excepted; used between two slices of a copy."""
        with self._awake:
            turn = self._take(0.0, copies=False)
            turn.last = False
            return turn

    def _pause(self, again: float) -> float:
        """Seconds until there is something to do; 0 when there is."""
        if self._writes or self._reads or self._copies or self._ended:
            return 0.0
        due = again or (self._first + GROUP if self._first else 0.0)
        return max(0.0, due - time.monotonic()) if due else 3600.0

    def _take(self, again: float, *, copies: bool = True) -> Turn:
        trying = not again or time.monotonic() >= again or self._ended
        turn = Turn()
        due = self._first and time.monotonic() >= self._first + GROUP
        if trying and (due or again or self._writes or self._ended):  # a read alone is no reason to commit early
            turn.appends = self._backlog.take(BATCH)
            self._first = time.monotonic() - GROUP if self._backlog else 0.0
        if not trying or not self._backlog:  # what is written comes after all that was appended before it
            turn.writes, self._writes = self._writes[:TOGETHER], self._writes[TOGETHER:]
        turn.reads, self._reads = self._reads[:READS], self._reads[READS:]
        if copies:
            turn.copies, self._copies = self._copies, []
        turn.commit = trying and bool(turn.appends or turn.writes or again)
        turn.last = self._ended and not (self._writes or self._reads or self._copies or len(self._backlog))
        return turn
