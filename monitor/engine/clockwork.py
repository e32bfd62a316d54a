"""APScheduler as the clock: it calls at the moments the cadence names, and keeps nothing.

Our clock never runs backwards; APScheduler reads the wall clock. Fire times are therefore translated at this edge, and
`realign` recomputes them after a step of the wall clock or a suspend.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from apscheduler.executors.base import BaseExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from monitor.engine.cadence import Cadence
from probes.words.clock import Clock, micros, moment

Fire = Callable[[str, int], None]


class _Inline(BaseExecutor):  # type: ignore[misc]  # apscheduler carries no types
    """Calls the job at once: the default executor would send a plain function to a thread."""

    def submit_job(self, job: Any, run_times: list[datetime]) -> None:
        job.func(*job.args)

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        raise AssertionError("submit_job calls the job itself")


class _Trigger(BaseTrigger):  # type: ignore[misc]
    """A cadence as APScheduler sees it: the next fire after now, so that a long sleep is not walked step by step.

    APScheduler asks for the fire that follows twice, before and after it calls; the answer is kept, as a second
    translation between two clocks could differ by a microsecond and call twice for one due.
    """

    __slots__ = ("cadence", "clock", "due", "following", "shown")

    def __init__(self, cadence: Cadence, clock: Clock, due: int) -> None:
        self.cadence, self.clock = cadence, clock
        self.aim(due)

    def aim(self, due: int) -> datetime:
        """Make `due` the pending call; returns what the wall clock will show then."""
        self.due, self.following = due, 0
        self.shown = moment(due + self.clock.wall() - self.clock.now())
        return self.shown

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        if previous is None:
            return self.shown
        if previous != self.shown:  # a new call is pending: what followed has become what is due
            self.due, self.following, self.shown = self.following, 0, previous
        if not self.following:
            self.following = self.cadence.after(max(self.clock.now(), self.due))
        return moment(self.following + (micros(self.shown) - self.due))


class Clockwork:
    """Calls `fire(name, due)` when each name's cadence says so; `due` is in our clock's µs.

    Built inside a running event loop. Names can be added, replaced and removed at any time.
    """

    def __init__(self, clock: Clock, fire: Fire) -> None:
        self._clock, self._fire = clock, fire
        self._triggers: dict[str, _Trigger] = {}
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            executors={"default": _Inline()},
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        self._scheduler.start()

    def set(self, name: str, cadence: Cadence, *, first: int | None = None) -> None:
        """Call for `name` by this cadence from now on; `first` moves the first call (a run missed while off starts
        soon)."""
        trigger = _Trigger(cadence, self._clock, first if first is not None else cadence.after(self._clock.now()))
        self._triggers[name] = trigger
        self._scheduler.add_job(
            self._call, trigger, args=(name, trigger), id=name, replace_existing=True, next_run_time=trigger.shown
        )

    def remove(self, name: str) -> None:
        """Call no more for `name`; a name that is not known is fine."""
        if self._triggers.pop(name, None) is not None:
            try:
                self._scheduler.remove_job(name)
            except JobLookupError:
                return

    def _call(self, name: str, trigger: _Trigger) -> None:
        self._fire(name, trigger.due)

    def realign(self) -> None:
        """Recompute every fire time from our clock, after the wall clock stepped or the machine slept."""
        for name, trigger in self._triggers.items():
            self._scheduler.modify_job(name, next_run_time=trigger.aim(trigger.following or trigger.due))

    @property
    def names(self) -> frozenset[str]:
        """What is being called for."""
        return frozenset(self._triggers)

    def next_due(self, name: str) -> int | None:
        """When `name` is called next, or None."""
        trigger = self._triggers.get(name)
        return (trigger.following or trigger.due) if trigger else None

    def close(self) -> None:
        """Stop calling; nothing durable is lost, as nothing was kept here."""
        self._scheduler.shutdown(wait=False)
