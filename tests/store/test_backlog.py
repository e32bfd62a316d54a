"""The backlog keeps its order and its bounds, whatever is added, taken and given back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.store.backlog import Backlog
from monitor.store.rows import EvidenceRow, Rows
from tests.store.kit import run_row


def numbered(number: int, runs: int, evidence: int) -> Rows:
    """An append that can be told from others."""
    return Rows(
        [run_row(number * 100 + n) for n in range(runs)],
        evidence=[EvidenceRow(number * 100 + n, 1, 1, 0, {}) for n in range(evidence)],
    )


SIZES = st.tuples(st.integers(0, 6), st.integers(0, 4))


@given(st.lists(SIZES | st.sampled_from(["take", "put back"]), max_size=60))
def test_order_and_bounds_hold(steps: list[tuple[int, int] | str]) -> None:
    backlog = Backlog(rows=30, evidence=10)
    taken: list[Rows] = []
    added = lost = 0
    for number, step in enumerate(steps):
        if step == "take":
            lost += sum(map(len, taken))
            taken = backlog.take(4)
        elif step == "put back":
            backlog.put_back(taken)
            taken = []
        else:
            assert isinstance(step, tuple)
            rows = numbered(number, *step)
            added += len(rows)
            backlog.add(rows)
        assert backlog.rows <= 30
        assert backlog.evidence <= 10
    kept = taken + backlog.take(1_000)
    assert backlog.rows == backlog.evidence == len(backlog) == 0
    starts = [run.started for rows in kept for run in rows.runs]
    assert starts == sorted(starts)
    assert sum(map(len, kept)) + lost + backlog.dropped == added


def test_old_evidence_goes_before_old_runs() -> None:
    backlog = Backlog(rows=1_000, evidence=4)
    for number in range(6):
        backlog.add(numbered(number, 1, 1))
    kept = backlog.take(100)
    assert [len(rows.runs) for rows in kept] == [1] * 6
    assert [len(rows.evidence) for rows in kept] == [0, 0, 1, 1, 1, 1]
