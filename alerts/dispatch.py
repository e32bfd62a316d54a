"""Dispatch: one worker a channel takes what is due, renders the incident as it is now, sends, and keeps the
provider's word.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from sqlmodel import Session, col, select

from alerts import outbox
from alerts.book import Book
from alerts.desk import Desk
from alerts.message import Channel, IncidentView, Message, Purpose, Receipt
from alerts.tables import Incident, Notification
from alerts.view import view
from probes.words.clock import Clock
from probes.words.errors import DeliveryError, StoreError

T = TypeVar("T")
log = logging.getLogger("showup.alerts.dispatch")

AT_ONCE = 4  # sends of one channel in flight; a hanging one must not hold back the next page
SEND_SECONDS = 30.0  # the longest that a channel may take over one message
LOOK_EVERY = 1.0  # seconds between looks when nobody rings


class Transact(Protocol):
    """Runs a function in one durable transaction of the store."""

    def __call__(self, work: Callable[[Session], T], /) -> Awaitable[T]: ...


@dataclass(slots=True)
class _Line:
    """One channel's worker: what rings it, and what it has in flight."""

    channel: Channel
    rang: asyncio.Event = field(default_factory=asyncio.Event)
    busy: set[tuple[int | None, str]] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    sent: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Taken:
    row_id: int
    incident: int | None
    grouped: tuple[int, ...]
    message: Message


