"""One incident from its first failure to its end, told while the daemon is killed; and what providers saw of it."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from sqlmodel import Session, create_engine

from alerts.desk import Desk
from monitor.config.load import load
from monitor.sandbox.slack import CannotPress
from tests.crash.stage import TOPIC, Stage, clock, orphans

ACTS = ("start", "broken", "paged", "acked", "healed")  # what a kill follows, by up to LONGEST seconds
LONGEST = 1.2
PAGED_WITHIN, ACKED_WITHIN, OVER_WITHIN = 40.0, 30.0, 45.0  # seconds, restarts on a busy machine included
LOOK = 0.05
SUBJECT = "intake/production"


@dataclass(frozen=True, slots=True)
class Blow:
    """A kill: after which act, how many seconds, and of the keeper or of one of its hosts (`host` in 0..1)."""

    act: str
    delay: float
    host: float | None = None


@dataclass(slots=True)
class Told:
    """What came of stories, added up; `words` says what went wrong."""

    stories: int = 0
    kills: int = 0
    host_kills: int = 0
    pages_lost: int = 0
    opened_twice: int = 0
    pagerduty_twice: int = 0
    slack_twice: int = 0
    phone_twice: int = 0
    not_over: int = 0
    answers_lost: int = 0
    rules_broken: int = 0
    left_behind: int = 0
    words: list[str] = field(default_factory=list)
    points: Counter[str] = field(default_factory=Counter)

    def add(self, other: Told) -> None:
        """Count another story in."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, int):
                setattr(self, each.name, mine + theirs)
        self.words += other.words
        self.points += other.points

    def wrong(self, name: str, words: str, number: int = 1) -> None:
        """Something that must not happen did."""
        setattr(self, name, getattr(self, name) + number)
        self.words.append(f"{name}: {words}")


def blows(chance: random.Random, number: int, *, hosts: float = 0.2) -> list[Blow]:
    """Where a story is struck, at random: keepers `number` times, and a host now and then."""
    kills = [Blow(chance.choice(ACTS), chance.random() ** 2 * LONGEST) for _ in range(number)]
    if chance.random() < hosts * number:
        kills.append(Blow(chance.choice(ACTS[1:]), chance.random() * LONGEST, chance.random()))
    return kills


