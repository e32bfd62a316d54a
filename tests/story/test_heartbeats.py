"""Jobs that report by themselves: missed at the deadline, failed at once, and never blamed for what we did not hear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.config.load import load_text
from monitor.engine.heartbeats import Ping, Word
from monitor.status import history, render
from monitor.status.build import make_pages
from monitor.store.queries.proof import evidence_of
from probes.words.outcome import State
from probes.words.units import DAY, HOUR, MINUTE
from tests.story.jobs import NIGHTLY, Night, with_jobs
from tests.story.watch import CONFIG, MIDNIGHT, SECRETS, clock_of

RID = "6d1c6b8e-3b5a-4a39-8f06-3a1d3b1f1a11"
ALONE = CONFIG.partition("workflows:")[0] + """
workflows:
  export:
    policy: wake-us
    probes: {nightly: {heartbeat: 24h, grace: 1h}}
"""
AT_THREE = '{cron: "0 3 * * *", grace: 30m}'


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    async with Night(tmp_path, with_jobs(nightly=AT_THREE)) as watch:
        yield watch


async def test_a_job_that_reports_each_night_is_up_and_nobody_hears_of_it(night: Night) -> None:
    for day in range(3):
        await night.said(Word.SUCCESS, clock_of("03:04", day=MIDNIGHT + day * DAY))
    assert await night.told() == ["03:04:00 up"] * 3
    assert (await night.incidents(), night.paged) == ([], [])
    assert night.nightly.due.deadline == clock_of("03:30", day=MIDNIGHT + 3 * DAY)


async def test_a_night_without_a_word_is_missed_at_its_deadline_to_the_microsecond(night: Night) -> None:
    await night.said(Word.SUCCESS, clock_of("03:04"))
    await night.live(clock_of("03:29:59", day=MIDNIGHT + DAY))
    assert night.paged == []
    await night.live(clock_of("03:30:20", day=MIDNIGHT + DAY))
    assert await night.told() == ["03:04:00 up", "03:30:00 down heartbeat_missed"]
    [incident] = await night.incidents()
    assert incident.sentence == "due Wed 02 Jan 03:00 UTC, nothing was heard by Wed 02 Jan 03:30 UTC"
    assert incident.began == clock_of("03:30", day=MIDNIGHT + DAY)
    assert len(night.paged) == 1


async def test_the_next_good_report_ends_it_and_the_time_between_was_down(night: Night) -> None:
    await night.said(Word.SUCCESS, clock_of("03:04"))
    await night.said(Word.SUCCESS, clock_of("05:00", day=MIDNIGHT + DAY))
    [incident] = await night.incidents()
    assert incident.state == "resolved"
    tail = night.nightly.track.tail
    assert (tail.state, tail.span_start) == (State.UP, clock_of("05:00", day=MIDNIGHT + DAY))


async def test_what_goes_on_failing_is_recorded_once_a_night_and_paged_once(night: Night) -> None:
    await night.said(Word.SUCCESS, clock_of("03:04"))
    await night.live(clock_of("04:00", day=MIDNIGHT + 3 * DAY))
    assert await night.told() == ["03:04:00 up", *["03:30:00 down heartbeat_missed"] * 3]
    assert len(await night.incidents()) == 1


async def test_a_failure_is_told_at_once_with_what_the_job_said_last(night: Night) -> None:
    await night.said(Word.FAILURE, clock_of("03:02"), status=3, body="exporting\nno space left on device\n\n")
    [incident] = await night.incidents()
    assert incident.sentence == "the job failed with exit status 3: no space left on device"
    assert incident.failure == "heartbeat_failed"
    assert await night.told() == ["03:02:00 down heartbeat_failed"]


async def test_a_job_that_is_too_slow_degrades_and_says_by_how_much(tmp_path: Path) -> None:
    async with Night(tmp_path, with_jobs(nightly="{heartbeat: 24h, grace: 1h, budget: 20m}")) as night:
        await night.said(Word.START, clock_of("03:00"), rid="a")
        await night.said(Word.SUCCESS, clock_of("03:41"), rid="a")
        assert await night.told() == ["03:41:00 degraded slow"]
        [run] = await night.recorded()
        assert run.took == 41 * MINUTE
        assert [one.severity for one in await night.incidents()] == ["warning"]


async def test_a_job_that_began_and_never_ended_is_missed_a_grace_later(night: Night) -> None:
    await night.said(Word.SUCCESS, clock_of("03:04"))
    await night.said(Word.START, clock_of("02:10", day=MIDNIGHT + DAY))
    await night.live(clock_of("02:41", day=MIDNIGHT + DAY))
    assert (await night.told())[-1] == "02:40:00 down heartbeat_missed"
    assert (await night.incidents())[-1].sentence == "started Wed 02 Jan 02:10 UTC, not done by Wed 02 Jan 02:40 UTC"
    assert night.nightly.due.expected == clock_of("03:00", day=MIDNIGHT + DAY)


async def test_a_first_start_without_an_end_is_missed_too(night: Night) -> None:
    await night.said(Word.START, clock_of("01:00"))
    await night.live(clock_of("01:31"))
    assert await night.told() == ["01:30:00 down heartbeat_missed"]


async def test_a_log_is_evidence_and_changes_nothing(night: Night) -> None:
    await night.said(Word.SUCCESS, clock_of("03:04"))
    before = (night.nightly.known, night.nightly.at, night.nightly.due)
    await night.said(Word.LOG, clock_of("05:00"), body="half way")
    assert (night.nightly.known, night.nightly.at, night.nightly.due) == before
    assert await night.told() == ["03:04:00 up"]


async def test_failing_nights_that_are_confirmed_by_two_are_told_with_the_second(tmp_path: Path) -> None:
    async with Night(tmp_path, with_jobs(nightly='{cron: "0 3 * * *", grace: 30m, confirm: 2 of 3}')) as night:
        await night.said(Word.FAILURE, clock_of("03:01"))
        assert await night.incidents() == []
        await night.live(clock_of("03:31", day=MIDNIGHT + DAY))
        [incident] = await night.incidents()
        assert incident.began == clock_of("03:01")


async def test_what_comes_too_fast_is_written_a_second_later_and_no_failure_is_lost(night: Night) -> None:
    await night.said(Word.SUCCESS, clock_of("03:04"))
    for word in (Word.SUCCESS, Word.FAILURE, Word.SUCCESS, Word.SUCCESS):
        night.engine.heartbeats.put_off(NIGHTLY, Ping(word, body="flood"))
    await night.live(clock_of("03:04:01"))
    assert [line.split(" ", 1)[1] for line in await night.told()] == ["up", "down heartbeat_failed", "up"]
    assert len(await night.incidents()) == 1


async def test_a_failure_that_comes_while_another_word_is_being_written_is_not_lost(night: Night) -> None:
    heartbeats = night.engine.heartbeats
    await night.said(Word.SUCCESS, clock_of("03:04"))
    heartbeats.put_off(NIGHTLY, Ping(Word.SUCCESS))
    writing = asyncio.ensure_future(heartbeats.look(night.clock.at, frozenset()))
    await asyncio.sleep(0)
    heartbeats.put_off(NIGHTLY, Ping(Word.FAILURE, status=3))
    await writing
    await night.live(clock_of("03:04:01"))
    assert [line.split(" ", 1)[1] for line in await night.told()] == ["up", "up", "down heartbeat_failed"]
    assert len(await night.incidents()) == 1


async def test_what_had_to_wait_is_seen_to_before_what_was_said_after_it(night: Night) -> None:
    await night.said(Word.SUCCESS, clock_of("03:04"))
    night.engine.heartbeats.put_off(NIGHTLY, Ping(Word.FAILURE, status=3))
    await night.said(Word.SUCCESS)
    assert [line.split(" ", 1)[1] for line in await night.told()] == ["up", "down heartbeat_failed", "up"]
    assert len(await night.incidents()) == 1


async def test_the_record_of_a_failure_holds_what_the_job_printed(night: Night) -> None:
    await night.said(Word.START, clock_of("03:00"), rid=RID)
    await night.said(Word.FAILURE, clock_of("03:02"), rid=RID, status=3, body="x" * 20_000 + "\nthe \x1b[31mend")
    await night.store.flush()
    [run] = await night.recorded()
    [proof] = await night.store.read(lambda session: evidence_of(session, run.started, run.ledger))
    assert len(proof.body["output"]) <= 10_000
    assert proof.body["output"].endswith("the [31mend")
    assert proof.body["notes"] == [f"the job reported exit status 3, as run {RID}"]
    assert proof.body["steps"][0]["took"] == 2 * MINUTE


async def test_a_workflow_of_jobs_alone_has_its_figures_from_them(tmp_path: Path) -> None:
    catalog = load_text(ALONE, secrets=SECRETS)
    async with Night(tmp_path, catalog) as night:
        await night.said(Word.SUCCESS, MIDNIGHT, name="export/production/nightly")
        await night.said(Word.SUCCESS, MIDNIGHT + 31 * HOUR, name="export/production/nightly")
        await night.live(MIDNIGHT + 50 * HOUR)
        await night.store.flush()
        end = MIDNIGHT + 50 * HOUR
        record = await night.store.read(lambda session: history.read(session, start=MIDNIGHT, end=end, now=end))
        found = record.figures(("export", "production"), MIDNIGHT)
        # down from 25:00 to 31:00, up for the other 44 hours
        assert (found.uptime, found.coverage) == (88_000, 100_000)


async def test_the_page_shows_a_job_as_any_probe_and_nothing_of_what_it_printed(tmp_path: Path) -> None:
    catalog = load_text(ALONE, secrets=SECRETS)
    async with Night(tmp_path, catalog) as night:
        name = "export/production/nightly"
        await night.said(Word.START, MIDNIGHT + HOUR, name=name)
        await night.said(Word.FAILURE, name=name, status=3, body="postgres://user:hunter2@db refused")
        await night.store.flush()
        made = await night.store.read(lambda session: make_pages(session, catalog, night.desk, now=night.clock.at))
    files = render.files(made)
    page = next(str(text) for file, text in files.items() if str(file) == "index.html")
    assert "The job reported a failure" in page
    assert "hunter2" not in str(files)
    assert made[0].page.groups[0].workflows[0].speed == ""
