"""What showup says about itself, and when it takes it back."""

from collections.abc import Mapping
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerts.signal import Condition, Severity
from monitor.engine import freshness
from monitor.engine.cadence import cadence_of
from monitor.engine.track import Last, Track
from probes.words.outcome import State
from probes.words.units import DAY, MINUTE, SECOND
from tests.story.watch import BOOKS, MIDNIGHT, configure

CATALOG = configure()
NOON = MIDNIGHT + DAY // 2


def followed(every: timedelta = timedelta(minutes=1), **known: int) -> dict[str, Track]:
    """The one probe, as the engine knows it."""
    probe = configure(every=every).probes[BOOKS]
    track = Track(probe, 1, cadence_of(probe), {})
    track.last_start, track.unknown_since = known.get("started", NOON), known.get("unknown", 0)
    track.last = Last(track.last_start, State.UNKNOWN, "host_lost", "the host was lost")
    return {BOOKS: track}


def wrong(tracks: Mapping[str, Track], *, began: int = MIDNIGHT, now: int = NOON) -> list[tuple[str, Severity]]:
    return [(one.member, one.severity) for one in freshness.look(tracks.values(), now=now, began=began)]


def test_three_periods_without_a_start_are_too_long_for_a_frequent_probe() -> None:
    assert wrong(followed(started=NOON - 3 * MINUTE)) == []
    late = followed(started=NOON - 3 * MINUTE - 1)
    assert wrong(late) == [(f"not-started {BOOKS}", Severity.ERROR)]


def test_a_period_and_a_quarter_of_an_hour_are_too_long_for_a_rare_one() -> None:
    hourly = timedelta(hours=1)
    assert wrong(followed(hourly, started=NOON - 75 * MINUTE)) == []
    assert len(wrong(followed(hourly, started=NOON - 75 * MINUTE - 1))) == 1


def test_the_time_before_the_keeper_came_up_is_not_held_against_it() -> None:
    assert wrong(followed(started=MIDNIGHT), began=NOON - MINUTE) == []


def test_knowing_nothing_is_a_warning_and_after_a_day_a_page() -> None:
    assert wrong(followed(unknown=NOON - 15 * MINUTE)) == []
    assert wrong(followed(unknown=NOON - 16 * MINUTE)) == [(f"blind {BOOKS}", Severity.WARNING)]
    assert wrong(followed(unknown=NOON - DAY - 1)) == [(f"blind {BOOKS}", Severity.ERROR)]


def test_what_is_paused_or_switched_off_is_not_expected_to_start() -> None:
    late = followed(started=MIDNIGHT)
    assert freshness.look(late.values(), now=NOON, began=MIDNIGHT, paused=frozenset({BOOKS})) == []
    probe = configure(enabled=False).probes[BOOKS]
    assert wrong({BOOKS: Track(probe, 1, cadence_of(probe), {})}) == []


def test_a_clock_set_back_and_a_full_disk_are_told() -> None:
    (clock,) = freshness.of_clock(90 * SECOND, now=NOON)
    assert clock.sentence == "the machine's clock is 1m30s behind and is not followed"
    assert freshness.of_clock(0, now=NOON) == []
    assert [one.severity for one in freshness.of_disk(short=True, now=NOON)] == [Severity.ERROR]
    assert freshness.of_disk(short=False, now=NOON) == []


def test_it_is_told_once_told_again_when_it_gets_worse_and_taken_back_when_it_is_over() -> None:
    told: dict[str, Severity] = {}
    heard = []
    for unknown, now in ((NOON - HOUR, NOON), (NOON - HOUR, NOON + MINUTE), (NOON - HOUR, NOON + DAY), (0, NOON + DAY)):
        tracks = followed(unknown=unknown, started=now)
        troubles = freshness.look(tracks.values(), now=now, began=MIDNIGHT)
        found, told = freshness.changes(CATALOG, troubles, told, now=now)
        heard.append([(signal.condition, signal.severity) for signal in found])
    assert heard == [
        [(Condition.FAILING, Severity.WARNING)],
        [],
        [(Condition.CHANGED, Severity.ERROR)],
        [(Condition.PASSING, Severity.WARNING)],
    ]
    assert told == {}


HOUR = 60 * MINUTE


def test_after_a_restart_nothing_is_taken_back_before_something_was_seen() -> None:
    told = {f"not-started {BOOKS}": Severity.ERROR, f"blind {BOOKS}": Severity.WARNING}
    silent = followed(started=NOON - HOUR, unknown=NOON - HOUR)
    assert freshness.unproven(told, silent, began=NOON) == frozenset(told)
    still_blind = followed(started=NOON + 1, unknown=NOON - HOUR)
    assert freshness.unproven(told, still_blind, began=NOON) == {f"blind {BOOKS}"}
    assert freshness.unproven(told, followed(started=NOON + 1), began=NOON) == frozenset()
    assert freshness.unproven(told, silent, began=NOON, paused=frozenset({BOOKS})) == frozenset()
    assert freshness.unproven(told, {}, began=NOON) == frozenset(), "a probe that is gone is not waited for"


@given(st.integers(SECOND, 30 * DAY))
def test_a_probe_that_starts_on_time_and_is_known_is_never_complained_of(period: int) -> None:
    assert period < freshness.overdue_after(period) <= period + 15 * MINUTE
    assert freshness.blind_after(period) >= 3 * period
