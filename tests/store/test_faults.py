"""Disks fill up, files vanish, folders are read-only: the store says so in a sentence, keeps what it has, and comes
back by itself."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from monitor.store import queries, writer
from monitor.store.database import Store
from monitor.store.rows import EvidenceRow, Rows
from probes.words.clock import PushedClock
from probes.words.errors import StoreBroken, StoreError, StoreLocked
from tests.store.conftest import NOON
from tests.store.test_store import count_runs, passing

KIB, MIB = 1 << 10, 1 << 20


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: what a full disk feels like, without one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store tries again after a fifth of a second instead of a whole one."""
    monkeypatch.setattr(writer, "AGAIN", 0.2)


async def until(holds: Callable[[], bool], *, within: float = 10.0) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, "it never came"
        await asyncio.sleep(0.02)


def heavy(number: int) -> Rows:
    """A run whose evidence takes 60 KB that do not compress."""
    body = {"noise": os.urandom(30 * KIB).hex()}
    return Rows(runs=[passing(number)], evidence=[EvidenceRow(NOON + number, 1, 1, 0, body)])


async def test_while_nothing_can_be_written_it_is_said_and_what_was_appended_waits(
    file_store: Store, clock: PushedClock
) -> None:
    file_store.append(Rows(runs=[passing(0)]))
    await file_store.flush()
    clock.push(5)
    with files_up_to(64 * KIB):
        for number in range(1, 6):
            file_store.append(heavy(number))
        with pytest.raises(StoreBroken, match=r"showup\.db") as told:
            await file_store.write(count_runs)
        assert told.value.hint
        assert file_store.broken_since == NOON + 5
        assert file_store.waiting == 10
        assert await file_store.read(count_runs) == 1, "what is committed can still be read"
    clock.push(7)
    await until(lambda: file_store.broken_since is None)
    assert await file_store.read(count_runs) == 6
    assert file_store.waiting == 0
    outages = await file_store.read(lambda session: queries.read_note(session, "store.broken"))
    assert [(outage["since"], outage["until"]) for outage in outages] == [(NOON + 5, NOON + 12)]
    assert "showup.db" in outages[0]["why"]


async def test_between_two_tries_writes_are_refused_at_once_and_closing_tries_once_more(
    tmp_path: Path, clock: PushedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "AGAIN", 3_600.0)
    store = Store.open("", folder=tmp_path, clock=clock, ballast=0)
    with files_up_to(64 * KIB):
        store.append(heavy(1))
        store.append(heavy(2))
        refused = [await asyncio.gather(store.write(count_runs), return_exceptions=True) for _ in range(20)]
    assert [type(error) for (error,) in refused] == [StoreBroken] * 20
    with pytest.raises(StoreBroken):
        await store.write(count_runs)
    await store.close()
    async with Store.open("", folder=tmp_path, clock=clock, ballast=0) as again:
        assert await again.read(count_runs) == 2


async def test_it_comes_back_by_itself_even_when_nobody_asks(file_store: Store) -> None:
    with files_up_to(64 * KIB), pytest.raises(StoreBroken):
        await file_store.write(lambda session: queries.remember(session, "big", "x" * 200_000, now=NOON))
    assert file_store.broken_since is not None
    assert file_store.trouble is not None
    await until(lambda: file_store.broken_since is None)
    assert file_store.trouble is None


