"""The one thread that has the connection: group commits, durable transactions, reads, and patience with a full disk."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from monitor.store import copies
from monitor.store.ballast import Ballast
from monitor.store.connection import claim, file_of, open_engine, reading
from monitor.store.faults import at_start, gone, is_fault, is_full, is_read_only, tell
from monitor.store.inserts import Inserts, note_repair
from monitor.store.line import Copy, Job, Line, Turn
from monitor.store.migrate import migrate, newest
from monitor.store.rows import Rows
from probes.words.clock import Clock
from probes.words.errors import StoreBroken, StoreError
from probes.words.text import for_log

AGAIN = 1.0  # seconds between tries while nothing can be committed
BALLAST = 60.0  # seconds between looks whether the ballast can be laid in again

log = structlog.get_logger("store")

Outcome = tuple[asyncio.Future[Any], Any, BaseException | None]


class Writer:
    """The store's thread; `line` is where others leave it work."""

    def __init__(self, url: URL, *, folder: Path, clock: Clock, ballast: Ballast) -> None:
        self.line = Line()
        self.ballast = ballast
        self.last_commit = 0
        self.broken_since: int | None = None
        self.trouble: StoreError | None = None
        self.refused = 0
        self._url, self._folder, self._clock = url, folder, clock
        self._file = file_of(url)
        self._where = str(self._file or url.render_as_string())
        self._inode = 0
        self._engine = open_engine(url)
        self._connection: Connection | None = None
        self._inserts: Inserts | None = None
        self._again = 0.0  # when to try again (monotonic), 0 while all is well
        self._look = 0.0  # when to look at the ballast
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Open the database in the thread that will keep it; raises what that raises."""
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, args=(opened,), name="store", daemon=True)
        self._thread.start()
        opened.result()

    def end(self) -> None:
        """Commit what waits, close, and wait for the thread to leave."""
        self.line.end()
        if self._thread is not None:
            self._thread.join()

    # ------------------------------------------------------------------------------------------ in the thread from here

    def _live(self, opened: Future[None]) -> None:
        try:
            self._open(first=True)
        except BaseException as error:  # whatever it is, `begin` raises it
            self._let_go()
            opened.set_exception(at_start(tell(error, self._where)) if is_fault(error) else error)
            return
        opened.set_result(None)
        last = False
        while not last:
            turn = self.line.next(again=self._again)
            last = turn.last
            try:
                self._serve(turn)
            except Exception as error:  # the outermost loop of this thread: it must not end
                log.exception("the store's thread stumbled")
                _settle([(job.future, None, error) for job in [*turn.writes, *turn.reads]])
        self._let_go()

    def _serve(self, turn: Turn) -> None:
        if turn.commit:
            self._commit(turn.appends, turn.writes)
        elif turn.writes:
            self._refuse(turn.writes)
        for job in turn.reads:
            _settle([self._read(job)])
        for copy in turn.copies:
            _settle([self._copy(copy)])
        if time.monotonic() >= self._look:
            self._look = time.monotonic() + BALLAST
            if self.broken_since is None and not self.ballast.aboard and self.ballast.lay_in():
                log.info("the ballast is laid in again")

    def _commit(self, appends: list[Rows], writes: list[Job]) -> None:
        """One transaction for all of it; when the disk is full, once more without the ballast."""
        try:
            try:
                outcomes = self._transact(appends, writes)
            except (DBAPIError, StoreError, OSError) as error:
                if not (is_full(error) and self.ballast.drop()):
                    raise
                log.warning("the disk is full: the ballast is dropped", where=self._where)
                outcomes = self._transact(appends, writes)
        except (DBAPIError, StoreError, OSError) as error:
            self._break(error)
            self.line.put_back(appends)
            self._refuse(writes)
            return
        self.last_commit = self._clock.now()
        if self.broken_since is not None:
            log.info("the store is well again", where=self._where)
            self.broken_since, self.trouble, self._again = None, None, 0.0
        _settle(outcomes)

    def _transact(self, appends: list[Rows], writes: list[Job]) -> list[Outcome]:
        connection = self._ready()
        with connection.begin():
            if self.broken_since is not None:
                note_repair(connection, since=self.broken_since, until=self._clock.now(), why=str(self.trouble))
            self._insert(connection, appends)
            return [_act(connection, job) for job in writes]

    def _insert(self, connection: Connection, appends: Sequence[Rows]) -> None:
        """All at once; when some cannot be stored at all, one by one without those."""
        if not appends or self._inserts is None:
            return
        try:
            with connection.begin_nested():
                self._inserts.write(connection, appends)
        except Exception as error:  # bad values come as many types
            if is_fault(error):
                raise
            if len(appends) > 1:
                for rows in appends:
                    self._insert(connection, [rows])
                return
            self.refused += len(appends[0])
            log.error("rows that cannot be stored are dropped", rows=len(appends[0]), why=for_log(str(error), 300))

    def _refuse(self, writes: Iterable[Job]) -> None:
        trouble = self.trouble or StoreBroken()
        _settle([(job.future, None, type(trouble)(str(trouble), hint=trouble.hint)) for job in writes])

    def _break(self, error: Exception) -> None:
        if self.broken_since is None:
            self.broken_since = self._clock.now()
            log.error("nothing can be committed", why=str(tell(error, self._where)))
        told = tell(error, self._where)
        self.trouble = told if isinstance(told, StoreBroken) else StoreBroken(str(told), hint=told.hint)
        self._again = time.monotonic() + AGAIN
        if self._file is None or (self._connection is not None and self._connection.in_transaction()):
            self._let_go()

    def _read(self, job: Job) -> Outcome:
        try:
            with reading(self._ready()) as connection, Session(connection, expire_on_commit=False) as session:
                return job.future, job.act(session), None
        except BaseException as error:
            if is_read_only(error):
                return (
                    job.future,
                    None,
                    StoreError("a read tried to write", hint="call `write` for what changes anything"),
                )
            return job.future, None, tell(error, self._where) if is_fault(error) else error

    def _copy(self, copy: Copy) -> Outcome:
        try:
            copies.copy(self._ready(), copy.path, between=lambda: self._serve(self.line.now()))
            return copy.future, copy.path, None
        except Exception as error:
            return copy.future, None, tell(error, str(copy.path)) if is_fault(error) else error

    def _ready(self) -> Connection:
        """The connection, opened again when it was lost; raises when the file is not the one we opened."""
        if self._file is not None and self._inode != _inode(self._file):
            raise gone(self._file)
        if self._connection is None:
            self._open(first=False)
        assert self._connection is not None  # noqa: S101 - for the type checker
        return self._connection

    def _open(self, *, first: bool) -> None:
        self._connection = connection = self._engine.connect()
        claim(connection)
        if first:
            migrate(connection, file=self._file, folder=self._folder, now=self._clock.now())
            self.last_commit = newest(connection)
            self.ballast.lay_in()
            self._look = time.monotonic() + BALLAST
        self._inserts = Inserts(connection)
        self._inode = _inode(self._file) if self._file is not None else 0

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.close()
        except Exception as error:  # what cannot even be closed is left to the system
            log.warning("the connection did not close", why=for_log(str(error), 300))
            connection.invalidate()


def _act(connection: Connection, job: Job) -> Outcome:
    """Run one job in a savepoint of its own: what it raises undoes it and nothing else."""
    session = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
    try:
        done = job.act(session)
        session.commit()
        return job.future, done, None
    except BaseException as error:
        if isinstance(error, DBAPIError) and is_fault(error):
            raise
        session.rollback()
        return job.future, None, error
    finally:
        session.close()


def _inode(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return 0


def _settle(outcomes: Sequence[Outcome]) -> None:
    """Hand results to the loops that wait for them, one call a loop."""
    waiting: dict[asyncio.AbstractEventLoop, list[Outcome]] = {}
    for outcome in outcomes:
        waiting.setdefault(outcome[0].get_loop(), []).append(outcome)
    for loop, theirs in waiting.items():
        try:
            loop.call_soon_threadsafe(_hand_over, theirs)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _hand_over(outcomes: Sequence[Outcome]) -> None:
    for future, done, error in outcomes:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(done)
