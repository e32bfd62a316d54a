"""Rows of a database, read and never written: one SELECT with bound values, in a read-only transaction, in its time."""

from __future__ import annotations

import asyncio
import math
import re
import sqlite3
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

from probes.tools import Trouble
from probes.tools.dial import resolve
from probes.tools.resolver import Resolver
from probes.words.failure import Failure
from probes.words.text import clean

MOST = 100  # rows
CELL = 20_000  # characters of one value
SCHEMES = ("sqlite", "postgresql", "postgres")
_STEPS = 10_000  # of SQLite's machine between two looks at the clock
_READS = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, getattr(sqlite3, "SQLITE_RECURSIVE", 33)}
)
_PIECE = re.compile(
    r"""(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?P<tag>\$(?:[A-Za-z_]\w*)?\$).*?(?P=tag)|::)"""
    r"""|:(?P<name>[A-Za-z_]\w*)|(?P<mark>[%;])""",
    re.DOTALL,
)
_READING = re.compile(r"\s*(?:select|with|values)\b", re.IGNORECASE)


def pieces(query: str) -> Iterator[tuple[str, str]]:
    """The query as (kind, text): `name` for `:name`, `mark` for % and ;, `text` for everything else."""
    last = 0
    for found in _PIECE.finditer(query):
        if found.start() > last:
            yield "text", query[last : found.start()]
        last = found.end()
        kind = "name" if found["name"] else "mark" if found["mark"] else "text"
        yield kind, found["name"] or found[0]
    if last < len(query):
        yield "text", query[last:]


def named(query: str) -> set[str]:
    """The names that a query binds; raises ValueError when it is more than one SELECT."""
    if not _READING.match(query):
        raise ValueError("it only reads; begin it with SELECT or WITH")
    found = list(pieces(query.strip().removesuffix(";")))
    if ("mark", ";") in found:
        raise ValueError("it is one statement; leave out the ;")
    return {text for kind, text in found if kind == "name"}


def checked(database: str) -> str:
    """The scheme of a database's address; raises ValueError with what to write instead."""
    scheme = database.partition(":")[0].partition("+")[0]
    if scheme not in SCHEMES:
        raise ValueError("write sqlite:////path/file.db or postgresql://user@host/name")
    if scheme == "sqlite":
        if not database.startswith("sqlite:///"):
            raise ValueError("write sqlite:////path/file.db, with the whole path")
        return "sqlite"
    urlsplit(database)
    return "postgresql"


def password_of(database: str) -> str:
    """The password in an address, "" when there is none."""
    try:
        return unquote(urlsplit(database).password or "")
    except ValueError:
        return ""


def where(database: str) -> str:
    """The address for people, without user and password."""
    parts = urlsplit(database)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


async def rows(
    database: str, query: str, values: Mapping[str, Any], *, resolver: Resolver, seconds: float, folder: str = ""
) -> list[dict[str, Any]]:
    """The rows, at most 100, as JSON knows values; raises Trouble, or ValueError for what cannot be asked."""
    wanted = named(query)
    if missing := sorted(wanted - values.keys()):
        raise ValueError(f"nothing is given for :{missing[0]}")
    bound = {name: values[name] for name in wanted}
    if checked(database) == "sqlite":
        file = Path(folder) / database.removeprefix("sqlite:///")
        return await asyncio.to_thread(_of_sqlite, file, query, bound, monotonic() + seconds)
    return await _of_postgresql(database, query, bound, resolver, seconds)


def _of_sqlite(file: Path, query: str, values: Mapping[str, Any], end: float) -> list[dict[str, Any]]:
    name = clean(file.name, 80)
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise Trouble(Failure.CONTRACT_CHANGED, f"{name} is no database file")
        uri = f"{file.absolute().as_uri()}?mode=ro"
        with _closing(sqlite3.connect(uri, uri=True, timeout=max(0.0, end - monotonic()))) as connection:
            connection.set_progress_handler(lambda: monotonic() > end, _STEPS)
            connection.set_authorizer(_only_reads)
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            cursor = connection.execute(query, values)
            names = [str(each[0]) for each in cursor.description or ()]
            return _plain(names, cursor.fetchmany(MOST))
    except OSError as error:
        raise Trouble(Failure.UNREACHABLE, f"{name} cannot be opened: {error.strerror}") from None
    except sqlite3.Error as error:
        raise _of_sqlite_error(error, name, late=monotonic() > end) from None


