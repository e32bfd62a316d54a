"""A restart and another configuration: what was known stays known, what was told is not told twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from alerts.signal import Severity
from monitor.store.queries.history import last_runs
from probes.words.outcome import State
from probes.words.units import DAY, MINUTE, SECOND
from tests.story.watch import BOOKS, CONFIG, MIDNIGHT, Watch, clock_of, configure, said


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


async def test_a_page_that_was_recorded_and_not_yet_told_is_told_after_the_restart(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    await watch.pass_to(clock_of("10:00"))
    await watch.engine.run_now(BOOKS)
    await watch.store.flush()
    assert watch.engine.teller.waiting == 1
    await watch.restart()
    (incident,) = await watch.incidents()
    assert said(incident.began) == "10:00:00"
    assert watch.paged == ["ana"]


async def test_what_was_slow_and_fails_by_now_is_told_after_the_restart_though_its_next_run_says_nothing(
    watch: Watch,
) -> None:
    watch.world = lambda probe, at: "d"
    await watch.run(at=clock_of("10:00"))
    assert watch.paged == []
    watch.world = lambda probe, at: "x"
    await watch.pass_to(clock_of("10:01"))
    await watch.engine.run_now(BOOKS)
    await watch.store.flush()
    watch.world = lambda probe, at: "l"
    await watch.restart()
    await watch.run()
    (incident,) = await watch.incidents()
    assert (incident.severity, watch.paged) == ("critical", ["ana"])
    await watch.reload(watch.catalog)
    assert watch.paged == ["ana"]


async def test_a_restart_opens_nothing_twice_and_recovery_is_told_though_it_happened_unheard(watch: Watch) -> None:
    watch.world = lambda probe, at: "x" if at < clock_of("10:02") else "."
    await watch.run(at=clock_of("10:00"))
    for minute in (1, 2):
        await watch.restart()
        await watch.run(at=clock_of(f"10:0{minute}"))
    await watch.pass_to(clock_of("10:03"))
    await watch.engine.run_now(BOOKS)
    await watch.store.flush()
    await watch.restart()
    (incident,) = await watch.incidents()
    assert incident.resolved_at is not None


async def test_a_probe_that_was_deleted_leaves_its_incident_visibly(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("10:00"))
    await watch.reload(configure(CONFIG.replace("books:", "home:")))
    (incident,) = await watch.incidents()
    assert incident.resolved_at is not None
    assert any("no longer in the configuration" in event.text for event in incident.events)
    assert incident.headline.startswith("Closed: "), "what is no longer looked at has not recovered"
    assert incident.resolved_by == "a change of the configuration"


async def test_a_probe_that_comes_back_is_not_judged_by_what_was_seen_before_it_left(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("10:00"))
    with_books = watch.catalog
    await watch.reload(configure(CONFIG.replace("books:", "home:")))
    await watch.pass_to(clock_of("12:00"))
    await watch.reload(with_books)
    assert len(await watch.incidents()) == 1, "a failure of two hours ago says nothing about now"
    await watch.run(at=clock_of("12:01"))
    newest = (await watch.incidents())[-1]
    assert (said(newest.began), newest.resolved_at) == ("12:01:00", None)


async def test_an_answer_that_runs_out_while_it_recovers_waits_for_the_run_that_decides(watch: Watch) -> None:
    start = watch.books.cadence.after(clock_of("10:00"))
    watch.world = lambda probe, at: "x" if at < start + 29 * MINUTE + 50 * SECOND else "."
    await watch.run(at=start)
    await watch.react("ack", by="Ana")  # 40 s after the start: the run had three attempts
    await watch.runs(start + MINUTE, start + 31 * MINUTE, every=60)
    await watch.pass_to(start + 30 * MINUTE + 50 * SECOND)
    (incident,) = await watch.incidents()
    assert incident.state == "acknowledged"
    assert any("recovery is awaited" in event.text for event in incident.events)
    await watch.run(at=start + 31 * MINUTE)
    (over,) = await watch.incidents()
    assert (over.resolved_at, watch.paged) == (start + 31 * MINUTE, ["ana"])


async def test_an_answer_that_runs_out_while_it_seems_to_recover_pages_again_when_it_does_not(watch: Watch) -> None:
    start = watch.books.cadence.after(clock_of("10:00"))
    well = range(start + 29 * MINUTE + 50 * SECOND, start + 30 * MINUTE + 50 * SECOND)
    watch.world = lambda probe, at: "." if at in well else "x"
    await watch.run(at=start)
    await watch.react("ack", by="Ana")
    await watch.runs(start + MINUTE, start + 33 * MINUTE, every=60)
    assert watch.paged == ["ana", "ana"]


async def test_an_incident_of_which_only_unknown_runs_are_remembered_ends_by_the_recover_rule(watch: Watch) -> None:
    watch.world = lambda probe, at: "x" if at < clock_of("10:01") else "b" if at < clock_of("10:31") else "."
    await watch.runs(clock_of("10:00"), clock_of("10:31"), every=60)
    await watch.restart()
    await watch.run(at=clock_of("10:31"))
    await watch.restart()
    (opened,) = [each for each in await watch.incidents() if each.subject != "monitor"]
    assert opened.resolved_at is None, "one run that passes is not two"
    await watch.run(at=clock_of("10:32"))
    (over,) = [each for each in await watch.incidents() if each.subject != "monitor"]
    assert said(over.resolved_at) == "10:32:00"


async def test_a_failure_of_long_ago_is_made_no_younger_by_a_run_that_says_nothing(watch: Watch) -> None:
    with_books = watch.catalog
    watch.world = lambda probe, at: "x" if at < clock_of("11:00") else "b"
    await watch.run(at=clock_of("10:00"))
    await watch.reload(configure(CONFIG.replace("books:", "home:")))
    await watch.restart()
    await watch.pass_to(clock_of("12:00"))
    watch.catalog = with_books
    await watch.restart()
    await watch.run(at=clock_of("12:01"))
    await watch.restart()
    assert [each.resolved_at is None for each in await watch.incidents()] == [False]


async def test_a_probe_that_is_renamed_while_nothing_is_known_of_it_keeps_its_incident_open(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("10:00"))
    await watch.pass_to(clock_of("10:30"))
    await watch.reload(configure(CONFIG.replace("books: {", "bookings: {was: books, ")))
    (incident,) = await watch.incidents()
    assert (incident.resolved_at, incident.members) == (None, ("bookings",))


async def test_a_probe_that_was_renamed_keeps_its_history_and_its_incident(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    await watch.runs(clock_of("10:00"), clock_of("10:03"), every=60)
    ledger = watch.books.ledger
    await watch.reload(configure(CONFIG.replace("books: {", "bookings: {was: books, ")))
    renamed = watch.engine.tracks["intake/production/bookings"]
    assert renamed.ledger == ledger
    assert len(await results(watch, renamed.probe.id)) == 3
    incident = (await watch.incidents())[-1]
    assert incident.resolved_at is None
    assert incident.members == ("bookings",)
    assert watch.paged == ["ana"], "the same failure under another name wakes nobody"


async def test_a_run_under_way_while_the_configuration_changes_is_neither_lost_nor_blocks_the_next(
    watch: Watch,
) -> None:
    watch.world = lambda probe, at: "x"
    watch.hangs = asyncio.Event()
    await watch.pass_to(clock_of("10:00"))
    going = asyncio.create_task(watch.engine.run_now(BOOKS))
    await watch.asks(1)
    await watch.reload(configure(severity=Severity.ERROR))
    watch.hangs.set()
    await going
    await watch.settle()
    assert not watch.books.running
    watch.world = lambda probe, at: "."
    await watch.runs(clock_of("10:01"), clock_of("10:03"), every=60)
    (incident,) = await watch.incidents()
    assert said(incident.resolved_at) == "10:02:00"
    assert [attempts for _, attempts in await results(watch)] == [3, 1, 1]
    assert len({request.job_id for _, request in watch.asked[:3]}) == 1, "a run ends under what it began with"


async def test_what_the_owner_was_told_is_not_taken_back_by_a_mere_restart(watch: Watch) -> None:
    watch.world = lambda probe, at: "l"
    await watch.runs(clock_of("10:00"), clock_of("10:20"), every=60)
    await watch.engine.beat()
    await watch.settle()
    (incident,) = await watch.incidents()
    assert "has told us nothing" in incident.sentence
    await watch.restart()
    for second in range(0, 120, 30):
        await watch.pass_to(clock_of("10:21") + second * SECOND)
        await watch.engine.beat()
        await watch.settle()
    (still,) = await watch.incidents()
    assert still.resolved_at is None, "nothing was seen since, so nothing is well again"
    watch.world = lambda probe, at: "."
    await watch.run(at=clock_of("10:24"))
    await watch.engine.beat()
    await watch.settle()
    (healed,) = await watch.incidents()
    assert healed.resolved_at is not None


async def test_the_owner_is_told_when_a_probe_does_not_start(watch: Watch) -> None:
    await watch.run(at=clock_of("10:00"))
    await watch.pass_to(clock_of("10:03:30"))
    await watch.engine.beat()
    await watch.settle()
    (incident,) = await watch.incidents()
    assert incident.sentence == f"{BOOKS} has not started for 3m30s"
    assert watch.paged == ["cy"]


async def test_a_new_probe_runs_within_half_a_minute_and_one_by_the_clock_when_it_is_due(tmp_path: Path) -> None:
    nightly = 'nightly: {get: /, cron: "0 3 * * *", check: [{contains: Book online}]}'
    text = CONFIG.replace("every: 1m", "every: 12h") + f"      {nightly}\n"
    async with Watch(tmp_path, configure(text), start=clock_of("10:00")) as watch:
        first = watch.engine.next_due(BOOKS)
        assert first is not None
        assert first - clock_of("10:00") <= 30 * SECOND
        assert watch.engine.next_due("intake/production/nightly") == clock_of("03:00", day=MIDNIGHT + DAY)
        await watch.run(at=clock_of("10:01"))
        await watch.restart()
        again = watch.engine.next_due(BOOKS)
        assert again == watch.books.cadence.after(clock_of("10:01")), "it has run, so its own time is kept"


async def test_a_paused_probe_does_not_run_is_not_missed_and_stays_paused_over_a_restart(watch: Watch) -> None:
    await watch.engine.pause([BOOKS], paused=True)
    await watch.restart()
    assert watch.engine.paused == {BOOKS}
    watch.engine._fire(BOOKS, clock_of("10:00"))
    await watch.pass_to(clock_of("10:30"))
    await watch.engine.beat()
    assert watch.asked == []
    assert watch.engine.teller.waiting == 0, "nobody is told that a paused probe does not start"
    await watch.engine.pause([BOOKS], paused=False)
    watch.engine._fire(BOOKS, clock_of("10:01"))
    await watch.rests()
    assert (watch.books.counts.runs, watch.books.counts.missed) == (1, 0)


async def test_a_run_that_ends_while_its_probe_is_being_taken_out_leaves_no_incident_behind(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    await watch.pass_to(clock_of("10:00"))
    leaving = asyncio.create_task(watch.engine.reload(configure(CONFIG.replace("books:", "home:"))))
    await asyncio.sleep(0)  # the record is being read
    await watch.engine.run_now(BOOKS)
    assert watch.engine.teller.waiting == 1
    await leaving
    await watch.settle()
    assert [each.resolved_at is None for each in await watch.incidents()] == [False]


async def test_a_run_that_ends_after_its_workflow_was_taken_out_tells_nobody(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    watch.hangs = asyncio.Event()
    await watch.pass_to(clock_of("10:00"))
    going = asyncio.create_task(watch.engine.run_now(BOOKS))
    await watch.asks(1)
    await watch.reload(configure(CONFIG.replace("  intake:", "  other:")))
    watch.hangs.set()
    await going
    await watch.settle()
    assert await watch.incidents() == []
    assert list(watch.engine.tracks) == ["other/production/books"]
