"""Listening to jobs that report by themselves: each word is kept before it is answered, each deadline is seen to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from sqlmodel import Session

from alerts.signal import Severity
from monitor.engine.freshness import BLIND, NOT_STARTED, Trouble
from monitor.engine.heartbeats import (
    Known,
    Outcome,
    Owed,
    Ping,
    Rhythm,
    Word,
    begun_after,
    coalesced,
    known_of,
    outcome_of,
    outcome_of_silence,
    owed,
    rhythm_of,
    unheard,
)
from monitor.engine.record import Recorder, Running
from monitor.engine.track import Track
from monitor.store.database import Store
from monitor.store.queries.pings import PingView, add_ping, made, pings_after
from monitor.store.queries.presence import absences
from probes.frames import Reply
from probes.words.clock import Clock
from probes.words.errors import StoreError
from probes.words.hours import Interval
from probes.words.text import clean
from probes.words.units import DAY, SECOND, micros_of, say_duration

log = structlog.get_logger("showup.heartbeats")

AWAY_AFTER = 30 * SECOND  # between two looks: the machine slept, or we were stuck, and nobody was heard
FAR_BACK = 800 * DAY  # as long as absences can matter: two of the longest periods
MOST_AWAY = 1_000  # absences that are remembered, the newest
SHOWN = 10_000  # characters of what a job sent that are kept with a run


@dataclass(slots=True)
class Beat:
    """One job as it is followed. `at` is when `known` became so (µs); `begun` are its runs under way, by `rid`.

    `away` are the times in which it alone was not heard; `waiting` came faster than is written; `writing` counts words
    that are on their way to the disk.
    """

    track: Track
    rhythm: Rhythm
    known: Known
    at: int
    due: Owed
    begun: dict[str, int] = field(default_factory=dict)
    away: list[Interval] = field(default_factory=list)
    waiting: tuple[Ping, ...] = ()
    writing: int = 0
    newest: int = 0
    paused_since: int = 0

    @property
    def heard(self) -> bool:
        """False for a job of which nothing is known yet: its silence may be that it was never set up."""
        return self.known is not Known.NOTHING or bool(self.due.begun)

    def owes(self) -> None:
        """Work out anew what is owed next."""
        self.due = owed(self.rhythm, self.known, self.at, self.begun.values())


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the record knows of jobs: their words, since when they are waited for, and when the keeper was off."""

    pings: Mapping[int, list[PingView]]
    made: Mapping[int, int]
    away: list[Interval]


def remembered(session: Session, tracks: Iterable[Track], *, now: int) -> Remembered:
    """What the record knows of the heartbeats among these: what may not be in a run yet, and what may be under way."""
    since = {}
    for track in tracks:
        if track.probe.heartbeat is not None:
            under_way = now - micros_of(track.probe.heartbeat.grace)
            since[track.ledger] = min(track.last.started if track.last is not None else 0, under_way)
    if not since:
        return Remembered({}, {}, [])
    return Remembered(pings_after(session, since), made(session, since), absences(session, now - FAR_BACK, now))


