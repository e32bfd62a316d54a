"""The daily counts as they are written: by the regular count, and by what comes after its day was counted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, case, select
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

import monitor.store.tables  # noqa: F401 - it fills the metadata
from alerts.tables import Row
from monitor.store.codes import ENDS, PASSED, RESULT_BITS, STATES, end_code
from monitor.store.rows import EndRow, RunRow, stored
from probes.words.outcome import State

TALLIED = "tallied"  # the note that says up to when runs are counted (µs)
DAY = 86_400_000_000  # µs
DOWN = STATES[State.DOWN]

_TALLY: Table = Row.metadata.tables["tally"]
_RUN: Table = Row.metadata.tables["run"]
_NOTE: Table = Row.metadata.tables["note"]
_SUMMED = ("runs", "first", "passed", "failed")


def tallied_until(connection: Connection) -> int:
    """Up to when runs are counted (µs), 0 when none are."""
    found = connection.execute(select(_NOTE.c.value).where(_NOTE.c.key == TALLIED)).scalar()
    return found if isinstance(found, int) else int(json.loads(found)) if isinstance(found, str) else 0


def add_counts(connection: Connection, counted: Sequence[dict[str, Any]]) -> None:
    """Add counts (the columns of Tally) to those of their ledger and day."""
    if not counted:
        return
    insert = insert_sqlite if connection.dialect.name == "sqlite" else insert_postgres
    adding = insert(_TALLY)
    summed = {name: _TALLY.c[name] + adding.excluded[name] for name in _SUMMED}
    newer = case((adding.excluded.last > _TALLY.c.last, adding.excluded.last), else_=_TALLY.c.last)
    connection.execute(
        adding.on_conflict_do_update(index_elements=["ledger", "day"], set_={**summed, "last": newer}), counted
    )


def add_late_runs(connection: Connection, runs: Iterable[RunRow]) -> None:
    """Insert runs of a time that is counted already, one by one, and count those that were not there yet."""
    insert = insert_sqlite if connection.dialect.name == "sqlite" else insert_postgres
    for row in runs:
        adding = insert(_RUN).values(stored(row)._asdict()).on_conflict_do_nothing().returning(_RUN.c.ledger)
        if connection.execute(adding).first() is None:
            continue
        counts = {"runs": 1, "first": int(row.state <= PASSED), **_ending(row.result)}
        add_counts(connection, [{"ledger": row.ledger, "day": row.started // DAY, **counts, "last": row.started}])


def end_late_runs(connection: Connection, ends: Iterable[EndRow]) -> None:
    """End runs that were counted while they went on, and put the count right."""
    for row in ends:
        which = (_RUN.c.started == row.started, _RUN.c.ledger == row.ledger)
        code = connection.execute(select(_RUN.c.code).where(*which)).scalar()
        if code is None:
            continue
        ended = code & ENDS | end_code(attempts=row.attempts, result=row.result)
        connection.execute(_RUN.update().where(*which).values(code=ended))
        before, after = _ending(code & RESULT_BITS), _ending(row.result)
        change = {"runs": 0, "first": 0} | {name: after[name] - before[name] for name in after}
        add_counts(connection, [{"ledger": row.ledger, "day": row.started // DAY, **change, "last": row.started}])


def _ending(result: int) -> dict[str, int]:
    """How a run that ended so is counted; unknown is neither."""
    return {"passed": int(result <= PASSED), "failed": int(result == DOWN)}
