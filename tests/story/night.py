"""A night on call, told in a few words: the real tables, desk and dispatcher, a clock that is pushed, scripted
providers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Engine, StaticPool, func
from sqlmodel import Session, col, create_engine, select

from alerts import members, outbox, rules
from alerts.book import Book
from alerts.desk import Desk
from alerts.dispatch import SEND_SECONDS, Dispatcher
from alerts.message import Answer, Finding, IncidentView, Message, Purpose, React, Reaction, Receipt
from alerts.people import Person
from alerts.policy import Level, PolicySpec
from alerts.rotation import RotationSpec
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Incident, Mute, Notification, Row
from probes.words.clock import Clock, PushedClock
from probes.words.errors import DeliveryError
from probes.words.section import Section
from probes.words.units import SECOND, micros_of, parse_duration

T = TypeVar("T")
HANGS = int(SEND_SECONDS * SECOND)
START = 1_790_000_000 * SECOND
NEVER = 1 << 62


@dataclass
class Provider:
    """A provider that follows its script: each entry of `faults` is met by one send, then it works.

    429, 5xx, permanent: refused. timeout: never arrived. lost reply: accepted, the answer lost. hang: no answer until
    released. crash: the keeper dies while it sends; crash after: it dies when the provider has accepted.
    """

    name: str
    sent: list[Message] = field(default_factory=list)
    accepted: list[Message] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    verified: bool = True
    knows: Callable[[str], dict[str, Any] | None] = lambda key: {"incident": key}
    crashed: bool = False
    hanging: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)
    clock: Clock = field(default_factory=lambda: PushedClock(START))
    dies: Callable[[], None] = lambda: None  # called when the keeper dies while it sends

    async def send(self, message: Message) -> Receipt:
        self.sent.append(message)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "429":
            raise DeliveryError("rate limited", retry_after=3)
        if fault == "5xx":
            raise DeliveryError("server error")
        if fault == "permanent":
            raise DeliveryError("no such channel", permanent=True)
        if fault not in ("timeout", "crash", "hang"):
            self.accepted.append(message)
        if fault in ("timeout", "lost reply"):
            raise DeliveryError("no answer", unknown=True)
        if fault in ("crash", "crash after"):
            self.crashed = True
            self.dies()
            await asyncio.Event().wait()
        if fault == "hang":
            waits: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.hanging.append((self.clock.now(), waits))
            await waits
            self.accepted.append(message)
        return Receipt(channel=self.name, id=f"{self.name}-{len(self.accepted)}", verified=self.verified)

    def release(self) -> None:
        """What hangs is accepted now."""
        while self.hanging:
            _, waits = self.hanging.pop()
            if not waits.done():
                waits.set_result(None)

    def time_out(self) -> None:
        """What hangs for as long as the dispatcher waits has an unknown outcome."""
        for since, waits in list(self.hanging):
            if self.clock.now() - since >= HANGS and not waits.done():
                waits.set_exception(DeliveryError("no answer in time", unknown=True))
        self.hanging = [(since, waits) for since, waits in self.hanging if not waits.done()]

    async def listen(self, react: React) -> None:
        return None

    async def verify(self, key: str) -> dict[str, Any] | None:
        return self.knows(key)

    async def doctor(self) -> list[Finding]:
        return []

    async def close(self) -> None:
        return None

    @property
    def pages(self) -> list[str]:
        """Who was paged, in order, as the provider accepted them."""
        return [message.person or message.target for message in self.accepted if message.purpose is Purpose.PAGE]

    def of(self, purpose: Purpose) -> list[Message]:
        return [message for message in self.accepted if message.purpose is purpose]


PEOPLE = {
    "ana": Person("ana", "Ana", phone=("ntfy:${secret:ANA}", "pushover:${secret:ANA2}")),
    "bo": Person("bo", "Bo", phone=("ntfy:${secret:BO}",)),
    "cy": Person("cy", "Cy", phone=("ntfy:${secret:CY}",)),
}
# a failure, as the engine tells it, and the key of its page from memory
BROKEN = Signal(
    subject="intake/production",
    member="books",
    condition=Condition.FAILING,
    at=START,
    since=START,
    severity=Severity.CRITICAL,
    policy="usual",
    title="Intake agent",
    sentence="no answer came in time",
    failure="timeout",
)
KEY = "emergency.intake/production.2026-09-21"
MINUTES = timedelta(minutes=1)
USUAL = PolicySpec(
    levels=(
        Level(notify=("slack", "ana")),
        Level(at=5 * MINUTES, notify=("bo",)),
        Level(at=15 * MINUTES, notify=("pagerduty",)),
    ),
    repeat=2,
    warnings=("slack",),
    fallback="cy",
)


def memory() -> Engine:
    """An empty database in memory."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    Row.metadata.create_all(engine)
    return engine


