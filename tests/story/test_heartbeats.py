"""Jobs that report by themselves: missed at the deadline, failed at once, and never blamed for what we did not hear."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.engine.heartbeats import Word
from probes.words.outcome import State
from probes.words.units import DAY
from tests.story.jobs import Night, with_jobs
from tests.story.watch import MIDNIGHT, clock_of

DAILY = "{heartbeat: 24h, grace: 1h}"
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
    assert night.paged == ["Ana"] or len(night.paged) == 1


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
