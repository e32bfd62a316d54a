"""Statistics of answers that are not always the same: the numbers of the books, and what must always hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.stats import (
    COMMONEST,
    RAREST,
    Cusum,
    Standing,
    at_most,
    cases_needed,
    flake_rate,
    least_to_clear,
    sign_test,
    tuned,
    wilson,
)

SHARES = st.integers(0, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))
RATES = st.floats(0.005, 0.4)


@pytest.mark.parametrize(
    ("right", "of", "low", "high"),
    [(10, 10, 0.72, 1.0), (9, 10, 0.60, 0.98), (18, 20, 0.70, 0.97), (16, 20, 0.58, 0.92), (45, 50, 0.79, 0.96),
     (95, 100, 0.89, 0.98)],
)  # fmt: skip
def test_intervals_are_those_of_the_books(right: int, of: int, low: float, high: float) -> None:
    found = wilson(right, of)
    assert (round(found.low, 2), round(found.high, 2)) == (low, high)


@pytest.mark.parametrize(
    ("usual", "dropped", "needed"),
    [(0.95, 0.80, 47), (0.95, 0.90, 318), (0.90, 0.70, 42), (0.90, 0.80, 147), (0.99, 0.90, 47)],
)
def test_cases_needed_are_those_of_the_books(usual: float, dropped: float, needed: int) -> None:
    assert cases_needed(usual, dropped) == needed


def test_so_few_right_ones_are_a_wonder_or_not() -> None:
    assert at_most(0, 5, 0.8) == pytest.approx(0.00032)
    assert at_most(1, 5, 0.8) == pytest.approx(0.00672)
    assert at_most(5, 5, 0.3) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="no share"):
        at_most(6, 5, 0.8)


def test_six_regressions_and_no_improvement_are_no_chance() -> None:
    assert sign_test(6, 0) == pytest.approx(0.015625)
    assert sign_test(5, 0) > 0.02
    assert sign_test(8, 1) < 0.02 < sign_test(7, 1)
    assert sign_test(0, 0) == 1.0


def test_the_sequential_test_pages_after_four_failures_and_clears_after_ten_passes() -> None:
    test = Cusum.of(0.05, 0.30)
    assert [round(part, 2) for part in (test.fail, test.good, test.page, test.clear)] == [1.79, -0.31, 6.86, -2.99]
    assert _until_it_changes(test, Standing(), failed=True) == 4
    assert _until_it_changes(test, Standing(0.0, True), failed=False) == 10


def _until_it_changes(test: Cusum, begin: Standing, *, failed: bool) -> int:
    stands, runs = begin, 0
    while stands.pages is begin.pages and runs < 1_000:
        stands, runs = test.step(stands, failed=failed), runs + 1
    return runs


# -- what must always hold


@given(SHARES)
def test_an_interval_holds_its_share_within_nothing_and_one(share: tuple[int, int]) -> None:
    right, of = share
    found = wilson(right, of)
    assert 0.0 <= found.low <= found.high <= 1.0
    assert of == 0 or found.low <= right / of <= found.high
    assert (found.low == 0.0) is (right == 0)
    assert (found.high == 1.0) is (right == of)


@given(SHARES, st.integers(2, 20))
def test_more_of_the_same_narrows_an_interval(share: tuple[int, int], times: int) -> None:
    right, of = share
    narrow, wide = wilson(right * times, of * times), wilson(right, of)
    assert wide.low <= narrow.low + 1e-12
    assert narrow.high <= wide.high + 1e-12


@given(SHARES)
def test_right_and_wrong_mirror_each_other(share: tuple[int, int]) -> None:
    right, of = share
    assert wilson(right, of).low == pytest.approx(1 - wilson(of - right, of).high)


@given(st.integers(0, 60), st.integers(0, 60))
def test_what_chance_brings_is_a_likelihood_that_falls_with_each_regression(regressed: int, improved: int) -> None:
    here, worse = sign_test(regressed, improved), sign_test(regressed + 1, improved)
    assert 0.0 < worse < here or (regressed == 0 and worse <= here == 1.0)
    ways = sum(math.comb(regressed + improved, number) for number in range(regressed))
    assert here == pytest.approx(1 - ways / 2 ** (regressed + improved))


@given(st.floats(0.3, 0.99), st.floats(0.02, 0.28))
def test_a_smaller_drop_needs_more_cases(usual: float, drop: float) -> None:
    assert cases_needed(usual, usual - drop) <= cases_needed(usual, usual - drop / 2)


@given(st.floats(0.0, 0.995))
def test_a_perfect_window_of_the_least_size_clears_the_floor_and_no_smaller_one_does(floor: float) -> None:
    least = least_to_clear(floor)
    assert wilson(least, least).low > floor
    assert least == 1 or wilson(least - 1, least - 1).low <= floor


@given(SHARES)
def test_a_flake_rate_is_between_what_is_believed(share: tuple[int, int]) -> None:
    assert RAREST <= flake_rate(*share) <= COMMONEST


def test_few_runs_say_little_of_a_flake_rate_and_many_say_all() -> None:
    assert flake_rate(0, 0) == pytest.approx(0.06, abs=0.005)
    assert flake_rate(1, 2) < 0.1
    assert 0.1 < flake_rate(200, 2_000) < 0.105


@given(RATES, st.floats(1.5, 2.4), st.lists(st.booleans(), max_size=300))
def test_a_sequential_test_stays_within_its_levels_and_pages_by_a_failure_alone(
    usual: float, times: float, runs: list[bool]
) -> None:
    test, stands = Cusum.of(usual, usual * times), Standing()
    for failed in runs:
        before, stands = stands, test.step(stands, failed=failed)
        assert (test.clear < stands.score <= 0.0) if stands.pages else (0.0 <= stands.score < test.page)
        if before.pages is not stands.pages:
            assert failed is stands.pages


@given(st.floats(RAREST, COMMONEST), st.floats(1, 100_000))
def test_every_believable_rate_has_a_test_that_pages_within_ten_failures(usual: float, runs: float) -> None:
    test = tuned(usual, runs)
    assert _until_it_changes(test, Standing(), failed=True) <= 12
    assert _until_it_changes(test, Standing(0.0, True), failed=False) <= 30


@pytest.mark.parametrize("wrong", [(3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(*wrong)
    with pytest.raises(ValueError, match="no share"):
        flake_rate(*wrong)


def test_what_is_no_drop_is_refused() -> None:
    for usual, dropped in ((0.8, 0.9), (0.8, 0.8), (1.2, 0.8)):
        with pytest.raises(ValueError, match="drop"):
            cases_needed(usual, dropped)
    with pytest.raises(ValueError, match="more often"):
        Cusum.of(0.3, 0.3)
