"""One run: attempts one after another, each recorded as it ends, under the retry rule."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from monitor.config.catalog import Probe
from monitor.engine.record import Recorder, Running
from monitor.engine.retry import after
from monitor.engine.spending import Spending
from monitor.engine.stats import Lateness
from monitor.engine.track import Last, Track
from monitor.engine.verdict import judge
from monitor.engine.witnesses import Witnesses
from probes.frames import SHED, UNPAID, Reply, Request
from probes.spend import Grant
from probes.words.clock import Clock
from probes.words.failure import Failure
from probes.words.names import run_id
from probes.words.outcome import State
from probes.words.units import HOUR, MINUTE, micros_of

GOOD_KEPT_EVERY = HOUR  # µs; the last good run's evidence is never much older than this
LONGEST_TURN = MINUTE  # µs; a run waits no longer for its turn, it is skipped
SPEC_KINDS_FORKED = frozenset({"script"})


class Maker(Protocol):
    """What makes an attempt: the probe hosts, or a simulation of them."""

    def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Awaitable[Reply]: ...


class Runs:
    """Starts runs when told, keeps at most one of a probe at a time, and waits for them at the end."""

    def __init__(
        self,
        hosts: Maker,
        recorder: Recorder,
        clock: Clock,
        *,
        chance: Callable[[], float],
        spending: Spending,
        witnesses: Witnesses,
        hook: Callable[[Probe], str] = lambda probe: "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        ended: Callable[[Track, Running, Reply], None] = lambda track, run, reply: None,
    ) -> None:
        self._ended = ended
        self.spending, self._witnesses = spending, witnesses
        self._hosts, self._recorder, self._clock = hosts, recorder, clock
        self._chance, self._sleep, self._hook = chance, sleep, hook
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0
        self.lateness = Lateness()

    def start(self, track: Track, due: int) -> None:
        """Begin the run that is due, unless the one before is still going; what was missed in between is counted."""
        if track.last_due:
            track.counts.missed += track.cadence.missed(track.last_due, due)
        track.last_due = due
        if track.running:
            track.counts.overlapped += 1
            return
        self.begin(track, due)

    def begin(self, track: Track, due: int) -> None:
        """Begin a run, whenever it is due: no other of the probe may be going."""
        track.running = True
        # kept in a set: a task that nothing refers to may be collected in the middle of its run
        task = asyncio.get_running_loop().create_task(self.run(track, due))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self, track: Track, due: int) -> None:
        """Make the attempts of one run."""
        try:
            await self._attempts(track, due)
        finally:
            track.running = False
            self._witnesses.rests(track.probe)

    async def _attempts(self, track: Track, due: int) -> None:
        probe, clock = track.probe, self._clock
        run = Running(due, clock.now())
        while True:
            grant = await self._granted(track, run)
            asked = clock.now()
            if not run.verdicts:
                run.started = asked  # a run that waited for its turn is a late one
            request = self._request(track, probe, run=run, at=asked, grant=grant)
            if grant.until:
                reply = Reply(request.number, "unknown", Failure.SKIPPED, grant.why, witness=UNPAID)
            else:
                self._witnesses.begins(probe)
                reply = await self._hosts.attempt(request, job=probe.job, script=probe.kind in SPEC_KINDS_FORKED)
            if not run.verdicts:
                run.lateness = max(0, asked + reply.waited - due)
                self._count(track, run, shed=reply.witness == SHED)
            step = after(
                Failure(reply.failure) if reply.failure in _FAILURES and not reply.scores else None,
                len(run.verdicts) + 1,
                attempts=probe.attempts,
                left=track.room - (clock.now() - run.started),
                chance=self._chance(),
                idempotent=probe.idempotent,
                retry_after=reply.retry_after,
            )
            ended = step.wait is None
            self.spending.settle(probe, grant, reply, now=clock.now(), ended=ended)
            verdict = judge(reply, partner=probe.partner)
            verdict = await self._witnesses.judge(track, run, asked, reply=reply, verdict=verdict, ended=ended)
            self._recorder.attempt(track, run, asked, reply=reply, ended=ended, verdict=verdict)
            if step.wait is None:
                self._ended(track, run, reply)
                return
            await self._sleep(step.wait / 1e6)

    def next_number(self) -> int:
        """A number that no other attempt has."""
        self._number += 1
        return self._number

    async def _granted(self, track: Track, run: Running) -> Grant:
        """What the next attempt may spend; a full minute is waited out where the period leaves time for it."""
        probe, clock = track.probe, self._clock
        while True:
            now = clock.now()
            grant = self.spending.grant(probe, now=now, again=bool(run.verdicts))
            if grant.until <= now or grant.until > min(run.started + track.room, now + LONGEST_TURN):
                return grant
            await self._sleep((grant.until - now) / 1e6)

    def _request(self, track: Track, probe: Probe, *, run: Running, at: int, grant: Grant) -> Request:
        number = self.next_number()
        if probe.golden is not None and not run.cases and not grant.until and not grant.canary:
            run.cases = track.answers.next(probe.golden, grant.cases)  # a run that asks none takes nobody's turn
        keep = at - track.last_good_kept > GOOD_KEPT_EVERY or _failed(track.last)
        return Request(
            number=number,
            job_id=probe.job_id,
            run_id=run_id(run.started, track.ledger),
            attempt=len(run.verdicts) + 1,
            at=at,
            sent=int(self._clock.mono() * 1e6),
            timeout=micros_of(probe.timeout) / 1e6,
            cleanup=micros_of(probe.cleanup) / 1e6,
            secrets=dict(track.secrets),
            keep=keep,
            shed=track.counts.shed_running,
            late=0 if run.verdicts else max(0, at - run.due),
            grant=grant.told(),
            memory=dict(track.memory),
            hook=self._hook(probe),
            cases=run.cases,
        )

    def _count(self, track: Track, run: Running, *, shed: bool) -> None:
        track.counts.runs += 1
        track.last_start = run.started
        if shed:
            track.counts.shed += 1
            track.counts.shed_running += 1
        else:
            track.counts.shed_running = 0
            self.lateness.add(run.lateness)

    @property
    def under_way(self) -> int:
        """How many runs are going."""
        return len(self._tasks)

    async def drain(self, seconds: float) -> int:
        """Wait for the runs under way, then cancel what is left; returns how many were cancelled."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        if left:
            await asyncio.gather(*left, return_exceptions=True)
        return len(left)


def _failed(last: Last | None) -> bool:
    """True after a failure of the target: its recovery is worth evidence, while a run that was not made is none."""
    return last is not None and bool(last.failure) and last.state is not State.UNKNOWN


_FAILURES = frozenset(Failure)
