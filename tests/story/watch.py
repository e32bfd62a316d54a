"""A watch, told in a few words: the real engine, store, desk and dispatcher, a clock that is pushed, a scripted world.

The clock starts in 2030, so that the scheduler never calls by itself: the story does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from sqlmodel import Session, col, func, select

from alerts.desk import Desk
from alerts.dispatch import Dispatcher
from alerts.message import IncidentView, Purpose, Reaction
from alerts.signal import Signal
from alerts.tables import Incident, Mute, Notification
from monitor.config.catalog import Catalog
from monitor.config.load import load_text
from monitor.engine.engine import Engine
from monitor.engine.parts import Parts
from monitor.engine.track import Track
from monitor.ledger.uptime import Figures
from monitor.status import history
from monitor.store.database import Store
from monitor.store.queries.presence import add_window
from probes.frames import Reply, Request
from probes.words.clock import SystemClock, moment
from probes.words.units import SECOND
from tests.story.night import Provider

MIDNIGHT = 1_893_456_000 * SECOND  # 2030-01-01 00:00 UTC
BOOKS = "intake/production/books"
PLACE = ("intake", "production")
CONFIG = """
site: {title: Example, url: "https://status.example.com", timezone: UTC}
monitor: {policy: owner}
people:
  ana: {name: Ana, phone: ["ntfy:${secret:ANA}"]}
  bo: {name: Bo, phone: ["ntfy:${secret:BO}"]}
  cy: {name: Cy, phone: ["ntfy:${secret:CY}"]}
policies:
  wake-us: {levels: [{at: 0m, notify: [ana]}, {at: 5m, notify: [bo]}], fallback: bo, warnings: [console]}
  owner: {levels: [{at: 0m, notify: [cy]}], fallback: cy, warnings: [console]}
workflows:
  intake:
    title: Intake agent
    promise: Who writes in is booked
    url: "https://intake.example.com"
    policy: wake-us
    probes:
      books: {get: /, every: 1m, check: [{contains: Book online}]}
"""
SECRETS = {"ANA": "a" * 16, "BO": "b" * 16, "CY": "c" * 16}
# what a letter of the script says: state, failure, sentence, witness
SAYS: Mapping[str, tuple[str, str | None, str, str]] = {
    ".": ("up", None, "", ""),
    "x": ("down", "timeout", "no answer came in time", ""),
    "w": ("down", "wrong", '$.time should equal "10:00"', ""),
    "e": ("down", "app_error", "answered 502", ""),
    "q": ("down", "quota", "the quota is used up", ""),
    "r": ("down", "rate_limited", "requests are being limited", ""),
    "d": ("degraded", "slow", "ask took 6 s", ""),
    "b": ("unknown", "probe_bug", "books.py line 3: name 'day' is not defined", ""),
    "l": ("unknown", "host_lost", "the process that made the attempt was lost", ""),
    "s": ("unknown", "skipped", "shed: the host is busy", "shed"),
}


def clock_of(text: str, *, day: int = MIDNIGHT) -> int:
    """10:20:15 of the day, µs."""
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return day + ((hours * 60 + minutes) * 60 + (seconds[0] if seconds else 0)) * SECOND


def said(at: int | None) -> str:
    """A moment as HH:MM:SS."""
    return moment(at).strftime("%H:%M:%S") if at is not None else "never"


class Pushed(SystemClock):
    """The daemon's clock, moving only when pushed."""

    def __init__(self, at: int) -> None:
        self.at, self.behind = at, 0

    def wall(self) -> int:
        return self.at

    def now(self) -> int:
        return self.at

    def mono(self) -> float:
        return self.at / 1e6

    def check(self) -> int:
        return 0


def configure(text: str = CONFIG, **books: Any) -> Catalog:
    """The catalog, with the probe `books` as a story needs it."""
    catalog = load_text(text, secrets=SECRETS)
    probes = dict(catalog.probes)
    if books:
        probes[BOOKS] = replace(probes[BOOKS], **books)
    return replace(catalog, probes=probes)


