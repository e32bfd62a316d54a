"""The hot path's statements: one executemany a table for everything that was appended since the last commit."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from monitor.store.codes import ENDS, GOOD, end_code
from monitor.store.rows import AttemptRow, ChangedRow, EndRow, EvidenceRow, Rows, ScoreRow, SpanRow, StoredRun, stored
from monitor.store.tallies import add_late_runs, end_late_runs, tallied_until

_TABLES: tuple[tuple[str, type[NamedTuple]], ...] = (
    ("run", StoredRun),
    ("attempt", AttemptRow),
    ("span", SpanRow),
    ("evidence", EvidenceRow),
    ("changed", ChangedRow),
    ("score", ScoreRow),
)


class Inserts:
    """The statements in the words of one database. A row that is there already is left as it is, so that trying
    again is harmless."""

    def __init__(self, connection: Connection) -> None:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        quote = connection.dialect.identifier_preparer.quote
        self._into = {
            name: f"INSERT INTO {quote(name)} ({', '.join(map(quote, row._fields))}) "  # noqa: S608 - our own names
            f"VALUES ({', '.join([mark] * len(row._fields))}) ON CONFLICT DO NOTHING"
            for name, row in _TABLES
        }
        self._end = f"UPDATE run SET code = code & {ENDS} | {mark} WHERE started = {mark} AND ledger = {mark}"  # noqa: S608
        self._spend = (
            f"INSERT INTO spend (provider, day, unit, amount) VALUES ({', '.join([mark] * 4)}) "  # noqa: S608
            "ON CONFLICT (provider, day, unit) DO UPDATE SET amount = spend.amount + excluded.amount"
        )
        self._worn = f"DELETE FROM evidence WHERE ledger = {mark} AND kind = {GOOD} AND started < {mark}"  # noqa: S608

    def write(self, connection: Connection, appends: Sequence[Rows]) -> None:
        """Insert everything, in the order runs, attempts, ends, spans, evidence, inside the caller's transaction."""
        run = connection.exec_driver_sql
        runs = [row for rows in appends for row in rows.runs]
        ends = [row for rows in appends for row in rows.ends]
        until = tallied_until(connection) if runs or ends else 0
        if runs and min(row.started for row in runs) < until:
            add_late_runs(connection, [row for row in runs if row.started < until])
            runs = [row for row in runs if row.started >= until]
        if runs:
            run(self._into["run"], list(map(stored, runs)))
        if attempts := [row for rows in appends for row in rows.attempts]:
            run(self._into["attempt"], attempts)
        end_late_runs(connection, [row for row in ends if row.started < until])
        if ended := [_ended(row) for row in ends if row.started >= until]:
            run(self._end, ended)
        if spans := [row for rows in appends for row in rows.spans]:
            run(self._into["span"], spans)
        if changes := [row for rows in appends for row in rows.changes]:
            run(self._into["changed"], changes)
        if scores := [row for rows in appends for row in rows.scores]:
            run(self._into["score"], scores)
        if spends := _summed(appends):
            run(self._spend, spends)
        if evidence := [row for rows in appends for row in rows.evidence]:
            self._write_evidence(connection, evidence)

    def _write_evidence(self, connection: Connection, evidence: Sequence[EvidenceRow]) -> None:
        if worn := [(row.ledger, row.started) for row in evidence if row.kind == GOOD]:
            connection.exec_driver_sql(self._worn, worn)
        packed = [(row.started, row.ledger, row.n, row.kind, pack_evidence(row.body)) for row in evidence]
        connection.exec_driver_sql(self._into["evidence"], packed)


def _summed(appends: Sequence[Rows]) -> list[tuple[str, int, str, float]]:
    """What is added to each account, several entries of one transaction put together."""
    sums: dict[tuple[str, int, str], float] = {}
    for provider, day, unit, amount in (entry for rows in appends for entry in rows.spends):
        sums[provider, day, unit] = sums.get((provider, day, unit), 0.0) + amount
    return [(*key, amount) for key, amount in sums.items() if amount]


def _ended(row: EndRow) -> tuple[int, int, int]:
    return end_code(attempts=row.attempts, result=row.result), row.started, row.ledger


def pack_evidence(body: Any) -> bytes:
    """JSON under zlib; what JSON cannot say is kept as its text."""
    return zlib.compress(json.dumps(body, separators=(",", ":"), default=str).encode(), 6)


def unpack_evidence(packed: bytes) -> Any:
    """What `pack_evidence` was given, as JSON has it."""
    return json.loads(zlib.decompress(packed))


def note_repair(connection: Connection, *, since: int, until: int, why: str) -> None:
    """Remember that nothing could be committed from `since` to `until` (µs): the last twenty such times are kept."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    found = connection.exec_driver_sql(f"SELECT value FROM note WHERE key = {mark}", ("store.broken",)).scalar()  # noqa: S608
    kept = found if isinstance(found, list) else json.loads(found or "[]")
    told = json.dumps([*kept[-19:], {"since": since, "until": until, "why": why}])
    connection.exec_driver_sql(
        f"INSERT INTO note (key, value, at) VALUES ({', '.join([mark] * 3)}) "  # noqa: S608
        "ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at",
        ("store.broken", told, until),
    )
