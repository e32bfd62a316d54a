"""How often something may happen: so many times in any minute, each counted by what asks for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

MINUTE = 60.0  # seconds
MOST = 10_000  # names that are counted at once: those that rest are let go


class Meter:
    """Lets `limit` acts of one name pass in any minute. `mono` tells seconds."""

    def __init__(self, limit: int, mono: Callable[[], float]) -> None:
        self._limit, self._mono = limit, mono
        self._seen: dict[str, deque[float]] = {}

    def passes(self, name: str) -> bool:
        """True when one more may happen now; it is counted if so."""
        now = self._mono()
        seen = self._seen.get(name)
        if seen is None:
            if len(self._seen) >= MOST:
                self._forget(now)
            seen = self._seen[name] = deque(maxlen=self._limit)
        while seen and now - seen[0] >= MINUTE:
            seen.popleft()
        if len(seen) >= self._limit:
            return False
        seen.append(now)
        return True

    def _forget(self, now: float) -> None:
        self._seen = {name: seen for name, seen in self._seen.items() if seen and now - seen[-1] < MINUTE}
