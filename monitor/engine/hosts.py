"""The keeper's side of the probe hosts: requests out, replies in, a host that stalls is named, ended and replaced."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from monitor.engine.hosts_process import Failed, HostProcess, Stats
from probes.frames import Reply, Request
from probes.words.clock import Clock
from probes.words.failure import Failure

log = structlog.get_logger("showup.hosts")

BEAT = 0.2  # seconds between looks at the hosts
STALLED = 1.0  # seconds without a heartbeat after which a shared host is ended
STARTING = 20.0  # seconds a host may take to come up
KEEPER_LATE = 0.3  # seconds by which our own look was late: then a missing heartbeat proves nothing
GRACE = 5.0  # seconds after an attempt's own end before its reply is given up
QUEUED = 300.0  # seconds a script may wait for one of the places
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a host that fails to start is started again


@dataclass(slots=True)
class _Place:
    """A place for a host: the one that serves there, and how often starting one failed in a row."""

    role: str
    host: HostProcess | None = None
    failures: int = 0
    start_at: float = 0.0


class Hosts:
    """Shared hosts for built-in kinds, one for scripts. `attempt` never raises for what a host does."""

    def __init__(self, clock: Clock, *, shared: int | None = None, scripts: int = 16, folder: str = "/") -> None:
        self._clock, self._scripts, self._folder = clock, scripts, folder
        number = shared if shared is not None else max(1, min(4, os.cpu_count() or 1))
        self._places = [_Place("shared") for _ in range(number)]
        self._script = _Place("script")
        self._task: asyncio.Task[None] | None = None
        self.restarts = self.stalls = 0

    async def start(self) -> None:
        """Start the hosts; attempts are taken at once and wait for them."""
        for place in self._places:
            self._begin(place)
        self._task = asyncio.get_running_loop().create_task(self._watch_over())

    def _begin(self, place: _Place) -> None:
        now = self._clock.mono()
        try:
            place.host = HostProcess(place.role, scripts=self._scripts, folder=self._folder, now=now)
        except OSError as error:
            self._failed_to_start(place, f"{type(error).__name__}: {error}", now)

    def _failed_to_start(self, place: _Place, why: str, now: float) -> None:
        place.failures += 1
        place.host = None
        place.start_at = now + min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(place.failures - 1, 6))
        log.error("a probe host cannot be started", role=place.role, reason=why, times=place.failures)

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        """Have one attempt made; what a host does wrong comes back as a reply that says so."""
        host = self._choose(script)
        if host is None:
            return Reply(request.number, "unknown", Failure.MONITOR_FAULT, "no probe host could be started")
        length = request.timeout + request.cleanup + GRACE + (QUEUED if script else 0.0)
        try:
            return await host.ask(request, job, gives_up_at=self._clock.mono() + length)
        except Failed as failed:
            return self._of_failed(request, failed)

    def _choose(self, script: bool) -> HostProcess | None:
        if script:
            if self._script.host is None and self._clock.mono() >= self._script.start_at:
                self._begin(self._script)
            return self._script.host
        there = [place.host for place in self._places if place.host is not None]
        return min(there, key=lambda host: host.load) if there else None

    @staticmethod
    def _of_failed(request: Request, failed: Failed) -> Reply:
        evidence = {"steps": [], "stack": failed.stack} if failed.stack else None
        return Reply(request.number, "unknown", failed.failure, failed.sentence, evidence=evidence)

    # -- watching -----------------------------------------------------------------------------------------------------

    async def _watch_over(self) -> None:
        expected = self._clock.mono()
        while True:
            now = self._clock.mono()
            on_time = now - expected < KEEPER_LATE
            expected = now + BEAT
            for place in [*self._places, self._script]:
                self._look(place, now, on_time=on_time)
            await asyncio.sleep(BEAT)

    def _look(self, place: _Place, now: float, *, on_time: bool) -> None:
        host = place.host
        if host is None:
            if now >= place.start_at and (place.role == "shared" or place.failures):
                self._begin(place)
            return
        host.expire(now)
        if host.closed:
            self._replace(place, host, now, f"the host ended ({host.how_it_ended()})", culprit=0)
        elif not host.beaten:
            if now - host.began > STARTING:
                host.end()
                self._failed_to_start(place, "it never said that it was ready", now)
        elif host.stalled is not None:
            self.stalls += 1
            number, stack = host.stalled
            self._replace(place, host, now, "the host stood still", culprit=number, stack=stack)
        elif on_time and now - host.heard > STALLED and not host.has_unread():
            # nothing was written down: the loop is held by code that lets no other thread run
            self.stalls += 1
            stack = host.dump()
            self._replace(place, host, now, "the host stood still", culprit=host.only_one(), stack=stack)
        else:
            place.failures = 0

    def _replace(
        self, place: _Place, host: HostProcess, now: float, why: str, *, culprit: int, stack: str = ""
    ) -> None:
        self.restarts += 1
        log.warning("a probe host is replaced", role=place.role, reason=why, in_flight=host.load, stack=stack[-1500:])
        if not host.beaten:
            host.end()
            self._failed_to_start(place, why, now)
            host.fail_all(0, why, stack)
            return
        place.host = None
        self._begin(place)
        host.fail_all(culprit, why, stack)
        host.end()

    async def close(self) -> None:
        """End every host; attempts that wait get `host_lost`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for place in [*self._places, self._script]:
            if place.host is not None:
                place.host.fail_all(0, "the keeper is stopping", "")
                place.host.end()
                place.host = None

    def stats(self) -> list[Stats]:
        """What each host last said of itself."""
        there = [place.host for place in [*self._places, self._script] if place.host is not None]
        return [replace(host.stats, pid=host.pid, in_flight=host.load) for host in there]
