"""The keeper's side of the probe hosts: attempts go out, replies come in, and no fault of a host is an exception."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from secrets import token_hex
from typing import Any

from monitor.engine.hosts_facts import Asked, Recipe, Stats
from monitor.engine.hosts_fleet import STARTING, TICK, Fleet
from monitor.engine.hosts_verdict import bare
from probes.arrivals import Arrival
from probes.frames import SHED, Reply, Request
from probes.words.clock import Clock
from probes.words.failure import Failure

HOMELESS = 5.0  # seconds an attempt waits for a host when there is none
OVERTIME = 3.0  # seconds beyond an attempt's own end after which no answer is expected
MOVES = 3  # hosts one attempt is given to
_SECOND = round(1 / TICK)  # looks
_NO_ANSWER = "its probe host did not answer in time: a host answers for any attempt, unless it has no processor"


class Hosts:
    """Shared hosts for built-in kinds, never fewer than two that are warm, and the parent of scripts when it is needed.

    Without a number there is one shared host a core; with 0 there are none, for who has only scripts. `attempt` never
    raises for what a host does. `command` starts a host in place of `python -I -m probes.host`; `folder` is where
    scripts find themselves.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        python: str = sys.executable,
        shared: int | None = None,
        scripts: int = 16,
        folder: str = "/",
        command: Sequence[str] = (),
    ) -> None:
        self.clock = clock
        mark = f"SHOWUP_HOSTS={os.getpid()}-{token_hex(8)}"
        recipe = Recipe(command or (python, "-I", "-m", "probes.host"), folder, mark, scripts)
        wanted = max(1, min(4, os.cpu_count() or 1)) if shared is None else shared
        self._fleet = Fleet(recipe, wanted, self)
        self._homeless: list[Asked] = []
        self._timer: asyncio.TimerHandle | None = None
        self._looks = 0
        self._is_closing = False
        self.shed = 0

    async def start(self) -> None:
        """Start the shared hosts; returns when they are ready, or when it is clear that they cannot be started."""
        self._fleet.open()
        self._timer = asyncio.get_running_loop().call_later(TICK, self._tick)
        try:
            async with asyncio.timeout(STARTING):
                await self._fleet.settled.wait()
        except TimeoutError:
            return  # attempts say so, one by one

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool = False) -> Reply:
        """Have one attempt made; what a host does wrong comes back as a reply that says so."""
        loop = asyncio.get_running_loop()
        asked = Asked(request, job, "script" if script else "shared", loop.create_future(), loop.time())
        if self._is_closing:
            return bare(asked, Failure.HOST_LOST, "the keeper is stopping")
        if script:
            self._fleet.need_scripts()
        self._place(asked)
        try:
            return await asked.future
        except asyncio.CancelledError:
            if asked.host is not None:
                asked.host.call_off(asked)
            raise

    def deliver(self, probe: str, arrival: Arrival) -> int:
        """Bring a webhook to every attempt of a probe that is under way and may wait for it; returns how many are."""
        waiting = [asked for asked in self._under_way() if asked.request.hook and asked.host and _probe(asked) == probe]
        for asked in waiting:
            if asked.host is not None:
                asked.host.deliver(asked, arrival)
        return len(waiting)

    async def reload(self, job_ids: Collection[str]) -> None:
        """From now on only these jobs are needed; hosts let go of the others."""
        needed = set(job_ids)
        for host in self._fleet.hosts:
            host.forget(needed)

    async def drain(self, seconds: float) -> int:
        """Take no more, and wait for what is under way; returns how many are left then."""
        self._is_closing = True
        waited_for = [asked.future for asked in self._under_way()]
        if waited_for:
            await asyncio.wait(waited_for, timeout=seconds)
        return self.in_flight

    async def close(self) -> None:
        """End every host and whatever it left; attempts that wait get `host_lost`."""
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        left = [*await self._fleet.close(), *self._homeless]
        self._homeless = []
        for asked in left:
            asked.answer(bare(asked, Failure.HOST_LOST, "the keeper is stopping"))

    def stats(self) -> list[Stats]:
        """How each host is that takes attempts; none while no host can be started."""
        return self._fleet.stats()

    @property
    def restarts(self) -> int:
        """How many hosts were replaced."""
        return self._fleet.restarts

    @property
    def stalls(self) -> int:
        """How many of them because they stood still."""
        return self._fleet.stalls

    @property
    def in_flight(self) -> int:
        """How many attempts are asked for and not answered."""
        return len(self._under_way())

    def _under_way(self) -> list[Asked]:
        return [*self._homeless, *(asked for host in self._fleet.hosts for asked in host.asked.values())]

    # -- who gets what

    def _place(self, asked: Asked) -> None:
        host = self._fleet.choose(asked.role)
        if host is None:
            self._homeless.append(asked)
            return
        try:
            host.ask(asked)
        except (ValueError, TypeError) as error:
            asked.answer(bare(asked, Failure.MONITOR_FAULT, f"the request cannot be sent: {error}"))

    def became_ready(self) -> None:
        """A host is warm: whoever waited for one goes there."""
        waiting, self._homeless = self._homeless, []
        for asked in waiting:
            if not asked.future.done():
                self._place(asked)

    def answered(self, asked: Asked, reply: Reply) -> None:
        """A reply came."""
        if reply.witness == SHED:
            self.shed += 1
        asked.answer(reply)

    def gave_back(self, asked: Asked) -> None:
        """A host did not begin this one: it goes to another."""
        asked.host = None
        asked.moves += 1
        if asked.moves > MOVES:
            asked.answer(bare(asked, Failure.HOST_LOST, "no host could begin it"))
        elif not asked.future.done():
            self._place(asked)

    # -- time

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._timer = loop.call_later(TICK, self._tick)
        self._fleet.tick(now)
        self._looks += 1
        if self._looks % _SECOND == 0:
            self._give_up(now)

    def _give_up(self, now: float) -> None:
        """Answer for attempts that found no host, or whose host will not answer any more."""
        homeless, self._homeless = self._homeless, []
        for asked in homeless:
            if self._fleet.is_hopeless(asked.role) or now - asked.since > HOMELESS:
                said = f"no probe host is running: {self._fleet.reason}"
                asked.answer(bare(asked, Failure.MONITOR_FAULT, said))
            elif not asked.future.done():
                self._homeless.append(asked)
        for host in self._fleet.hosts:
            for asked in list(host.asked.values()):
                if now - asked.since > asked.longest + OVERTIME:
                    host.call_off(asked)
                    asked.answer(bare(asked, Failure.HOST_LOST, _NO_ANSWER))


def _probe(asked: Asked) -> str:
    return "/".join(str(asked.job.get(part) or "") for part in ("workflow", "environment", "probe"))


__all__ = ["Hosts", "Stats"]
