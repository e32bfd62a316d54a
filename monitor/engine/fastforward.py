"""A second driver of the same engine: months in seconds, over a script of what happened.

Recorder, confirm, ledger, incidents, escalation and dispatch are the real ones; only the clock is pushed, the answers
come from a script and the providers accept everything. What it makes is labelled as simulated.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

from sqlmodel import Session, col, update

from alerts.desk import Desk
from alerts.dispatch import Dispatcher
from alerts.message import Channel, Finding, Message, React, Reaction, Receipt
from alerts.signal import Signal
from alerts.tables import Incident
from monitor.config.catalog import Catalog, Probe
from monitor.engine import restore
from monitor.engine.record import Recorder, Running
from monitor.engine.track import Track
from monitor.ledger.spans import Tail
from monitor.store.database import Store
from monitor.store.queries.counts import tally
from monitor.store.queries.ledgers import begin_ledger
from monitor.store.queries.notes import remember
from monitor.store.queries.presence import add_window, begin_alive, extend_alive
from probes.frames import Reply
from probes.words.clock import PushedClock
from probes.words.units import DAY, MINUTE, SECOND

AT_ONCE = 4_000  # rows handed to the store between flushes
WATCHED_EVERY = 30 * SECOND  # steps of the clock while an incident is open
LABEL = "simulated until"


@dataclass(frozen=True, slots=True)
class Happening:
    """From `start` to `end` (µs) a probe comes to this; the person on call answers after `answered` µs, or never."""

    probe: str
    start: int
    end: int
    state: str
    failure: str
    sentence: str
    answered: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """Maintenance of a subject, announced when it begins."""

    subject: str
    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Story:
    """A period to be simulated: what happened in it, when the monitor itself was off, and how often probes ran."""

    start: int
    end: int
    every: timedelta
    happenings: Sequence[Happening] = ()
    planned: Sequence[Planned] = ()
    off: Sequence[tuple[int, int]] = ()
    took: Callable[[str, int, float], int] = lambda probe, at, chance: int((0.4 + chance) * SECOND)
    firsts: Mapping[str, int] = field(default_factory=dict)  # probe id -> when it was first there, later than `start`


class Accepting:
    """A provider in a story: it takes everything."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def send(self, message: Message) -> Receipt:
        """Taken."""
        return Receipt(channel=self.name, id=f"simulated-{message.marker}", detail={"simulated": True})

    async def listen(self, react: React) -> None:
        """Nobody answers by himself."""

    async def verify(self, key: str) -> dict[str, Any] | None:
        """Believed."""
        return {}

    async def doctor(self) -> list[Finding]:
        """Nothing to say."""
        return []

    async def close(self) -> None:
        """Nothing to close."""