async def test_a_backlog_is_bounded_and_gives_up_evidence_first(
    file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    backlog = file_store._writer.line._backlog
    monkeypatch.setattr(backlog, "_most_rows", 50)
    monkeypatch.setattr(backlog, "_most_evidence", 8)
    with files_up_to(16 * KIB):
        for number in range(100):
            file_store.append(heavy(number))
        with pytest.raises(StoreBroken):
            await file_store.flush()
        assert file_store.waiting <= 50
    await until(lambda: file_store.broken_since is None)
    kept = await file_store.read(lambda session: queries.runs_between(session, NOON, NOON + 10**9))
    assert 40 <= len(kept) <= 50
    assert kept[0].started == passing(99).started, "the newest stay"
    assert file_store.dropped == 200 - len(kept) - await file_store.read(
        lambda session: session.connection().execute(text("SELECT count(*) FROM evidence")).scalar_one()
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MB, in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode != 0:  # no right to mount: a limit on file sizes fills up just the same
        yield place
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


async def test_a_full_disk_costs_the_ballast_and_then_the_store_breaks_and_recovers(
    small_disk: Path, clock: PushedClock
) -> None:
    if not small_disk.is_mount():
        return await _the_same_with_a_limit(small_disk, clock)
    filler = small_disk / "filler"
    async with Store.open("", folder=small_disk, clock=clock, ballast=1 * MIB) as store:
        assert not store.short_of_space
        filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 64 * KIB))
        number = 0
        while not store.short_of_space:  # the ballast is dropped, and the write that needed it succeeds
            number += 1
            store.append(heavy(number))
            await store.flush()
            assert number < 50
        assert store.broken_since is None
        while store.broken_since is None:
            number += 1
            store.append(heavy(number))
            try:
                await store.flush()
            except StoreBroken as error:
                assert "full" in str(error)
            assert number < 100
        assert await store.read(count_runs) == number - 1
        filler.unlink()
        await until(lambda: store.broken_since is None)
        assert await store.read(count_runs) == number
        store._writer._look = 0.0  # a minute later
        await store.flush()
        await until(lambda: not store.short_of_space)


async def _the_same_with_a_limit(folder: Path, clock: PushedClock) -> None:
    async with Store.open("", folder=folder, clock=clock, ballast=1 * MIB) as store:
        with files_up_to(64 * KIB), pytest.raises(StoreBroken):
            store.append(heavy(1))
            store.append(heavy(2))
            await store.flush()
        assert store.short_of_space, "the ballast was tried"
        await until(lambda: store.broken_since is None)
        assert await store.read(count_runs) == 2


async def test_a_full_disk_inside_a_callers_own_statement_is_the_stores_trouble(file_store: Store) -> None:
    def fill(session: Session) -> None:
        for number in range(40):
            queries.remember(session, f"note{number}", "x" * 40_000, now=NOON)
            session.flush()

    with files_up_to(128 * KIB), pytest.raises(StoreBroken):
        await file_store.write(fill)
    assert file_store.broken_since is not None
    await until(lambda: file_store.broken_since is None)
    assert await file_store.read(lambda session: queries.read_note(session, "note0")) is None
    await file_store.write(fill)
    assert await file_store.read(lambda session: queries.read_note(session, "note39")) is not None


async def test_a_database_that_is_moved_away_is_missed_and_welcomed_back(file_store: Store, tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "showup.db", tmp_path / "elsewhere.db"
    file.rename(elsewhere)
    with pytest.raises(StoreBroken, match="moved or deleted") as told:
        await file_store.write(count_runs)
    assert "restart" in told.value.hint
    file_store.append(Rows(runs=[passing(1)]))
    elsewhere.rename(file)
    await until(lambda: file_store.broken_since is None)
    assert await file_store.read(count_runs) == 1


def test_another_program_that_has_the_file_open_is_named_as_the_reason(tmp_path: Path, clock: PushedClock) -> None:
    shell = sqlite3.connect(tmp_path / "showup.db", isolation_level=None)
    shell.execute("CREATE TABLE mine (x)")
    shell.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreLocked, match=r"another program has .*showup\.db open") as told:
        Store.open("", folder=tmp_path, clock=clock, ballast=0)
    assert "sqlite3 shell" in told.value.hint
    shell.close()


async def test_while_it_is_open_no_other_program_gets_in(file_store: Store, tmp_path: Path) -> None:
    shell = sqlite3.connect(tmp_path / "showup.db", timeout=0.1)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        shell.execute("SELECT count(*) FROM run").fetchone()
    shell.close()
    await file_store.flush()


