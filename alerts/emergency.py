"""Paging from memory while the store cannot be written: at least once is better than never."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from hashlib import blake2b

from alerts.book import Book
from alerts.ladder import Ladder
from alerts.message import Channel, IncidentView, Message, Purpose, Receipt
from alerts.oncall import Deliverable, Schedules, resolve
from alerts.signal import Signal
from probes.words.clock import moment
from probes.words.errors import DeliveryError

log = logging.getLogger("showup.alerts.emergency")


def key_of(subject: str, at: int) -> str:
    """`emergency.<subject>.<day>`: a provider that deduplicates shows one a day, however often it is sent."""
    return f"emergency.{subject}.{moment(at):%Y-%m-%d}"[:255]


def everyone(book: Book, policy: str, *, at: int, schedules: Schedules | None = None) -> list[Deliverable]:
    """Every way the policy knows, all levels at once: without a store there are no levels to wait for."""
    spec = book.policies.get(policy)
    if spec is None:
        return []
    ladder = Ladder.of(spec)
    targets = dict.fromkeys(target for level in (*ladder.notify, ladder.last_resort) for target in level)
    ways = [way for target in targets for way in resolve(target, book=book, at=at, schedules=schedules)]
    return list(dict.fromkeys(ways))


async def page(
    signal: Signal,
    *,
    book: Book,
    channels: Mapping[str, Channel],
    at: int,
    why: str,
    schedules: Schedules | None = None,
) -> list[Receipt]:
    """Send the page on every way at once; returns what providers took. Says in the text that the store is broken."""
    ways = everyone(book, signal.policy, at=at, schedules=schedules)
    results = await asyncio.gather(*(_send(signal, way, channels, at=at, why=why, book=book) for way in ways))
    return [receipt for receipt in results if receipt is not None]


async def _send(
    signal: Signal, way: Deliverable, channels: Mapping[str, Channel], *, at: int, why: str, book: Book
) -> Receipt | None:
    channel = channels.get(way.channel)
    if channel is None:
        return None
    try:
        return await asyncio.wait_for(channel.send(_message(signal, way, at=at, why=why, book=book)), 30.0)
    except (DeliveryError, TimeoutError) as error:
        log.error("emergency page by %s failed: %s", way.channel, error)
        return None


def _message(signal: Signal, way: Deliverable, *, at: int, why: str, book: Book) -> Message:
    key = key_of(signal.subject, at)
    sentence = f"{signal.sentence} (paged from memory: {why})"
    seen = IncidentView(
        public_id="EMERGENCY",
        subject=signal.subject,
        title=signal.title,
        headline=f"{signal.title} {signal.notice}: {signal.sentence}",
        state="triggered",
        severity=str(signal.severity),
        failure=signal.failure,
        sentence=sentence,
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
        marker=blake2b(f"{key}|{way.channel}|{way.target}".encode(), digest_size=10).hexdigest(),
        headline=seen.headline,
        text=sentence,
        incident=seen,
        person=way.person,
    )
