"""Tables and migrations say the same, a database is copied before it is changed, and a change happens whole or not
at all."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

import alerts.tables
import monitor.store.tables
from monitor.store import migrate, revise
from monitor.store.connection import address, claim, open_engine
from monitor.store.copies import KEPT
from monitor.store.database import Store
from probes.words.clock import PushedClock
from tests.store.conftest import NOON

METADATA = alerts.tables.Row.metadata
NOW = migrate.revisions()[-1]  # the newest revision there is


def _later(steps: int) -> str:
    """The revision so many after the newest."""
    return f"{int(NOW) + steps:04}"


async def test_the_migrations_make_exactly_the_tables_of_the_code(store: Store) -> None:
    def compare(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": METADATA})
        return list(compare_metadata(context, METADATA))

    differ = await store.read(lambda session: compare(session.connection()))
    assert differ == [], "write the migration: python -m monitor.store.revise WHAT (--again while it is in no release)"


async def test_keys_and_partial_indexes_are_those_of_the_code(store: Store) -> None:
    """What autogenerate does not compare: primary keys, and the conditions of indexes."""

    def look(connection: Connection) -> dict[str, tuple[list[str], dict[str, bool]]]:
        found = inspect(connection)
        return {
            name: (
                found.get_pk_constraint(name)["constrained_columns"],
                {str(index["name"]): bool(index["unique"]) for index in found.get_indexes(name)},
            )
            for name in found.get_table_names()
            if name != migrate.VERSION_TABLE
        }

    made = await store.read(lambda session: look(session.connection()))
    wanted = {
        name: (
            [column.name for column in table.primary_key.columns],
            {str(index.name): bool(index.unique) for index in table.indexes},
        )
        for name, table in METADATA.tables.items()
    }
    assert {name: keys for name, (keys, _) in made.items()} == {name: keys for name, (keys, _) in wanted.items()}
    for name, (_, indexes) in wanted.items():
        assert indexes.items() <= made[name][1].items(), name


async def test_the_hot_tables_have_no_rowid_and_the_rare_index_its_condition(file_store: Store) -> None:
    def schema(connection: Connection) -> dict[str, str]:
        found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
        return {name: " ".join(sql.split()) for name, sql in found}

    made = await file_store.read(lambda session: schema(session.connection()))
    assert all(made[name].endswith("WITHOUT ROWID") for name in ("run", "attempt", "span", "tally"))
    assert made["ix_run_rare"].endswith(f"WHERE {monitor.store.tables.RARE}")


def test_the_revisions_are_one_line_and_known_without_alembic() -> None:
    config = Config()
    config.set_main_option("script_location", "monitor.store:migrations")
    script = ScriptDirectory.from_config(config)
    assert [revision.revision for revision in script.walk_revisions()][::-1] == list(migrate.revisions())


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Adds a migration after the newest, with this body, as the next showup would bring it."""

    def add(body: str) -> None:
        versions = tmp_path / "migrations" / "versions"
        if not versions.exists():
            import shutil

            shutil.copytree(migrate.VERSIONS.parent, versions.parent, ignore=shutil.ignore_patterns("__pycache__"))
            monkeypatch.setattr(migrate, "VERSIONS", versions)
            monkeypatch.setattr(migrate, "HOME", str(versions.parent))
        last = migrate.revisions()[-1]
        number = f"{int(last) + 1:04}"
        head = f"from alembic import op\nimport sqlalchemy as sa\nrevision = {number!r}\ndown_revision = {last!r}\n"
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (versions / f"{number}_next.py").write_text(f"{head}\ndef upgrade():\n{lines}")

    return add


ADD_COLUMN = """
with op.batch_alter_table("ledger") as table:
    table.add_column(sa.Column("colour", sa.String(), nullable=True))
"""


