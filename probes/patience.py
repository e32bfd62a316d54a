"""One wait of a probe: looks, one after the other, until something is seen or its time is up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Generic, NoReturn, Protocol, TypeVar

from probes.bench import Bench
from probes.journal import Journal
from probes.records import Finding, Stop
from probes.trial import Trial
from probes.words.failure import Failure
from probes.words.units import say_duration

T = TypeVar("T")
LONGEST_LOOK = 30.0  # seconds, so that one that hangs leaves time for another
SPARE = 0.05  # seconds a wait ends before its attempt, so that it is the wait that says what was missing
FIRST_PAUSE, GROWTH, LONGEST_PAUSE = 0.5, 1.5, 15.0  # seconds between two looks
_NEVER_HELPED = frozenset({Failure.AUTH, Failure.PROBE_BUG})  # by looking again
# What says that the place could not be looked at; anything else says what was seen there.
_NOT_LOOKED = frozenset(
    {
        Failure.MONITOR_FAULT, Failure.UNREACHABLE, Failure.QUOTA, Failure.RATE_LIMITED, Failure.PROVIDER_DOWN,
        Failure.APP_ERROR, Failure.TRUNCATED, Failure.GARBAGE,
    }
)  # fmt: skip


class Owner(Protocol):
    """The Context that waits. `saw` is what the latest look saw, in words."""

    saw: str
    _journal: Journal
    _bench: Bench


class Wait(Generic[T]):
    """Looks made by `look`, judged by `check`, every so many seconds or with longer and longer pauses."""

    def __init__(
        self,
        owner: Owner,
        look: Callable[[], Awaitable[T | None]],
        check: Callable[[T], object] | None,
        *,
        within: float,
        every: float | None,
    ) -> None:
        self._owner, self._journal, self._bench = owner, owner._journal, owner._bench
        self._look, self._check = look, check
        self._within, self._every = within, every
        self._looks = self._troubled = 0
        # of the latest look that says something: what was wrong, what was seen, whether nobody could look
        self._last: tuple[Finding | None, str, bool] = None, "", False
        self._end = 0.0

    async def over(self) -> T:
        """What was seen; Stop, with the reason in the journal, when nothing was in time."""
        began, deadline = monotonic(), self._bench.deadline
        self._end = min(began + self._within, deadline - SPARE)
        first, pause = Trial(self._journal).requests, self._every or FIRST_PAUSE
        try:
            while True:
                trial, asked = Trial(self._journal), monotonic()
                value = await self._once(min(self._end, asked + LONGEST_LOOK))
                found = trial.wrong()
                if found is None and value:
                    self._journal.checked = True
                    return value
                self._note(found, broke=trial.broke)
                if found is not None and found.failure in _NEVER_HELPED:
                    raise Stop
                now = monotonic()
                left = self._end - now - max(SPARE, 2 * (now - asked))  # a look needs its time, too
                if left <= 0:
                    trial.keep_as_evidence()
                    self._miss(self._end - began)
                trial.take_back()
                trial.thin(first)
                await self._pause(min(pause, left))
                pause = self._every or min(pause * GROWTH, LONGEST_PAUSE)
        finally:
            self._bench.move(deadline)

    def _note(self, found: Finding | None, *, broke: bool) -> None:
        """Remember a look that was not the last, but for one that was cut short: what came before it says more."""
        self._looks += 1
        failure = found.failure if found is not None else None
        gone = broke and failure is Failure.CONTRACT_CHANGED  # such as a table that is no longer there
        sick = gone or failure in _NOT_LOOKED
        self._troubled += sick
        was_cut = found is not None and found.failure is Failure.TIMEOUT and monotonic() > self._end - SPARE
        if not (was_cut and self._looks > 1):
            self._last = found, self._owner.saw, sick

    async def _once(self, until: float) -> T | None:
        """One look; None when it saw nothing or ended in a failure, which the journal then has."""
        self._owner.saw = ""
        self._bench.move(until)
        try:
            async with asyncio.timeout_at(until + SPARE / 2) as limit:
                value = await self._look()
            if value and self._check is not None:
                self._check(value)
        except Stop:
            return None
        except TimeoutError:
            if not limit.expired():
                raise
            self._journal.fail(Failure.TIMEOUT, "the look did not end in its time", phase="total")
            return None
        return value

    def _miss(self, seconds: float) -> NoReturn:
        """End the run: what was waited for did not come."""
        found, saw, sick = self._last
        name, length = self._journal.step.name, say_duration(max(1, round(seconds * 10)) * 100_000)
        seen = (found.sentence if found is not None else "") or saw or "nothing"
        if found is not None and sick and self._troubled * 2 > self._looks:
            said = f"stage {name!r} could not be looked at within {length}: {seen}"
            self._journal.fail(found.failure, said, phase=name, witness=found.witness)
        else:
            said = f"stage {name!r} not seen within {length}; last seen: {seen}"
            self._journal.fail(Failure.TIMEOUT, said, phase=name)
        raise Stop

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the arrival of a webhook."""
        inbox = self._bench.inbox
        if inbox is None:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await inbox.came.wait()
        inbox.came.clear()
