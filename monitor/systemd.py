"""Speaking to systemd, and silence elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol


class Notifier(Protocol):
    """What is told to the service manager. `period` is how often life is to be shown (seconds), 0 for never."""

    period: float

    def ready(self, status: str) -> None: ...
    def alive(self, status: str) -> None: ...
    def stopping(self) -> None: ...


class Silence:
    """No service manager listens."""

    period = 0.0

    def ready(self, status: str) -> None:
        """Nobody to tell."""

    def alive(self, status: str) -> None:
        """Nobody to tell."""

    def stopping(self) -> None:
        """Nobody to tell."""


class Systemd:
    """systemd's notify socket; `period` is half of WatchdogSec."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        import sdnotify

        self._socket = sdnotify.SystemdNotifier()
        given = environ.get("WATCHDOG_USEC", "0")
        self.period = int(given) / 2e6 if given.isdecimal() else 0.0

    def ready(self, status: str) -> None:
        """Start-up is over."""
        self._socket.notify(f"READY=1\nSTATUS={status}")

    def alive(self, status: str) -> None:
        """Real progress was made since the last time."""
        self._socket.notify(f"WATCHDOG=1\nSTATUS={status}")

    def stopping(self) -> None:
        """The end has begun."""
        self._socket.notify("STOPPING=1")


def from_environment(environ: Mapping[str, str] = os.environ) -> Notifier:
    """systemd when it started us, else silence."""
    return Systemd(environ) if environ.get("NOTIFY_SOCKET") else Silence()
