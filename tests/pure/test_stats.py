"""The histogram of lateness never flatters."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.stats import BOUNDS, Lateness


def seen(*late: int) -> Lateness:
    stats = Lateness()
    for one in late:
        stats.add(one)
    return stats


def test_before_the_first_start_it_is_zero() -> None:
    assert (seen().quantile(0.5), seen().quantile(0.99), seen().worst) == (0, 0, 0)


def test_half_of_the_starts_were_within_a_millisecond_and_one_was_not() -> None:
    stats = seen(400, 900, 900, 30_000)
    assert stats.quantile(0.5) == 1_000
    assert stats.quantile(0.99) == 30_000, "never above the worst that was seen"
    assert (stats.number, stats.total) == (4, 32_200)


def test_what_is_beyond_every_bound_is_the_worst() -> None:
    assert seen(90_000_000).quantile(0.5) == 90_000_000


@given(st.lists(st.integers(0, 100_000_000), min_size=1, max_size=60), st.floats(0, 1))
def test_a_quantile_is_an_upper_bound_within_its_class(late: list[int], share: float) -> None:
    stats = seen(*late)
    found = stats.quantile(share)
    exact = sorted(late)[max(0, -int(-share * len(late) // 1) - 1)]
    assert exact <= found <= max(late)
    following = next((bound for bound in BOUNDS if bound >= exact), max(late))
    assert found <= max(following, exact)
    assert sum(stats.counts) == len(late)
