"""Four days, worked out by hand, and reproduced to the printed digit from the attempts alone."""

from __future__ import annotations

from monitor.ledger.spans import Observation, fold, overlay
from monitor.ledger.uptime import figures, percent_text, shares
from probes.words.outcome import State
from tests.pure.ledger_kit import HOUR, MINUTE, SECOND, TODAY, at, attempts, every

UP, DOWN = State.UP, State.DOWN
YESTERDAY = TODAY[0] - HOUR  # the probe ran before midnight, too


def test_a_run_that_passes_at_its_third_attempt_is_down_for_forty_seconds() -> None:
    """Case 1: 60 s period, 3 attempts; fails at t and t + 20, passes at t + 40."""
    t = at("14:07:00")
    runs = every(MINUTE, first=YESTERDAY, until=TODAY[1], skip=[(t, t + MINUTE)])
    tries = [(t, DOWN), (t + 20 * SECOND, DOWN), (t + 40 * SECOND, UP)]
    day = fold(attempts(period=MINUTE, timeout=15 * SECOND, states=sorted(runs + tries)), until=TODAY[1])

    shown = figures(shares(day, *TODAY))

    assert shares(day, *TODAY).down == 40 * SECOND
    assert percent_text(shown.uptime) == "99.953 %"
    assert percent_text(shown.coverage) == "100 %"


def test_an_outage_between_two_runs_costs_its_length_however_often_it_was_tried() -> None:
    """Case 2: 300 s period; an outage of 600 s that begins and ends on a run, seen with 1, 3 and 6 attempts."""
    t = at("09:30:00")
    for tries in (1, 3, 6):
        runs = every(5 * MINUTE, first=YESTERDAY, until=TODAY[1], skip=[(t, t + 10 * MINUTE)])
        failed = [(run + 20 * SECOND * n, DOWN) for run in (t, t + 5 * MINUTE) for n in range(tries)]
        day = fold(attempts(period=5 * MINUTE, timeout=15 * SECOND, states=sorted(runs + failed)), until=TODAY[1])

        shown = figures(shares(day, *TODAY))

        assert shares(day, *TODAY).down == 600 * SECOND, f"{tries} attempts"
        assert percent_text(shown.uptime) == "99.305 %", f"{tries} attempts"


def death_of_the_keeper() -> list[Observation]:
    """60 s period, 20 s timeout: two attempts fail, the keeper dies, three fail once it is back, the next passes."""
    quiet = [(at("10:00:00"), at("10:21:00"))]
    failed = [at(clock) for clock in ("10:00:00", "10:00:20", "10:20:15", "10:20:35", "10:20:55")]
    runs = every(MINUTE, first=YESTERDAY, until=TODAY[1], skip=quiet)
    return attempts(period=MINUTE, timeout=20 * SECOND, states=sorted(runs + [(when, DOWN) for when in failed]))


def test_while_the_keeper_was_dead_nothing_is_known() -> None:
    """Case 3: the last `alive` is of 10:00:30, the keeper is back at 10:20:10, its first attempt is at 10:20:15."""
    observed = fold(death_of_the_keeper(), until=TODAY[1])
    day = overlay(observed, absences=[(at("10:00:30"), at("10:20:10"))], maintenance=[], window=TODAY)

    sums = shares(day, *TODAY)
    shown = figures(sums)

    assert (sums.down, sums.unknown) == (75 * SECOND, 1185 * SECOND)
    assert percent_text(shown.uptime) == "99.911 %"
    assert percent_text(shown.coverage) == "98.628 %"
    assert percent_text(shown.at_least) == "98.541 %"


def test_without_the_absence_the_same_attempts_would_claim_what_nobody_saw() -> None:
    """Case 3 without the keeper's death: the failure would hold for its 140 s. So the absence must be laid over."""
    sums = shares(fold(death_of_the_keeper(), until=TODAY[1]), *TODAY)

    assert sums.down == (20 + 140 + 45) * SECOND
    assert sums.unknown == (at("10:20:15") - at("10:02:40"))


def test_an_outage_across_maintenance_counts_only_outside_it() -> None:
    """Case 4: 300 s period, 1 attempt, maintenance 02:00-03:00; runs 01:57 to 03:07 fail, 03:12 passes."""
    broken = (at("01:57"), at("03:12"))
    runs = every(5 * MINUTE, first=YESTERDAY + 2 * MINUTE, until=TODAY[1], skip=[broken])
    failed = [(when, DOWN) for when in range(*broken, 5 * MINUTE)]
    observed = fold(attempts(period=5 * MINUTE, timeout=30 * SECOND, states=sorted(runs + failed)), until=TODAY[1])
    day = overlay(observed, absences=[], maintenance=[(at("02:00"), at("03:00"))], window=TODAY)

    sums = shares(day, *TODAY)
    shown = figures(sums)

    assert len(failed) == 15
    assert (sums.down, sums.known) == (900 * SECOND, 82_800 * SECOND)
    assert percent_text(shown.uptime) == "98.913 %"
    assert percent_text(shown.coverage) == "100 %"
