"""A copy is made while the store is used, is whole, and is there under its name only when it is."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from pathlib import Path

import pytest

from monitor.store import queries
from monitor.store.codes import FAIL
from monitor.store.database import Store
from monitor.store.rows import EvidenceRow, Rows
from probes.words.clock import PushedClock
from probes.words.errors import StoreError
from tests.store.conftest import NOON
from tests.store.kit import fill, run_row
from tests.store.test_store import count_runs


async def test_writes_go_on_while_a_copy_is_made_and_are_in_it(file_store: Store, tmp_path: Path) -> None:
    noise = {"noise": os.urandom(30_000).hex()}
    for n in range(600):
        file_store.append(Rows([run_row(NOON + n)], evidence=[EvidenceRow(NOON + n, 1, 1, FAIL, noise)]))
    await file_store.flush()
    target = tmp_path / "far" / "copy.db"
    copying = asyncio.ensure_future(file_store.backup(target))
    waits, during = [], 0
    while not copying.done():
        file_store.append(Rows([run_row(NOON + 10_000 + during)]))
        began = time.monotonic()
        await file_store.write(lambda session: None)
        waits.append(time.monotonic() - began)
        during += not copying.done()
        assert not (target.exists() and not copying.done() and target.stat().st_size == 0)
    assert await copying == target
    assert during >= 2, "writes had their turn"
    assert max(waits) < 1.0
    assert [path.name for path in target.parent.iterdir()] == ["copy.db"]
    with sqlite3.connect(target) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM run").fetchone()[0] >= 600 + during - 1
    copy.close()
    assert target.stat().st_mode & 0o077 == 0, "it holds what only showup's user may read"


async def test_a_store_opened_on_a_copy_goes_on_from_it(file_store: Store, tmp_path: Path, clock: PushedClock) -> None:
    await fill(file_store, Rows([run_row(NOON)]))
    await file_store.write(lambda session: queries.remember(session, "a", 1, now=NOON))
    await file_store.backup(tmp_path / "elsewhere" / "showup.db")
    async with Store.open("", folder=tmp_path / "elsewhere", clock=clock, ballast=0) as restored:
        assert await restored.read(count_runs) == 1
        assert await restored.read(lambda session: queries.read_note(session, "a")) == 1


async def test_a_copy_that_cannot_be_made_says_why_and_leaves_nothing(file_store: Store, tmp_path: Path) -> None:
    await fill(file_store, Rows([run_row(NOON)]))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((StoreError, OSError), match="file"):
        await file_store.backup(tmp_path / "file" / "copy.db")
    assert file_store.broken_since is None
    await file_store.flush()


async def test_postgres_is_copied_by_its_own_tool(postgres_url: str, tmp_path: Path, clock: PushedClock) -> None:
    async with Store.open(postgres_url, folder=tmp_path, clock=clock) as store:
        with pytest.raises(StoreError, match="SQLite") as told:
            await store.backup(tmp_path / "copy.db")
    assert "pg_dump" in told.value.hint
