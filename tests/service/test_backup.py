"""Copies of the database: by the daemon that runs, and from the file when none does."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from monitor import services
from monitor.app import Keeper
from monitor.assembly import build
from monitor.places import SOCKET
from monitor.service.backup import copy, copy_file, main
from monitor.store.copies import KEPT_OF_A_KIND, name_of
from monitor.web.app import private_app
from probes.words.errors import Refused, StoreLocked
from tests.service.kit import KEY, config_text
from tests.service.machine import NIGHT


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOOK", KEY)
    monkeypatch.setenv("FIRST", "first-rings")
    (tmp_path / "showup.yaml").write_text(config_text("https://hook.example.com"))
    return tmp_path / "showup.yaml"


@pytest.fixture
async def keeper(config: Path, tmp_path: Path) -> AsyncIterator[Keeper]:
    """A keeper with its store open; nothing of it runs."""
    keeper = await build(config, folder=tmp_path / "state")
    yield keeper
    for channel in keeper.channels.values():
        await channel.close()
    await keeper.store.close()


def is_whole(path: Path) -> bool:
    """True when any SQLite can open it and it holds our tables."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
        return "run" in tables and database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        database.close()


async def test_the_running_daemon_makes_the_copy_over_its_socket(keeper: Keeper, config: Path) -> None:
    place = keeper.folder / SOCKET
    server = uvicorn.Server(uvicorn.Config(private_app(keeper), uds=str(place), log_level="critical", lifespan="off"))
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    for _ in range(500):
        if server.started:
            break
        await asyncio.sleep(0.01)
    try:
        path = await asyncio.to_thread(copy, keeper.folder, "daily", environ={"SHOWUP_CONFIG": str(config)})
    finally:
        server.should_exit = True
        await task
    assert path is not None and is_whole(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (keeper.folder / "last-good" / "showup.yaml").read_text() == config.read_text()


async def test_seven_copies_of_a_kind_stay(keeper: Keeper) -> None:
    folder = keeper.folder / "backups"
    folder.mkdir()
    for hour in range(12):
        (folder / name_of("daily", NIGHT - 10**10 * (hour + 1))).write_text("")
    (folder / name_of("upgrade", NIGHT)).write_text("")
    found = await services.backup(keeper)
    left = sorted(folder.glob("daily-*.db"))
    assert (len(left), str(left[-1])) == (KEPT_OF_A_KIND, found["path"])
    assert len(list(folder.glob("upgrade-*.db"))) == 1


async def test_a_kind_is_a_word_and_no_path(keeper: Keeper) -> None:
    with pytest.raises(Refused):
        await services.backup(keeper, kind="../../etc/cron.d/x")


async def test_while_a_daemon_has_the_file_nobody_else_copies_it(keeper: Keeper) -> None:
    with pytest.raises(StoreLocked):
        await asyncio.to_thread(copy_file, keeper.folder, "daily")


async def test_without_a_daemon_the_file_is_copied(config: Path, tmp_path: Path) -> None:
    keeper = await build(config, folder=tmp_path / "state")
    await keeper.store.close()
    path = await asyncio.to_thread(copy_file, tmp_path / "state", "daily")
    assert is_whole(path)
    assert is_whole(await asyncio.to_thread(copy_file, tmp_path / "state", "upgrade"))  # the lock was given back


def test_where_no_record_is_there_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"STATE_DIRECTORY": str(tmp_path), "SHOWUP_CONFIG": str(tmp_path / "none.yaml")}
    assert main([], environ) == 3
    assert "there is no database" in capsys.readouterr().err


async def test_a_record_elsewhere_is_copied_whoever_can_be_told(config: Path, tmp_path: Path) -> None:
    """The address hangs on no policy that reaches somebody; a relative one starts in the state folder."""
    config.write_text(config.read_text() + "store: sqlite:///mine/record.db\n")
    state = tmp_path / "state"
    keeper = await build(config, folder=state)
    await keeper.store.close()
    config.write_text(config.read_text().replace("monitor: {policy: wake-us}", ""))
    assert (state / "mine" / "record.db").exists()
    path = await asyncio.to_thread(copy, state, "daily", environ={"SHOWUP_CONFIG": str(config)})
    assert path is not None and is_whole(path)


def test_a_record_in_postgresql_is_for_others_to_copy_and_no_failure(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text() + "store: postgresql://showup@db.example.com/showup\n")
    (tmp_path / "state").mkdir()
    assert main([], {"STATE_DIRECTORY": str(tmp_path / "state"), "SHOWUP_CONFIG": str(config)}) == 0
    assert "pg_dump" in capsys.readouterr().out
    assert (tmp_path / "state" / "last-good" / "showup.yaml").read_text() == config.read_text()
