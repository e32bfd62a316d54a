"""What a database says when it fails, told as a StoreError that says what to do; and which failures are the
storage's own."""

from __future__ import annotations

import errno
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from probes.words.errors import StoreBroken, StoreError, StoreLocked
from probes.words.text import for_log

# PostgreSQL classes: connection, resources, operator, system; and: read-only, serialization failure, deadlock
_CLASSES = ("08", "53", "57", "58")
_STATES = ("25006", "40001", "40P01")


GOES_ON, START_AGAIN = "; showup goes on by itself", ", then start showup again"


@dataclass(frozen=True, slots=True)
class _Fault:
    what: str
    write: str
    full: bool = False


_FAULTS = {
    sqlite3.SQLITE_FULL: _Fault("the disk that holds {where} is full", "free some space there" + GOES_ON, True),
    sqlite3.SQLITE_IOERR: _Fault(
        "the disk refused to read or write {where} ({said})",
        "look at the disk (dmesg, df)" + GOES_ON,
        True,
    ),
    sqlite3.SQLITE_READONLY: _Fault(
        "{where} cannot be written",
        "let showup's user write the file and its folder, and see that the disk is not mounted read-only",
    ),
    sqlite3.SQLITE_PERM: _Fault("{where} may not be used", "let showup's user read and write the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: _Fault(
        "{where} cannot be opened", "see that its folder exists and that showup's user may write in it"
    ),
    sqlite3.SQLITE_BUSY: _Fault(
        "another program has {where} open",
        "close it (an sqlite3 shell, a copy in progress); showup keeps the file to itself",
    ),
    sqlite3.SQLITE_LOCKED: _Fault("{where} is locked", "close the other program that has it open"),
    sqlite3.SQLITE_CORRUPT: _Fault(
        "{where} is damaged", "stop showup, move the file away and put the newest of backups/ in its place"
    ),
    sqlite3.SQLITE_NOTADB: _Fault(
        "{where} is not a database", "move the file away, or put the newest of backups/ in its place"
    ),
    sqlite3.SQLITE_NOMEM: _Fault("there is no memory left to use {where}", "give the machine more memory"),
}
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_ERRNO = {
    errno.ENOSPC: sqlite3.SQLITE_FULL,
    errno.EDQUOT: sqlite3.SQLITE_FULL,
    errno.EROFS: sqlite3.SQLITE_READONLY,
    errno.EACCES: sqlite3.SQLITE_PERM,
    errno.EPERM: sqlite3.SQLITE_PERM,
    errno.EIO: sqlite3.SQLITE_IOERR,
}


def _code(error: BaseException) -> int | None:
    """The primary SQLite code of an error, or None when it is none of the storage's."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", None)
        return code & 0xFF if code is not None and code & 0xFF in _FAULTS else None
    return _ERRNO.get(cause.errno or 0, sqlite3.SQLITE_IOERR) if isinstance(cause, OSError) else None


def _state(error: BaseException) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")


def is_fault(error: BaseException) -> bool:
    """True when the storage failed, so that the same act may succeed later; False for a bug or for bad values."""
    if isinstance(error, StoreError) or _code(error) is not None:
        return True
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _state(error)
    lost = not state and type(getattr(error, "orig", None)).__module__.startswith("psycopg")
    return (
        state[:2] in _CLASSES
        or state in _STATES
        or (lost and type(error).__name__ in {"OperationalError", "InterfaceError"})
    )


def is_full(error: BaseException) -> bool:
    """True when freeing space may help at once."""
    code = _code(error)
    return code is not None and _FAULTS[code].full


def is_read_only(error: BaseException) -> bool:
    """True when something was to be written where nothing may be."""
    return _code(error) == sqlite3.SQLITE_READONLY or _state(error) == "25006"


def tell(error: BaseException, where: str) -> StoreError:
    """The error as a sentence with what to do. `where` is the file, or the database's address without its password."""
    if isinstance(error, StoreError):
        return error
    code = _code(error)
    said = for_log(str(getattr(error, "orig", None) or error), 200)
    if code is None:
        return StoreBroken(f"the database {where} failed: {said}", hint="see that it runs and lets showup in" + GOES_ON)
    fault = _FAULTS[code]
    kind = StoreLocked if code in _LOCKED else StoreBroken
    return kind(fault.what.format(where=where, said=said), hint=fault.write)


def at_start(error: StoreError) -> StoreError:
    """The same, said of a showup that could not start: it does not go on by itself."""
    return type(error)(str(error), hint=error.hint.replace(GOES_ON, START_AGAIN))


def gone(path: Path) -> StoreBroken:
    """The file under our feet is no longer the one that was opened."""
    return StoreBroken(
        f"the database {path} was moved or deleted while showup was running",
        hint="move it back, or restart showup: it then begins a new record (backups are in backups/)",
    )
