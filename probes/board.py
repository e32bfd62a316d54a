"""The board between the keeper and one of its hosts: shared memory that says how the host is, at no cost to read.

A host that is stuck cannot answer, so what matters then has to be in sight before: when its loop last turned, which
attempt was on the processor, and which requests it has begun.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from dataclasses import dataclass

SLOTS = 1 << 17  # requests whose marks fit; more are never under way at once
_HEAD = 4096
_SIGHT = struct.Struct("<8Q")


def boot() -> int:
    """Boot time in µs, the same clock in every process of this machine."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@dataclass(frozen=True, slots=True)
class Sight:
    """What a host last wrote: `beat` counts turns of its loop, `current` is the attempt on the processor (0: none),
    `lag` is how late its last beat was (µs). The rest are counts: since it started, or now (`in_flight`, `waiting`)."""

    beat: int = 0
    current: int = 0
    in_flight: int = 0
    waiting: int = 0
    started: int = 0
    shed: int = 0
    overdue: int = 0
    lag: int = 0


class Board:
    """One host's board. The host writes `sight`, `current` and `begin`; the keeper writes `fresh` and `take_back`.

    A request that its host has not begun can be given to another one. Both sides first write their own mark and then
    read the other's, so that never both go ahead; when both hold back, the host says so and the keeper acts.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._memory = mmap.mmap(fd, _HEAD + 2 * SLOTS)
        self._words = memoryview(self._memory)[: _SIGHT.size].cast("Q")
        self._begun = memoryview(self._memory)[_HEAD : _HEAD + SLOTS]
        self._taken = memoryview(self._memory)[_HEAD + SLOTS :]

    @classmethod
    def new(cls) -> Board:
        """A board in memory of its own; its `fd` is for the host to inherit. Raises OSError."""
        fd = os.memfd_create("showup-board", os.MFD_CLOEXEC)
        try:
            os.ftruncate(fd, _HEAD + 2 * SLOTS)
            return cls(fd)
        except BaseException:
            os.close(fd)
            raise

    def write(self, sight: Sight) -> None:
        """Say how the host is; `current` stays as `mark` left it."""
        words = self._words
        words[2], words[3], words[4] = sight.in_flight, sight.waiting, sight.started
        words[5], words[6], words[7] = sight.shed, sight.overdue, sight.lag
        words[0] = sight.beat

    def read(self) -> Sight:
        """What the host last wrote."""
        return Sight(*self._words)

    @property
    def beat(self) -> int:
        """How often the host's loop has turned a beat; 0 before it is ready."""
        return self._words[0]

    def mark(self, number: int) -> None:
        """Say which attempt is on the processor now."""
        self._words[1] = number

    def fresh(self, number: int) -> None:
        """Clear the marks for a request that is about to be sent."""
        slot = number % SLOTS
        self._begun[slot] = self._taken[slot] = 0

    def begin(self, number: int) -> bool:
        """The host begins a request; False when the keeper has taken it back."""
        slot = number % SLOTS
        self._begun[slot] = 1
        return not self._taken[slot]

    def take_back(self, number: int) -> bool:
        """The keeper takes a request back; False when the host has begun it."""
        slot = number % SLOTS
        self._taken[slot] = 1
        return not self._begun[slot]

    def close(self) -> None:
        """Let go of the memory and its descriptor."""
        for view in (self._words, self._begun, self._taken):
            view.release()
        self._memory.close()
        os.close(self.fd)
