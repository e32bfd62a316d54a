"""What a job owes and by when: across clock changes, starts and absences, and never twice for one time."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.cadence import Every, cron
from monitor.engine.heartbeats import (
    MOST_BEGUN,
    Known,
    Owed,
    Ping,
    Rhythm,
    Word,
    begun_after,
    coalesced,
    outcome_of,
    outcome_of_silence,
    owed,
    read_rid,
    unheard,
)
from probes.kinds.heartbeat.spec import HeartbeatSpec
from probes.spec import read
from probes.words.clock import micros, moment
from probes.words.outcome import State
from probes.words.units import DAY, HOUR, MINUTE, SECOND
from tests.story.watch import MIDNIGHT, clock_of

BERLIN = ZoneInfo("Europe/Berlin")
RID = "6d1c6b8e-3b5a-4a39-8f06-3a1d3b1f1a11"


def each(period: int, grace: int, budget: int | None = None) -> Rhythm:
    return Rhythm(Every(period, 0), False, grace, budget, ZoneInfo("UTC"))


def by_clock(expression: str, grace: int, zone: str = "UTC") -> Rhythm:
    return Rhythm(cron(expression, zone), True, grace, None, ZoneInfo(zone))


def berlin(text: str) -> int:
    """A moment as a wall in Berlin shows it."""
    from datetime import datetime

    return micros(datetime.fromisoformat(text).replace(tzinfo=BERLIN))


DAILY, AT_THREE = each(DAY, HOUR), by_clock("0 3 * * *", 30 * MINUTE)


# -- when -------------------------------------------------------------------------------------------------------------


def test_a_period_counts_from_the_last_report() -> None:
    at = clock_of("04:10")
    assert owed(DAILY, Known.REPORTED, at) == Owed(at + DAY, at + DAY + HOUR)


def test_a_report_a_little_early_counts_for_its_time() -> None:
    """A job whose clock runs ahead reports at 02:59:30; it is not asked for again at three."""
    assert owed(AT_THREE, Known.REPORTED, clock_of("02:59:30")).expected == clock_of("03:00") + DAY
    assert owed(AT_THREE, Known.REPORTED, clock_of("02:58")).expected == clock_of("03:00")


def test_after_a_missed_time_the_next_one_is_owed() -> None:
    missed = owed(AT_THREE, Known.REPORTED, clock_of("03:04"))
    assert owed(AT_THREE, Known.MISSED, missed.deadline).expected == missed.expected + DAY
    first = owed(DAILY, Known.REPORTED, MIDNIGHT)
    assert owed(DAILY, Known.MISSED, first.deadline).deadline == first.deadline + DAY


def test_a_grace_longer_than_the_gap_skips_no_time() -> None:
    hourly = by_clock("0 * * * *", 2 * HOUR)
    at, seen = clock_of("00:10"), []
    known = Known.REPORTED
    for _ in range(4):
        due = owed(hourly, known, at)
        seen.append(due.expected)
        at, known = due.deadline, Known.MISSED
    assert seen == [clock_of(f"0{hour}:00") for hour in range(1, 5)]


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("2026-03-28T03:05", "2026-03-29T03:00+02:00"),  # a day of 23 hours
        ("2026-10-24T03:05", "2026-10-25T03:00+01:00"),  # a day of 25 hours
    ],
)
def test_three_in_the_morning_stays_three_over_a_clock_change(reported: str, expected: str) -> None:
    from datetime import datetime

    due = owed(by_clock("0 3 * * *", 30 * MINUTE, "Europe/Berlin"), Known.REPORTED, berlin(reported))
    assert due.expected == micros(datetime.fromisoformat(expected))


def test_a_time_that_a_clock_change_skips_is_owed_when_it_ends_and_one_it_repeats_once() -> None:
    rhythm = by_clock("30 2 * * *", 10 * MINUTE, "Europe/Berlin")
    spring = owed(rhythm, Known.REPORTED, berlin("2026-03-28T02:31"))
    assert moment(spring.expected).astimezone(BERLIN).strftime("%d %H:%M") == "29 03:00"
    autumn = owed(rhythm, Known.REPORTED, berlin("2026-10-24T02:31"))
    after = owed(rhythm, Known.REPORTED, autumn.expected + MINUTE)
    assert moment(after.expected).astimezone(BERLIN).strftime("%d %H:%M") == "26 02:30"


@given(
    st.integers(MIDNIGHT, MIDNIGHT + 700 * DAY),
    st.sampled_from([DAILY, AT_THREE, each(10 * SECOND, SECOND), by_clock("*/7 * * * *", 90 * SECOND)]),
    st.sampled_from(list(Known)),
)
def test_what_is_owed_lies_ahead_and_each_silence_is_told_once(at: int, rhythm: Rhythm, known: Known) -> None:
    due = owed(rhythm, known, at)
    assert due.deadline > at
    following = owed(rhythm, Known.MISSED, due.deadline)
    assert following.deadline > due.deadline
    assert following.expected > due.expected


# -- starts -----------------------------------------------------------------------------------------------------------


def test_a_job_that_began_owes_its_end_a_grace_later() -> None:
    report = clock_of("03:00") - DAY + MINUTE
    due = owed(DAILY, Known.REPORTED, report, [clock_of("02:00")])
    assert due == Owed(report + DAY, clock_of("03:00"), clock_of("02:00"))
    said = outcome_of_silence(DAILY, due, None).sentence
    assert said == "started Tue 01 Jan 02:00 UTC, not done by Tue 01 Jan 03:00 UTC"


def test_of_two_runs_at_once_the_one_that_does_not_end_is_missed() -> None:
    begun: dict[str, int] = {}
    for ping in (
        Ping(Word.START, rid="a", at=10),
        Ping(Word.START, rid="b", at=20),
        Ping(Word.LOG, rid="a", at=25),
        Ping(Word.SUCCESS, rid="b", at=30),
    ):
        begun = begun_after(begun, ping)
    assert begun == {"a": 10}
    assert owed(each(DAY, 100), Known.REPORTED, 30, begun.values()).deadline == 110


def test_only_so_many_runs_of_a_job_are_followed() -> None:
    begun: dict[str, int] = {}
    for number in range(MOST_BEGUN + 50):
        begun = begun_after(begun, Ping(Word.START, rid=str(number), at=number))
    assert list(begun.values()) == list(range(50, MOST_BEGUN + 50))


def test_over_its_budget_a_job_was_slow_and_done() -> None:
    rhythm = each(DAY, HOUR, 20 * MINUTE)
    slow = outcome_of(Ping(Word.SUCCESS), 41 * MINUTE, rhythm)
    assert (slow.state, slow.sentence) == (State.DEGRADED, "the job took 41m, its budget is 20m")
    assert outcome_of(Ping(Word.SUCCESS), 20 * MINUTE, rhythm).state is State.UP
    assert outcome_of(Ping(Word.SUCCESS), None, rhythm).state is State.UP


# -- absences ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("away", "is_unheard"),
    [
        (("01:00", "02:29"), False),  # long before
        (("02:45", "02:50"), True),  # a little early, as some jobs are
        (("03:10", "03:10:05"), True),
        (("03:29:59", "09:00"), True),
        (("03:31", "09:00"), False),  # after the deadline: it was heard to be silent
    ],
)
def test_only_being_off_while_the_report_was_due_leaves_it_open(away: tuple[str, str], is_unheard: bool) -> None:
    due = owed(AT_THREE, Known.REPORTED, clock_of("03:04") - DAY)
    found = unheard(AT_THREE, due, [(clock_of(away[0]), clock_of(away[1]))])
    assert (found is not None) is is_unheard
    assert outcome_of_silence(AT_THREE, due, found).state is (State.UNKNOWN if is_unheard else State.DOWN)


@given(
    st.lists(st.tuples(st.integers(0, 3 * DAY), st.integers(1, 5 * HOUR)), max_size=6),
    st.integers(0, DAY),
)
def test_silence_is_only_down_when_all_of_its_due_time_was_heard(spells: list[tuple[int, int]], at: int) -> None:
    away = [(MIDNIGHT + start, MIDNIGHT + start + length) for start, length in spells]
    due = owed(DAILY, Known.REPORTED, MIDNIGHT + at)
    window = range(due.expected - HOUR, due.deadline + 1, MINUTE)
    off = any(start <= moment_ <= end for start, end in away for moment_ in window)
    if off:
        assert outcome_of_silence(DAILY, due, unheard(DAILY, due, away)).state is State.UNKNOWN


# -- words ------------------------------------------------------------------------------------------------------------


def test_what_a_failed_job_printed_last_is_said_and_made_harmless() -> None:
    ping = Ping(Word.FAILURE, 3, body="fine\n\x1b[31mno space left\u202e on device\n  \n")
    assert outcome_of(ping, None, DAILY).sentence == "the job failed with exit status 3: [31mno space left on device"
    assert outcome_of(Ping(Word.FAILURE), None, DAILY).sentence == "the job failed"


@given(st.lists(st.sampled_from(list(Word)), max_size=40))
def test_however_fast_words_come_a_failure_and_the_last_word_are_kept(words: list[Word]) -> None:
    waiting: tuple[Ping, ...] = ()
    for at, word in enumerate(words):
        waiting = coalesced(waiting, Ping(word, at=at))
    tells = [Ping(word, at=at) for at, word in enumerate(words) if word in (Word.SUCCESS, Word.FAILURE)]
    assert len(waiting) <= 2
    assert waiting[-1:] == tuple(tells[-1:])
    assert any(one.word is Word.FAILURE for one in waiting) is any(one.word is Word.FAILURE for one in tells)
    assert [one.at for one in waiting] == sorted(one.at for one in waiting)


@pytest.mark.parametrize(
    ("given_", "read_as"), [(None, ""), (RID, RID), (RID.upper(), RID), ("", None), ("1", None), (RID + "0", None)]
)
def test_a_run_of_a_job_is_named_by_a_uuid(given_: str | None, read_as: str | None) -> None:
    assert read_rid(given_) == read_as


def test_the_grace_that_nobody_wrote_is_a_tenth_of_the_period_within_reason() -> None:
    patience = {
        written: spec.patience
        for written in ("30s", "5m", "2h", "24h", "30d")
        if isinstance(spec := read({"heartbeat": written}), HeartbeatSpec)
    }
    minute = timedelta(minutes=1)
    assert list(patience.values()) == [minute, minute, 12 * minute, 60 * minute, 60 * minute]
