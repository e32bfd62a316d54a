"""What showup did not hear is never the job's fault: restarts, crashes, a full disk, pauses and reloads."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from monitor.engine.heartbeats import Known, Ping, Word
from monitor.store.queries.pings import add_ping
from probes.words.errors import StoreBroken
from probes.words.outcome import State
from probes.words.units import DAY, HOUR, MINUTE, SECOND
from tests.story.jobs import NIGHTLY, Night, with_jobs
from tests.story.watch import MIDNIGHT, clock_of

DAILY = "{heartbeat: 24h, grace: 1h}"
AT_THREE = '{cron: "0 3 * * *", grace: 30m}'
NEXT = MIDNIGHT + DAY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


async def test_off_when_the_report_was_due_it_is_unknown_and_nobody_is_woken(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=AT_THREE)) as night:
        await night.said(Word.SUCCESS, clock_of("03:04"))
        await night.live(clock_of("02:50", day=NEXT))
        await night.off(clock_of("03:20", day=NEXT))
        await night.live(clock_of("04:00", day=NEXT))
        assert await night.told() == ["03:04:00 up", "03:30:00 unknown monitor_fault"]
        assert (night.paged, night.nightly.known) == ([], Known.UNHEARD)
        [trouble] = night.engine.heartbeats.troubles(night.clock.at, frozenset())
        assert "showup was off for 30m then" in trouble.sentence
        # and a full night that was watched without a word is missed again
        await night.live(clock_of("04:00", day=NEXT + DAY))
        assert (await night.told())[-1] == "03:30:00 down heartbeat_missed"


async def test_off_over_the_deadline_it_is_unknown_until_a_whole_period_was_watched(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=DAILY)) as night:
        await night.said(Word.SUCCESS, clock_of("03:00"))
        await night.live(clock_of("02:59", day=NEXT))
        await night.off(clock_of("09:00", day=NEXT))
        await night.live(clock_of("09:01", day=NEXT))
        assert await night.told() == ["03:00:00 up", "09:00:00 unknown monitor_fault"]
        await night.live(clock_of("09:59", day=NEXT + DAY))
        assert night.paged == []
        await night.live(clock_of("10:01", day=NEXT + DAY))
        assert (await night.told())[-1] == "10:00:00 down heartbeat_missed"
        assert len(night.paged) == 1


async def test_off_long_before_the_report_was_due_changes_nothing(folder: Path) -> None:
    """A keeper that is upgraded every day still hears the silence of a job that reports once a month."""
    async with Night(folder, with_jobs(nightly="{heartbeat: 30d, grace: 1h}")) as night:
        await night.said(Word.SUCCESS, clock_of("12:00"))
        for day in range(1, 30):
            night.clock.at = MIDNIGHT + day * DAY
            await night.off(MIDNIGHT + day * DAY + 5 * SECOND)
        night.clock.at = clock_of("00:00", day=MIDNIGHT + 30 * DAY)
        await night.off(night.clock.at + SECOND)
        await night.live(clock_of("13:01", day=MIDNIGHT + 30 * DAY))
        assert (await night.told())[-1] == "13:00:00 down heartbeat_missed"


async def test_a_success_just_after_an_absence_ends_the_doubt(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=AT_THREE)) as night:
        await night.said(Word.SUCCESS, clock_of("03:04"))
        await night.live(clock_of("02:59", day=NEXT))
        await night.off(clock_of("05:00", day=NEXT))
        await night.said(Word.SUCCESS, clock_of("05:10", day=NEXT))
        assert [line.split()[1] for line in await night.told()] == ["up", "unknown", "up"]
        assert night.engine.heartbeats.troubles(night.clock.at, frozenset()) == []


async def test_a_restart_forgets_nothing(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=DAILY)) as night:
        await night.said(Word.SUCCESS, clock_of("03:00"))
        await night.said(Word.START, clock_of("04:00"), rid="a")
        before = night.nightly.due
        await night.restart()
        assert (night.nightly.due, night.nightly.begun) == (before, {"a": clock_of("04:00")})
        assert night.nightly.track.hold == clock_of("05:00") - clock_of("03:00")
        await night.live(clock_of("05:30"))
        [incident] = await night.incidents()
        assert incident.sentence.startswith("started Tue 01 Jan 04:00 UTC, not done by")
        await night.restart()
        assert len(await night.incidents()) == 1
        assert night.nightly.known is Known.MISSED
        await night.said(Word.SUCCESS, clock_of("06:00"), rid="a")
        assert [one.state for one in await night.incidents()] == ["resolved"]


@pytest.mark.parametrize(("word", "state"), [(Word.SUCCESS, "up"), (Word.FAILURE, "down heartbeat_failed")])
async def test_what_was_answered_ok_just_before_a_crash_counts(folder: Path, word: Word, state: str) -> None:
    """The word is on the disk, the run that it makes is not: the next keeper makes it."""
    async with Night(folder, with_jobs(nightly=AT_THREE)) as night:
        await night.said(Word.SUCCESS, clock_of("03:04"))
        ledger, at = night.nightly.track.ledger, clock_of("03:05", day=NEXT)
        await night.live(at)
        await night.store.write(partial(add_ping, ledger=ledger, at=at, kind=int(word)))
        await night.restart()
        assert (await night.told())[-1] == f"03:05:00 {state}"
        assert len(await night.incidents()) == (1 if word is Word.FAILURE else 0)


async def test_a_word_that_cannot_be_kept_is_refused_and_the_job_is_not_blamed(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=AT_THREE)) as night:
        await night.said(Word.SUCCESS, clock_of("03:04"))
        await night.live(clock_of("03:05", day=NEXT))
        store, night.engine.heartbeats._store = night.store, Broken()  # type: ignore[assignment]
        with pytest.raises(StoreBroken):
            await night.engine.heartbeats.hear(NIGHTLY, Ping(Word.SUCCESS))
        night.engine.heartbeats._store = store
        await night.live(clock_of("04:00", day=NEXT))
        assert (await night.told())[-1] == "03:30:00 unknown monitor_fault"
        assert night.paged == []


class Broken:
    """A store on a disk that takes nothing."""

    async def write(self, act: object) -> None:
        raise StoreBroken


async def test_a_machine_that_slept_was_not_listening(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=AT_THREE)) as night:
        await night.said(Word.SUCCESS, clock_of("03:04"))
        await night.live(clock_of("02:55", day=NEXT))
        night.clock.at = clock_of("06:00", day=NEXT)  # nothing looked in between
        await night.engine.heartbeats.look(night.clock.at, frozenset())
        assert (await night.told())[-1] == "06:00:00 unknown monitor_fault"


async def test_paused_nothing_is_expected_and_what_fell_into_the_pause_is_not_known(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=AT_THREE)) as night:
        await night.said(Word.SUCCESS, clock_of("03:04"))
        await night.live(clock_of("12:00"))
        await night.engine.pause([NIGHTLY], paused=True)
        await night.live(clock_of("12:00", day=NEXT))
        assert await night.told() == ["03:04:00 up"]
        await night.engine.pause([NIGHTLY], paused=False)
        await night.live(clock_of("12:01", day=NEXT))
        assert (await night.told())[-1].endswith("unknown monitor_fault")
        await night.live(clock_of("04:00", day=NEXT + DAY))
        assert (await night.told())[-1] == "03:30:00 down heartbeat_missed"


async def test_a_job_that_never_reported_is_unknown_and_its_owner_hears_of_it_after_a_period(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=DAILY)) as night:
        await night.live(MIDNIGHT + 24 * HOUR)
        assert night.engine.heartbeats.troubles(night.clock.at, frozenset()) == []
        await night.live(MIDNIGHT + 26 * HOUR)
        [trouble] = night.engine.heartbeats.troubles(night.clock.at, frozenset())
        assert trouble.sentence == f"{NIGHTLY} has never reported, in 1d2h: showup heartbeat list shows its address"
        assert (await night.told(), night.paged) == ([], [])
        night.engine._look(night.clock.at)
        await night.settle()
        [incident] = await night.incidents()
        assert (incident.subject, f"not-started {NIGHTLY}" in incident.members) == ("monitor", True)
        await night.said(Word.SUCCESS)
        night.engine._look(night.clock.at)
        await night.settle()
        [incident] = await night.incidents()
        assert f"not-started {NIGHTLY}" not in incident.members


async def test_a_reload_changes_the_rhythm_and_keeps_what_was_heard(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=DAILY)) as night:
        await night.said(Word.SUCCESS, clock_of("03:00"))
        await night.said(Word.START, clock_of("03:30"))
        await night.reload(with_jobs(nightly="{heartbeat: 12h, grace: 2h}"))
        assert night.nightly.due.deadline == clock_of("05:30")
        await night.said(Word.SUCCESS, clock_of("04:00"))
        assert night.nightly.due.deadline == clock_of("18:00")
        await night.reload(with_jobs(nightly="{heartbeat: 12h, grace: 2h, enabled: false}"))
        assert NIGHTLY not in night.engine.heartbeats.beats
        await night.reload(with_jobs(export="{heartbeat: 12h, grace: 2h, was: nightly}"))
        assert night.engine.heartbeats.beats["intake/production/export"].due.deadline == clock_of("18:00")


async def test_a_job_that_becomes_an_ordinary_probe_is_run(folder: Path) -> None:
    async with Night(folder, with_jobs(nightly=DAILY)) as night:
        await night.said(Word.SUCCESS, clock_of("03:00"))
        await night.reload(with_jobs(nightly="{get: /, every: 1m, check: [{contains: Book}]}"))
        track = night.engine.tracks[NIGHTLY]
        await night.run(NIGHTLY, at=clock_of("03:01"))
        assert (track.hold, track.tail.state) == (2 * MINUTE + 10 * SECOND, State.UP)
