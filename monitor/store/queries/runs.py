"""Runs and their attempts, found by time, by ledger and by id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, literal_column, select
from sqlmodel import Session

from monitor.store.codes import (
    ATTEMPTS_SHIFT,
    FAILURE_SHIFT,
    LATE_SHIFT,
    PASSED,
    RESULT_BITS,
    STATE_SHIFT,
    STATES,
    failure_of,
    hold_of,
    state_of,
    unpack_phases,
)
from monitor.store.queries.ground import ALWAYS, ATTEMPT, RUN, parts, rows
from probes.words.failure import Failure
from probes.words.names import run_id
from probes.words.outcome import State

PASSING = (State.UP, State.DEGRADED)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run. `state`, `failure`, `took`, `hold` and `phases` are its first attempt's, `result` is the run's own.
    Times and lengths in µs."""

    started: int
    ledger: int
    lateness: int
    took: int
    state: State
    failure: Failure | None
    hold: int
    phases: tuple[int, ...]
    attempts: int
    result: State
    late: bool

    @property
    def id(self) -> str:
        """Its public id."""
        return run_id(self.started, self.ledger)

    @property
    def scheduled(self) -> int:
        """When it was due (µs)."""
        return self.started - self.lateness

    @property
    def passed(self) -> bool:
        """True when it passed, however often it was tried."""
        return self.result in PASSING

    @property
    def first_try(self) -> bool:
        """True when its first attempt passed."""
        return self.state in PASSING


@dataclass(frozen=True, slots=True)
class AttemptView:
    """A further attempt of a run; `n` counts from 2."""

    run: int
    ledger: int
    n: int
    started: int
    took: int
    state: State
    failure: Failure | None
    hold: int
    phases: tuple[int, ...]
    late: bool


COLUMNS = (RUN.c.started, RUN.c.ledger, RUN.c.lateness, RUN.c.took, RUN.c.code, RUN.c.hold, RUN.c.phases)


def view(found: Any) -> RunView:
    """A row of COLUMNS as a RunView."""
    started, ledger, lateness, took, code, hold, phases = found
    return RunView(
        started,
        ledger,
        lateness,
        took,
        state_of(code >> STATE_SHIFT & 7),
        failure_of(code >> FAILURE_SHIFT or None),
        hold_of(hold),
        unpack_phases(phases, took=took),
        (code >> ATTEMPTS_SHIFT & 0xFF) + 1,
        state_of(code & RESULT_BITS),
        bool(code >> LATE_SHIFT & 1),
    )


def read_run(session: Session, started: int, ledger: int) -> RunView | None:
    """The run with this key (see `probes.words.names.run_key`), or None."""
    found = rows(session, select(*COLUMNS).where(RUN.c.started == started, RUN.c.ledger == ledger))
    return view(found[0]) if found else None


def read_runs(session: Session, keys: Iterable[tuple[int, int]]) -> list[RunView]:
    """The runs with these keys (started, ledger) that there are, newest first."""
    wanted = set(keys)
    found: list[RunView] = []
    for some in parts({started for started, _ in wanted}):  # SQLite reads the whole table for pairs in an IN list
        read = map(view, rows(session, select(*COLUMNS).where(RUN.c.started.in_(some))))
        found += [each for each in read if (each.started, each.ledger) in wanted]
    return sorted(found, key=lambda each: (each.started, each.ledger), reverse=True)


def runs_between(
    session: Session, start: int, end: int, *, ledgers: Sequence[int] | None = None, limit: int = 1_000
) -> list[RunView]:
    """At most `limit` runs that started in [start, end), newest first; of these ledgers only, or of all.

    Reads every run of that time, so keep it short: an hour of 67 runs a second is 240,000. For one ledger see
    `last_runs`.
    """
    return [view(found) for found in rows(session, between(start, end, ledgers=ledgers).limit(limit))]


def between(start: int, end: int = ALWAYS, *, ledgers: Sequence[int] | None = None) -> Select[Any]:
    """The statement for the runs that started in [start, end), newest first."""
    asked = select(*COLUMNS).where(RUN.c.started >= start, RUN.c.started < end)
    if ledgers is not None:
        asked = asked.where(RUN.c.ledger.in_(ledgers))
    return asked.order_by(RUN.c.started.desc(), RUN.c.ledger.desc())


GOOD_WITHIN = 7 * 86_400_000_000  # µs that are looked through for a run that passed


def last_passing(session: Session, ledger: int, *, before: int) -> RunView | None:
    """The newest run of a ledger before a moment that passed, of the week before it; None when there is none."""
    result = RUN.c.code.op("&")(literal_column(str(RESULT_BITS)))
    asked = select(*COLUMNS).where(RUN.c.ledger == ledger, RUN.c.started < before, RUN.c.started > before - GOOD_WITHIN)
    asked = asked.where(result <= PASSED).order_by(RUN.c.started.desc()).limit(1)
    return next((view(found) for found in rows(session, asked)), None)


def failed_first(session: Session, ledgers: Sequence[int], *, start: int, end: int, most: int) -> int:
    """How many runs of these ledgers in [start, end) failed at their first attempt; counted up to `most`."""
    down = RUN.c.code.op(">>")(literal_column(str(STATE_SHIFT))).op("&")(literal_column(str(RESULT_BITS)))
    found = 0
    for some in parts(ledgers):
        asked = select(RUN.c.started).where(RUN.c.started >= start, RUN.c.started < end, RUN.c.ledger.in_(some))
        found += len(rows(session, asked.where(down == STATES[State.DOWN]).limit(most)))
    return min(found, most)


def attempts_of(session: Session, runs: Sequence[RunView]) -> dict[tuple[int, int], list[AttemptView]]:
    """The further attempts of these runs by (started, ledger), in order; runs of one attempt are left out."""
    found: dict[tuple[int, int], list[AttemptView]] = {}
    wanted = {(run.started, run.ledger) for run in runs}
    for some in parts({started for started, _ in wanted}):
        asked = select(ATTEMPT).where(ATTEMPT.c.run.in_(some)).order_by(ATTEMPT.c.run, ATTEMPT.c.ledger, ATTEMPT.c.n)
        for each in map(_attempt, rows(session, asked)):
            if (each.run, each.ledger) in wanted:
                found.setdefault((each.run, each.ledger), []).append(each)
    return found


def _attempt(found: Any) -> AttemptView:
    return AttemptView(
        found.run,
        found.ledger,
        found.n,
        found.started,
        found.took,
        state_of(found.state),
        failure_of(found.failure),
        found.hold,
        unpack_phases(found.phases, took=found.took),
        bool(found.late),
    )
