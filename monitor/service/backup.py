"""A copy of the database: `python -I -m monitor.service.backup`, by the running daemon, else from the file itself.

The daemon holds the only connection, so while it runs it makes the copy. While it does not, the lock file is taken
for the moment of the copy, and nothing is migrated.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from monitor import client
from monitor.config.load import find
from monitor.places import state_folder
from monitor.service.contacts import LAST_GOOD, first_of, keep_last_good
from monitor.service.record import record_of
from probes.words.clock import SystemClock
from probes.words.errors import ConfigError, ShowupError, StoreError


def main(argv: Sequence[str] = tuple(sys.argv[1:]), environ: Mapping[str, str] = os.environ) -> int:
    """0 with the copy's path on standard output, or when the record is in a database that others copy; 3 with a
    sentence."""
    kind = argv[0] if argv else "daily"
    try:
        path = copy(state_folder(environ), kind, environ=environ)
        print(path or "showup: the record is in PostgreSQL; copy it with pg_dump")  # noqa: T201 - the answer
    except (ShowupError, OSError) as error:
        hint = getattr(error, "hint", "")
        print(f"showup: no copy was made: {error}{hint and f'; {hint}'}", file=sys.stderr)  # noqa: T201
        return 3
    return 0


def copy(state: Path, kind: str, *, environ: Mapping[str, str]) -> Path | None:
    """The new copy, None for PostgreSQL; also keeps the configuration as it is, when it reaches somebody. Raises
    ShowupError, OSError."""
    last = state / LAST_GOOD
    try:
        places = [find(None, environ=environ), last]
    except ConfigError:
        places = [last]
    contacts = first_of(places)
    if contacts is not None:
        keep_last_good(state, contacts.files)
    record = record_of(places, state)
    if record.file is None:
        return None
    if client.alive(state):
        return Path(client.call("backup", folder=state, kind=kind)["path"])
    return copy_file(state, kind, store=record.url)


def copy_file(state: Path, kind: str, *, store: str = "") -> Path:
    """A copy made while no daemon runs, under the lock; raises StoreLocked, StoreError."""
    from monitor.store.connection import address, file_of, open_engine
    from monitor.store.copies import copy as copy_database
    from monitor.store.copies import name_of, thin
    from monitor.store.lock import LockFile

    file = file_of(address(store, state))
    if file is None:
        raise StoreError("showup copies SQLite databases only", hint="use pg_dump for PostgreSQL")
    if not file.exists():
        raise StoreError(f"there is no database at {file}", hint="start showup once")
    path = state / "backups" / name_of(kind, SystemClock().now())
    lock = LockFile.take(file.with_name(file.name + ".lock"), guards=file)
    engine = open_engine(address(store, state))
    try:
        with engine.connect() as connection:
            copy_database(connection, path, between=lambda: None)
    finally:
        engine.dispose()
        lock.release()
    thin(path.parent, kind)
    return path


if __name__ == "__main__":
    raise SystemExit(main())
