"""Bringing the tables up to date: which revision they have, which there are, and alembic only when the two differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import structlog
from sqlalchemy import Connection, inspect, text

from monitor.store.connection import pragma
from monitor.store.copies import copy_before
from probes.words.errors import StoreNewer
from probes.words.text import clean

VERSIONS = Path(__file__).parent / "migrations" / "versions"
HOME = "monitor.store:migrations"  # where alembic finds env.py
VERSION_TABLE = "alembic_version"

log = structlog.get_logger("store")


def revisions() -> Sequence[str]:
    """Every revision we know, oldest first: the numbers that the files in migrations/versions begin with."""
    return sorted(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables, or None for an empty database."""
    with connection.begin():
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return None if found is None else str(found)


def migrate(connection: Connection, *, file: Path | None, folder: Path, now: int) -> None:
    """Make or update the tables in one transaction, after a copy of what is there; raises StoreNewer for a revision
    we do not know."""
    known, found = revisions(), revision_of(connection)
    if found == known[-1]:
        return
    if found is not None and found not in known:
        raise StoreNewer(
            f"the database was written by a newer showup: revision {clean(found, 40)}, and this one knows {known[-1]}",
            hint="install that version again, or open the copy made before its upgrade, in backups/",
        )
    if found is not None and file is not None:
        path = copy_before(connection, folder / "backups", revision=found, now=now)
        log.info("the database was copied before its upgrade", to=str(path))
    _upgrade(connection)


def newest(connection: Connection) -> int:
    """The newest instant in the record (µs), 0 when it is empty: our clock must not run behind it."""
    with connection.begin():
        found = connection.execute(
            text(
                "SELECT (SELECT max(started) FROM run), (SELECT started FROM attempt ORDER BY run DESC LIMIT 1), "
                '(SELECT max("end") FROM alive), (SELECT max(at) FROM note)'
            )
        ).one()
    return max((int(at) for at in found if at is not None), default=0)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", HOME)
    config.attributes["connection"] = connection
    pragma(connection, "foreign_keys=OFF")  # a table that is copied and renamed would take what refers to it along
    try:
        with connection.begin():
            command.upgrade(config, "head")
    finally:
        pragma(connection, "foreign_keys=ON")
