"""What is old is deleted in slices, what must stay stays, and a full cap costs evidence before runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import Session

from alerts.tables import Incident
from monitor.store import queries, retention
from monitor.store.codes import FAIL, GOOD
from monitor.store.database import Store
from monitor.store.rows import EvidenceRow, Rows, SpanRow
from probes.words.clock import PushedClock
from probes.words.outcome import State
from tests.store.conftest import NOON
from tests.store.kit import DAY, HOUR, fill, retried, run_row


def counts(session: Session) -> dict[str, int]:
    names = ("run", "attempt", "evidence", "span", "tally", "incident")
    found = {name: session.connection().execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in names}
    return {name: int(count) for name, count in found.items()}


@pytest.fixture
async def old(store: Store) -> Store:
    """Ten days of a run an hour, every fifth of them retried, with evidence, spans and an old incident."""
    await store.write(lambda session: queries.resolve_ledger(session, ("w", "production", "p", "here"), now=NOON))
    for n in range(240):
        at = NOON - n * HOUR
        rows = retried(at, states=(State.DOWN, State.UP)) if n % 5 == 0 else Rows([run_row(at)])
        proof = [EvidenceRow(at, 1, 1, FAIL, {"n": n})] if n % 5 == 0 else []
        store.append(Rows(rows.runs, rows.attempts, rows.ends, proof, [SpanRow(1, at - HOUR, at, 0)]))
    store.append(Rows(evidence=[EvidenceRow(NOON - 9 * DAY, 2, 1, GOOD, {})]))
    opened = Incident(
        public_id="X", subject="w/production", title="t", severity="critical", policy="p", began=1, opened=1
    )
    await store.write(lambda session: session.add(opened))
    await store.write(lambda session: queries.tally(session, until=NOON))
    return store


async def test_old_runs_go_in_slices_with_their_attempts_and_counts(old: Store) -> None:
    before = await old.read(counts)
    slices = []
    while True:
        slices.append(await old.write(lambda session: retention.delete_runs(session, before=NOON - 5 * DAY, limit=30)))
        if not slices[-1].more:
            break
    assert [each.runs for each in slices] == [30, 30, 30, 29]
    after = await old.read(counts)
    assert after == before | {"run": 121, "attempt": 25, "tally": 6}
    kept = await old.read(lambda session: queries.last_runs(session, 1, limit=500))
    assert kept[-1].started == NOON - 5 * DAY
    assert len(kept) == 121


async def test_old_evidence_of_failures_goes_and_the_last_good_stays(old: Store) -> None:
    slices = []
    while True:
        slices.append(
            await old.write(lambda session: retention.delete_evidence(session, before=NOON - 5 * DAY, limit=10))
        )
        if not slices[-1].more:
            break
    assert sum(each.evidence for each in slices) == 23
    assert (await old.read(counts))["evidence"] == 26
    assert await old.read(lambda session: queries.last_good(session, 2)) is not None


async def test_a_disk_cap_costs_evidence_first_then_runs_and_never_spans_or_incidents(
    tmp_path: Path, clock: PushedClock
) -> None:
    async with Store.open("", folder=tmp_path, clock=clock, ballast=0) as store:
        noise = {"noise": os.urandom(20_000).hex()}
        for n in range(100):
            proof = [EvidenceRow(NOON + n, 1, 1, FAIL, noise)]
            store.append(
                Rows([run_row(NOON + n * 5 + k) for k in range(5)], evidence=proof, spans=[SpanRow(1, n, n + 1, 0)])
            )
        await store.flush()
        used = await store.read(retention.disk_used)
        assert used > 2_000_000
        assert await store.write(lambda session: retention.trim(session, cap=used)) == retention.Deleted()
        first = await store.write(lambda session: retention.trim(session, cap=used - 1))
        assert (first.evidence, first.runs, first.more) == (100, 0, True)
        assert await store.read(retention.disk_used) < used / 4
        while (await store.write(lambda session: retention.trim(session, cap=1))).more:
            continue
        left = await store.read(counts)
        assert (left["run"], left["evidence"], left["span"]) == (0, 0, 100)


async def test_space_that_was_freed_is_used_again(tmp_path: Path, clock: PushedClock) -> None:
    async with Store.open("", folder=tmp_path, clock=clock, ballast=0) as store:
        sizes = []
        for turn in range(4):
            start = NOON + turn * DAY
            await fill(store, Rows([run_row(start + n * 1_000) for n in range(8_000)]))
            while (await store.write(lambda session, at=start: retention.delete_runs(session, before=at))).more:
                continue
            await store.backup(tmp_path / "copy.db")
            sizes.append((tmp_path / "copy.db").stat().st_size)
        assert sizes[3] <= sizes[1] * 1.1
