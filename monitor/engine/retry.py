"""Whether another attempt is made, and after how long. Pure: the engine owns retries, and every attempt is recorded."""

from __future__ import annotations

from dataclasses import dataclass

from probes.words.failure import FACTS, Failure
from probes.words.units import SECOND
from probes.words.waiting import wait_after


@dataclass(frozen=True, slots=True)
class Next:
    """`wait` in µs before the next attempt, or None to end the run; `why` says the reason."""

    wait: int | None
    why: str


def after(
    failure: Failure | None,
    made: int,
    *,
    attempts: int,
    left: int,
    chance: float,
    idempotent: bool = True,
    retry_after: float | None = None,
) -> Next:
    """What follows attempt number `made` that ended with `failure`.

    `left` is the time until the run must have ended, less one attempt's timeout and clean-up (µs); `chance` is
    uniform in 0..1.
    `Retry-After` (seconds) is obeyed when it is longer than our own wait, and ends the run when it is longer than
    what is left.
    """
    if failure is None:
        return Next(None, "passed")
    if made >= attempts:
        return Next(None, f"all {attempts} attempts failed" if attempts > 1 else "the only attempt failed")
    if not FACTS[failure].retried:
        return Next(None, f"{failure} is not helped by trying again")
    if failure is Failure.HOST_LOST and not idempotent:
        return Next(None, "an attempt that may have acted is not repeated")
    wait = wait_after(made, chance)
    if retry_after is not None and retry_after * SECOND > wait:
        wait = int(retry_after * SECOND)
    if wait > left:
        return Next(None, "no time is left for another attempt in this period")
    return Next(wait, f"attempt {made + 1} of {attempts}")


def put_off(failure: Failure | None, made: int, *, of: int) -> bool:
    """True when a run ended before all its attempts because it was asked to come back later than it could."""
    return failure is Failure.RATE_LIMITED and made < of