class Dispatcher:
    """Sends what the outbox holds. `chance()` is uniform in 0..1; `changed()` is told after each settled message."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        transact: Transact,
        *,
        desk: Desk,
        book: Callable[[], Book],
        clock: Clock,
        chance: Callable[[], float],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._lines = {name: _Line(channel) for name, channel in channels.items()}
        self._transact, self._desk, self._book, self._clock = transact, desk, book, clock
        self._chance, self._changed = chance, changed

    def wake(self, channels: frozenset[str] | set[str]) -> None:
        """There is work for these channels."""
        for name in channels:
            if name in self._lines:
                self._lines[name].rang.set()

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """(sent, failed) of each channel since the start."""
        return {name: (line.sent, line.failed) for name, line in self._lines.items()}

    async def run(self) -> None:
        """Work until cancelled; what is in flight then is taken up again after the next start."""
        async with asyncio.TaskGroup() as group:
            for line in self._lines.values():
                group.create_task(self._work(line))

    async def _work(self, line: _Line) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(line.rang.wait(), LOOK_EVERY)
            line.rang.clear()
            try:
                await self.sweep(line.channel.name)
            except StoreError as error:
                log.warning("the outbox cannot be read: %s", error)

    async def sweep(self, name: str, *, wait: bool = False) -> int:
        """Start every send that is due on a channel, up to its limit; with `wait` until all are settled.
        Returns how many.
        """
        line = self._lines[name]
        started = 0
        while len(line.tasks) < AT_ONCE:
            taken = await self._claim(line)
            if taken is None:
                break
            started += 1
            line.busy.add((taken.incident, taken.message.target))
            task = asyncio.get_running_loop().create_task(self._deliver(line, taken))
            line.tasks.add(task)
            task.add_done_callback(line.tasks.discard)
            if wait:
                await task
        return started

    async def _claim(self, line: _Line) -> _Taken | None:
        name, busy = line.channel.name, set(line.busy)

        def take(session: Session) -> _Taken | None:
            now = self._clock.now()
            found = outbox.claim(session, name, now=now, busy=busy)
            return self._render(session, found, now) if found is not None else None

        return await self._transact(take)

    def _render(self, session: Session, found: outbox.Claimed, now: int) -> _Taken:
        row = found.row
        incident = session.get(Incident, row.incident) if row.incident is not None else None
        seen = view(session, incident, book=self._book(), climb=self._desk.climb, now=now) if incident else None
        others = [
            other.title for grouped in found.grouped if (other := session.get(Incident, grouped.incident)) is not None
        ]
        message = Message(
            purpose=Purpose(row.purpose),
            channel=row.channel,
            target=row.target,
            key=row.key,
            marker=row.marker,
            headline=row.headline or (seen.headline if seen else ""),
            text=_list(others) or row.text,
            incident=_with_others(seen, others),
            person=row.person,
            receipt=found.receipt,
            repeat=row.unknown,
        )
        return _Taken(row.id or 0, row.incident, tuple(each.id or 0 for each in found.grouped), message)

    async def _deliver(self, line: _Line, taken: _Taken) -> None:
        receipt: Receipt | None = None
        error: DeliveryError | None = None
        try:
            receipt = await asyncio.wait_for(line.channel.send(taken.message), SEND_SECONDS)
        except DeliveryError as failed:
            error = failed
        except TimeoutError:
            error = DeliveryError(f"no answer within {SEND_SECONDS:.0f} s", unknown=True)
        except Exception as bug:  # the outermost loop of a channel: a page is never lost to a bug in it
            log.exception("the channel %s failed in a way it does not know", line.channel.name)
            error = DeliveryError(f"the channel failed: {type(bug).__name__}", unknown=True)
        line.sent, line.failed = line.sent + (receipt is not None), line.failed + (error is not None)
        try:
            await self._settle(line, taken, receipt, error)
        finally:
            line.busy.discard((taken.incident, taken.message.target))
            line.rang.set()
            self._changed()

    async def _settle(self, line: _Line, taken: _Taken, receipt: Receipt | None, error: DeliveryError | None) -> None:
        can_verify = callable(getattr(line.channel, "verify", None))

        def settle(session: Session) -> set[str]:
            now = self._clock.now()
            woke: set[str] = set()
            for number in (taken.row_id, *taken.grouped):
                row = session.get(Notification, number)
                if row is None:
                    continue
                if receipt is not None:
                    outbox.settle_delivered(session, row, receipt, now=now, can_verify=can_verify)
                elif error is not None:
                    woke |= self._fail(session, row, error, now)
            return woke

        while True:
            try:
                self.wake(await self._transact(settle))
                return
            except StoreError:
                # the provider has it, or not: that must be kept before anything is repeated
                await asyncio.sleep(LOOK_EVERY)

    def _fail(self, session: Session, row: Notification, error: DeliveryError, now: int) -> set[str]:
        row.lead = None
        first = not row.moved_on
        other = outbox.settle_failed(session, row, error, now=now, chance=self._chance())
        if other is not None:
            return {other.channel}
        incident = session.get(Incident, row.incident) if row.incident is not None else None
        if incident is not None and first and row.moved_on and row.human and not row.rest:
            self._desk.climb.hurry(session, incident, now=now)
            return set(self._lines)
        if incident is not None and incident.state == "resolved" and row.purpose == Purpose.PAGE:
            row.state = "superseded"
            session.add(row)
        return set()

    async def verify(self) -> None:
        """Ask the providers about pages that were accepted a minute ago: accepted is not yet told."""

        def look(session: Session) -> list[tuple[int, str, str]]:
            query = select(Notification).where(
                Notification.state == "delivered", col(Notification.verify_at) <= self._clock.now()
            )
            return [(row.id or 0, row.channel, row.key) for row in session.exec(query.limit(50)).all()]

        for number, channel, key in await self._transact(look):
            line = self._lines.get(channel)
            if line is None:
                continue
            try:
                found = await asyncio.wait_for(line.channel.verify(key), 10.0)
            except (DeliveryError, TimeoutError):
                continue
            await self._verified(number, found)

    async def _verified(self, number: int, found: dict[str, Any] | None) -> None:
        def keep(session: Session) -> set[str]:
            row, now = session.get(Notification, number), self._clock.now()
            if row is None:
                return set()
            row.verify_at = None
            if found is not None:
                row.verified, row.receipt = True, {**(row.receipt or {}), **found}
                session.add(row)
                return set()
            row.unknown = True
            return self._fail(session, row, DeliveryError("accepted, and no incident came of it"), now)

        self.wake(await self._transact(keep))


def _list(titles: list[str]) -> str:
    if not titles:
        return ""
    more = f" and {len(titles) - 20} more" if len(titles) > 20 else ""
    return f"Also failing: {', '.join(titles[:20])}{more}"


def _with_others(seen: IncidentView | None, others: list[str]) -> IncidentView | None:
    """The lead's view, its headline counting those that are told of in the same message."""
    if seen is None or not others:
        return seen
    more = f"and {len(others)} more workflows are failing"
    return replace(seen, sentence=f"{seen.sentence} ({more})", members=(*seen.members, *others[:20]))
