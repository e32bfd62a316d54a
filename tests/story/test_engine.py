"""Days of a probe: what is recorded, what people are told, and what a restart remembers."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.signal import Condition
from monitor.config.catalog import Catalog
from monitor.ledger.uptime import percent_text
from monitor.store.queries.history import last_runs
from probes.words.errors import StoreBroken
from probes.words.outcome import State
from probes.words.units import HOUR, MINUTE, SECOND
from tests.story.watch import BOOKS, CONFIG, MIDNIGHT, Watch, clock_of, configure, said

DAY_END = MIDNIGHT + 24 * HOUR
TWO = CONFIG + "      home: {get: /home, every: 1m, check: [{contains: Book online}]}\n"


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    async with Watch(tmp_path) as watch:
        yield watch


async def results(watch: Watch, name: str = BOOKS) -> list[tuple[State, int]]:
    """Every run as (result, attempts), oldest first."""
    await watch.store.flush()
    ledger = watch.engine.tracks[name].ledger
    found = await watch.store.read(lambda session: last_runs(session, ledger, limit=500))
    return [(run.result, run.attempts) for run in reversed(found)]


# -- one run ----------------------------------------------------------------------------------------------------------


async def test_a_run_that_passes_at_its_third_attempt_was_down_for_forty_seconds_and_woke_nobody(watch: Watch) -> None:
    trouble = clock_of("10:00")
    watch.world = lambda probe, at: "x" if trouble <= at < trouble + 40 * SECOND else "."
    await watch.runs(clock_of("09:58"), clock_of("10:05"), every=60)
    assert (await results(watch))[2] == (State.UP, 3)
    assert watch.paged == []
    assert await watch.incidents() == []
    shares = await watch.figures(clock_of("10:00"), clock_of("10:01"))
    assert percent_text(shares.uptime) == "33.333 %", "40 of 60 seconds were down, and are counted"


async def test_a_run_whose_attempts_all_fail_tells_alerts_once_and_pages_once(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    await watch.runs(clock_of("10:00"), clock_of("10:04"), every=60)
    (incident,) = await watch.incidents()
    assert said(incident.began) == "10:00:00"
    assert said(incident.opened) == "10:00:40"
    assert incident.sure.startswith("3 of 3 attempts failed")
    assert watch.paged == ["ana"]


async def test_a_failure_that_becomes_another_is_told_and_wakes_nobody_again(watch: Watch) -> None:
    watch.world = lambda probe, at: "x" if at < clock_of("10:01") else "w"
    await watch.runs(clock_of("10:00"), clock_of("10:03"), every=60)
    (incident,) = await watch.incidents()
    assert incident.failure == "wrong"
    assert watch.paged == ["ana"]


async def test_a_failure_of_which_only_slowness_is_left_wakes_nobody_any_longer(watch: Watch) -> None:
    watch.world = lambda probe, at: "x" if at < clock_of("10:01") else "d"
    await watch.runs(clock_of("10:00"), clock_of("10:02"), every=60)
    assert (await watch.incidents())[0].severity == "critical", "one slow run is not yet better"
    await watch.run(at=clock_of("10:02"))
    (incident,) = await watch.incidents()
    assert (incident.severity, incident.failure, incident.resolved_at) == ("warning", "slow", None)
    await watch.restart()
    woken = list(watch.paged)
    await watch.runs(clock_of("10:03"), clock_of("11:00"), every=60)
    assert watch.paged == woken, "the ladder ends where nothing fails any more"


async def test_two_runs_that_pass_end_it(watch: Watch) -> None:
    watch.world = lambda probe, at: "x" if at < clock_of("10:01") else "."
    await watch.runs(clock_of("10:00"), clock_of("10:02"), every=60)
    assert (await watch.incidents(None))[0].resolved_at is None, "one pass is not yet recovery"
    await watch.run(at=clock_of("10:02"))
    (incident,) = await watch.incidents()
    assert said(incident.resolved_at) == "10:02:00"


async def test_slowness_is_a_warning_and_never_a_page(watch: Watch) -> None:
    watch.world = lambda probe, at: "d"
    await watch.runs(clock_of("10:00"), clock_of("10:03"), every=60)
    assert watch.paged == []
    assert len(watch.warned) == 1
    assert (await results(watch))[0] == (State.DEGRADED, 1), "an answer that was right is not asked for again"


async def test_what_is_our_own_fault_is_unknown_opens_nothing_and_resolves_nothing(watch: Watch) -> None:
    watch.world = lambda probe, at: "l" if at < clock_of("10:01") else "x" if at < clock_of("10:02") else "s"
    await watch.runs(clock_of("10:00"), clock_of("10:06"), every=60)
    assert [state for state, _ in await results(watch)] == [State.UNKNOWN, State.DOWN, *[State.UNKNOWN] * 4]
    (incident,) = await watch.incidents()
    assert said(incident.began) == "10:01:00"
    assert incident.resolved_at is None


async def test_the_third_broken_probe_in_a_row_tells_the_owner_and_never_the_one_on_call(watch: Watch) -> None:
    watch.world = lambda probe, at: "b" if at < clock_of("10:03") else "."
    await watch.runs(clock_of("10:00"), clock_of("10:02"), every=60)
    assert watch.paged == []
    await watch.run(at=clock_of("10:02"))
    assert watch.paged == ["cy"]
    await watch.run(at=clock_of("10:03"))
    (incident,) = await watch.incidents()
    assert (incident.subject, said(incident.resolved_at)) == ("monitor", "10:03:00")


# -- the worked cases --------------------------------------------------------------------------------------------------


async def test_an_outage_in_which_the_keeper_itself_died(tmp_path: Path) -> None:
    """60 s period, 3 attempts; two fail, then the keeper is away for twenty minutes, then three more fail."""
    catalog = configure(timeout=timedelta(seconds=20), cleanup=timedelta(0))
    async with Watch(tmp_path, catalog) as watch:
        await watch.runs(MIDNIGHT, clock_of("10:00"), every=60)
        watch.world = lambda probe, at: "x" if at < clock_of("10:21") else "."
        watch.hangs, watch.hangs_after = asyncio.Event(), 602
        await watch.pass_to(clock_of("10:00"))
        cut_off = asyncio.create_task(watch.engine.run_now(BOOKS))
        await watch.asks(602)
        watch.clock.at = clock_of("10:00:30")
        await watch.engine.beat()
        cut_off.cancel()
        await watch.fall()
        watch.clock.at, watch.hangs = clock_of("10:20:10"), None
        await watch.rise()
        await watch.run(at=clock_of("10:20:15"))
        await watch.runs(clock_of("10:21"), DAY_END, every=60)
        await watch.pass_to(DAY_END)
        await watch.engine.beat()
        figures = await watch.figures(MIDNIGHT, DAY_END)
        assert percent_text(figures.uptime) == "99.911 %"
        assert percent_text(figures.coverage) == "98.628 %"
        assert percent_text(figures.at_least) == "98.541 %"
        (incident,) = await watch.incidents()
        assert (said(incident.began), said(incident.opened)) == ("10:20:15", "10:20:55")


async def test_an_outage_that_began_before_maintenance_pages_when_that_ends(tmp_path: Path) -> None:
    """300 s period, 1 attempt, two of two runs, maintenance from 02:00 to 03:00; 01:57 to 03:07 fail."""
    catalog = configure(
        every=timedelta(minutes=5), attempts=1, confirm=(2, 2), timeout=timedelta(seconds=30), cleanup=timedelta(0)
    )
    first = MIDNIGHT - 3 * MINUTE
    async with Watch(tmp_path, catalog, start=first) as watch:
        await watch.maintenance(clock_of("02:00"), clock_of("03:00"))
        watch.world = lambda probe, at: "x" if clock_of("01:57") <= at <= clock_of("03:07") else "."
        await watch.runs(first, DAY_END, every=300)
        await watch.pass_to(DAY_END)
        await watch.engine.beat()
        figures = await watch.figures(MIDNIGHT, DAY_END)
        assert (percent_text(figures.uptime), percent_text(figures.coverage)) == ("98.913 %", "100 %")
        (incident,) = await watch.incidents()
        assert (said(incident.began), said(incident.opened), said(incident.paged_at)) == (
            "01:57:00",
            "02:02:00",
            "03:00:00",
        )


# -- starts ------------------------------------------------------------------------------------------------------------


async def test_a_start_that_finds_the_last_run_still_going_is_counted_and_not_made(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    watch.hangs = asyncio.Event()
    watch.engine._fire(BOOKS, clock_of("10:00"))
    await watch.asks(1)
    watch.engine._fire(BOOKS, clock_of("10:01"))
    assert (watch.engine.under_way, watch.books.counts.overlapped) == (1, 1)
    watch.hangs.set()
    await watch.rests()
    assert watch.books.counts.runs == 1


async def test_starts_that_passed_while_the_machine_slept_are_counted_as_missed(watch: Watch) -> None:
    for due in (clock_of("10:00"), clock_of("10:01"), clock_of("10:07")):
        watch.engine._fire(BOOKS, due)
        await watch.rests()
    assert watch.books.counts.missed == 5


# -- a store that refuses ----------------------------------------------------------------------------------------------


async def test_a_store_that_refuses_for_twelve_seconds_is_paged_from_memory_once_and_told_later(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.world = lambda probe, at: "x"
    await watch.pass_to(clock_of("10:00"))
    await watch.engine.run_now(BOOKS)

    async def refuse(act: object) -> None:
        raise StoreBroken("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(watch.engine.teller, "_write", refuse)
        for second in range(13):
            watch.clock.at = clock_of("10:01") + second * SECOND
            assert not await watch.engine.teller.flush()
            assert len(watch.emergencies) == (second >= 10), f"after {second} s"
    await watch.settle()
    assert [signal.condition for signal in watch.emergencies] == [Condition.FAILING]
    assert len(await watch.incidents()) == 1
    assert watch.engine.teller.waiting == 0
    assert watch.engine.teller.refused_since == 0


# -- retention ---------------------------------------------------------------------------------------------------------


async def test_old_runs_go_and_what_they_came_to_stays(watch: Watch) -> None:
    from monitor.engine.keeping import sweep

    watch.world = lambda probe, at: "x" if clock_of("10:01") <= at < clock_of("10:03") else "."
    await watch.runs(clock_of("10:00"), clock_of("10:08"), every=60)
    before = await watch.figures(clock_of("10:00"), clock_of("10:07"))
    keep = replace(watch.catalog.keep, runs=timedelta(minutes=2), evidence=timedelta(minutes=1))
    assert await sweep(watch.store, keep, now=clock_of("10:08")) > 0
    assert len(await results(watch)) == 2
    assert await watch.figures(clock_of("10:00"), clock_of("10:07")) == before
    assert len(await watch.incidents()) == 1


def catalog_of_two() -> Catalog:
    return configure(TWO)


async def test_a_second_probe_that_fails_joins_the_incident_of_the_first(tmp_path: Path) -> None:
    async with Watch(tmp_path, catalog_of_two()) as watch:
        watch.world = lambda probe, at: "x"
        await watch.run(at=clock_of("10:00"))
        await watch.run("intake/production/home")
        (incident,) = await watch.incidents()
        assert set(incident.members) == {"books", "home"}
        watch.world = lambda probe, at: "." if probe == BOOKS else "x"
        await watch.runs(clock_of("10:02"), clock_of("10:05"), every=60)
        (incident,) = await watch.incidents()
        assert (incident.members, incident.resolved_at) == (("home",), None)
