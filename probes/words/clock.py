"""Time at the edge: the one place where the wall clock and boot time are read."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
STEP_NOTICED = 2_000_000  # µs; a larger difference between wall and boot time is a step of the clock


def micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime, exact."""
    return (at - EPOCH) // _MICRO


def moment(at: int) -> datetime:
    """The aware UTC datetime of microseconds since the epoch."""
    return EPOCH + timedelta(microseconds=at)


class Clock(Protocol):
    """What tells time: `now()` in µs since the epoch (never backwards), `mono()` in seconds for durations.

    `wall()` is what the machine's wall clock shows, µs; it differs from `now()` while the machine's clock runs behind.
    """

    def now(self) -> int: ...
    def mono(self) -> float: ...
    def wall(self) -> int: ...


class SystemClock:
    """Boot time plus an anchor that never runs behind `not_before` (the last commit).

    A forward step of the wall clock re-anchors and leaves a gap in the record; a backward step is not followed.
    `check()` returns the step that was seen (µs, signed) or 0; the caller decides whom to tell.
    """

    def __init__(self, *, not_before: int = 0) -> None:
        self._anchor = max(self.wall(), not_before) - self._boot()
        self.behind = 0  # µs by which the wall clock now runs behind ours

    @staticmethod
    def _boot() -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def wall(self) -> int:
        """What the machine's wall clock shows, µs since the epoch."""
        return time.time_ns() // 1000

    def now(self) -> int:
        """µs since the epoch, strictly following boot time between checks."""
        return self._boot() + self._anchor

    def mono(self) -> float:
        """Seconds of boot time, for durations."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def check(self) -> int:
        """Compare with the wall clock; follow a forward step of over 2 s, note a backward one."""
        step = self.wall() - self.now()
        self.behind = -step if step < -STEP_NOTICED else 0
        if step > STEP_NOTICED:
            self._anchor += step
        return step if abs(step) > STEP_NOTICED else 0


class PushedClock:
    """A clock for tests and simulations: it moves only when pushed."""

    def __init__(self, at: int | datetime) -> None:
        self.at = at if isinstance(at, int) else micros(at)

    def now(self) -> int:
        """The moment it was pushed to, µs since the epoch."""
        return self.at

    def wall(self) -> int:
        """The same moment."""
        return self.at

    def mono(self) -> float:
        """The same moment in seconds."""
        return self.at / 1e6

    def push(self, by: timedelta | int) -> int:
        """Move forward; returns the new moment."""
        self.at += by if isinstance(by, int) else by // _MICRO
        return self.at