class FastForward:
    """Drives a story through the engine into a store. `progress(share)` is told from 0 to 1."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        story: Story,
        *,
        chance: Callable[[], float],
        progress: Callable[[float], None] = lambda share: None,
    ) -> None:
        self._catalog, self._store, self._story = catalog, store, story
        self._chance, self._progress = chance, progress
        self._clock = PushedClock(story.start)
        self._desk = Desk(lambda: catalog.book)
        channels: dict[str, Channel] = {name: Accepting(name) for name in catalog.book.channels}
        self._channels = tuple(channels)
        self._dispatch = Dispatcher(
            channels, store.write, desk=self._desk, book=lambda: catalog.book, clock=self._clock, chance=chance
        )
        self._signals: list[Signal] = []
        self._rows = 0
        self._open: dict[str, int | None] = {}  # public id of an open incident -> when it is answered
        self._alive = story.start
        self._recorder = Recorder(self._append, self._signals.append, lambda: catalog)

    def _append(self, rows: Any) -> None:
        self._store.append(rows)
        self._rows += len(rows)

    async def run(self) -> int:
        """Tell the whole story; returns how many runs were made."""
        tracks = await self._begin()
        queue: list[tuple[int, str]] = []
        for name, track in tracks.items():
            first = max(self._story.start, self._story.firsts.get(name, 0))
            heapq.heappush(queue, (track.cadence.after(first - 1), name))
        made, planned = 0, sorted(self._story.planned, key=lambda one: one.start)
        self._alive = await self._store.write(lambda session: begin_alive(session, now=self._story.start))
        while queue and queue[0][0] < self._story.end:
            due, name = heapq.heappop(queue)
            await self._pass_to(due, planned)
            away = next(((start, end) for start, end in self._story.off if start <= due < end), None)
            track = tracks[name]
            if away is not None:
                await self._come_back(away)
                heapq.heappush(queue, (track.cadence.after(away[1]), name))
                continue
            self._make(track, due)
            made += 1
            heapq.heappush(queue, (track.cadence.after(due), name))
            if self._signals or self._rows > AT_ONCE:
                await self._settle()
        await self._end(tracks)
        return made

    async def _begin(self) -> dict[str, Track]:
        every, now = self._story.every, self._story.start
        told = {name: probe for name, probe in self._catalog.probes.items() if probe.scheduled and probe.watches}
        slow = {name: _slowed(probe, every) for name, probe in told.items()}
        catalog = replace(self._catalog, probes=slow)
        found = await self._store.write(
            lambda session: restore.restore(session, catalog, now=now, secrets=lambda names: {})
        )
        for track in found.tracks.values():
            track.tail = Tail()
            first = track.cadence.after(max(now, self._story.firsts.get(track.probe.id, 0)) - 1)
            number = track.ledger
            await self._store.write(partial(begin_ledger, ledger=number, at=first))
        return found.tracks

    def _make(self, track: Track, due: int) -> None:
        reply = self._reply(track.probe.id, due)
        run = Running(due, due + 400 + int(self._chance() * 900))
        failed = reply.failure is not None and reply.state == "down"
        tries = track.probe.attempts if failed else 1
        for number in range(tries):
            at = run.started + number * 20 * SECOND
            self._recorder.attempt(track, run, at, reply=reply, ended=number == tries - 1)

    def _reply(self, probe: str, at: int) -> Reply:
        took = self._story.took(probe, at, self._chance())
        for one in self._story.happenings:
            if one.probe == probe and one.start <= at < one.end:
                return Reply(0, one.state, one.failure, one.sentence, took=took)
        return Reply(0, "up", took=took, phases=(900, 1_100, 2_300, int(took * 0.8), took))

    async def _settle(self) -> None:
        """Commit what was recorded, then tell alerts, in order."""
        await self._store.flush()
        self._rows = 0
        signals, self._signals[:] = list(self._signals), []
        for signal in signals:
            self._clock.at = max(self._clock.at, signal.at)
            now = self._clock.now()
            received = await self._store.write(partial(self._desk.receive, signal=signal, now=now))
            if received.incident:
                self._open.setdefault(received.incident, self._answer_at(signal))
            await self._deliver()
        share = (self._clock.at - self._story.start) / max(1, self._story.end - self._story.start)
        self._progress(min(1.0, share))
        await asyncio.sleep(0)

    def _answer_at(self, signal: Signal) -> int | None:
        for one in self._story.happenings:
            if one.probe == f"{signal.subject}/{signal.member}" and one.start <= signal.since < one.end:
                return signal.at + one.answered if one.answered is not None else None
        return None

    async def _deliver(self) -> None:
        for name in self._channels:
            await self._dispatch.sweep(name, wait=True)

    async def _pass_to(self, due: int, planned: list[Planned]) -> None:
        """Let time pass until `due`: in steps while an incident is open, else in one."""
        while planned and planned[0].start <= due:
            await self._plan(planned.pop(0))
        while self._open and self._clock.at + WATCHED_EVERY < due:
            self._clock.push(WATCHED_EVERY)
            await self._beat()
        self._clock.at = max(self._clock.at, due)

    async def _beat(self) -> None:
        now = self._clock.now()
        for public_id, answered in list(self._open.items()):
            if answered is not None and answered <= now:
                self._open[public_id] = None
                reaction = Reaction(action="ack", incident=public_id, by="the person on call", via="slack")
                await self._store.write(partial(self._desk.react, reaction=reaction, now=now))
        await self._store.write(lambda session: self._desk.due(session, now=now))
        await self._deliver()
        views = await self._store.read(lambda session: self._desk.views(session, now=now))
        there = {view.public_id for view in views}
        self._open = {public_id: at for public_id, at in self._open.items() if public_id in there}

    async def _plan(self, one: Planned) -> None:
        self._clock.at = max(self._clock.at, one.start)
        now = self._clock.now()

        def write(session: Session) -> None:
            end, reason = now + one.end - one.start, one.reason
            add_window(session, one.subject, start=now, end=end, author="the script", reason=reason, now=now)
            self._desk.mute(session, one.subject, start=now, end=end, author="the script", reason=reason, now=now)

        await self._store.write(write)

    async def _come_back(self, away: tuple[int, int]) -> None:
        """The monitor was off: its last sign of life was at the beginning, the next is at the end."""
        if self._clock.at >= away[1] or self._alive > away[0]:
            return
        await self._store.write(lambda session: extend_alive(session, self._alive, now=away[0]))
        self._alive = await self._store.write(lambda session: begin_alive(session, now=away[1]))

    async def _end(self, tracks: Mapping[str, Track]) -> None:
        await self._settle()
        end = self._story.end
        self._clock.at = max(self._clock.at, end)
        if self._open:
            await self._beat()

        def close(session: Session) -> None:
            extend_alive(session, self._alive, now=end)
            session.exec(update(Incident).where(col(Incident.opened) < end).values(simulated=True))
            remember(session, LABEL, end, now=end)
            tally(session, until=end)

        await self._store.write(close)
        self._progress(1.0)


def _slowed(probe: Probe, every: timedelta) -> Probe:
    """The probe as it ran in the story: by the story's period, in which all its attempts have room."""
    return replace(probe, every=every, cron=None, attempts=min(probe.attempts, 3))


