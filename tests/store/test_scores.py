"""Scores of golden cases in both databases: the newest of a probe, and by day, each by an index."""

from __future__ import annotations

import pytest

from monitor.store.database import Store
from monitor.store.queries.scores import accuracy_by_day, last_scores
from monitor.store.rows import Rows, ScoreRow
from tests.store.conftest import NOON
from tests.store.kit import DAY, HOUR, explained, fill


@pytest.fixture
async def scored(store: Store) -> Store:
    """Three days with a run every six hours, three cases each: one wrong, one unscored in every other run."""
    rows = []
    for number in range(12):
        at = NOON - number * 6 * HOUR
        rows += [ScoreRow(at, 1, "a", 1), ScoreRow(at, 1, "b", 0, '{"got": "x"}'), ScoreRow(at, 1, "c", 2 - number % 2)]
        rows.append(ScoreRow(at, 2, "a", 0, "no json"))
    await fill(store, Rows(scores=rows))
    await fill(store, Rows(scores=rows))  # again, as after a store that refused: nothing changes
    return store


async def test_the_newest_scores_come_oldest_first(scored: Store) -> None:
    found = await scored.read(lambda session: last_scores(session, 1, limit=6))
    assert [(one.started, one.case, one.right) for one in found] == [
        (NOON - 6 * HOUR, "a", True), (NOON - 6 * HOUR, "b", False), (NOON - 6 * HOUR, "c", True),
        (NOON, "a", True), (NOON, "b", False), (NOON, "c", None),
    ]  # fmt: skip
    assert found[1].detail == {"got": "x"}
    assert len(await scored.read(lambda session: last_scores(session, 1, limit=99, since=NOON - DAY))) == 15
    (one, *_) = await scored.read(lambda session: last_scores(session, 2, limit=1, case="a"))
    assert one.detail == {}, "what cannot be read says nothing"


async def test_each_day_has_its_accuracy_without_what_could_not_be_scored(scored: Store) -> None:
    found = await scored.read(lambda session: accuracy_by_day(session, 1, since=0, day=DAY))
    assert [day for day, _, _ in found] == [NOON // DAY - 3, NOON // DAY - 2, NOON // DAY - 1, NOON // DAY]
    assert sum(right for _, right, _ in found) == 12 + 6
    assert sum(of for _, _, of in found) == 12 + 12 + 6


async def test_scores_are_found_by_an_index(file_store: Store) -> None:
    plan = await file_store.read(lambda session: explained(session, lambda s: last_scores(s, 1, limit=5, since=NOON)))
    assert all("SCAN score" not in line for line in plan), plan
