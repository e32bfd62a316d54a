"""Attempts made here and now, for a person who waits: nothing is scheduled, recorded or paged."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.cli.scored import Turns, alone, stretch
from monitor.config.catalog import Catalog, Probe
from monitor.config.load import find, load
from monitor.config.secrets import Secrets
from monitor.places import state_folder
from probes.arrivals import Arrival, Inbox, here
from probes.words.clock import SystemClock
from probes.words.names import run_id

if TYPE_CHECKING:
    from monitor.engine.hosts import Hosts
    from probes.attempt import Prepared
    from probes.frames import Reply

WARM = ("probes.target", "probes.tools.http", "probes.tools.fetch", "probes.tools.call")
FORKED = "script"  # the kind whose code is a user's: it runs in a host of its own, never here


def opened(config: Path | None) -> tuple[Catalog, Secrets]:
    """The configuration and what fills its secrets; raises ConfigError."""
    place = find(config)
    secrets = Secrets.from_environment((place if place.is_dir() else place.parent).resolve(), os.environ)
    return load(place, secrets=secrets), secrets


class Bench:
    """Makes attempts: built-in kinds in this process, scripts in a host that is started when the first one comes."""

    def __init__(self, catalog: Catalog, secrets: Secrets, *, cases: int = 0) -> None:
        self._turns = Turns(cases)
        self._catalog, self._secrets = catalog, secrets
        self._clock = SystemClock()
        self._folder = state_folder()
        self._hosts: Hosts | None = None
        self._ears = asyncio.Lock()  # one probe at a time has the port
        self._ready: dict[str, Prepared] = {}
        self._number = 0

    async def __aenter__(self) -> Bench:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._hosts is not None:
            await self._hosts.close()

    async def attempt(self, probe: Probe) -> Reply:
        """One attempt, its evidence kept also when it passes. It raises nothing for what a target or script does."""
        from monitor.cli.overhear import hearing, may_wait

        if not may_wait(probe):
            return await self._made(probe, "", Inbox())
        inbox = Inbox()
        take = inbox.take if probe.kind != FORKED else lambda arrival: self._pass_on(probe, arrival)
        async with self._ears, hearing(self._catalog, probe, self._folder, take) as hook:
            return await self._made(probe, hook, inbox)

    async def _made(self, probe: Probe, hook: str, inbox: Inbox) -> Reply:
        request = self._request(probe, hook)
        if probe.kind == FORKED:
            return await (await self._started()).attempt(request, job=probe.job, script=True)
        from probes import attempt

        _warm()
        if probe.job_id not in self._ready:
            self._ready[probe.job_id] = attempt.prepare(probe.job)
        here.set(inbox if hook else None)
        return alone(await attempt.make(self._ready[probe.job_id], request), probe)

    def _pass_on(self, probe: Probe, arrival: Arrival) -> None:
        if self._hosts is not None:
            self._hosts.deliver(probe.id, arrival)

    def _request(self, probe: Probe, hook: str) -> Any:
        from probes.frames import Request

        self._number += 1
        now, cases = self._clock.now(), self._turns.next(probe)
        secrets: Mapping[str, str] = self._secrets.need(probe.secrets)
        return Request(
            number=self._number,
            job_id=probe.job_id,
            run_id=run_id(now + self._number, 0),
            attempt=1,
            at=now,
            sent=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000,
            timeout=probe.timeout.total_seconds() * stretch(probe, cases),
            cleanup=probe.cleanup.total_seconds(),
            secrets=dict(secrets),
            keep=True,
            hook=hook,
            cases=cases,
        )

    async def _started(self) -> Hosts:
        if self._hosts is None:
            from monitor.engine.hosts import Hosts

            self._hosts = Hosts(self._clock, shared=0, folder=str(self._catalog.folder))
            await self._hosts.start()
        return self._hosts


def _warm() -> None:
    """Load the tools before the watch starts: a tenth of a second of ours must not look like the target's."""
    for name in WARM:
        import_module(name)
    import_module("probes.tools.tls").tls_context()  # kept by settings; most targets have the usual ones