class Watch:
    """The keeper's engine and all that it rings. `world(probe, at)` says in a letter what an attempt meets.

    `steps`: seconds from the start of an attempt to the next of its run; attempts take no time.
    """

    def __init__(self, folder: Path, catalog: Catalog | None = None, *, start: int = MIDNIGHT, step: int = 20) -> None:
        self.folder, self.catalog = folder, catalog or configure()
        self.clock = Pushed(start)
        self.world: Callable[[str, int], str] = lambda probe, at: "."
        self.step = step
        self.asked: list[tuple[str, Request]] = []
        self.emergencies: list[Signal] = []
        self.hangs: asyncio.Event | None = None  # what the run under way waits for, once
        self.hangs_after = 0  # attempts
        self.up = False

    async def __aenter__(self) -> Self:
        await self.rise()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.up:
            await self.fall()

    async def rise(self) -> None:
        """The keeper comes up."""
        self.store = await self.open_store()
        self.providers = {name: self.provider(name) for name in self.catalog.book.channels}
        self.desk = Desk(lambda: self.catalog.book, recovering=self.recovering)
        self.dispatcher = Dispatcher(
            self.providers,
            self.store.write,
            desk=self.desk,
            book=lambda: self.catalog.book,
            clock=self.clock,
            chance=lambda: 0.5,
        )
        self.engine = Engine(self.catalog, self._parts())
        await self.engine.start()
        self.up = True
        await self.dispatcher.recover()
        await self.settle()

    async def open_store(self) -> Store:
        """The database, when the keeper comes up."""
        return await asyncio.to_thread(partial(Store.open, "", folder=self.folder, clock=self.clock, ballast=1 << 20))

    def provider(self, name: str) -> Provider:
        """The provider behind a channel, when the keeper comes up."""
        return Provider(name)

    def _parts(self) -> Parts:
        return Parts(
            store=self.store,
            desk=self.desk,
            hosts=self,
            clock=self.clock,
            chance=lambda: 0.5,
            wake=lambda channels: None,
            emergency=self._emergency,
            secrets=lambda names: dict.fromkeys(names, ""),
            sleep=self._wait,
        )

    async def _emergency(self, signal: Signal) -> None:
        self.emergencies.append(signal)

    async def _wait(self, seconds: float) -> None:
        """Between two attempts: the story's step, whatever the rule asked for."""
        await self.pass_to(self.clock.at + self.step * SECOND, due=False)
        if self.hangs is not None and len(self.asked) >= self.hangs_after:
            await self.hangs.wait()

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        """The hosts of the story."""
        probe = f"{job['workflow']}/{job['environment']}/{job['probe']}"
        self.asked.append((probe, request))
        state, failure, sentence, witness = SAYS[self.world(probe, self.clock.now())]
        return Reply(request.number, state, failure, sentence, witness=witness, took=20_000)

    async def fall(self) -> None:
        """The keeper dies as it stands: nothing more is told or delivered."""
        self.up = False
        works, self.engine._works = self.engine._works, None
        if works is not None:
            works.close()
        await self.engine._runs.drain(0)
        await self.store.close()

    async def restart(self) -> None:
        await self.fall()
        await self.rise()

    async def reload(self, catalog: Catalog) -> None:
        """Another configuration."""
        self.catalog = catalog
        await self.engine.reload(catalog)
        await self.settle()

    @property
    def books(self) -> Track:
        """The probe of most stories."""
        return self.engine.tracks[BOOKS]

    async def run(self, name: str = BOOKS, *, at: int | None = None) -> None:
        """One run, at `at` or now, and all that follows from it."""
        if at is not None:
            await self.pass_to(at)
        await self.engine.run_now(name)
        await self.settle()

    async def runs(self, start: int, end: int, *, every: int, name: str = BOOKS) -> None:
        """A run each `every` seconds in [start, end)."""
        for at in range(start, end, every * SECOND):
            await self.run(name, at=at)

    async def asks(self, number: int) -> None:
        """Wait until the hosts were asked for so many attempts."""
        await self._until(lambda: len(self.asked) >= number)

    async def rests(self) -> None:
        """Wait until no run is under way."""
        await self._until(lambda: not self.engine.under_way)

    async def _until(self, holds: Callable[[], bool]) -> None:
        for _ in range(2_000):
            if holds():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never came to that")

    async def settle(self) -> None:
        """Tell alerts what waits, and deliver."""
        waited = self.engine.teller.waiting
        while self.engine.teller.waiting:
            assert await self.engine.teller.flush(), "the store refuses"
        if waited:
            await self.deliver()

    async def deliver(self) -> None:
        """Send all that is due."""
        for _ in range(50):
            if not sum([await self.dispatcher.sweep(name, wait=True) for name in self.providers]):
                return
        raise AssertionError("the outbox never comes to rest")

    async def pass_to(self, at: int, *, due: bool = True) -> None:
        """Push the clock to each moment at which alerts have something due, and to `at`."""
        while self.clock.at < at:
            following = await self.store.read(_next_due) if due else at
            self.clock.at = min(at, max(following, self.clock.at + SECOND // 10))
            if due and following <= self.clock.at:
                await self.store.write(lambda session: self.desk.due(session, now=self.clock.now()))
                await self.deliver()

    async def maintenance(self, start: int, end: int, subject: str = "intake/production") -> None:
        """Announce maintenance of a workflow."""
        now = self.clock.now()

        def write(session: Session) -> None:
            add_window(session, subject, start=start, end=end, author="Ana", reason="move", now=now)
            self.desk.mute(session, subject, start=start, end=end, author="Ana", reason="maintenance", now=now)

        await self.store.write(write)

    async def figures(self, start: int, end: int) -> Figures:
        """The workflow's figures as pages have them."""
        await self.store.flush()
        record = await self.store.read(partial(history.read, start=start, end=end, now=end))
        return record.figures(PLACE, start)

    async def incidents(self, since: int | None = 0) -> list[IncidentView]:
        """All incidents, oldest first."""
        found = await self.store.read(lambda session: self.desk.views(session, now=self.clock.now(), since=since))
        return list(reversed(found))

    def recovering(self, subject: str) -> int | None:
        """What the engine of the moment says."""
        return self.engine.recovering(subject)

    async def react(self, action: str, *, by: str) -> None:
        """Somebody answers the newest incident."""
        reaction = Reaction(action=action, incident=(await self.incidents())[-1].public_id, by=by, via="a test")
        await self.store.write(lambda session: self.desk.react(session, reaction, now=self.clock.now()))
        await self.deliver()

    @property
    def paged(self) -> list[str]:
        """Who was woken, in order."""
        return self.providers["ntfy"].pages

    @property
    def warned(self) -> list[str]:
        """What was posted as a warning."""
        return [message.headline for message in self.providers["console"].of(Purpose.WARNING)]


def _next_due(session: Session) -> int:
    found = [
        session.exec(select(func.min(Incident.due_at)).where(col(Incident.resolved_at).is_(None))).first(),
        session.exec(select(func.min(Notification.due_at)).where(Notification.state == "pending")).first(),
        session.exec(select(func.min(Notification.spread_at)).where(Notification.state == "pending")).first(),
        session.exec(select(func.min(Mute.end)).where(col(Mute.closed).is_(None))).first(),
    ]
    return min([at for at in found if at is not None], default=1 << 62)
