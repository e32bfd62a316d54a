"""Dispatch: one worker a channel takes what is due, renders the incident as it is now, sends, and keeps the provider's
word.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts import outbox, settle, storm, view
from alerts.book import Book
from alerts.channels.kit import OpenPage
from alerts.desk import Desk
from alerts.message import Answer, Channel, Message, Purpose, Reaction, Receipt
from alerts.pace import APART, RATES, Pace
from alerts.tables import Incident, Notification
from probes.words.clock import Clock
from probes.words.errors import DeliveryError, StoreError
from probes.words.units import SECOND

T = TypeVar("T")
log = logging.getLogger("showup.alerts.dispatch")

AT_ONCE = 4  # messages of one channel in flight; a hanging one must not hold back the next page
SEND_SECONDS = 30.0  # the longest that a channel may take over one message
ASK_SECONDS = 2.0  # the longest that a level waits to hear whether somebody has answered
VERIFY_SECONDS = 10.0
LOOK_EVERY = 1.0  # seconds between looks when nobody rings
ASK_AGAIN = 30 * SECOND  # µs until a page that could not be verified is asked about again
_THESE = (
    select(Notification)
    .where(col(Notification.id).in_(bindparam("rows", expanding=True)))
    .order_by(col(Notification.id))
)
_UNSURE = (
    select(Notification)
    .where(Notification.state == "delivered", col(Notification.verify_at) <= bindparam("now"))
    .limit(50)
)


class Transact(Protocol):
    """Runs a function in one durable transaction of the store."""

    def __call__(self, work: Callable[[Session], T], /) -> Awaitable[T]: ...


@dataclass(slots=True)
class _Line:
    """One channel's worker: what rings it, what it has in flight, and until when it is left alone."""

    channel: Channel
    pace: Pace
    rang: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    rests_until: int = 0
    down: bool = False  # the last message was not taken, by no fault of its own
    sent: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Taken:
    rows: tuple[int, ...]
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
        self._lines = {name: _Line(channel, Pace(RATES.get(name))) for name, channel in channels.items()}
        self._group: asyncio.TaskGroup | None = None
        self._transact, self._desk, self._book, self._clock = transact, desk, book, clock
        self._chance, self._changed, self._unread = chance, changed, False
        askable = (name for name, channel in channels.items() if callable(getattr(channel, "ask", None)))
        desk.questions.askable = frozenset(name for name in askable if getattr(channels[name], "verifies", True))

    def wake(self, channels: Iterable[str]) -> None:
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
        await self.recover()
        async with asyncio.TaskGroup() as group:
            self._group = group
            for line in self._lines.values():
                group.create_task(self._work(line))
            group.create_task(self._ask_always())

    def take(self, name: str, channel: Channel) -> None:
        """From now on this channel serves under this name: a new one, or one whose options have changed."""
        if name in self._lines:
            self._lines[name].channel = channel
            return
        self._lines[name] = line = _Line(channel, Pace(RATES.get(name)))
        if self._group is not None:
            self._group.create_task(self._work(line))

    async def recover(self) -> None:
        """Take up what an earlier process left half sent; tried until the store answers."""
        while True:
            try:
                await self._transact(lambda session: settle.reclaim(session, now=self._clock.now(), alone=True))
                return
            except StoreError as error:
                await self._refused(error)

    async def _work(self, line: _Line) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await line.rang.wait()
            line.rang.clear()
            try:
                await self.sweep(line.channel.name)
                self._unread = False
            except StoreError as error:
                await self._refused(error)

    async def _refused(self, error: StoreError) -> None:
        """Wait a moment; said once, however many channels look, until it can be read again."""
        if not self._unread:
            log.warning("the outbox cannot be read: %s", error)
        self._unread = True
        await asyncio.sleep(LOOK_EVERY)

    async def _ask_always(self) -> None:
        while True:  # at once after a start: what is overdue waits less than a second for the answer
            with contextlib.suppress(StoreError):
                await self.ask()
            await asyncio.sleep(LOOK_EVERY)

    async def sweep(self, name: str, *, wait: bool = False) -> int:
        """Start each send that is due on a channel, up to its limit; `wait` until all are settled. Returns how many."""
        line = self._lines[name]
        started = 0
        while len(line.tasks) < AT_ONCE and self._clock.now() >= line.rests_until:
            taken = await self._claim(line)
            if taken is None:
                break
            started += 1
            task = asyncio.get_running_loop().create_task(self._deliver(line, taken))
            line.tasks.add(task)
            task.add_done_callback(line.tasks.discard)
            if wait:
                await task
        return started

    async def _claim(self, line: _Line) -> _Taken | None:
        def take(session: Session) -> _Taken | None:
            now = self._clock.now()
            tries = line.down and bool(line.tasks)  # one finds out whether it works again; pages wait for no other
            resting = line.pace.rests(now)
            found = outbox.claim(session, line.channel.name, now=now, resting=resting, pages=tries)
            return self._render(session, found, now) if found is not None else None

        taken = await self._transact(take)
        if taken is not None:
            line.pace.spend(taken.message.target, self._clock.now())
        return taken

    def _render(self, session: Session, found: outbox.Claimed, now: int) -> _Taken:
        """The message about the incident as it is now, not as it was when the message was meant."""
        row = found.rows[0]
        seen = None
        if storm.is_group(row.key):
            behind = storm.behind(session, row.key)
            seen = view.group(session, behind, row.key, climb=self._desk.climb, now=now) if behind else None
        elif row.incident is not None:
            incident = session.get(Incident, row.incident)
            seen = view.view(session, incident, climb=self._desk.climb, now=now) if incident is not None else None
        message = Message(
            purpose=Purpose(row.purpose),
            channel=row.channel,
            target=row.target,
            key=row.key,
            marker=row.marker,
            headline=row.headline or (seen.headline if seen else ""),
            text=row.text,
            incident=seen,
            urgent=row.purpose == Purpose.PAGE and (seen is None or seen.urgent),
            person=row.person,
            receipt=found.receipt,
            repeat=row.unknown,
        )
        return _Taken(tuple(each.id or 0 for each in found.rows), message)

    async def _deliver(self, line: _Line, taken: _Taken) -> None:
        receipt, error = await self._send(line, taken.message)
        line.sent, line.failed = line.sent + (receipt is not None), line.failed + (error is not None)
        if error is not None:
            log.warning("a %s was not delivered by %s: %s", taken.message.purpose.value, line.channel.name, error)
        if error is not None and error.retry_after:
            rest = min(settle.LONGEST_WAIT, int(error.retry_after * SECOND))
            if line.channel.name in APART:
                line.pace.hold(taken.message.target, self._clock.now() + rest)
            else:
                line.rests_until = max(line.rests_until, self._clock.now() + rest)
        await self._settle(line, taken, receipt, error)
        line.rang.set()
        self._changed()

    async def _send(self, line: _Line, message: Message) -> tuple[Receipt | None, DeliveryError | None]:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                return await line.channel.send(message), None
        except DeliveryError as error:
            return None, error
        except TimeoutError:
            return None, DeliveryError(f"no answer within {SEND_SECONDS:.0f} s", unknown=True)
        except Exception as bug:  # the outermost loop of a channel: a page is never lost to a bug in it
            log.exception("the channel %s failed in a way it does not know", line.channel.name)
            return None, DeliveryError(f"the channel failed: {type(bug).__name__}", unknown=True)

    async def _settle(self, line: _Line, taken: _Taken, receipt: Receipt | None, error: DeliveryError | None) -> None:
        verifies = bool(getattr(line.channel, "verifies", True))
        chance, again = self._chance(), line.down and receipt is not None
        line.down = error is not None and not error.permanent

        def keep(session: Session) -> frozenset[str]:
            now = self._clock.now()
            rows = list(session.exec(_THESE, params={"rows": taken.rows}).all())
            if receipt is not None:
                settle.delivered(session, rows, receipt, now=now, verifies=verifies)
                if again:
                    settle.resume(session, line.channel.name, now=now)
                return outbox.waiting_on(session, now=now)
            return self._fail(session, rows, error or DeliveryError("it failed"), now=now, chance=chance)

        while True:
            try:
                self.wake(await self._transact(keep))
                return
            except StoreError:
                # the provider has it, or not: that must be kept before anything is repeated
                await asyncio.sleep(LOOK_EVERY)

    def _fail(
        self, session: Session, rows: list[Notification], error: DeliveryError, *, now: int, chance: float
    ) -> frozenset[str]:
        for row in settle.failed(session, rows, error, now=now, chance=chance).exhausted:
            self._desk.climb.hurry(session, row, now=now)
        return outbox.waiting_on(session, now=now)

    async def ask(self) -> None:
        """Before somebody else is woken: has anybody answered at the provider? Two seconds at most."""
        pages = await self._transact(lambda session: self._desk.questions.due(session, now=self._clock.now()))
        await asyncio.gather(*(self._ask(name, found) for name, found in pages.items()))

    async def _ask(self, name: str, pages: list[OpenPage]) -> None:
        channel: Any = self._lines[name].channel
        try:
            async with asyncio.timeout(ASK_SECONDS + 0.5):
                await channel.ask(pages, self.react, seconds=ASK_SECONDS)
        except (DeliveryError, TimeoutError) as error:
            log.warning("%s could not be asked who answered: %s", name, error)
        except StoreError:
            raise
        except Exception:  # the outermost loop of a question: a bug in one channel must not end every page
            log.exception("the channel %s could not be asked who answered", name)
        await self._transact(lambda session: self._desk.questions.asked(session, pages, now=self._clock.now()))

    async def react(self, reaction: Reaction) -> Answer:
        """Apply an answer to a page in a transaction of its own, and wake every channel that tells of it."""
        answer = await self._transact(lambda session: self._desk.react(session, reaction, now=self._clock.now()))
        self.wake(self._lines)
        return answer

    async def verify(self) -> None:
        """Ask the providers about pages that were accepted a minute ago: accepted is not yet told."""

        def look(session: Session) -> list[tuple[int, str, str]]:
            found = session.exec(_UNSURE, params={"now": self._clock.now()}).all()
            return [(row.id or 0, row.channel, row.key) for row in found]

        due = await self._transact(look)
        await asyncio.gather(*(self._verify(*each) for each in due if each[1] in self._lines))

    async def _verify(self, number: int, channel: str, key: str) -> None:
        found: dict[str, Any] | None = None
        error: DeliveryError | None = None
        try:
            async with asyncio.timeout(VERIFY_SECONDS):
                found = await self._lines[channel].channel.verify(key)
        except (TimeoutError, DeliveryError) as failed:
            error = failed if isinstance(failed, DeliveryError) else DeliveryError("no answer in time")
        except Exception as bug:  # the outermost loop of a channel, as in `_send`
            log.exception("the channel %s cannot be asked about a page", channel)
            error = DeliveryError(f"the channel failed: {type(bug).__name__}")

        def keep(session: Session) -> frozenset[str]:
            now, row = self._clock.now(), session.get(Notification, number)
            if row is None or row.state != "delivered":
                return frozenset()
            row.verify_at = None
            session.add(row)
            if error is not None:
                row.verify_at = None if error.permanent else now + ASK_AGAIN
            elif found is not None:
                row.verified, row.receipt = True, {**(row.receipt or {}), **found}
            else:
                row.spread_at = now
                return self._fail(session, [row], settle.UNVERIFIED, now=now, chance=self._chance())
            return frozenset()

        self.wake(await self._transact(keep))
