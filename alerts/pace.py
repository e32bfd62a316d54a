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

APART = frozenset({"ntfy", "webhook", "apprise"})  # each of their targets may have a provider of its own


class Pace:
    """What one channel has left for each of its targets."""

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._full: dict[str, int] = {}  # target → when its whole burst may be spent again (µs)
        self._asked: dict[str, int] = {}  # target → until when its provider has asked for quiet (µs)

    def rests(self, now: int) -> dict[str, int]:
        """The targets that must wait, and until when (µs)."""
        self._asked = {target: at for target, at in self._asked.items() if at > now}
        if self._rate is None or not self._full:
            return dict(self._asked)
        room = (self._rate.burst - 1) * self._rate.every
        self._full = {target: at for target, at in self._full.items() if at > now}
        found = {target: at - room for target, at in self._full.items() if at - room > now}
        return found | {target: max(at, found.get(target, 0)) for target, at in self._asked.items()}

    def hold(self, target: str, until: int) -> None:
        """The provider of this target asks for quiet until then (µs)."""
        self._asked[target] = max(until, self._asked.get(target, 0))

    def spend(self, target: str, now: int) -> None:
        """A message leaves for this target."""
        if self._rate is not None:
            self._full[target] = max(now, self._full.get(target, 0)) + self._rate.every