def book(policy: PolicySpec = USUAL, **policies: PolicySpec) -> Book:
    return Book(
        people=PEOPLE,
        rotations={"front": RotationSpec(people=("ana",))},
        policies={"usual": policy, **policies},
        channels={name: Section() for name in ("slack", "pagerduty", "ntfy", "pushover", "console")},
    )


class Night:
    """The story's stage. Time passes from one thing that is due to the next."""

    def __init__(self, policy: PolicySpec = USUAL, *, engine: Engine | None = None, **policies: PolicySpec) -> None:
        self.clock = PushedClock(START)
        self.engine = engine or memory()
        self.book = book(policy, **policies)
        self.providers = {name: Provider(name) for name in self.book.channels}
        self.broken_rules: list[str] = []
        self.recovering: dict[str, int] = {}
        self.chance = 0.5
        self._sessions = 0
        self._seen: tuple[int, ...] = ()
        self.rise()

    def rise(self) -> None:
        """The keeper comes up."""
        self.started = self.clock.now()
        for provider in self.providers.values():
            provider.clock, provider.crashed = self.clock, False
            provider.hanging.clear()
        self.desk = Desk(lambda: self.book, recovering=self.recovering.get)
        self.dispatcher = Dispatcher(
            self.providers,
            self.transact,
            desk=self.desk,
            book=lambda: self.book,
            clock=self.clock,
            chance=lambda: self.chance,
        )

    async def restart(self) -> None:
        """The keeper dies as it stands, and comes up again."""
        tasks = [task for line in self.dispatcher._lines.values() for task in line.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.rise()
        await self.dispatcher.recover()

    async def transact(self, work: Callable[[Session], T]) -> T:
        self._sessions += 1
        with Session(self.engine, expire_on_commit=False) as session:
            result = work(session)
            session.commit()
            return result

    def __getattr__(self, name: str) -> Provider:
        try:
            return self.__dict__["providers"][name]
        except KeyError:
            raise AttributeError(name) from None

    async def signal(self, condition: Condition, member: str = "books", **more: Any) -> str:
        now = self.clock.now()
        given: dict[str, Any] = {
            "subject": "intake/production",
            "severity": Severity.CRITICAL,
            "policy": "usual",
            "title": "Intake agent",
            "sentence": "no answer came in time",
            "failure": "timeout",
            "since": now,
        }
        signal = Signal(member=member, condition=condition, at=now, **(given | more))
        received = await self.transact(lambda session: self.desk.receive(session, signal, now=now))
        await self.deliver()
        return received.incident

    async def fails(self, member: str = "books", **more: Any) -> str:
        return await self.signal(Condition.FAILING, member, **more)

    async def passes(self, member: str = "books", **more: Any) -> str:
        return await self.signal(Condition.PASSING, member, **more)

    async def deliver(self) -> None:
        """Send all that is due; what hangs goes on hanging."""
        for _ in range(8):
            await asyncio.sleep(0)
        seen: tuple[int, ...] = ()
        for _ in range(400):
            if seen == (seen := self._changes()):
                return
            waiting = await self.transact(lambda session: outbox.waiting_on(session, now=self.clock.now()))
            started = sum([await self.dispatcher.sweep(name) for name in sorted(waiting)])
            for _ in range(8):
                await asyncio.sleep(0)
            if any(provider.crashed for provider in self.providers.values()):
                await self.restart()
            elif not started:
                return
        raise AssertionError("the outbox never comes to rest")

    async def tick(self) -> None:
        """One beat of the due scan."""
        now = self.clock.now()
        for provider in self.providers.values():
            provider.time_out()
        await self.dispatcher.ask()
        await self.transact(lambda session: self.desk.due(session, now=now))
        await self.dispatcher.verify()
        await self.deliver()
        self.broken_rules += await self.check()

    def _changes(self) -> tuple[int, ...]:
        """Differs when the time has, or the database."""
        with self.engine.connect() as connection:
            changes = getattr(connection.connection, "total_changes", None)
        return (self.clock.now(), self.started, self._sessions if changes is None else changes)

    async def check(self) -> list[str]:
        """The rules, asked of the database; not again while neither it nor the time has changed."""
        now, seen = self.clock.now(), self._changes()
        if seen == self._seen:
            return []
        self._seen = seen
        return await self.transact(lambda session: rules.broken(session, now, self.book, started=self.started))

    async def pass_time(self, length: str | int) -> None:
        """Push the clock to each moment at which something is due, and to the end."""
        end = self.clock.now() + (length if isinstance(length, int) else micros_of(parse_duration(length)))
        while self.clock.now() < end:
            at, now = await self.transact(self._next_due), self.clock.now()
            if at <= now:  # overdue: it waits for a provider's pace, or for the next look
                rests = waits(self.dispatcher, self.providers.values(), now)
                later = await self.transact(partial(next_due, after=now))
                at = max(now + SECOND // 10, min(*rests, later) if rests else 0)
            self.clock.at = min(end, at)
            await self.tick()

    def _next_due(self, session: Session) -> int:
        return min([next_due(session), *waits(self.dispatcher, self.providers.values(), self.clock.now())])

    async def react(self, incident: str, action: str = "ack", by: str = "Ana", **more: Any) -> Answer:
        reaction = Reaction(action=action, incident=incident, by=by, **{"via": "test", **more})
        answer = await self.transact(lambda session: self.desk.react(session, reaction, now=self.clock.now()))
        await self.deliver()
        return answer

    async def incident(self, public_id: str) -> Incident:
        from alerts import acks

        found = await self.transact(lambda session: acks.find(session, public_id))
        return found[0]

    async def mute(self, length: str, subject: str = "intake") -> int:
        now = self.clock.now()
        end = now + micros_of(parse_duration(length))

        def act(session: Session) -> int:
            row = self.desk.mute(session, subject, start=now, end=end, author="Ana", reason="nightly load", now=now)
            return row.id or 0

        return await self.transact(act)

    async def unmute(self, number: int) -> None:
        now = self.clock.now()
        await self.transact(lambda session: self.desk.unmute(session, number, by="Ana", now=now))
        await self.tick()

    async def merge(self, public_id: str, into: str = "") -> IncidentView:
        """Leave it to another incident; with "" it stands for itself again."""
        return await self._do(lambda session, now: self.desk.merge(session, public_id, into, by="Ana", now=now))

    async def severity(self, public_id: str, severity: str) -> IncidentView:
        """A person says how severe it is."""
        return await self._do(
            lambda session, now: self.desk.set_severity(session, public_id, severity, by="Ana", reason="", now=now)
        )

    async def report(self, text: str = "nobody answers", **more: Any) -> str:
        """A customer says that something is wrong."""
        given: dict[str, Any] = {"severity": Severity.ERROR, "noticed_by": "customer", "failure": ""}
        return await self.fails(members.REPORTED, sentence=f"reported by a customer: {text}", **(given | more))

    async def _do(self, act: Callable[[Session, int], IncidentView]) -> IncidentView:
        now = self.clock.now()
        found = await self.transact(lambda session: act(session, now))
        await self.deliver()
        return found

    async def kinds(self, public_id: str) -> list[str]:
        """What stands on the timeline, by kind."""
        seen = await self.view(public_id)
        return [event.kind for event in seen.events]

    async def view(self, public_id: str) -> IncidentView:
        found = await self.transact(lambda session: self.desk.find(session, public_id, now=self.clock.now()))
        assert found is not None
        return found


def next_due(session: Session, *, after: int = -1) -> int:
    """When the next thing that alerts have written down is due, of all or of what is due `after` a moment (µs)."""
    waiting = col(Notification.state).in_(["pending", "sending"])
    moments = [
        (Incident.due_at, col(Incident.resolved_at).is_(None)),
        (Notification.due_at, col(Notification.state) == "pending"),
        (Notification.claimed_until, col(Notification.state) == "sending"),
        (Notification.spread_at, waiting),
        (Notification.verify_at, col(Notification.state) == "delivered"),
        (Mute.end, col(Mute.closed).is_(None)),
    ]
    found = [session.exec(select(func.min(at)).where(col(at) > after, holds)).first() for at, holds in moments]
    return min([at for at in found if at is not None], default=NEVER)


def waits(dispatcher: Dispatcher, providers: Iterable[Provider], now: int) -> list[int]:
    """When channels that rest go on, and what hangs is given up."""
    lines = dispatcher._lines.values()
    rests = [line.rests_until for line in lines if line.rests_until > now]
    rests += [at for line in lines for at in line.pace.rests(now).values()]
    return rests + [since + HANGS for provider in providers for since, _ in provider.hanging]
