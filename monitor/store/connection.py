"""The one connection: how it is opened, what begins its transactions, and who else may have it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from probes.words.errors import StoreError, StoreLocked

# SQLite before 3.51.3 can lose commits in WAL when two connections meet, so nobody else is let in: exclusive, for as
# long as we run.
PRAGMAS = (
    "locking_mode=EXCLUSIVE",
    "busy_timeout=1000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "wal_autocheckpoint=2000",  # pages, 8 MB: a page that many commits touch is copied into the file once
    "journal_size_limit=16777216",
    "cache_size=-8192",
    "temp_store=MEMORY",
)
_ADVISORY = 0x73686F777570  # "showup": the lock that the keeper of a PostgreSQL database holds
TRIES, BETWEEN = 20, 0.1  # of PostgreSQL's lock; seconds
_BEGIN = "showup_begin"


def address(url: str, folder: Path) -> URL:
    """The database's address; "" is `showup.db` in the state folder, where a relative path starts too. Raises
    StoreError when it is none we can use."""
    try:
        parsed = make_url(url or f"sqlite:///{folder.absolute() / 'showup.db'}")
    except ArgumentError:
        raise StoreError(
            "the store's address cannot be read",
            hint="write sqlite:////var/lib/showup/showup.db or postgresql://user@host/name",
        ) from None
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        parsed = parsed.set(database=str(folder / parsed.database))  # the same file whatever folder a command is in
    if parsed.drivername not in {"sqlite", "postgresql+psycopg"}:
        raise StoreError(
            f"showup keeps no record in {parsed.drivername}",
            hint="use SQLite (sqlite:///…) or PostgreSQL (postgresql://…)",
        )
    return parsed


def file_of(url: URL) -> Path | None:
    """The SQLite file, or None for PostgreSQL and for a database in memory."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return Path(url.database).absolute()


def open_engine(url: URL) -> Engine:
    """An engine without a pool whose transactions begin as `begin` says."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, poolclass=NullPool)
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return engine
    try:
        return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5, "application_name": "showup"})
    except ModuleNotFoundError:
        raise StoreError("PostgreSQL needs its driver", hint="pip install 'showup[postgres]'") from None


def _prepare(connection: Any, _record: object) -> None:
    """Our own BEGIN instead of the driver's, which would begin at the first write only."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.info.get(_BEGIN, "BEGIN IMMEDIATE"))


def claim(connection: Connection) -> None:
    """Make this connection the only one at its database; raises StoreLocked when another showup was first."""
    if connection.dialect.name == "sqlite":
        with connection.begin():  # in exclusive mode the first write lock is kept until the connection closes
            return
    for _ in range(TRIES):
        with connection.begin():
            if connection.exec_driver_sql("SELECT pg_try_advisory_lock(%s)", (_ADVISORY,)).scalar_one():
                return
        time.sleep(BETWEEN)  # the server may still be taking leave of a showup that has just stopped
    raise StoreLocked(
        f"another showup keeps its record in {connection.engine.url.render_as_string()}",
        hint="stop it first, or give each its own database",
    )


def pragma(connection: Connection, setting: str) -> None:
    """Set a PRAGMA outside any transaction, where those of SQLite that matter take effect; nothing on PostgreSQL."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite" and raw is not None:
        raw.execute(f"PRAGMA {setting}")


@contextmanager
def reading(connection: Connection) -> Iterator[Connection]:
    """A transaction that changes nothing: whatever would be written in it is refused."""
    connection.info[_BEGIN] = "BEGIN"
    try:
        with connection.begin() as transaction:
            if connection.dialect.name == "sqlite":
                pragma(connection, "query_only=ON")
            else:
                connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            try:
                yield connection
            finally:
                transaction.rollback()
    finally:
        connection.info.pop(_BEGIN, None)
        pragma(connection, "query_only=OFF")
