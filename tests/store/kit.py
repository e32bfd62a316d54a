"""Rows for tests, and what a query does to get its answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event
from sqlmodel import Session

from monitor.store.codes import pack_phases, state_code
from monitor.store.database import Store
from monitor.store.rows import AttemptRow, EndRow, Rows, RunRow
from probes.words.outcome import State

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def run_row(
    started: int, ledger: int = 1, *, state: State = State.UP, hold: int = 130 * SECOND, result: State | None = None
) -> RunRow:
    """A run of one attempt, with phases."""
    phases = pack_phases((-1, 400, 900, 30_000, 34_000), took=35_000)
    code, ended = state_code(state), state_code(result or state)
    return RunRow(started, ledger, 1_500, 35_000, code, None if code < 2 else 11, hold, phases, 1, ended)


def retried(started: int, ledger: int = 1, *, states: tuple[State, ...]) -> Rows:
    """A run of several attempts, 20 s from start to start."""
    first = run_row(started, ledger, state=states[0], result=State.UNKNOWN)
    attempts = [
        AttemptRow(started, ledger, n, started + (n - 1) * 20 * SECOND, 9_000, state_code(state), None, 130 * SECOND)
        for n, state in enumerate(states[1:], start=2)
    ]
    return Rows([first], attempts, [EndRow(started, ledger, len(states), state_code(states[-1]))])


def explained(session: Session, ask: Callable[[Session], Any]) -> list[str]:
    """How SQLite finds what `ask` asks for: the lines of EXPLAIN QUERY PLAN for each statement it runs."""
    asked: list[tuple[str, Any]] = []
    connection = session.connection()

    def listen(_: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        asked.append((statement, parameters[0] if many else parameters))

    event.listen(connection.engine, "before_cursor_execute", listen)
    try:
        ask(session)
    finally:
        event.remove(connection.engine, "before_cursor_execute", listen)
    raw: Any = connection.connection.dbapi_connection
    lines: list[str] = []
    for statement, parameters in asked:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            lines += [line[3] for line in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    return lines


async def fill(store: Store, rows: Rows) -> None:
    """Append and wait for it."""
    store.append(rows)
    await store.flush()
