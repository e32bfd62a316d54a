"""What the engine is given, and the signs of life it gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from alerts.desk import Desk
from alerts.signal import Signal
from monitor.config.catalog import Probe
from monitor.engine.attempts import Maker
from monitor.engine.witnesses import PATIENCE
from monitor.store.database import Store
from probes.words.clock import SystemClock


@dataclass(slots=True)
class Pulse:
    """Signs of life, each in µs of our clock: what the watchdog and the dead-man's switch look at."""

    began: int = 0
    beat: int = 0
    alive: int = 0
    dropped: int = 0
    clock_behind: int = 0


@dataclass(slots=True)
class Parts:
    """What the engine is given: store, alerts, makers of attempts, clock and chance, and whom it rings."""

    store: Store
    desk: Desk
    hosts: Maker
    clock: SystemClock
    chance: Callable[[], float]
    wake: Callable[[Iterable[str]], None]
    emergency: Callable[[Signal], Awaitable[bool]]
    secrets: Callable[[Iterable[str]], Mapping[str, str]]
    changed: Callable[[], None] = field(default=lambda: None)
    patience: float = PATIENCE  # seconds that the end of a run waits for its witnesses
    hook: Callable[[Probe], str] = field(default=lambda probe: "")  # where webhooks for a probe arrive
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep  # between the attempts of a run
