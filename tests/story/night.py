"""A night on call, told in a few words: the real tables, desk and dispatcher, a clock that is pushed, scripted
providers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import StaticPool
from sqlmodel import Session, create_engine

from alerts import rules
from alerts.book import Book
from alerts.desk import Desk
from alerts.dispatch import Dispatcher
from alerts.message import Answer, Finding, Message, Purpose, React, Reaction, Receipt
from alerts.people import Person
from alerts.policy import Level, PolicySpec
from alerts.rotation import RotationSpec
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Incident, Row
from probes.words.clock import PushedClock
from probes.words.errors import DeliveryError
from probes.words.section import Section
from probes.words.units import SECOND, micros_of, parse_duration

T = TypeVar("T")
START = 1_790_000_000 * SECOND


class Crash(BaseException):
    """The process died here."""


@dataclass
class Provider:
    """A provider that follows its script: each entry of `faults` is met by one send, then it works."""

    name: str
    sent: list[Message] = field(default_factory=list)
    accepted: list[Message] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    verified: bool = True
    knows: Callable[[str], dict[str, Any] | None] = lambda key: {"incident": key}

    async def send(self, message: Message) -> Receipt:
        self.sent.append(message)
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "429":
            raise DeliveryError("rate limited", retry_after=3)
        if fault == "5xx":
            raise DeliveryError("server error")
        if fault == "permanent":
            raise DeliveryError("no such channel", permanent=True)
        if fault != "timeout":  # a time-out that never arrived
            self.accepted.append(message)
        if fault in ("timeout", "lost reply"):
            raise DeliveryError("no answer", unknown=True)
        if fault == "crash":
            raise Crash
        return Receipt(channel=self.name, id=f"{self.name}-{len(self.accepted)}", verified=self.verified)

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


def book(policy: PolicySpec = USUAL) -> Book:
    return Book(
        people=PEOPLE,
        rotations={"front": RotationSpec(people=("ana",))},
        policies={"usual": policy},
        channels={name: Section() for name in ("slack", "pagerduty", "ntfy", "pushover", "console")},
    )


class Night:
    """The story's stage."""

    def __init__(self, policy: PolicySpec = USUAL) -> None:
        self.clock = PushedClock(START)
        self.engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        Row.metadata.create_all(self.engine)
        self.book = book(policy)
        self.providers = {name: Provider(name) for name in self.book.channels}
        self.broken_rules: list[str] = []
        self.started = START
        self.wake()

    def wake(self) -> None:
        """The keeper comes up (again)."""
        self.started = self.clock.now()
        self.desk = Desk(lambda: self.book)
        self.dispatcher = Dispatcher(
            self.providers,
            self.transact,
            desk=self.desk,
            book=lambda: self.book,
            clock=self.clock,
            chance=lambda: 0.5,
        )

    async def transact(self, work: Callable[[Session], T]) -> T:
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
        for _ in range(50):
            sent = 0
            for name in self.providers:
                try:
                    sent += await self.dispatcher.sweep(name, wait=True)
                except Crash:
                    self.wake()
            if not sent:
                return

    async def tick(self) -> None:
        now = self.clock.now()
        await self.transact(lambda session: self.desk.due(session, now=now))
        await self.deliver()
        self.broken_rules += await self.transact(lambda session: rules.broken(session, now, self.book, started=self.started))

    async def pass_time(self, length: str, *, step: int = SECOND) -> None:
        end = self.clock.now() + micros_of(parse_duration(length))
        while self.clock.now() < end:
            self.clock.push(min(step, end - self.clock.now()))
            await self.tick()

    async def react(self, incident: str, action: str = "ack", by: str = "Ana", **more: Any) -> Answer:
        reaction = Reaction(action=action, incident=incident, by=by, via="test", **more)
        answer = await self.transact(lambda session: self.desk.react(session, reaction, now=self.clock.now()))
        await self.deliver()
        return answer

    async def incident(self, public_id: str) -> Incident:
        from alerts import acks

        found = await self.transact(lambda session: acks.find(session, public_id))
        return found[0]

    async def mute(self, length: str, subject: str = "intake") -> None:
        now = self.clock.now()
        end = now + micros_of(parse_duration(length))
        await self.transact(
            lambda session: self.desk.mute(
                session, subject, start=now, end=end, author="Ana", reason="nightly load", now=now
            )
        )


Act = Callable[[Night], Awaitable[None]]
