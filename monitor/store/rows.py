"""What the hot path appends: plain tuples in the order of the table's columns, many to a transaction.

Times and lengths are µs; states and failures are codes (`monitor.store.codes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from monitor.store.codes import hold_code, run_code


class RunRow(NamedTuple):
    """A run with its first attempt. `lateness` is started minus scheduled. `attempts` and `result` are those of a
    run that ended with this attempt; a run that goes on gets an `EndRow` when it ends. `late`: it came after its
    time and changes nothing."""

    started: int
    ledger: int
    lateness: int
    took: int
    state: int
    failure: int | None
    hold: int
    phases: bytes | None = None
    attempts: int = 1
    result: int = 0
    late: int = 0


class StoredRun(NamedTuple):
    """A run as its table has it: `code` and `hold` as in `monitor.store.codes`."""

    started: int
    ledger: int
    lateness: int
    took: int
    code: int
    hold: int
    phases: bytes | None


def stored(row: RunRow) -> StoredRun:
    """A run in the shape of its table."""
    started, ledger, lateness, took, state, failure, hold, phases, attempts, result, late = row
    code = run_code(state=state, failure=failure, attempts=attempts, result=result, late=late)
    return StoredRun(started, ledger, lateness, took, code, hold_code(hold), phases)


class AttemptRow(NamedTuple):
    """A further attempt of a run: `n` counts from 2, `run` is the run's start, `phases` as in RunRow."""

    run: int
    ledger: int
    n: int
    started: int
    took: int
    state: int
    failure: int | None
    hold: int
    phases: bytes | None = None
    late: int = 0


class EndRow(NamedTuple):
    """How a run of several attempts ended: their count, and the run's own state."""

    started: int
    ledger: int
    attempts: int
    result: int


class EvidenceRow(NamedTuple):
    """The record of one attempt, redacted already. `kind` is codes.FAIL or codes.GOOD; a ledger keeps only its
    newest good one."""

    started: int
    ledger: int
    n: int
    kind: int
    body: Mapping[str, Any]


class SpanRow(NamedTuple):
    """A closed span of a ledger: [start, end) in one state. Never changed."""

    ledger: int
    start: int
    end: int
    state: int


class SpendEntry(NamedTuple):
    """What is added to an account (a provider, or a probe's id) on a UTC day, counted from 1970-01-01; less than
    nothing where less was spent than had been reserved."""

    provider: str
    day: int
    unit: str
    amount: float


class ScoreRow(NamedTuple):
    """How one case of a golden set came out in the run that started then; see `tables.Score`."""

    started: int
    ledger: int
    case: str
    verdict: int
    detail: str | None = None


class ChangedRow(NamedTuple):
    """Something a run was the first to see, such as another model; see `tables.Changed`."""

    ledger: int
    at: int
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that belong together: they are committed in one transaction, in this order."""

    runs: Sequence[RunRow] = ()
    attempts: Sequence[AttemptRow] = ()
    ends: Sequence[EndRow] = ()
    evidence: Sequence[EvidenceRow] = ()
    spans: Sequence[SpanRow] = ()
    spends: Sequence[SpendEntry] = ()
    changes: Sequence[ChangedRow] = ()
    scores: Sequence[ScoreRow] = ()

    def __len__(self) -> int:
        """How many rows there are."""
        parts = (self.runs, self.attempts, self.ends, self.evidence, self.spans, self.spends, self.changes, self.scores)
        return sum(map(len, parts))
