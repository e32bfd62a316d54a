"""What the statistics are simulated with is what the keeper does."""

from __future__ import annotations

import random

import pytest

from probes.words.units import MINUTE
from tests.conformance import statistics


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.3, 0.8])
@pytest.mark.parametrize("minutes", [1, 5])
def test_the_bare_numbers_page_at_the_very_runs_at_which_the_keeper_does(rate: float, minutes: int) -> None:
    chance = random.Random(f"{rate} {minutes}").random
    runs = [chance() < rate for _ in range(12_000)]
    runs[6_000:6_100] = [chance() < 0.6 for _ in range(100)]
    rule = statistics.Rule(minutes * MINUTE)
    expected = [number for number, failed in enumerate(runs) if rule.ran(failed)]
    assert list(statistics.pages_of(runs, minutes * MINUTE)) == expected
    assert expected


def test_three_in_a_row_takes_as_long_as_it_takes() -> None:
    chance = random.Random(7).random
    row = total = count = 0
    while count < 2_000:
        total += 1
        row = row + 1 if chance() < 0.3 else 0
        if row == 3:
            row, count = 0, count + 1
    assert statistics.runs_in_a_row(0.3) == pytest.approx(total / count, rel=0.08)


def test_a_hard_failure_takes_two_runs_and_a_drop_of_a_golden_set_not_many_more_than_it_needs() -> None:
    assert statistics.runs_to_page(0.0, 1.0, 5, soft=False) == 2
    assert 3 <= statistics.golden_runs_to_page(0.5, times=4) <= 12
