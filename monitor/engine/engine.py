"""The engine: tracks, clock, runs, records and the one-second beat, put together. It makes no rule of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlmodel import Session

from alerts.desk import OpenMember
from alerts.signal import Condition, Signal
from monitor.config.catalog import Catalog
from monitor.engine import freshness, restore, spending
from monitor.engine.attempts import Runs
from monitor.engine.beginnings import Beginnings
from monitor.engine.cadence import Cadence
from monitor.engine.clockwork import Clockwork
from monitor.engine.events import Attended, Events
from monitor.engine.flags import FlagWatch
from monitor.engine.foresight import Foresight, foresight_in
from monitor.engine.keeping import keep_house
from monitor.engine.listening import Heartbeats, remembered
from monitor.engine.outside import join
from monitor.engine.parts import Parts, Pulse
from monitor.engine.record import BUGS_TOLD, Recorder
from monitor.engine.rehearsal import Rehearsals
from monitor.engine.spending import Spending
from monitor.engine.stats import Lateness
from monitor.engine.teller import Teller
from monitor.engine.track import Track, recovering
from monitor.engine.witnesses import Witnesses
from monitor.store.queries.counts import tally
from monitor.store.queries.notes import begin_generation, read_note, remember
from monitor.store.queries.presence import begin_alive, extend_alive
from monitor.store.queries.runs import last_passing
from monitor.store.rows import Rows
from probes.words.errors import StoreError
from probes.words.units import MINUTE, SECOND

log = structlog.get_logger("showup.engine")

ALIVE_EVERY = 10 * SECOND
MOST_SCANS = 20  # for what is due, in one beat; what is left then waits for the next
LOOK_EVERY = 30 * SECOND  # between looks for probes that do not start or tell nothing
TALLY_EVERY, TALLY_BEHIND = 5 * MINUTE, 10 * MINUTE  # runs are counted when no row of theirs can come any more
CATCH_UP = 30 * SECOND  # a run missed while off, and the first one of a probe, start within this time
SLEPT = 2.0  # seconds by which a beat is late before the clock is set anew
PAUSED = "paused"  # name of the note that lists paused probes


class Engine:
    """Runs every scheduled probe of a catalog. `start`, then `run` until cancelled, then `drain`."""

    def __init__(self, catalog: Catalog, parts: Parts) -> None:
        self.catalog, self._parts = catalog, parts
        self.tracks: dict[str, Track] = {}
        self.paused: frozenset[str] = frozenset()
        self.pulse = Pulse()
        self.foresight = Foresight()
        self.expiries = self.foresight.expiries
        self._subjects: Mapping[str, list[Track]] = {}
        self._told: dict[str, Any] = {}
        self._works: Clockwork | None = None
        self._alive = 0
        self._looked = self._tallied = 0
        self._beginnings = Beginnings(parts.store.write)
        self.teller = Teller(
            parts.store.write,
            self._receive,
            clock=parts.clock,
            woke=self._woke,
            emergency=parts.emergency,
        )
        self.events = Events()
        self._called: dict[str, Cadence] = {}  # by which each probe is called now
        self.witnesses = Witnesses(parts.clock, patience=parts.patience, paused=lambda: self.paused)
        self._recorder = Recorder(
            self._append, self.teller.tell, lambda: self.catalog, self.foresight.learn, self.witnesses, self.events
        )
        self.spending = Spending(self._append)
        self.heartbeats = Heartbeats(parts.store, parts.clock, self._recorder)
        self.flags = FlagWatch(parts.store, parts.clock, self.teller.tell)
        self.rehearsals = Rehearsals(lambda: self.catalog, self.teller.tell, parts.clock, chance=parts.chance)
        self._runs = Runs(
            parts.hosts,
            self._recorder,
            parts.clock,
            chance=parts.chance,
            hook=parts.hook,
            spending=self.spending,
            witnesses=self.witnesses,
            sleep=parts.sleep,
            ended=self.rehearsals.saw,
        )
        self.said, self.network = join(self.witnesses, parts, self._runs, self._recorder)

    # -- start, reload, stop ------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Read the record back, agree with alerts, and begin to call."""
        now = self._parts.clock.now()
        self.pulse.began = now
        self._alive = await self._parts.store.write(lambda session: begin_alive(session, now=now))
        await self._take_over(self.catalog)
        self._works = Clockwork(self._parts.clock, self._fire)
        for track in self.tracks.values():
            self._schedule(track, now)

    async def reload(self, catalog: Catalog) -> None:
        """Swap whole to another configuration; runs under way end under the old one."""
        before = set(self.tracks)
        await self._take_over(catalog)
        for name in before - self.tracks.keys():
            self._called.pop(name, None)
            if self._works is not None:
                self._works.remove(name)
        self._align()

    def attend(self, events: Sequence[Attended]) -> None:
        """These are the events; probes that enter or leave one are called by another cadence from now on."""
        self.events.take(events)
        self._align()

    def _align(self) -> None:
        now = self._parts.clock.now()
        for name, track in self.tracks.items():
            if self._called.get(name) != self.events.cadence(track, now):
                self._schedule(track, now)

    async def _take_over(self, catalog: Catalog) -> None:
        now, parts = self._parts.clock.now(), self._parts
        mine = frozenset(track.ledger for track in self.tracks.values())

        def read(session: Session) -> tuple[restore.Restored, list[OpenMember], dict[str, Any]]:
            told = parts.desk.open_members(session)
            found = restore.restore(session, catalog, now=now, secrets=parts.secrets, open_members=told, followed=mine)
            begin_generation(session, catalog.fingerprint, now=now)
            spent = spending.kept_in(session, now=now)
            kept = {"paused": read_note(session, PAUSED), "foresight": foresight_in(session), "spent": spent}
            return found, told, kept | {"jobs": remembered(session, found.tracks.values(), now=now)}

        await parts.store.flush()
        found, members, kept = await parts.store.write(read)
        self.catalog = catalog
        self._beginnings.expect(found.unbegun)
        self.tracks = restore.keep(self.tracks.values(), found.tracks)
        subjects: dict[str, list[Track]] = {}
        for track in self.tracks.values():
            subjects.setdefault(track.probe.subject, []).append(track)
        self.witnesses.follow(catalog, self.tracks.values())
        self.network.follow(catalog)
        self.said.follow(catalog, self.tracks.values)
        self._subjects = subjects  # swapped whole: the store's thread reads it
        self.paused = frozenset(kept["paused"] or ())
        self.heartbeats.take(self.tracks, kept["jobs"], now=now)
        self.flags.take(catalog, members)
        self.foresight.watch(catalog, kept["foresight"], members, secrets=parts.secrets)
        self.foresight.memories.hand(self.tracks.values())
        self.spending.watch(catalog, kept["spent"], now=now)
        self._told = dict(restore.told_of_monitor(members))
        for name in restore.bugs_told(members) & self.tracks.keys():
            self.tracks[name].bugs = BUGS_TOLD
        members = restore.with_untold(members, self.teller.untold)
        for signal in restore.reconcile(catalog, self.tracks, members, now=now):
            self.teller.tell(signal)

    def _schedule(self, track: Track, now: int) -> None:
        if self._works is None or track.probe.heartbeat is not None:
            return
        cadence = self._called[track.probe.id] = self.events.cadence(track, now)
        following = cadence.after(now)
        missed = track.last_due and track.cadence.after(track.last_due) <= now
        new = not track.last_due and track.probe.cron is None  # what runs by the clock may have its reason for it
        first = None
        if missed or new:
            # soon, each at its own moment, so that a start is no stampede
            first = min(following, now + following % CATCH_UP)
        self._works.set(track.probe.id, cadence, first=first)

    async def drain(self, seconds: float) -> int:
        """Stop calling, let runs end, commit everything; returns how many runs had to be given up."""
        if self._works is not None:
            self._works.close()
            self._works = None
        lost = await self._runs.drain(seconds)
        try:
            while self.teller.waiting and await self.teller.flush():
                pass
            await self._sign_of_life(self._parts.clock.now())
        except StoreError as error:
            log.warning("the last words could not be stored", reason=str(error))
        return lost

    # -- work ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Beat each second and tell alerts, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.teller.run())
            group.create_task(self._beat_on())
            group.create_task(self.said.run())
            group.create_task(keep_house(self._parts.store, lambda: self.catalog.keep, self._parts.clock))

    def _fire(self, name: str, due: int) -> None:
        track = self.tracks.get(name)
        if track is None:
            return
        if name in self.paused:
            track.last_due = due  # not missed: it was not wanted
            return
        self._runs.start(track, due)

    async def run_now(self, name: str) -> None:
        """One run at once, beside the schedule; KeyError for a name that is not scheduled."""
        track = self.tracks[name]
        if not track.running:
            track.running = True
            await self._runs.run(track, self._parts.clock.now())

    def _append(self, rows: Rows) -> None:
        self._parts.store.append(rows)
        if rows.runs:
            self._beginnings.saw(rows.runs)

    def _receive(self, session: Session, signal: Signal) -> set[str]:
        if signal.condition is Condition.FAILING and signal.last_good is None:
            signal = self._with_last_good(session, signal)
        received = self._parts.desk.receive(session, signal, now=self._parts.clock.now())
        log.info("signal", subject=signal.subject, member=signal.member, reason=received.decision.reason)
        return set(received.woke)

    def _with_last_good(self, session: Session, signal: Signal) -> Signal:
        """The signal with the newest run before its failure that passed: from there on something may be wrong."""
        for track in self._subjects.get(signal.subject, ()):
            if track.probe.name == signal.member:
                good = last_passing(session, track.ledger, before=signal.since)
                return replace(signal, last_good=good.started, last_good_run=good.id) if good is not None else signal
        return signal

    def _woke(self, channels: set[str]) -> None:
        self._parts.wake(channels)
        self._parts.changed()

    async def _beat_on(self) -> None:
        clock = self._parts.clock
        expected = clock.mono()
        while True:
            late = clock.mono() - expected
            expected = clock.mono() + 1.0
            await self.beat(late)
            await asyncio.sleep(max(0.0, expected - clock.mono()))

    async def beat(self, late: float = 0.0) -> None:
        """What happens each second: the clock, signs of life, everything that is due, and a look at ourselves."""
        clock, store = self._parts.clock, self._parts.store
        step = clock.check()
        if (step or late > SLEPT) and self._works is not None:
            log.warning("the clock stepped or the machine slept", step_seconds=step / 1e6, late_seconds=round(late, 1))
            self._works.realign()
        now = clock.now()
        self.pulse.clock_behind = clock.behind
        try:
            for _ in range(MOST_SCANS):
                # the time is of when it is done: a page that joins a burst which has left meanwhile would be one more
                self._parts.wake(await store.write(lambda session: self._parts.desk.due(session, now=clock.now())))
                if not self._parts.desk.more:
                    break
            self._beginnings.saw(())
            if now - self.pulse.alive >= ALIVE_EVERY:
                await self._sign_of_life(now)
            if now - self._tallied >= TALLY_EVERY:
                self._tallied = now
                await store.write(lambda session: tally(session, until=now - TALLY_BEHIND))
            await self.flags.look(now)
        except StoreError as error:
            log.warning("the store refuses", reason=str(error))
        await self.heartbeats.look(now, self.paused)
        if now - self._looked >= LOOK_EVERY:
            self._looked = now
            self._look(now)
        self.pulse.beat = now

    async def _sign_of_life(self, now: int) -> None:
        await self._parts.store.write(lambda session: extend_alive(session, self._alive, now=now))
        self.pulse.alive = now
        await self.foresight.keep(self._parts.store.write, now=now)

    def _look(self, now: int) -> None:
        troubles = freshness.look(self.tracks.values(), now=now, began=self.pulse.began, paused=self.paused)
        troubles += self.heartbeats.troubles(now, self.paused)
        troubles += freshness.of_clock(self.pulse.clock_behind, now=now)
        troubles += freshness.of_spending(self.spending.troubles, now=now)
        judges = self.foresight.judges
        troubles += freshness.of_judges(judges.broken, now=now)
        troubles += freshness.of_disk(short=self._parts.store.short_of_space, now=now)
        unproven = freshness.unproven(
            self._told, self.tracks, began=self.pulse.began, paused=self.paused, heard=judges.heard,
            unasked=self.spending.unasked,
        )  # fmt: skip
        found, self._told = freshness.changes(self.catalog, troubles, self._told, now=now, unproven=unproven)
        for signal in (*found, *self.foresight.look(self.catalog, now=now)):
            self.teller.tell(signal)

    # -- what people ask for -------------------------------------------------------------------------------------------

    async def pause(self, names: Iterable[str], *, paused: bool) -> frozenset[str]:
        """Stop or resume the runs of these probes; what is paused is unknown meanwhile, and is kept over a restart."""
        wanted = set(names) & self.tracks.keys()
        self.paused = self.paused | wanted if paused else self.paused - wanted
        now, listed = self._parts.clock.now(), sorted(self.paused)
        await self._parts.store.write(lambda session: remember(session, PAUSED, listed, now=now))
        return self.paused

    @property
    def lateness(self) -> Lateness:
        """How late runs started."""
        return self._runs.lateness

    @property
    def under_way(self) -> int:
        """How many runs are going."""
        return self._runs.under_way

    def recovering(self, subject: str) -> int | None:
        """Until when the recovery of a subject is awaited, as its newest attempts passed (µs); else None."""
        return recovering(self._subjects.get(subject, ()), self._parts.clock.now())

    def next_due(self, name: str) -> int | None:
        """When a probe is due next (µs)."""
        return self._works.next_due(name) if self._works is not None else None