class Heartbeats:
    """Every job that reports by itself, by the name of its probe."""

    def __init__(self, store: Store, clock: Clock, recorder: Recorder) -> None:
        self._store, self._clock, self._recorder = store, clock, recorder
        self.beats: dict[str, Beat] = {}
        self._away: list[Interval] = []
        self._looked = 0

    def take(self, tracks: Mapping[str, Track], found: Remembered, *, now: int) -> None:
        """Follow the heartbeats among these; one that is followed already goes on, under its new rhythm and name."""
        followed = {beat.track.ledger: beat for beat in self.beats.values()}
        self._away = sorted({*self._away, *found.away})[-MOST_AWAY:]
        self._looked = self._looked or now
        beats = {}
        for name, track in tracks.items():
            if track.probe.heartbeat is None:
                track.held = 0  # it may have been one before
                continue
            rhythm = rhythm_of(track.probe)
            beat = followed.get(track.ledger)
            if beat is None:
                beat = self._read_back(track, rhythm, found, now)
            beat.track, beat.rhythm = track, rhythm
            beat.owes()
            track.held = max(SECOND, beat.due.deadline - beat.at)
            beats[name] = beat
        self.beats = beats

    def _read_back(self, track: Track, rhythm: Rhythm, found: Remembered, now: int) -> Beat:
        """A job as the record knows it; what it said just before the keeper died, and is in no run yet, is one now."""
        last, at = track.last, found.made.get(track.ledger, now)
        known = Known.NOTHING
        if last is not None:
            known, at = known_of(last.state, last.failure), last.started
        beat = Beat(track, rhythm, known, at, owed(rhythm, known, at), newest=at)
        for view in found.pings.get(track.ledger, ()):
            ping = Ping(Word(view.kind), view.status, view.rid, at=view.at)
            if ping.tells and ping.at > beat.at:
                self._report(beat, ping)
            else:
                beat.begun, beat.newest = begun_after(beat.begun, ping), ping.at
        return beat

    # -- what jobs say -------------------------------------------------------------------------------------------------

    async def hear(self, name: str, ping: Ping) -> None:
        """A job said something: on return it is on the disk. Raises KeyError for a job that is not followed, StoreError
        when it cannot be kept: it may have to be said again."""
        beat = self.beats[name]
        ping = replace(ping, at=self._moment(beat))
        try:
            await self._catch_up(beat, before=ping.at)
            await self._keep(beat, ping)
        except StoreError:
            beat.away = [*beat.away[-MOST_AWAY:], (ping.at, self._clock.now())]  # not heard, by our own fault
            raise

    def put_off(self, name: str, ping: Ping) -> None:
        """The same for what comes faster than is written: a failure is never lost, and the last word counts."""
        beat = self.beats[name]
        beat.waiting = coalesced(beat.waiting, replace(ping, at=self._moment(beat)))

    def _moment(self, beat: Beat) -> int:
        """Now, and later than every word before: a run is named by its moment."""
        beat.newest = max(self._clock.now(), beat.newest + 1)
        return beat.newest

    async def _keep(self, beat: Beat, ping: Ping) -> None:
        ledger, kind = beat.track.ledger, int(ping.word)
        beat.writing += 1
        try:
            await self._store.write(
                lambda session: add_ping(
                    session, ledger, at=ping.at, kind=kind, status=ping.status, rid=ping.rid, body=ping.body
                )
            )
        finally:
            beat.writing -= 1
        self._heard(beat, ping)

    def _heard(self, beat: Beat, ping: Ping) -> None:
        if beat.paused_since or not ping.tells or ping.at <= beat.at:
            beat.begun = begun_after(beat.begun, ping)
            beat.owes()
            return
        self._report(beat, ping)

    def _report(self, beat: Beat, ping: Ping) -> None:
        """A job said how it went: that is a run."""
        began = beat.begun.get(ping.rid)
        took = ping.at - began if began is not None else None
        beat.begun, beat.newest = begun_after(beat.begun, ping), max(beat.newest, ping.at)
        outcome = outcome_of(ping, took, beat.rhythm)
        self._run(beat, ping.at, Known.REPORTED, outcome, took=took or 0, evidence=_evidence(ping, outcome, took))

    # -- what time says ------------------------------------------------------------------------------------------------

    async def look(self, now: int, paused: frozenset[str]) -> None:
        """See to every deadline that has passed, and write what had to wait. Called each second."""
        if now - self._looked > AWAY_AFTER:
            self._away = [*self._away[-MOST_AWAY:], (self._looked, now)]
        self._looked = now
        for name, beat in list(self.beats.items()):
            if self._rests(beat, now, paused=name in paused):
                continue
            if beat.waiting:
                await self._write_waiting(beat)
            if beat.due.deadline <= now and not beat.writing and not beat.waiting and beat.heard:
                self._deadline(beat, now)

    def _rests(self, beat: Beat, now: int, *, paused: bool) -> bool:
        """True while it is paused: nothing is expected, and what was due in that time was not heard."""
        if paused:
            beat.paused_since = beat.paused_since or now
        elif beat.paused_since:
            beat.away = [*beat.away[-MOST_AWAY:], (beat.paused_since, now)]
            beat.paused_since = 0
        return paused

    async def _write_waiting(self, beat: Beat) -> None:
        try:
            await self._catch_up(beat, before=beat.newest + 1)
        except StoreError as error:
            log.warning("what a job said is not written yet", job=beat.track.probe.id, reason=str(error))

    async def _catch_up(self, beat: Beat, *, before: int) -> None:
        """Write what had to wait and was said before then. It is off the list while it is on its way, as more may come
        meanwhile: what comes takes the place of what waits, and never of what is being written."""
        while beat.waiting and beat.waiting[0].at < before:
            ping, beat.waiting = beat.waiting[0], beat.waiting[1:]
            try:
                await self._keep(beat, ping)
            except BaseException:
                beat.waiting = (ping, *beat.waiting)
                raise

    def _deadline(self, beat: Beat, now: int) -> None:
        """Nothing came in time: missed at that moment, or not known when we may not have heard it."""
        due = beat.due
        away = unheard(beat.rhythm, due, [*self._away, *beat.away])
        outcome = outcome_of_silence(beat.rhythm, due, away)
        at = max(due.deadline, beat.at + 1) if away is None else max(due.deadline, away[1], beat.at + 1)
        known = Known.MISSED if away is None else Known.UNHEARD
        evidence = {"steps": [], "notes": [outcome.sentence]}
        self._run(beat, min(at, max(now, due.deadline)), known, outcome, took=0, evidence=evidence)

    def _run(
        self, beat: Beat, at: int, known: Known, outcome: Outcome, *, took: int, evidence: Mapping[str, Any]
    ) -> None:
        """Record what was said, or that nothing was, by the way of every run."""
        track = beat.track
        beat.known, beat.at = known, at
        beat.owes()
        track.held = max(SECOND, beat.due.deadline - at)
        track.last_start = track.last_due = at
        track.counts.runs += 1
        failure = str(outcome.failure) if outcome.failure is not None else None
        reply = Reply(0, str(outcome.state), failure, outcome.sentence, took=took, evidence=dict(evidence))
        self._recorder.attempt(track, Running(at, at), at, reply=reply, ended=True)

    # -- what is told --------------------------------------------------------------------------------------------------

    def troubles(self, now: int, paused: frozenset[str]) -> list[Trouble]:
        """Jobs that never reported, a first period long, and those whose report we may not have heard."""
        found = []
        for name, beat in self.beats.items():
            if name in paused or not beat.track.probe.enabled:
                continue
            if not beat.heard and beat.due.deadline <= now:
                length = say_duration((now - beat.at) // (60 * SECOND) * 60 * SECOND)
                said = f"{name} has never reported, in {length}: showup heartbeat list shows its address"
                found.append(Trouble(f"{NOT_STARTED}{name}", beat.at, said, Severity.WARNING))
            elif beat.known is Known.UNHEARD and beat.track.last is not None:
                said = f"{name}: {beat.track.last.sentence}"
                found.append(Trouble(f"{BLIND}{name}", beat.at, said, Severity.WARNING))
        return found


def _evidence(ping: Ping, outcome: Outcome, took: int | None) -> dict[str, Any]:
    """A report as the record of an attempt: what the job said, and what it printed last."""
    said = f"exit status {ping.status}" if ping.status is not None else ping.word.name.lower()
    step = {"name": "report", "ok": outcome.failure is None, "reached": True, "at": 0, "took": took or 0}
    body = ping.body if len(ping.body) <= SHOWN else f"…{ping.body[1 - SHOWN :]}"
    notes = [f"the job reported {said}" + (f", as run {ping.rid}" if ping.rid else "")]
    notes += [] if took is not None else ["it did not say when it began"]
    shown = {"output": clean(body, SHOWN, lines=True)} if body else {}
    return {"steps": [step], "notes": notes, **shown}
