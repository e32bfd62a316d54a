"""Canaries as second witnesses: asked at once when a workflow fails, awaited for a moment, and weighed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from monitor.config.catalog import Catalog, Probe
from monitor.engine.blame import Heard, Word, may_be_caused, of_canary, weigh, word_of
from monitor.engine.confirm import Level
from monitor.engine.record import Running
from monitor.engine.track import Track
from monitor.engine.verdict import Verdict
from probes.frames import CAPPED, Reply
from probes.words.clock import Clock
from probes.words.names import run_id
from probes.words.units import MINUTE, SECOND

AGAIN = 10 * SECOND  # µs; a canary is not asked more often than this for the sake of failures
PATIENCE = 10.0  # seconds that the end of a run waits for a canary under way
REMEMBERED = 8  # attempts of a canary
LATE = MINUTE  # µs; what a canary says later than this after a run says nothing of it


@dataclass(slots=True)
class _Stand:
    """One provider's canary: what it said, oldest first, and whether an attempt is under way."""

    track: Track
    heard: deque[Heard] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    asked: int = 0
    flying: bool = False
    landed: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class _Unheard:
    """A failed run that was judged before its witness had spoken."""

    track: Track
    run: Running
    verdict: Verdict
    since: int

    def counts(self, now: int) -> bool:
        """False once what its witness says would say nothing of it."""
        return now - self.since <= LATE + self.track.cadence.period


async def _as_it_is(verdict: Verdict, reply: Reply) -> Verdict:
    return verdict


