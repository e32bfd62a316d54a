"""Failures that are staged for a drill: what a probe's own runs bring is replaced by a failure on its way to alerts.

The runs are the scheduled ones: real requests, and recorded as they were, so that no figure changes. Beside the record
a drill sees each of them fail: its attempts, their waits and `confirm` are those of the probe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from alerts.signal import Condition, Signal
from monitor.config.catalog import Catalog, Probe
from monitor.engine import signals
from monitor.engine.confirm import Change, Level, Progress, Ran, advance
from monitor.engine.record import Running
from monitor.engine.retry import after
from monitor.engine.track import Track
from monitor.engine.verdict import judge
from probes.frames import Reply
from probes.words.clock import Clock
from probes.words.failure import Failure
from probes.words.names import run_id

STAGED = Failure.APP_ERROR


@dataclass(slots=True)
class Staged:
    """A failure that is staged in a probe (`Probe.id`) since `began` (µs). `seen` are its runs since then, `looked` the
    start of the first, `failing` those whose attempts are still staged, `noticed` when alerts were told; `asked` is how
    many runs were made for it beside the schedule."""

    id: str
    probe: str
    began: int
    urgent: bool = False
    asked: int = 0
    seen: int = 0
    failing: int = 0
    attempts: int = 0
    looked: int | None = None
    noticed: int | None = None
    run: str = ""
    progress: Progress = field(default_factory=Progress)


def subject_of(probe: Probe) -> str:
    """What the incident of a drill is about: never the workflow's own, which stays free for what is real."""
    return f"{signals.DRILL}{probe.workflow}/{probe.environment}"


def member_of(probe: Probe, drill: str) -> str:
    """The member that fails in it: another one in each drill, so that drills do not count as flapping."""
    return f"{probe.name} (drill {drill})"


class Rehearsals:
    """What is staged now. `saw` is told of each run that ended; `tell` takes the signal, as it does from any probe."""

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        tell: Callable[[Signal], None],
        clock: Clock,
        *,
        chance: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._catalog, self._tell, self._clock = catalog, tell, clock
        self._chance, self._sleep = chance, sleep
        self._staged: dict[str, Staged] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def stage(self, staged: Staged) -> None:
        """From now on the runs of its probe fail, as far as this drill is concerned."""
        self._staged[staged.id] = staged

    def get(self, drill: str) -> Staged | None:
        """What is staged for a drill; None after a restart, which heals everything."""
        return self._staged.get(drill)

    def heal(self, drill: str) -> Staged | None:
        """Nothing is staged any more for this drill."""
        return self._staged.pop(drill, None)

    def saw(self, track: Track, run: Running, reply: Reply) -> None:
        """A run of a probe ended."""
        for staged in self._staged.values():
            if staged.probe != track.probe.id or run.started < staged.began or staged.noticed is not None:
                continue
            if reply.state == "unknown":  # nothing was seen, so there is nothing to replace
                continue
            staged.failing += 1
            task = asyncio.get_running_loop().create_task(self._fail(staged, track, run, reply))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fail(self, staged: Staged, track: Track, run: Running, reply: Reply) -> None:
        """The run as if it had failed: further attempts take their waits, and as long as the first one took."""
        probe, made = track.probe, 1
        staged.looked = staged.looked or run.started
        while True:
            left = track.room - (self._clock.now() - run.started)
            step = after(
                STAGED, made, attempts=probe.attempts, left=left, chance=self._chance(), idempotent=probe.idempotent
            )
            if step.wait is None:
                break
            await self._sleep((step.wait + reply.took) / 1e6)
            made += 1
        staged.failing -= 1
        if self._staged.get(staged.id) is not staged:
            return  # healed meanwhile
        staged.seen, staged.attempts, staged.run = staged.seen + 1, made, run_id(run.started, track.ledger)
        ran = Ran(Level.FAIL, run.started, run.started)
        staged.progress, change = advance(staged.progress, ran, confirm=probe.confirm, recover=probe.recover)
        if change is not None and staged.noticed is None:
            staged.noticed = self._clock.now()
            self._tell(self._signal(staged, probe, change, reply))

    def _signal(self, staged: Staged, probe: Probe, change: Change, reply: Reply) -> Signal:
        sentence = f"staged by drill {staged.id}, nothing is wrong"
        failed = Reply(reply.number, "down", str(STAGED), sentence, took=reply.took)
        tries = f"{staged.attempts} of {staged.attempts} attempts" if staged.attempts > 1 else "1 attempt"
        told = signals.of_probe(
            self._catalog(),
            probe,
            judge(failed),
            level=change.level,
            since=staged.began,
            sure=f"{tries} staged to fail, {change.sure}",
            at=self._clock.now(),
            run=staged.run,
        )
        return replace(
            told,
            subject=subject_of(probe),
            member=member_of(probe, staged.id),
            blame="",
            drill=True,
            urgent=staged.urgent,
            labels=(),
            context=("This is a drill. Acknowledge it as you would a real page.",),
        )


def ended(catalog: Catalog, subject: str, member: str, *, at: int, why: str, gone: bool = False) -> Signal:
    """What ends the incident of a drill: it passes again, or (`gone`) it was called off."""
    workflow, _, environment = subject.removeprefix(signals.DRILL).partition("/")
    there = catalog.workflows.get(workflow)
    title = signals.title_of(there, environment) if there is not None else workflow
    policy = there.policy if there is not None else catalog.monitor_policy
    told = signals.gone(subject, member, at=at, title=title, policy=policy, why=why)
    return told if gone else replace(told, condition=Condition.PASSING)
