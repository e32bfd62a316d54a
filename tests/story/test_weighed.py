"""Days of a chat probe whose failures may be chance: when people are told, and what a restart remembers."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.store.queries.history import last_runs
from probes.words.outcome import State
from probes.words.units import MINUTE
from tests.story.watch import BOOKS, CONFIG, Watch, clock_of, configure

START = clock_of("10:00")
TEXT = CONFIG.replace("every: 1m", "every: 5m, attempts: 1, weighed: true")


def number(at: int) -> int:
    return (at - START) // (5 * MINUTE)


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    async with Watch(tmp_path, configure(TEXT)) as watch:
        yield watch


async def runs(watch: Watch, first: int, last: int) -> None:
    await watch.runs(START + first * 5 * MINUTE, START + last * 5 * MINUTE, every=300)


async def test_an_answer_that_is_wrong_once_in_twenty_runs_wakes_nobody_and_was_down_all_the_same(watch: Watch) -> None:
    watch.world = lambda probe, at: "w" if number(at) % 20 == 7 else "."
    await runs(watch, 0, 100)
    assert (watch.paged, await watch.incidents()) == ([], [])
    await watch.store.flush()
    found = await watch.store.read(lambda session: last_runs(session, watch.books.ledger, limit=500))
    assert sum(run.result is State.DOWN for run in found) == 5
    assert 0.04 < watch.books.odds.rate < 0.08


async def test_a_fault_in_every_third_answer_is_told_which_three_in_a_row_never_sees(watch: Watch) -> None:
    watch.world = lambda probe, at: "w" if number(at) > 40 and number(at) % 3 == 0 else "."
    await runs(watch, 0, 70)
    (incident,) = await watch.incidents()
    assert (incident.failure, watch.paged[0]) == ("wrong", "ana")
    assert "runs failed, where" in incident.sure


async def test_what_is_no_chance_pages_at_once(watch: Watch) -> None:
    await runs(watch, 0, 5)
    watch.world = lambda probe, at: "x"
    await runs(watch, 5, 6)
    assert watch.paged == ["ana"]


async def test_it_is_over_when_the_test_has_cleared(watch: Watch) -> None:
    watch.world = lambda probe, at: "w" if 50 <= number(at) < 60 else "."
    await runs(watch, 0, 64)
    assert (await watch.incidents())[0].resolved_at is None, "four good runs after ten bad ones"
    await runs(watch, 64, 80)
    assert (await watch.incidents())[0].resolved_at is not None


@pytest.mark.parametrize("seed", range(2))
async def test_a_restart_at_any_run_changes_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    letters = ["w" if chance.random() < (0.5 if 40 < at < 60 else 0.05) else "." for at in range(90)]
    cut = chance.randrange(5, 85)
    ends = []
    for restarts in (False, True):
        async with Watch(tmp_path / str(restarts), configure(TEXT)) as watch:
            watch.world = lambda probe, at: letters[number(at)]
            await runs(watch, 0, cut)
            if restarts:
                await watch.restart()
            await runs(watch, cut, 90)
            told = [(one.began, one.opened, one.resolved_at) for one in await watch.incidents()]
            ends.append((told, watch.books.odds))
    assert ends[0] == ends[1], f"cut at {cut}"
    assert BOOKS in watch.engine.tracks