class Witnesses:
    """The canaries of a catalog. `start` begins a canary's run at once; `reconsider` takes a verdict that changed
    after its run, as the witness was late."""

    def __init__(
        self, clock: Clock, *, patience: float = PATIENCE, paused: Callable[[], frozenset[str]] = frozenset
    ) -> None:
        self._clock, self._patience, self._paused = clock, patience, paused
        self._stands: dict[str, _Stand] = {}
        self._names: Mapping[str, str] = {}
        self._unheard: list[_Unheard] = []
        self.says: Callable[[str], str] = lambda provider: ""  # what it says of itself, when that is trouble
        self.reach: Callable[[Verdict, Reply], Awaitable[Verdict]] = _as_it_is  # what it is if the network is ours
        self.start: Callable[[Track], None] = lambda track: None
        self.reconsider: Callable[[Track, Running, Verdict], None] = lambda track, run, verdict: None

    def follow(self, catalog: Catalog, tracks: Iterable[Track]) -> None:
        """Follow the canaries of a catalog; one that is followed already keeps what it said."""
        before = self._stands
        self._names = {name: provider.title for name, provider in catalog.providers.items()}
        self._stands = {}
        for track in tracks:
            if name := track.probe.canary_of:
                stand = before.get(name)
                self._stands[name] = stand if stand is not None and stand.track is track else _Stand(track)

    def canary(self, provider: str) -> Track | None:
        """The track of a provider's canary."""
        stand = self._stands.get(provider)
        return stand.track if stand is not None else None

    def said(self, provider: str, run: str) -> Heard | None:
        """What a provider's canary said last against it in this run of its own."""
        stand = self._stands.get(provider)
        heard = stand.heard if stand is not None else ()
        return next((one for one in reversed(heard) if one.run == run and one.word is Word.FAILED), None)

    def context(self, probe: Probe, provider: str, since: int) -> tuple[str, ...]:
        """What changed of late of what the canaries of its providers see, and what the one that is blamed says."""
        told: list[str] = []
        for name in probe.depends_on:
            track = self.canary(name)
            if track is not None:
                told += [f"{self._names.get(name, name)}: {one}" for one in track.versions.told(since)]
        if (blamed := probe.canary_of or provider) and (said := self.says(blamed)):
            told.append(said)
        return tuple(told)

    def recovers(self, provider: str, within: int) -> bool:
        """True while a provider's own incident stands, and for `within` µs after it, as long as its canary speaks: of
        one that says nothing, nobody knows whether it recovers."""
        stand, now = self._stands.get(provider), self._clock.now()
        if stand is None:
            return False
        spoke = max((one.ended for one in stand.heard if one.word is not Word.NOTHING), default=0)
        is_near = stand.track.progress.open is Level.FAIL or now < stand.track.closed + within
        return is_near and now < spoke + stand.track.hold

    # -- what happens

    def begins(self, probe: Probe) -> None:
        """An attempt of a probe begins."""
        if stand := self._stands.get(probe.canary_of):
            stand.flying = True
            stand.landed.clear()

    def rests(self, probe: Probe) -> None:
        """A run of a probe is over, however it ended."""
        if stand := self._stands.get(probe.canary_of):
            stand.flying = False
            stand.landed.set()

    async def judge(
        self, track: Track, run: Running, at: int, *, reply: Reply, verdict: Verdict, ended: bool
    ) -> Verdict:
        """The verdict on an attempt that began at `at`, with what witnesses say once its run has ended."""
        if verdict.failure is None and not track.probe.canary_of:
            self._call(self._failing(track.probe.depends_on), at)
            return verdict
        verdict = await self.reach(verdict, reply)
        if track.probe.canary_of:
            return self._spoke(track, run, at, reply=reply, verdict=verdict)
        known = [name for name in track.probe.depends_on if name in self._stands]
        if not known or not may_be_caused(verdict, reply.phase):
            return verdict
        failed = [began for began, one in run.verdicts if one.level >= Level.DEGRADED]
        since = failed[0] if failed else at
        self._call(known, since)
        if not ended:
            return verdict
        heard = await self._hear(known, within=min(self._patience, track.cadence.period / 2e6))
        found = self._weigh(known, verdict, since)
        if not heard and found.suspected:
            now = self._clock.now()  # a canary that never has anything to say lets nobody wait for ever
            self._unheard = [one for one in self._unheard if one.counts(now)]
            self._unheard.append(_Unheard(track, run, verdict, since))
        return found

    def _failing(self, providers: Iterable[str]) -> list[str]:
        """Those whose own incident stands: a workflow that is well again is a reason to ask whether they are, too,
        before another person is woken for them."""
        stands = {name: self._stands.get(name) for name in providers}
        return [name for name, one in stands.items() if one is not None and one.track.progress.open is Level.FAIL]

    def _weigh(self, known: Iterable[str], verdict: Verdict, since: int) -> Verdict:
        heard = {name: tuple(self._stands[name].heard) for name in known if name in self._stands}
        return weigh(verdict, heard, since=since, names=self._names)

    def _call(self, providers: Iterable[str], since: int) -> None:
        """Ask their canaries at once, unless one is being asked, was a moment ago, or has just spoken of this."""
        now = self._clock.now()
        for stand in (self._stands[name] for name in providers):
            spoke = stand.heard[-1].began if stand.heard else 0
            if stand.track.probe.id in self._paused():
                continue
            if stand.track.running or now - stand.asked < AGAIN or (spoke >= since and now - spoke < AGAIN):
                continue
            stand.asked, stand.flying = now, True
            stand.landed.clear()
            self.start(stand.track)

    async def _hear(self, providers: Iterable[str], *, within: float) -> bool:
        """Wait for the attempts under way, so many seconds at most; False when one takes longer."""
        flying = [stand.landed for stand in map(self._stands.__getitem__, providers) if stand.flying]
        if not flying:
            return True
        try:
            async with asyncio.timeout(within):
                for landed in flying:
                    await landed.wait()
        except TimeoutError:
            return False
        return True

    def _spoke(self, track: Track, run: Running, at: int, *, reply: Reply, verdict: Verdict) -> Verdict:
        found = of_canary(verdict, capped=reply.witness == CAPPED)
        stand = self._stands.get(track.probe.canary_of)
        if stand is None or stand.track is not track:
            return found
        said = Heard(
            began=at,
            ended=self._clock.now(),
            word=word_of(found),
            failure=found.failure,
            sentence=found.sentence,
            run=run_id(run.started, track.ledger),
            acquits=track.probe.kind == "chat",
        )
        stand.heard.append(said)
        stand.flying = False
        stand.landed.set()
        if said.word is not Word.NOTHING:
            self._speak_late(track.probe.canary_of)
        return found

    def _speak_late(self, provider: str) -> None:
        """Runs that ended before their witness spoke are weighed again."""
        now = self._clock.now()
        waiting, self._unheard = self._unheard, []
        for one in waiting:
            if not one.counts(now):
                continue
            found = self._weigh(one.track.probe.depends_on, one.verdict, one.since)
            if found.suspected:
                self._unheard.append(one)
            elif provider in one.track.probe.depends_on:
                self.reconsider(one.track, one.run, found)