async def test_before_an_upgrade_the_database_is_copied_and_five_copies_stay(
    tmp_path: Path, clock: PushedClock, next_version: Callable[[str], None]
) -> None:
    folder = tmp_path / "state"
    await Store.open("", folder=folder, clock=clock, ballast=0).close()
    assert not (folder / "backups").exists(), "a new database needs no copy"
    await Store.open("", folder=folder, clock=clock, ballast=0).close()
    assert not (folder / "backups").exists(), "nor does one that is as it should be"
    for _ in range(KEPT + 2):
        clock.push(60_000_000)
        next_version("op.execute('UPDATE note SET at = 1')")
        await Store.open("", folder=folder, clock=clock, ballast=0).close()
    copies = sorted((folder / "backups").iterdir())
    assert len(copies) == KEPT
    assert copies[-1].name == f"showup-20261123T120700Z-{_later(KEPT + 1)}.db"
    with sqlite3.connect(copies[-1]) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == (_later(KEPT + 1),)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()


async def test_an_upgrade_that_fails_half_way_changes_nothing(
    url: str, tmp_path: Path, clock: PushedClock, next_version: Callable[[str], None]
) -> None:
    folder = tmp_path / "state"
    await Store.open(url, folder=folder, clock=clock, ballast=0).close()
    next_version(ADD_COLUMN + "raise ArithmeticError('half way')")
    with pytest.raises(ArithmeticError):
        Store.open(url, folder=folder, clock=clock, ballast=0)
    connection = open_engine(address(url, folder)).connect()
    claim(connection)
    assert migrate.revision_of(connection) == NOW
    assert "colour" not in {column["name"] for column in inspect(connection).get_columns("ledger")}
    connection.close()


async def test_an_upgrade_that_is_killed_half_way_changes_nothing(
    tmp_path: Path, clock: PushedClock, next_version: Callable[[str], None]
) -> None:
    folder = tmp_path / "state"
    async with Store.open("", folder=folder, clock=clock, ballast=0) as store:
        await store.write(lambda session: session.connection().execute(text("INSERT INTO note VALUES ('a', '1', 5)")))
    next_version(ADD_COLUMN + "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    code = f"""
from pathlib import Path
from monitor.store import migrate, revise
from monitor.store.database import Store
from probes.words.clock import PushedClock
migrate.VERSIONS, migrate.HOME = Path({str(migrate.VERSIONS)!r}), {migrate.HOME!r}
Store.open("", folder=Path({str(folder)!r}), clock=PushedClock({NOON}), ballast=0)
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert killed.returncode == -9, killed.stderr
    with sqlite3.connect(folder / "showup.db") as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (NOW,)
        assert "colour" not in {row[1] for row in database.execute("PRAGMA table_info(ledger)")}
        assert database.execute("SELECT key FROM note").fetchall() == [("a",)]
    database.close()


async def test_starting_on_tables_that_are_up_to_date_does_not_load_alembic(tmp_path: Path, clock: PushedClock) -> None:
    await Store.open("", folder=tmp_path, clock=clock, ballast=0).close()
    code = f"""
import asyncio, sys
from pathlib import Path
from monitor.store.database import Store
from probes.words.clock import PushedClock
asyncio.run(Store.open("", folder=Path({str(tmp_path)!r}), clock=PushedClock(5), ballast=0).close())
print("alembic" in sys.modules)
"""
    started = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert started.stdout.strip() == "False"


def test_a_developer_gets_the_next_revision_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, next_version: Callable[[str], None]
) -> None:
    next_version("pass")
    monkeypatch.setattr(revise, "VERSIONS", migrate.VERSIONS)
    monkeypatch.setattr(revise, "HOME", migrate.HOME)
    assert revise.revise("Add a colour!") == _later(2)
    written = (migrate.VERSIONS / f"{_later(2)}_add_a_colour.py").read_text()
    assert f"down_revision = {_later(1)!r}" in written
    assert revise.revise("", again=True) == _later(2)
    assert (migrate.VERSIONS / f"{_later(2)}_add_a_colour.py").read_text() == written
