"""Every question is answered by an index: no query reads a whole table that grows for ever."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Session

from monitor.store import queries, retention
from monitor.store.codes import FAIL, GOOD
from monitor.store.database import Store
from monitor.store.queries import changes, flags, pings, scores
from monitor.store.rows import EvidenceRow, Rows, SpanRow
from probes.words.outcome import State
from tests.store.conftest import NOON
from tests.store.kit import DAY, HOUR, MINUTE, explained, fill, retried, run_row

LARGE = ("run", "attempt", "evidence", "span", "tally", "alive", "maintenance", "correction", "incident", "event",
         "score", "changed", "ping", "flag")  # fmt: skip
WHOLE = re.compile(rf"SCAN ({'|'.join(LARGE)})\b(?! USING (COVERING )?INDEX)")

WRITES: dict[str, Callable[[Session], Any]] = {
    "tally": lambda session: queries.tally(session, until=NOON + HOUR),
    "extend_alive": lambda session: queries.extend_alive(session, NOON, now=NOON + MINUTE),
    "end_window": lambda session: queries.end_window(session, 1, now=NOON),
    "begin_ledger": lambda session: queries.begin_ledger(session, 1, at=NOON),
    "resolve_ledger": lambda session: queries.resolve_ledger(session, ("w", "p", "x", "here"), now=NOON),
    "delete_runs": lambda session: retention.delete_runs(session, before=NOON, limit=10),
    "delete_evidence": lambda session: retention.delete_evidence(session, before=NOON, limit=10),
    "trim": lambda session: retention.trim(session, cap=0),
    "delete_runs, the last slice": lambda session: retention.delete_runs(session, before=NOON),
    "add_ping": lambda session: pings.add_ping(session, 1, at=NOON, kind=1),
    "add_flag": lambda session: flags.add_flag(session, "w/p", flags.Said("app", "key"), at=NOON),
    "review_flag": lambda session: flags.review_flag(session, 1, state=flags.REJECTED, by="Ana", at=NOON),
}
READS: dict[str, Callable[[Session], Any]] = {
    "read_run": lambda session: queries.read_run(session, NOON, 1),
    "read_runs": lambda session: queries.read_runs(session, [(NOON, 1), (NOON, 2)]),
    "runs_between": lambda session: queries.runs_between(session, NOON, NOON + HOUR, ledgers=[1, 2]),
    "attempts_of": lambda session: queries.attempts_of(session, queries.runs_between(session, NOON, NOON + DAY)),
    "latest_runs": lambda session: queries.latest_runs(session, [1, 2, 3, 9], count=3),
    "last_runs": lambda session: queries.last_runs(session, 1, limit=50),
    "last_runs of a rare one": lambda session: queries.last_runs(session, 3, limit=50),
    "failed_runs": lambda session: queries.failed_runs(session, 1, start=NOON, end=NOON + DAY),
    "spans_of": lambda session: queries.spans_of(session, [1, 2], start=NOON, end=NOON + DAY),
    "last_spans": lambda session: queries.last_spans(session, [1, 2]),
    "evidence_of": lambda session: queries.evidence_of(session, NOON, 1),
    "last_good": lambda session: queries.last_good(session, 1),
    "good_kept": lambda session: queries.good_kept(session, [1, 2]),
    "last_failure": lambda session: queries.last_failure(session, 1),
    "first_try": lambda session: queries.first_try(session, [1, 2], start=NOON - DAY, end=NOON + DAY),
    "absences": lambda session: queries.absences(session, NOON, NOON + DAY),
    "windows": lambda session: queries.windows(session, NOON, NOON + DAY),
    "corrections": lambda session: queries.corrections(session, 1, NOON, NOON + DAY),
    "corrections_of": lambda session: queries.corrections_of(session, [1, 2], start=NOON, end=NOON + DAY),
    "spend_between": lambda session: queries.spend_between(session, 1, 2),
    "pings_after": lambda session: pings.pings_after(session, {1: NOON, 2: 0}),
    "last_pings": lambda session: pings.last_pings(session, [1, 2]),
    "body_of": lambda session: pings.body_of(session, 1),
    "open_times": lambda session: flags.open_times(session, {"w/p": NOON}),
    "newest_open": lambda session: flags.newest_open(session, ["w/p"], 3),
    "find_flag": lambda session: flags.find_flag(session, 1),
    "last_scores": lambda session: scores.last_scores(session, 1, limit=50, since=NOON),
    "last_scores of a case": lambda session: scores.last_scores(session, 1, limit=50, since=NOON, case="a"),
    "accuracy_by_day": lambda session: scores.accuracy_by_day(session, 1, since=NOON, day=DAY),
    "changes": lambda session: changes.changes(session, [1, 2], start=NOON),
    "newest changes": lambda session: changes.newest(session, [1, 2]),
    "newest changes before": lambda session: changes.newest(session, [1, 2], before=NOON),
    "disk_used": retention.disk_used,
}


@pytest.fixture
async def busy(file_store: Store) -> Store:
    """Three ledgers, one of them rare, with runs, evidence and spans; half of it is counted."""
    await file_store.write(lambda session: queries.resolve_ledger(session, ("w", "p", "a", "here"), now=NOON))
    rows = [run_row(NOON + n * MINUTE, ledger) for n in range(120) for ledger in (1, 2)]
    rows += [run_row(NOON + n * HOUR, 3, hold=2 * HOUR) for n in range(3)]
    evidence = [EvidenceRow(NOON + n * MINUTE, 1, 1, FAIL if n else GOOD, {"n": n}) for n in range(4)]
    await fill(file_store, Rows(rows, evidence=evidence, spans=[SpanRow(1, NOON, NOON + HOUR, 0)]))
    await fill(file_store, retried(NOON + 1, 1, states=(State.DOWN, State.UP)))
    await file_store.write(lambda session: queries.tally(session, until=NOON + HOUR // 2))
    return file_store


@pytest.mark.parametrize("name", READS)
async def test_what_is_read_is_found_by_an_index(busy: Store, name: str) -> None:
    lines = await busy.read(lambda session: explained(session, READS[name]))
    assert lines or name == "disk_used"
    assert [line for line in lines if WHOLE.search(line)] == []


@pytest.mark.parametrize("name", WRITES)
async def test_what_is_changed_is_found_by_an_index(busy: Store, name: str) -> None:
    lines = await busy.write(lambda session: explained(session, WRITES[name]))
    assert lines
    assert [line for line in lines if WHOLE.search(line)] == []


async def test_a_rare_probes_runs_are_found_by_their_own_index(busy: Store) -> None:
    await busy.write(lambda session: queries.tally(session, until=NOON + 3 * HOUR))
    lines = await busy.read(lambda session: explained(session, READS["last_runs of a rare one"]))
    assert any("ix_run_rare" in line for line in lines)
    assert not any("PRIMARY KEY (started>?" in line for line in lines[-1:]), "not among everybody's"


async def test_the_alarm_goes_off_for_a_query_without_an_index(busy: Store) -> None:
    from sqlalchemy import text

    lines = await busy.read(
        lambda session: explained(session, lambda s: s.connection().execute(text("SELECT * FROM run WHERE took > 5")))
    )
    assert [line for line in lines if WHOLE.search(line)]