class _closing:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _only_reads(action: int, *_: object) -> int:
    return sqlite3.SQLITE_OK if action in _READS else sqlite3.SQLITE_DENY


def _of_sqlite_error(error: sqlite3.Error, name: str, *, late: bool) -> Trouble:
    said = clean(str(error), 160)
    if late or "interrupted" in said:
        return Trouble(Failure.TIMEOUT, f"{name} did not answer the query in time")
    if "locked" in said or "busy" in said:
        return Trouble(Failure.TIMEOUT, f"{name} stayed locked: {said}")
    if "unable to open" in said or "disk I/O" in said:
        return Trouble(Failure.UNREACHABLE, f"{name} cannot be opened: {said}")
    if "no such table" in said or "no such column" in said:
        return Trouble(Failure.CONTRACT_CHANGED, f"{name}: {said}")
    if "not a database" in said or "malformed" in said:
        return Trouble(Failure.GARBAGE, f"{name}: {said}")
    return Trouble(Failure.PROBE_BUG, f"{name} does not take the query: {said}")


async def _of_postgresql(
    database: str, query: str, values: Mapping[str, Any], resolver: Resolver, seconds: float
) -> list[dict[str, Any]]:
    try:
        psycopg = await asyncio.to_thread(import_module, "psycopg")
    except ImportError:
        hint = "PostgreSQL needs its driver: pip install 'showup[postgres]'"
        raise Trouble(Failure.MONITOR_FAULT, hint) from None
    parts = urlsplit(database)
    name = clean(parts.hostname or "the database", 80)
    options: dict[str, Any] = {"connect_timeout": max(2, math.ceil(seconds)), "application_name": "showup"}
    if parts.hostname and not parts.hostname.startswith("%2F"):
        options["hostaddr"] = (await resolve(resolver, parts.hostname))[0][1]
    millis = max(1, int(seconds * 1000))
    options["options"] = f"-c default_transaction_read_only=on -c statement_timeout={millis} -c lock_timeout={millis}"
    address = "postgresql:" + database.partition(":")[2]
    connection = None
    try:
        connection = await psycopg.AsyncConnection.connect(address, **options)
        await connection.set_read_only(True)
        cursor = connection.cursor()
        await cursor.execute(_for_psycopg(query), values, prepare=False)
        names = [str(each.name) for each in cursor.description or ()]
        return _plain(names, await cursor.fetchmany(MOST))
    except psycopg.Error as error:
        raise _of_postgresql_error(error, name) from None
    finally:
        if connection is not None:
            await connection.close()


def _for_psycopg(query: str) -> str:
    """`:name` as psycopg has it, every other % doubled; with values the protocol takes one statement only."""
    parts = []
    for kind, text in pieces(query.strip().removesuffix(";")):
        parts.append(f"%({text})s" if kind == "name" else text.replace("%", "%%"))
    return "".join(parts)


def _of_postgresql_error(error: Any, name: str) -> Trouble:
    state, said = str(error.sqlstate or ""), clean(str(error).splitlines()[0] if str(error) else "it failed", 160)
    if state.startswith("28") or state == "42501" or "authentication failed" in said or "no password" in said:
        return Trouble(Failure.AUTH, f"{name} refuses access: {said}")
    if state in ("57014", "55P03"):
        return Trouble(Failure.TIMEOUT, f"{name} did not answer the query in time")
    if state in ("42P01", "42703", "3D000"):
        return Trouble(Failure.CONTRACT_CHANGED, f"{name}: {said}")
    if not state or state.startswith(("08", "57", "53")):
        return Trouble(Failure.UNREACHABLE, f"{name} cannot be asked: {said}")
    return Trouble(Failure.PROBE_BUG, f"{name} does not take the query: {said}")


def _plain(names: list[str], found: Iterable[Iterable[Any]]) -> list[dict[str, Any]]:
    return [{name: _value(value) for name, value in zip(names, row, strict=False)} for row in found]


def _value(value: Any) -> Any:
    """A value as JSON knows it."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)[:CELL].decode("utf-8", "replace")
    if isinstance(value, dict):
        return {str(key): _value(part) for key, part in list(value.items())[:1_000]}
    if isinstance(value, list | tuple):
        return [_value(part) for part in value[:1_000]]
    return str(value)[:CELL]
