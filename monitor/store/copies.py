"""Copies of a database in use, made in slices through its own connection, and how many are kept."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from probes.words.clock import moment
from probes.words.errors import Refused, StoreError

SLICE = 512  # pages, 2 MB: a few milliseconds between two turns of the others
KEPT = 5
KEPT_OF_A_KIND = 7
KINDS = ("daily", "upgrade")


def copy(connection: Connection, path: Path, *, between: Callable[[], None]) -> None:
    """Copy the database to `path`, calling `between` after each slice; what is written meanwhile is in the copy.

    The copy is a single file that any SQLite opens. It appears under its name when it is complete and on the disk.
    Raises StoreError.
    """
    if connection.dialect.name != "sqlite":
        raise StoreError("showup copies SQLite databases only", hint="use pg_dump for PostgreSQL")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    source = connection.connection.dbapi_connection
    assert isinstance(source, sqlite3.Connection)  # noqa: S101 - for the type checker
    target = sqlite3.connect(part, isolation_level=None)
    try:
        os.chmod(part, 0o600)
        source.backup(target, pages=SLICE, progress=lambda _status, left, _total: between() if left else None)
        target.execute("PRAGMA journal_mode=DELETE")
    except BaseException:
        target.close()
        part.unlink(missing_ok=True)
        raise
    target.close()
    _sync(part)
    part.replace(path)
    _sync(path.parent)


def copy_before(connection: Connection, folder: Path, *, revision: str, now: int) -> Path:
    """The copy made before a migration: `showup-DATE-REVISION.db` in `folder`, of which the newest five stay."""
    path = folder / f"showup-{moment(now):%Y%m%dT%H%M%SZ}-{revision}.db"
    copy(connection, path, between=lambda: None)
    for old in sorted(folder.glob("showup-*.db"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return path


def name_of(kind: str, now: int) -> str:
    """The file's name of a copy that was asked for; raises Refused for a kind that is none."""
    if kind not in KINDS:
        raise Refused("there is no such kind of copy", hint=f"write {' or '.join(KINDS)}")
    return f"{kind}-{moment(now):%Y%m%dT%H%M%SZ}.db"


def thin(folder: Path, kind: str) -> None:
    """Keep the newest seven copies of a kind."""
    for old in sorted(folder.glob(f"{kind}-*.db"))[:-KEPT_OF_A_KIND]:
        old.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
