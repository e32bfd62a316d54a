"""The store: opened once, written by one thread, durable when it says so."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from sqlmodel import Session

from monitor.store.ballast import SIZE, Ballast
from monitor.store.connection import address, file_of
from monitor.store.faults import tell
from monitor.store.line import Copy, Job
from monitor.store.lock import LockFile
from monitor.store.rows import Rows
from monitor.store.writer import Writer
from probes.words.clock import Clock
from probes.words.errors import StoreError

T = TypeVar("T")


class Store:
    """The record of everything, behind one connection and one thread.

    What was appended is committed within 250 ms, in order, and before anything written after it. `write` returns when
    its transaction is on the disk. Nothing here ever blocks the event loop.
    """

    def __init__(self, writer: Writer, *, lock: LockFile | None) -> None:
        self._writer = writer
        self._lock = lock

    @classmethod
    def open(cls, url: str, *, folder: Path, clock: Clock, ballast: int = SIZE) -> Store:
        """Open or make the database at `url` ("" is `showup.db` in `folder`), bring its tables up to date, and keep
        others out.

        Takes the lock file, refuses a newer showup's database, makes a copy in `folder`/backups before it changes an
        older one, and lays in the ballast (bytes; 0 for none). Blocks for a moment. Raises StoreLocked, StoreNewer,
        StoreBroken, StoreError.
        """
        where = address(url, folder)
        file = file_of(where)
        lock = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # evidence and unguessable addresses are in it
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                _look(file)
                lock = LockFile.take(file.with_name(file.name + ".lock"), guards=file)
            weight = Ballast(folder / "ballast", size=ballast if file is not None else 0)
            writer = Writer(where, folder=folder, clock=clock, ballast=weight)
            writer.begin()
        except BaseException as error:
            if lock is not None:
                lock.release()
            if isinstance(error, FileNotFoundError | NotADirectoryError | FileExistsError):
                what = f"the state folder {folder} cannot be made: {error.strerror}"
                raise StoreError(what, hint="write --state with a folder that can be made") from None
            if isinstance(error, OSError):
                raise tell(error, str(file or folder)) from None
            raise
        return cls(writer, lock=lock)

    async def write(self, act: Callable[[Session], T]) -> T:
        """Run `act` in one durable transaction, after everything appended before; returns what it returned, once
        committed.

        What `act` raises undoes all it did and is raised here. `act` runs in another thread, uses nothing but its
        session, and may be called again when the disk was full. Giving up waiting undoes nothing. Raises StoreBroken
        when it cannot be committed.
        """
        return await self._ask(act, writes=True)

    async def read(self, look: Callable[[Session], T]) -> T:
        """Run `look` on what is committed and return what it returned: plain values, or rows that are no longer
        attached."""
        return await self._ask(look, writes=False)

    def append(self, rows: Rows) -> None:
        """Leave rows to be committed within 250 ms. Never waits and never fails; see `broken_since` and `dropped`."""
        self._writer.line.append(rows)

    async def flush(self) -> None:
        """Return when everything appended so far is on the disk; raises StoreBroken when it cannot be."""
        await self._ask(lambda session: None, writes=True)

    async def backup(self, path: Path) -> Path:
        """Copy the whole database to `path` while it is being used; the copy appears complete or not at all. SQLite
        only."""
        future: asyncio.Future[Path] = asyncio.get_running_loop().create_future()
        self._writer.line.ask(Copy(path, future))
        return await future

    async def close(self) -> None:
        """Commit what waits, close the database and let the next one in."""
        try:
            await asyncio.to_thread(self._writer.end)
        finally:
            if self._lock is not None:
                self._lock.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def last_commit(self) -> int:
        """When something was last committed (µs); at first the newest instant in the record, 0 when it is empty."""
        return self._writer.last_commit

    @property
    def broken_since(self) -> int | None:
        """Since when nothing can be committed (µs), or None while all is well."""
        return self._writer.broken_since

    @property
    def trouble(self) -> StoreError | None:
        """Why nothing can be committed, while `broken_since` is set."""
        return self._writer.trouble

    @property
    def waiting(self) -> int:
        """How many appended rows are not yet committed."""
        return self._writer.line.waiting

    @property
    def dropped(self) -> int:
        """How many appended rows were given up since the start: the backlog was full, or they could not be stored at
        all."""
        return self._writer.line.dropped + self._writer.refused

    @property
    def short_of_space(self) -> bool:
        """True when the ballast was dropped or could not be laid in: the disk is nearly full."""
        return not self._writer.ballast.aboard

    async def _ask(self, act: Callable[[Session], T], *, writes: bool) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.line.ask(Job(act, future, writes))
        return await future


def _look(file: Path) -> None:
    """Raise PermissionError when the file is there and may not be written, which SQLite would tell less clearly."""
    for path in (file, file.parent):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EROFS, "may not be written", str(path))
