"""Retries: exponential, jittered, never for what they cannot help, never past the period."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.retry import after
from probes.words.failure import Failure
from probes.words.units import MINUTE, SECOND
from probes.words.waiting import waits


def test_waits_double_with_jitter() -> None:
    first = [after(Failure.TIMEOUT, 1, attempts=3, left=MINUTE, chance=chance).wait for chance in (0.0, 0.5, 1.0)]
    assert first == [4 * SECOND, 5 * SECOND, 6 * SECOND]
    assert after(Failure.TIMEOUT, 2, attempts=3, left=MINUTE, chance=0.5).wait == 10 * SECOND


def test_slow_quota_and_auth_are_not_tried_again() -> None:
    for failure in (Failure.SLOW, Failure.QUOTA, Failure.AUTH, Failure.PROBE_BUG):
        assert after(failure, 1, attempts=3, left=MINUTE, chance=0.5).wait is None


def test_a_lost_host_is_only_tried_again_when_that_is_safe() -> None:
    assert after(Failure.HOST_LOST, 1, attempts=3, left=MINUTE, chance=0.5, idempotent=False).wait is None
    assert after(Failure.HOST_LOST, 1, attempts=3, left=MINUTE, chance=0.5, idempotent=True).wait is not None


def test_retry_after_is_obeyed_or_ends_the_run() -> None:
    assert after(Failure.RATE_LIMITED, 1, attempts=3, left=MINUTE, chance=0.5, retry_after=20).wait == 20 * SECOND
    ended = after(Failure.RATE_LIMITED, 1, attempts=3, left=MINUTE, chance=0.5, retry_after=3600)
    assert ended.wait is None and "no time" in ended.why


@given(st.integers(1, 8), st.floats(0, 1))
def test_all_waits_together_stay_within_what_validate_counts(attempts: int, chance: float) -> None:
    total = sum(
        after(Failure.WRONG, n, attempts=attempts, left=10**15, chance=chance).wait or 0 for n in range(1, attempts)
    )
    assert total <= waits(attempts)