@pytest.mark.parametrize(
    "content", [b"this is no database " * 500, b"SQLite format 3\0" + b"\x10\x00\x02\x02\0@  " + b"\xff" * 8000]
)
def test_a_file_that_is_no_database_is_named(tmp_path: Path, clock: PushedClock, content: bytes) -> None:
    (tmp_path / "showup.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"showup\.db is (not a database|damaged)") as told:
        Store.open("", folder=tmp_path, clock=clock, ballast=0)
    assert "backups" in told.value.hint
    assert (tmp_path / "showup.db").read_bytes() == content, "nothing is made worse"


async def test_a_page_that_was_damaged_is_named_when_it_is_read(tmp_path: Path, clock: PushedClock) -> None:
    async with Store.open("", folder=tmp_path, clock=clock, ballast=0) as store:
        store.append(Rows(runs=[passing(number) for number in range(20_000)]))
    file = tmp_path / "showup.db"
    whole = bytearray(file.read_bytes())
    middle = len(whole) // 2 // 4096 * 4096
    whole[middle : middle + 4096] = b"\xee" * 4096
    file.write_bytes(whole)
    async with Store.open("", folder=tmp_path, clock=clock, ballast=0) as store:
        with pytest.raises(StoreBroken, match="damaged") as told:
            await store.read(lambda session: session.connection().execute(text("SELECT sum(took) FROM run")).scalar())
        assert "backups" in told.value.hint


ANOTHER_USER = """
import os, sys
from pathlib import Path
import monitor.store.database, monitor.store.tables, alembic.command  # while we may still read them
from probes.words.clock import PushedClock
from probes.words.errors import StoreError
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    monitor.store.database.Store.open("", folder=Path(sys.argv[1]), clock=PushedClock(5), ballast=0)
except StoreError as error:
    print(error, "|", error.hint)
"""


def told_to_another_user(folder: Path) -> str:
    """What showup says when it may not write: root may everywhere, so somebody else starts it."""
    command = [sys.executable, "-c", ANOTHER_USER, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that others can see into."""
    folder = Path(tempfile.mkdtemp(prefix="showup-store-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_folder_that_may_not_be_written_is_named(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    told = told_to_another_user(open_folder)
    open_folder.chmod(0o755)
    assert "showup.db cannot be written | let showup's user write" in told


async def test_a_database_that_may_not_be_written_is_named(open_folder: Path, clock: PushedClock) -> None:
    await Store.open("", folder=open_folder, clock=clock, ballast=0).close()
    open_folder.chmod(0o777)
    (open_folder / "showup.db.lock").chmod(0o666)
    (open_folder / "showup.db").chmod(0o444)
    assert "showup.db cannot be written | let showup's user write" in told_to_another_user(open_folder)


async def test_postgres_that_goes_away_is_missed_and_found_again(
    postgres_url: str, tmp_path: Path, clock: PushedClock
) -> None:
    import psycopg

    async with Store.open(postgres_url, folder=tmp_path, clock=clock) as store:
        mine = await store.read(lambda session: session.connection().execute(text("SELECT pg_backend_pid()")).scalar())
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (mine,))
        store.append(Rows(runs=[passing(1)]))
        with pytest.raises(StoreBroken) as told:
            await store.write(count_runs)
        assert "showup goes on by itself" in told.value.hint
        await until(lambda: store.broken_since is None)
        assert await store.read(count_runs) == 1
        with pytest.raises(StoreLocked, match="another showup"):
            Store.open(postgres_url, folder=tmp_path, clock=clock)


def test_a_postgres_that_is_not_there_is_named_without_its_password(tmp_path: Path, clock: PushedClock) -> None:
    with pytest.raises(StoreError) as told:
        Store.open(f"postgresql://me:hunter22@/x?host={tmp_path}", folder=tmp_path, clock=clock)
    assert "hunter22" not in str(told.value) + told.value.hint
    assert str(tmp_path) in str(told.value)


def test_a_showup_that_cannot_start_does_not_say_that_it_goes_on(tmp_path: Path, clock: PushedClock) -> None:
    with files_up_to(4 * KIB), pytest.raises(StoreError) as told:
        Store.open("", folder=tmp_path / "state", clock=clock, ballast=0)
    assert "full" in str(told.value) or "refused" in str(told.value)
    assert "start showup again" in told.value.hint
    assert "by itself" not in told.value.hint