def quarter(probes: Iterable[str], *, end: int, days: int = 90) -> tuple[list[Happening], list[tuple[int, int]]]:
    """A plausible quarter for these probes, the same each time: outages, slowness, and the monitor off once."""
    named = list(probes)

    def ago(
        day: float, length: int, number: int, *, state: str, failure: str, said: str, answered: int | None
    ) -> Happening:
        start = end - int(day * DAY)
        return Happening(named[number % len(named)], start, start + length, state, failure, said, answered)

    happenings = [
        ago(
            83.3, 42 * MINUTE, 0, state="down", failure="timeout", said="no first token within 4 s", answered=4 * MINUTE
        ),
        ago(
            71.6,
            3 * 60 * MINUTE,
            1,
            state="degraded",
            failure="slow",
            said="ask took 6.2 s, its budget is 4 s",
            answered=None,
        ),
        ago(
            58.2,
            95 * MINUTE,
            1,
            state="down",
            failure="wrong",
            said='$.time should equal "10:00", got "22:00"',
            answered=6 * MINUTE,
        ),
        ago(
            40.9,
            25 * MINUTE,
            2,
            state="down",
            failure="app_error",
            said="GET /calendar answered 503",
            answered=3 * MINUTE,
        ),
        ago(
            27.4,
            5 * 60 * MINUTE,
            0,
            state="degraded",
            failure="slow",
            said="first token after 3.1 s, its limit is 1.5 s",
            answered=None,
        ),
        ago(15.1, 33 * MINUTE, 0, state="down", failure="empty", said="the answer was empty", answered=2 * MINUTE),
        ago(6.7, 12 * MINUTE, 2, state="down", failure="unreachable", said="the connection was refused", answered=None),
    ]
    off = [(end - 49 * DAY, end - 49 * DAY + 7 * 60 * MINUTE)]
    kept = [one for one in happenings if one.start > end - days * DAY]
    return kept, [one for one in off if one[0] > end - days * DAY]
