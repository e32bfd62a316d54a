"""The line in front of a host: patient with a burst, strict with a load, fair to whoever was turned away."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.frames import Request
from probes.waiting import AGAIN, BURST, SHORT, STANDING, Waiting, own_timeout

SECOND = 1_000_000


def asked(number: int, *, sent: int = 0, shed: int = 0, timeout: float = 10.0) -> Request:
    return Request(number, f"job-{number}", "RUN", 1, 0, sent, timeout, shed=shed)


def test_who_comes_first_goes_first() -> None:
    line = Waiting()
    for number in (3, 1, 2):
        line.add(asked(number), 0)
    assert [request.number for request in iter(line.take, None)] == [3, 1, 2]


def test_who_was_turned_away_goes_before_all_others_and_the_oftener_the_sooner() -> None:
    line = Waiting()
    for number, shed in ((1, 0), (2, 1), (3, 5), (4, 2), (5, 1)):
        line.add(asked(number, shed=shed), 0)
    assert [request.number for request in iter(line.take, None)] == [3, 4, 2, 5, 1]


def test_after_a_pause_of_the_machine_nobody_is_turned_away() -> None:
    line = Waiting()
    for number in range(60):
        line.add(asked(number, sent=0), 5 * SECOND)
    assert line.turn_away(5 * SECOND + BURST) == []


def test_a_burst_is_waited_for_and_a_standing_line_is_not() -> None:
    line = Waiting()
    for number in range(100):
        line.add(asked(number, sent=number), 0)
    assert line.turn_away(BURST - 1) == []
    assert len(line.turn_away(BURST + 50)) == 50
    line.add(asked(200, sent=STANDING - SHORT // 2), STANDING)
    line.add(asked(201, sent=STANDING - SHORT // 2, shed=1), STANDING)
    assert 200 not in [request.number for request in line.turn_away(STANDING)]
    assert [request.number for request in line.turn_away(STANDING + SHORT)] == [200]
    assert line.take() == asked(201, sent=STANDING - SHORT // 2, shed=1)


def test_what_a_request_was_late_when_it_came_counts_too() -> None:
    def left_out(late: int) -> bool:
        line = Waiting()
        line.add(replace(asked(1, sent=STANDING, shed=1), late=late), 0)
        return bool(line.turn_away(STANDING + SHORT))

    assert not left_out(0)
    assert not left_out(AGAIN - SHORT)
    assert left_out(AGAIN - SHORT + 1)


def test_a_line_that_was_empty_once_is_a_new_line() -> None:
    line = Waiting()
    line.add(asked(1), 0)
    line.take()
    line.add(asked(2, sent=0), 10 * SECOND)
    assert line.turn_away(10 * SECOND + BURST) == []


def test_a_script_is_waited_for_as_long_as_it_may_run() -> None:
    line = Waiting(own_timeout)
    line.add(asked(1, timeout=30.0), 0)
    line.add(asked(2, timeout=1.0), 0)
    assert line.turn_away(SECOND) == []
    assert [request.number for request in line.turn_away(29 * SECOND)] == []
    assert [request.number for request in line.turn_away(31 * SECOND)] == [1, 2]


def test_a_request_that_nobody_waits_for_is_taken_out() -> None:
    line = Waiting()
    line.add(asked(1), 0)
    line.add(asked(2, shed=1), 0)
    assert line.drop(2)
    assert not line.drop(2)
    assert len(line) == 1


@dataclass
class Day:
    """What came of a simulated load; lateness in ms."""

    late: list[float] = field(default_factory=list)
    runs: dict[int, int] = field(default_factory=dict)
    shed: int = 0
    twice: int = 0
    worst_in_a_row: int = 0

    def lateness(self, share: float) -> float:
        return sorted(self.late)[int(share * (len(self.late) - 1))]


def simulate(ratio: float, *, capacity: int = 500, seconds: int = 12, seed: int = 1) -> Day:
    """Jobs that start once a second, `ratio` times as many as a host can do, in front of that host."""
    chance, day, line = random.Random(seed), Day(), Waiting()
    phases = [chance.random() for _ in range(int(capacity * ratio))]
    arrivals = sorted(
        (int((turn + phase) * SECOND), job) for job, phase in enumerate(phases) for turn in range(seconds)
    )
    turned: dict[str, int] = {}
    now = number = 0
    while now < seconds * SECOND:
        while number < len(arrivals) and arrivals[number][0] <= now:
            at, job = arrivals[number]
            number += 1
            line.add(Request(number, str(job), "RUN", 1, 0, at, 10.0, shed=turned.get(str(job), 0)), now)
        for away in line.turn_away(now):
            times = turned[away.job_id] = turned.get(away.job_id, 0) + 1
            day.shed += 1
            day.twice += times == 2
            day.worst_in_a_row = max(day.worst_in_a_row, times)
        taken = line.take()
        if taken is None:
            now = arrivals[number][0] if number < len(arrivals) else seconds * SECOND
            continue
        turned.pop(taken.job_id, None)
        day.late.append((now - taken.sent) / 1000)
        day.runs[int(taken.job_id)] = day.runs.get(int(taken.job_id), 0) + 1
        now += int(SECOND / capacity * chance.uniform(0.5, 1.5))
    return day


@pytest.mark.parametrize("ratio", [1.2, 1.5, 1.8])
def test_under_too_much_load_all_that_can_be_done_is_done_in_time_and_nobody_is_skipped_twice(ratio: float) -> None:
    day = simulate(ratio)
    assert len(day.late) > 0.95 * 500 * 12
    assert day.lateness(0.99) < 250
    assert day.twice == 0
    assert set(day.runs) == set(range(int(500 * ratio)))


def test_at_twice_the_capacity_every_second_run_of_each_is_made() -> None:
    day = simulate(2.0)
    assert len(day.late) > 0.95 * 500 * 12
    assert day.lateness(0.99) < 250
    assert day.twice < 0.01 * day.shed
    assert min(day.runs.values()) >= 4
    assert max(day.runs.values()) <= 8


def test_far_beyond_it_everybody_still_has_a_turn() -> None:
    day = simulate(4.0)
    assert len(day.late) > 0.95 * 500 * 12
    assert day.lateness(0.99) < 250
    assert set(day.runs) == set(range(2_000))
    assert day.worst_in_a_row <= 6


def test_below_the_capacity_nobody_is_turned_away() -> None:
    assert simulate(0.9).shed == 0


@given(st.floats(0.5, 3.0), st.integers(0, 1_000))
def test_no_load_makes_anybody_later_than_a_quarter_second(ratio: float, seed: int) -> None:
    day = simulate(ratio, capacity=100, seconds=4, seed=seed)
    assert max(day.late) < 250
