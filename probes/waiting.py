"""Requests that wait for their start: who goes first, and who is turned away when a host has more than it can do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from probes.frames import Request

LEVELS = 4  # of having been turned away: never, once, twice, more often
BURST = 200_000  # µs; so long may starts be late when many come at once
AGAIN = 235_000  # µs; so long may those be late that were turned away the last time
STANDING = 1_000_000  # µs; a line that stood for so long is no burst, the host has too much to do
SHORT = 50_000  # µs; so late may starts be then: waiting longer helps nobody and spoils every figure

FOREVER = 1 << 62

Patience = Callable[[Request, int], int]


def brief(request: Request, standing: int) -> int:
    """How late a start may be (µs) in a line that has stood for `standing` µs: patient with a burst, not with a load.

    Whoever was turned away before is waited for longer.
    """
    if standing <= BURST:
        return FOREVER  # a host that had no processor for a while drains its line at once: that turns nobody away
    if request.shed:
        return AGAIN
    return SHORT if standing > STANDING else BURST


def own_timeout(request: Request, standing: int) -> int:
    """How late a start may be (µs) where few run at once and each may take long: as long as the attempt itself."""
    return FOREVER if standing <= BURST else max(BURST, int(request.timeout * 1_000_000))


class Waiting:
    """The line in front of a host. `now` and a request's `sent` are boot time in µs.

    Whoever was turned away most often goes first, then whoever came first. Turned away is whoever has waited beyond
    `patience`, those that never were before the others; what a request was late when it was sent counts too.
    """

    def __init__(self, patience: Patience = brief) -> None:
        self._patience = patience
        self._lines: tuple[deque[Request], ...] = tuple(deque() for _ in range(LEVELS))
        self._count = 0
        self._since = 0

    def __len__(self) -> int:
        return self._count

    def add(self, request: Request, now: int) -> None:
        """Put a request in line."""
        if not self._count:
            self._since = now
        self._count += 1
        self._lines[min(max(request.shed, 0), LEVELS - 1)].append(request)

    def take(self) -> Request | None:
        """The request whose turn it is, None when nobody waits."""
        for line in reversed(self._lines):
            if line:
                self._count -= 1
                return line.popleft()
        return None

    def turn_away(self, now: int) -> list[Request]:
        """Take out whoever has waited too long."""
        if not self._count:
            return []
        standing = now - self._since
        away: list[Request] = []
        for line in self._lines:
            while line and now - line[0].sent + line[0].late > self._patience(line[0], standing):
                away.append(line.popleft())
        self._count -= len(away)
        return away

    def drop(self, number: int) -> bool:
        """Take one request out, as nobody waits for its answer any more."""
        for line in self._lines:
            for request in line:
                if request.number == number:
                    line.remove(request)
                    self._count -= 1
                    return True
        return False
