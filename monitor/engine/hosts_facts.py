"""What is known of hosts and of the attempts that they were asked for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol

from probes.arrivals import Arrival
from probes.board import Board
from probes.frames import Reply, Request

_PASSED_ON = (
    "PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "RES_OPTIONS",
)  # fmt: skip


class Phase(Enum):
    """The life of a host."""

    STARTING = "starting"
    READY = "ready"
    RETIRING = "retiring"
    ENDING = "ending"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Stats:
    """How a host is: CPU seconds (of scripts that ended, too), resident bytes, attempts begun and turned away since it
    started, those it was asked for and has not answered, those that wait in it, and how late its loop is (µs)."""

    role: str
    pid: int = 0
    cpu: float = 0.0
    rss: int = 0
    made: int = 0
    shed: int = 0
    in_flight: int = 0
    waiting: int = 0
    lag: int = 0
    phase: str = ""


class Host(Protocol):
    """The host that an attempt was given to."""

    def call_off(self, asked: Asked) -> None: ...
    def deliver(self, asked: Asked, arrival: Arrival) -> None: ...


@dataclass(slots=True, eq=False)
class Asked:
    """An attempt that somebody waits for. `since` is loop time."""

    request: Request
    job: Mapping[str, Any]
    role: str
    future: asyncio.Future[Reply]
    since: float
    number: int = 0
    host: Host | None = None
    moves: int = 0

    @property
    def longest(self) -> float:
        """Seconds in which it has to be answered; a script may wait for a place as long as it may run."""
        request = self.request
        return request.timeout * (2 if self.role == "script" else 1) + request.cleanup

    def answer(self, reply: Reply) -> None:
        """Give the answer, unless nobody waits any more."""
        if not self.future.done():
            same = reply.number == self.request.number
            self.future.set_result(reply if same else replace(reply, number=self.request.number))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How hosts are started: the command before `--role`, the folder they work in, the mark in their environment."""

    command: Sequence[str]
    folder: str
    mark: str
    scripts: int
    environment: Mapping[str, str] = field(default_factory=dict)

    def arguments(self, role: str, board: Board) -> list[str]:
        """The whole command of one host."""
        own = ["--role", role, "--board", str(board.fd), "--parent", str(os.getpid())]
        return [*self.command, *own, "--scripts", str(self.scripts)]

    def surroundings(self) -> dict[str, str]:
        """What a host may see of our environment: no secret is in it."""
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        # one heap for all threads: each further one would reserve 64 MB of a script's 512
        name, _, value = self.mark.partition("=")
        return {**passed, "MALLOC_ARENA_MAX": "1", **self.environment, name: value}
