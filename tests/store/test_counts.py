"""Counting by day gives what counting the runs gives, whenever it is done and whatever comes late."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.store import queries
from monitor.store.codes import state_code
from monitor.store.database import Store
from monitor.store.queries import DayCount
from monitor.store.rows import EndRow, Rows, RunRow
from probes.words.clock import PushedClock
from probes.words.outcome import State
from tests.store.conftest import NOON
from tests.store.kit import DAY, HOUR, MINUTE, fill, retried, run_row

DAY_OF_NOON = NOON // DAY


async def test_days_are_counted_once_and_added_to_what_is_not_counted_yet(store: Store) -> None:
    rows = [run_row(NOON + n * HOUR, 1, state=State.UP if n % 4 else State.DOWN) for n in range(24)]
    await fill(store, Rows(rows))
    expected = {1: [DayCount(DAY_OF_NOON, 12, 9, 9, 3), DayCount(DAY_OF_NOON + 1, 12, 9, 9, 3)], 2: []}
    for until in (0, NOON + 3 * HOUR, NOON + 14 * HOUR, NOON + 14 * HOUR, NOON + 90 * HOUR):
        await store.write(lambda session, at=until: queries.tally(session, until=at))
        seen = await store.read(lambda session: queries.daily_counts(session, [1, 2], start=NOON, end=NOON + 2 * DAY))
        assert seen == expected
        assert await store.read(queries.tallied) == until
    first = await store.read(lambda session: queries.first_try(session, [1, 2], start=NOON, end=NOON + 2 * DAY))
    assert first == {1: (18, 24), 2: (0, 0)}
    one = await store.read(lambda session: queries.daily_counts(session, [1], start=NOON, end=NOON + DAY // 2))
    assert one[1] == expected[1][:1]


async def test_a_run_that_passed_when_tried_again_passed_but_not_at_first(store: Store) -> None:
    await fill(store, retried(NOON, states=(State.DOWN, State.UP)))
    await fill(store, retried(NOON + HOUR, states=(State.DOWN, State.DOWN, State.DOWN)))
    await fill(store, retried(NOON + 2 * HOUR, states=(State.UNKNOWN,)))
    await store.write(lambda session: queries.tally(session, until=NOON + DAY))
    seen = await store.read(lambda session: queries.daily_counts(session, [1], start=NOON, end=NOON + DAY))
    assert seen[1] == [DayCount(DAY_OF_NOON, runs=3, first=0, passed=1, failed=1)]


async def test_what_comes_after_its_day_was_counted_is_put_right(store: Store) -> None:
    slow = run_row(NOON, 1, state=State.DOWN, result=State.UNKNOWN)
    await fill(store, Rows([slow]))
    await store.write(lambda session: queries.tally(session, until=NOON + HOUR))
    late = run_row(NOON + MINUTE, 2)
    for _ in range(2):  # the second time it is there already
        await fill(store, Rows([late], ends=[EndRow(NOON, 1, 3, state_code(State.UP))]))
    seen = await store.read(lambda session: queries.daily_counts(session, [1, 2], start=NOON, end=NOON + HOUR))
    assert seen == {1: [DayCount(DAY_OF_NOON, 1, 0, 1, 0)], 2: [DayCount(DAY_OF_NOON, 1, 1, 1, 0)]}
    run = await store.read(lambda session: queries.read_run(session, NOON, 1))
    assert run is not None
    assert (run.attempts, run.result, run.state) == (3, State.UP, State.DOWN)


STATES = st.sampled_from([State.UP, State.DEGRADED, State.DOWN, State.UNKNOWN])
RUN = st.builds(
    run_row, st.integers(NOON - 2 * DAY, NOON + 2 * DAY), st.integers(1, 3), state=STATES, result=st.none() | STATES
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.lists(RUN, max_size=8) | st.integers(NOON - 3 * DAY, NOON + 3 * DAY), max_size=8))
def test_counts_are_those_of_the_runs(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[RunRow] | int]
) -> None:
    folder = tmp_path_factory.mktemp("counts")
    runs, seen = asyncio.run(_count(folder, steps))
    expected: Counter[tuple[int, int, str]] = Counter()
    for run in {(run.started, run.ledger): run for run in reversed(runs)}.values():
        where = run.ledger, run.started // DAY
        expected[*where, "runs"] += 1
        expected[*where, "first"] += run.state <= 1
        expected[*where, "passed"] += run.result <= 1
        expected[*where, "failed"] += run.result == 2
    found = Counter({
        (ledger, day.day, name): getattr(day, name)
        for ledger, days in seen.items()
        for day in days
        for name in ("runs", "first", "passed", "failed")
    })  # fmt: skip
    assert +found == +expected


async def _count(folder: Path, steps: list[list[RunRow] | int]) -> tuple[list[RunRow], dict[int, list[DayCount]]]:
    """Append runs and count up to instants, in turn; in memory, for speed."""
    runs: list[RunRow] = []
    async with Store.open("sqlite://", folder=folder, clock=PushedClock(NOON), ballast=0) as store:
        for step in steps:
            if isinstance(step, int):
                await store.write(lambda session, at=step: queries.tally(session, until=at))
            else:
                runs += step
                await fill(store, Rows(step))
        span = {"start": NOON - 4 * DAY, "end": NOON + 4 * DAY}
        return runs, await store.read(lambda session: queries.daily_counts(session, [1, 2, 3], **span))
