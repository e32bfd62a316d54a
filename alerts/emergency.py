"""Paging from memory while the store cannot be written: at least once is better than never."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from sqlmodel import Session, col, or_, select

from alerts import follow, render
from alerts.book import Book
from alerts.ladder import Ladder
from alerts.message import Channel, IncidentView, Message, Purpose, Receipt
from alerts.oncall import Deliverable, OnCall, Schedules
from alerts.signal import Signal
from alerts.tables import Incident, Notification
from alerts.timeline import note
from probes.words.clock import moment
from probes.words.errors import DeliveryError

log = logging.getLogger("showup.alerts.emergency")

WAITS = (0.0, 1.0, 4.0)  # seconds before each round of tries
SEND_SECONDS = 15.0


def key_of(subject: str, at: int) -> str:
    """`emergency.<subject>.<day>`: a provider that deduplicates shows one a day, however often it is sent."""
    return f"emergency.{subject}.{moment(at):%Y-%m-%d}"[:255]


def everyone(book: Book, policy: str, *, at: int, schedules: Schedules | None = None) -> list[list[Deliverable]]:
    """Everybody the policy knows, each with their ways in order: without a store there are no levels to wait for."""
    spec = book.policies.get(policy)
    if spec is None:
        return []
    ladder = Ladder.of(spec)
    targets = dict.fromkeys(target for level in (*ladder.notify, ladder.last_resort) for target in level)
    found: dict[tuple[str, str], list[Deliverable]] = {}
    on_call = OnCall(book, schedules=schedules)
    for target in targets:
        ways = on_call.resolve(target, at)
        if ways:
            found.setdefault((ways[0].channel, ways[0].target), ways)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Sent:
    """One emergency page that a provider took, kept in memory until the store can be written."""

    subject: str
    key: str
    at: int
    way: Deliverable
    receipt: Receipt


@dataclass(slots=True)
class Memory:
    """What was paged from memory. Subjects are paged once a day each; `record` writes it down after the repair, and
    `forget` is told what was committed."""

    sent: list[Sent] = field(default_factory=list)
    _reached: set[str] = field(default_factory=set)

    async def page(
        self,
        signal: Signal,
        *,
        book: Book,
        channels: Mapping[str, Channel],
        at: int,
        why: str,
        schedules: Schedules | None = None,
        waits: Iterable[float] = WAITS,
    ) -> list[Receipt]:
        """Send to everybody at once, in each one's own order of ways; tried again until a person was reached, three
        times.

        Returns what providers took. A subject whose people were reached today is not paged again, see `reached`.
        """
        key = key_of(signal.subject, at)
        if key in self._reached:
            return []
        left = everyone(book, signal.policy, at=at, schedules=schedules)
        found: list[Sent] = []
        for wait in waits:
            await asyncio.sleep(wait)
            tries = [self._tell(signal, ways, channels, at=at, why=why, book=book) for ways in left]
            results = list(zip(left, await asyncio.gather(*tries), strict=True))
            left = [ways for ways, sent in results if sent is None]
            found += [sent for _, sent in results if sent is not None]
            if any(sent.way.human for sent in found):
                self._reached.add(key)
                break
        self.sent += found
        return [sent.receipt for sent in found]

    async def _tell(
        self,
        signal: Signal,
        ways: list[Deliverable],
        channels: Mapping[str, Channel],
        *,
        at: int,
        why: str,
        book: Book,
    ) -> Sent | None:
        """The first way that works."""
        for way in ways:
            channel = channels.get(way.channel)
            if channel is None:
                continue
            try:
                message = _message(signal, way, at=at, why=why, book=book)
                async with asyncio.timeout(SEND_SECONDS):
                    receipt = await channel.send(message)
            except (DeliveryError, TimeoutError) as error:
                log.error("emergency page by %s failed: %s", way.channel, error)
            except Exception:  # a bug in one channel keeps nobody from the next way
                log.exception("emergency page: the channel %s failed in a way it does not know", way.channel)
            else:
                return Sent(signal.subject, message.key, at, way, receipt)
        return None

    def reached(self, subject: str, at: int) -> bool:
        """True when somebody was told of this subject that day, by what is not in the store yet."""
        return key_of(subject, at) in self._reached

    def record(self, session: Session, *, now: int) -> list[Sent]:
        """Write down what was paged and has an incident now, to be shown, acknowledged and resolved like any page."""
        kept: list[Sent] = []
        for sent in self.sent:
            ended_since = or_(col(Incident.resolved_at).is_(None), col(Incident.resolved_at) >= sent.at)
            query = select(Incident).where(Incident.subject == sent.subject, ended_since)
            incident = session.exec(query.order_by(col(Incident.id).desc())).first()
            if incident is not None:
                _write_down(session, incident, sent, now=now)
                kept.append(sent)
        return kept

    def forget(self, written: Collection[Sent]) -> None:
        """These are in the store: what fails after it is another failure."""
        self.sent = [sent for sent in self.sent if sent not in written]
        self._reached -= {sent.key for sent in written}


def _write_down(session: Session, incident: Incident, sent: Sent, *, now: int) -> None:
    way = sent.way
    marker = _marker(sent.key, way)
    if session.exec(select(Notification.id).where(Notification.marker == marker)).first() is not None:
        return
    row = Notification(
        incident=incident.id,
        purpose=str(Purpose.EMERGENCY),
        channel=way.channel,
        target=way.target,
        person=way.person,
        name=way.name,
        human=way.human,
        key=sent.key,
        marker=marker,
        state="delivered",
        created=sent.at,
        due_at=sent.at,
        delivered_at=sent.at,
        tries=1,
        verified=sent.receipt.verified,
        receipt={**sent.receipt.detail, "id": sent.receipt.id},
    )
    session.add(row)
    said = f"{way.name or way.target} was told from memory by {way.channel}, the store being broken"
    note(session, incident, "emergency", said, now=now)
    session.flush()
    if incident.resolved_at is not None:
        follow.tell(session, incident, Purpose.RESOLVE, now=now, text="It is over.")
    elif incident.state == "acknowledged":
        follow.tell(session, incident, Purpose.ACK, now=now, text=f"{incident.acked_by} is on it.")


async def page(
    signal: Signal,
    *,
    book: Book,
    channels: Mapping[str, Channel],
    at: int,
    why: str,
    schedules: Schedules | None = None,
    memory: Memory | None = None,
) -> list[Receipt]:
    """Page from memory, see `Memory.page`; without a `memory` nothing is remembered."""
    return await (memory or Memory()).page(signal, book=book, channels=channels, at=at, why=why, schedules=schedules)


def _marker(key: str, way: Deliverable) -> str:
    return blake2b(f"{key}|{way.channel}|{way.target}".encode(), digest_size=10).hexdigest()


def _message(signal: Signal, way: Deliverable, *, at: int, why: str, book: Book) -> Message:
    key = key_of(signal.subject, at)
    seen = IncidentView(
        public_id=key,
        subject=signal.subject,
        title=signal.title,
        headline="",
        state="triggered",
        severity=str(signal.severity),
        failure=signal.failure,
        sentence=f"{signal.sentence} (paged from memory: {why})",
        blame=signal.blame,
        suspected=signal.suspected,
        sure=signal.sure,
        began=signal.since,
        opened=at,
        on_call=way.name,
        members=(signal.member,),
        runbook_lines=signal.runbook_lines,
        zone=book.zone,
    )
    return Message(
        purpose=Purpose.EMERGENCY,
        channel=way.channel,
        target=way.target,
        key=key,
        marker=_marker(key, way),
        headline=render.headline(seen),
        text=seen.sentence,
        incident=seen,
        person=way.person,
    )