def _mine(status: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The open incidents of the story, as the daemon has them."""
    return [incident for incident in (status or {}).get("incidents", []) if incident["subject"] == SUBJECT]


class Story:
    """Tells one incident on a stage; the daemon is brought back whenever it dies."""

    def __init__(self, stage: Stage, kills: list[Blow], *, end_at: str = "", by_slack: bool = True) -> None:
        self._stage, self._daemon = stage, stage.daemon
        self._kills, self._end_at, self._by_slack = kills, end_at, by_slack
        self._tasks: list[asyncio.Task[None]] = []
        self._last_answer: object = None
        self.told = Told(stories=1)

    async def tell(self) -> Told:
        """From the first start to the last word."""
        await self._daemon.start(end_at=self._end_at)
        keeper = asyncio.create_task(self._bring_back())
        try:
            self._strike("start")
            await self._until(self._up, 30.0)
            self._stage.target.well = False
            self._strike("broken")
            if not await self._until(self._paged, PAGED_WITHIN):
                self.told.wrong("pages_lost", f"phone {len(self._rang())}, PagerDuty {self._stage.pagerduty.open_keys}")
            self._strike("paged")
            if not await self._answered():
                self.told.wrong("answers_lost", f"nobody could acknowledge: {self._last_answer}")
            self._strike("acked")
            self._stage.target.well = True
            self._strike("healed")
            await asyncio.gather(*self._tasks)
            if not await self._until(self._over, OVER_WITHIN):
                self.told.wrong("not_over", f"PagerDuty {self._stage.pagerduty.open_keys}")
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, *self._tasks, return_exceptions=True)
            await self._daemon.stop()
        await self._count()
        return self.told

    async def _bring_back(self) -> None:
        while True:
            status = await self._daemon.died()
            if status == -9:
                self.told.kills += 1
            else:
                self.told.wrong("not_over", f"the daemon ended by itself with {status}: {self._last_words()}")
                await asyncio.sleep(1.0)
            await self._daemon.start()

    def _strike(self, act: str) -> None:
        for blow in self._kills:
            if blow.act == act:
                self._tasks.append(asyncio.create_task(self._kill(blow)))

    async def _kill(self, blow: Blow) -> None:
        await asyncio.sleep(blow.delay)
        if blow.host is None:
            await self._daemon.kill()
        elif self._daemon.kill_a_host(blow.host):
            self.told.host_kills += 1

    async def _until(self, true: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        end = clock.mono() + seconds
        while not await true():
            if clock.mono() >= end:
                return False
            await asyncio.sleep(LOOK)
        return True

    # -- what providers see ------------------------------------------------------------------------------------------

    def _rang(self) -> list[str]:
        return [message.title or message.message for message in self._stage.phone.messages if message.topic == TOPIC]

    async def _up(self) -> bool:
        return await self._daemon.ask("status") is not None

    async def _paged(self) -> bool:
        return bool(self._rang()) and bool(self._stage.pagerduty.incidents)

    async def _answered(self) -> bool:
        """Somebody presses the button, or types the command, again until it is seen to have worked."""
        end = clock.mono() + ACKED_WITHIN
        while clock.mono() < end:
            status = await self._daemon.ask("status")
            mine = _mine(status)
            if any(incident["state"] == "acknowledged" for incident in mine):
                return True
            posts = self._stage.slack.messages()
            if not self._by_slack or not posts:
                for incident in mine:
                    self._last_answer = await self._daemon.ask("ack", id=incident["public_id"], by="ana")
            else:
                try:
                    self._last_answer = await self._stage.slack.press(posts[0], "showup.ack", wait=0.5)
                except CannotPress as gone:
                    self._last_answer = gone
            await asyncio.sleep(2 * LOOK)
        return False

    async def _over(self) -> bool:
        if self._stage.pagerduty.open_keys:
            return False
        status = await self._daemon.ask("status")
        return status is not None and not _mine(status) and not status["undelivered"]

    # -- what the record says ----------------------------------------------------------------------------------------

    def _ask(self, query: str) -> list[tuple[object, ...]]:
        """Read the database once the daemon has let go of it."""
        connection = sqlite3.connect(self._daemon.state / "showup.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()

    async def _count(self) -> None:
        told, stage = self.told, self._stage
        opened = self._ask("SELECT public_id FROM incident WHERE subject = 'intake/production'")
        if len(opened) != 1:
            told.wrong("opened_twice", f"incidents: {opened}", len(opened) - 1)
        keys = Counter(incident.key for incident in stage.pagerduty.incidents)
        rounds = self._ask("SELECT 1 FROM notification WHERE channel = 'pagerduty' AND purpose = 'page'")
        extra = sum(keys.values()) - min(len(keys), len(rounds))
        if extra:
            told.wrong("pagerduty_twice", f"{dict(keys)} in {len(rounds)} rounds", extra)
        posts = stage.slack.messages()
        all_posts = [*posts, *(reply for post in posts for reply in stage.slack.messages(thread=post.ts))]
        markers = Counter(str((post.metadata or {}).get("event_payload", {}).get("marker", "?")) for post in all_posts)
        told.slack_twice += sum(number - 1 for number in markers.values())
        told.phone_twice += sum(number - 1 for number in Counter(self._rang()).values())
        for broken in self._broken():
            told.wrong("rules_broken", broken)
        if left := await orphans():
            told.wrong("left_behind", f"{left} probe hosts outlived their keeper", left)
        if self._daemon.points.exists():
            told.points.update(self._daemon.points.read_text().split("\n"))
            del told.points[""]
        if told.words:
            told.words.append(f"struck at {self._end_at or self._kills}; log: {self._last_words()}")

    def _broken(self) -> list[str]:
        file = self._daemon.state / "showup.db"
        engine = create_engine(f"sqlite:///{file}")
        try:
            with Session(engine) as session:
                book = load(self._daemon.folder / "showup.yaml").book
                desk = Desk(lambda: book)
                return list(desk.broken(session, now=clock.now(), started=self._daemon.started))
        finally:
            engine.dispose()

    def _last_words(self) -> str:
        log: Path = self._daemon.log
        return log.read_text(errors="replace")[-1200:] if log.exists() else ""
