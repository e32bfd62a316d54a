"""How fast a provider takes messages for one target: ours leave no faster, the most urgent first, so that none is
refused for that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from probes.words.units import MINUTE, SECOND


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` messages at once, then one `every` so many µs."""

    burst: int
    every: int


RATES: Mapping[str, Rate] = {
    "slack": Rate(3, SECOND),  # about one a second for each channel, short bursts taken
    "pagerduty": Rate(20, MINUTE // 100),  # 120 a minute for each key, however they fall: 20 and 100 more
}


class Pace:
    """What one channel has left for each of its targets."""

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._full: dict[str, int] = {}  # target → when its whole burst may be spent again (µs)

    def rests(self, now: int) -> dict[str, int]:
        """The targets that must wait, and until when (µs)."""
        if self._rate is None or not self._full:
            return {}
        room = (self._rate.burst - 1) * self._rate.every
        self._full = {target: at for target, at in self._full.items() if at > now}
        return {target: at - room for target, at in self._full.items() if at - room > now}

    def spend(self, target: str, now: int) -> None:
        """A message leaves for this target."""
        if self._rate is not None:
            self._full[target] = max(now, self._full.get(target, 0)) + self._rate.every
