"""Webhooks of jobs: where each arrives, and how it reaches the attempt that waits for it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Protocol

from monitor.config.catalog import Probe
from monitor.tokens import hook_token
from probes.arrivals import Arrival
from probes.words.clock import Clock
from probes.words.units import MINUTE

KEPT = MINUTE  # µs for which an arrival is kept for who asks later, as `showup test` beside the daemon does
MOST = 100  # arrivals kept
WAITING = frozenset({"job", "script"})  # kinds whose attempts may wait for one


def waits(probe: Probe) -> bool:
    """True for a job that waits for a webhook or gives its address away; a script may do either."""
    if probe.kind != "job":
        return probe.kind in WAITING
    written = json.dumps(probe.job.get("spec"))
    return "${hook}" in written or '"webhook": true' in written


class Deliverer(Protocol):
    """Who brings an arrival to the attempts under way: the probe hosts."""

    def deliver(self, probe: str, arrival: Arrival) -> int: ...


class Hooks:
    """Addresses and arrivals. `base` is where people reach showup's own pages, "" where nothing is served."""

    def __init__(self, key: bytes, base: Callable[[], str], hosts: Deliverer, clock: Clock) -> None:
        self._key, self._base, self._hosts, self._clock = key, base, hosts, clock
        self._recent: deque[tuple[str, Arrival]] = deque(maxlen=MOST)

    def address(self, probe: Probe) -> str:
        """Where webhooks for a probe arrive; "" for one that cannot wait for any."""
        base = self._base()
        return f"{base}/hook/{hook_token(self._key, probe.id)}" if base and probe.kind in WAITING else ""

    def arrived(self, probe: str, arrival: Arrival) -> int:
        """Take one; returns how many attempts it was brought to."""
        self._recent.append((probe, arrival))
        while self._recent and self._recent[0][1].at < self._clock.now() - KEPT:
            self._recent.popleft()
        return self._hosts.deliver(probe, arrival)

    def recent(self, probe: str, *, after: int) -> list[Arrival]:
        """What arrived for a probe after a moment (µs), as far as it is kept."""
        return [arrival for name, arrival in self._recent if name == probe and arrival.at > after]
