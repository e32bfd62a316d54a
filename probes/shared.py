"""A shared host: many attempts at once on one loop, begun a few a turn, turned away fairly when there are too many."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import replace
from time import monotonic
from typing import Any

from probes.arrivals import ARRIVED, Inbox, here, read_line
from probes.board import Board, Sight, boot
from probes.frames import SHED, Reply, Request, pack, unpack_request
from probes.held import excused
from probes.lines import Lines
from probes.maker import BEAT, READY, Maker, settle
from probes.waiting import Waiting
from probes.words.failure import Failure
from probes.words.text import clean

PER_TURN = 4  # starts in one turn of the loop; the length of a turn follows from it, whatever is in flight
LONG_TURN = 0.02  # seconds; after a turn that took longer only one is started
OVERTIME = 0.3  # seconds an attempt may go on beyond its deadline and its clean-ups before it is cancelled
FAREWELL = 2.0  # seconds for clean-ups when the keeper stops; it waits a little longer
LAST_CALL = 0.2  # seconds it then has to end, before it is answered for

_number: ContextVar[int] = ContextVar("number", default=0)


class Marked(Coroutine[Any, Any, Any]):
    """A coroutine that writes on the board, each time it is on the processor, whose attempt that is."""

    __slots__ = ("_board", "_inner", "_number")

    def __init__(self, inner: Coroutine[Any, Any, Any], number: int, board: Board) -> None:
        self._inner, self._number, self._board = inner, number, board

    def send(self, value: Any) -> Any:
        """Go on until it waits again."""
        self._board.mark(self._number)
        try:
            return self._inner.send(value)
        finally:
            self._board.mark(0)

    def throw(self, *error: Any) -> Any:
        """Go on with an exception until it waits again."""
        self._board.mark(self._number)
        try:
            return self._inner.throw(*error)
        finally:
            self._board.mark(0)

    def close(self) -> None:
        """End it."""
        self._inner.close()

    def __await__(self) -> Any:
        return (yield from self._inner.__await__())


class SharedHost:
    """Reads requests, makes attempts, sends replies; all on one loop."""

    def __init__(self, board: Board, maker: Maker) -> None:
        self._board, self._maker = board, maker
        self._loop = asyncio.get_running_loop()
        self._loop.set_task_factory(self._task)
        self._waiting = Waiting()
        self._jobs: dict[str, Any] = {}
        self._raw: dict[str, dict[str, Any]] = {}  # jobs that no attempt has asked for yet
        # by number, with the end it must keep, and how long this loop had stood still when it began
        self._flying: dict[int, tuple[asyncio.Task[None], float, float]] = {}
        self._inboxes: dict[int, Inbox] = {}  # of attempts for which webhooks may arrive, from when they were asked for
        self._overdue: dict[int, bool] = {}  # cancelled as they did not end; True when they were answered for
        self._lines: Lines | None = None
        self._starting = False
        self._turned = self._beat_due = monotonic()
        self._beats = self._started = self._shed = 0
        self._held = 0.0
        self.ended = self._loop.create_future()

    def begin(self, reading: int, writing: int) -> None:
        """Listen, beat, and say that attempts may come."""
        self._lines = Lines(reading, writing, heard=self._hear, ended=self._end)
        self._beat()
        self._lines.say(READY)

    def _end(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_result(why)

    def _hear(self, lines: list[bytes]) -> None:
        now = boot()
        for line in lines:
            if line.startswith(ARRIVED):
                self._arrived(line)
                continue
            if line.startswith(b"!"):
                self._told(line.decode("ascii", "replace").split())
                continue
            request = unpack_request(line)
            if request.hook:
                self._inboxes[request.number] = Inbox()
            if request.job is not None:
                self._raw[request.job_id] = request.job
            self._waiting.add(request, now)
        self._start_soon()

    def _arrived(self, line: bytes) -> None:
        number, arrival = read_line(line)
        if number in self._inboxes:
            self._inboxes[number].take(arrival)

    def _told(self, words: list[str]) -> None:
        """`!forget JOB…`: these jobs will not come again. `!cancel NUMBER`: nobody waits for this attempt any more."""
        if words[0] == "!forget":
            for job_id in words[1:]:
                self._jobs.pop(job_id, None)
                self._raw.pop(job_id, None)
        elif words[0] == "!cancel":
            if self._waiting.drop(number := int(words[1])):
                self._inboxes.pop(number, None)
            elif (flying := self._flying.get(number)) is not None:
                flying[0].cancel()

    # -- starts

    def _start_soon(self) -> None:
        if not self._starting and self._waiting:
            self._starting = True
            self._turned = monotonic()
            self._loop.call_soon(self._start)

    def _start(self) -> None:
        """Once a turn while anybody waits: a few are started, whoever is too late for it is told so."""
        before, self._turned = self._turned, monotonic()
        for late in self._waiting.turn_away(boot()):
            self._shed += 1
            self._inboxes.pop(late.number, None)
            away = Reply(late.number, "unknown", Failure.SKIPPED, "shed: this host had more to do than it can")
            self._send(replace(away, waited=boot() - late.sent, witness=SHED))
        for _ in range(PER_TURN if self._turned - before < LONG_TURN else 1):
            request = self._waiting.take()
            if request is None:
                break
            self._launch(request)
        self._starting = bool(self._waiting)
        if self._starting:
            self._loop.call_soon(self._start)

    def _launch(self, request: Request) -> None:
        number = request.number
        marked = Marked(self._attempt(request), number, self._board)
        task: asyncio.Task[None] = asyncio.Task(marked, loop=self._loop)
        end = monotonic() + request.timeout + request.cleanup + OVERTIME
        self._flying[number] = task, end, self._held_so_far()

    def _task(self, loop: asyncio.AbstractEventLoop, inner: Any, **more: Any) -> asyncio.Task[Any]:
        """The tasks that an attempt makes are marked as its own."""
        number = _number.get()
        return asyncio.Task(Marked(inner, number, self._board) if number else inner, loop=loop, **more)

    async def _attempt(self, request: Request) -> None:
        """One attempt, from what was asked to what is answered; the outermost level, so it lets nothing through."""
        number = request.number
        waited, held = max(0, boot() - request.sent), self._flying[number][2]
        try:
            if not self._board.begin(number):
                self._tell(b"!back %d\n" % number)
                return
            self._started += 1
            _number.set(number)
            here.set(self._inboxes.get(number))
            prepared = self._prepared(request.job_id)
            reply = await self._maker.make(prepared, request)
            own = excused(reply, self._held_so_far() - held)
            self._send_own(replace(own, number=number, waited=waited))
        except asyncio.CancelledError:
            if number in self._overdue:
                self._send_own(_unended(number, waited, self._held_so_far() - held))
        except Exception as error:
            said = clean(f"showup itself failed: {type(error).__name__}: {error}", 300)
            self._send_own(Reply(number, "unknown", Failure.MONITOR_FAULT, said, waited=waited))
        finally:
            self._flying.pop(number, None)
            self._overdue.pop(number, None)
            self._inboxes.pop(number, None)

    def _prepared(self, job_id: str) -> Any:
        if job_id in self._raw:
            self._jobs[job_id] = self._maker.prepare(self._raw.pop(job_id))
        return self._jobs[job_id]

    async def put_back(self) -> None:
        """The keeper has gone: attempts under way are over, but what they left is still put back, if it can be soon."""
        going = [task for task, _, _ in self._flying.values()]
        for task in going:
            if not task.cancelling():
                task.cancel()
        if going:
            await asyncio.wait(going, timeout=FAREWELL)

    # -- what is said

    def _send_own(self, reply: Reply) -> None:
        if not self._overdue.get(reply.number):
            self._send(reply)

    def _send(self, reply: Reply) -> None:
        try:
            line = pack(reply)
        except (ValueError, TypeError, RecursionError) as error:
            said = clean(f"the reply of the attempt cannot be sent: {error}", 300)
            line = pack(Reply(reply.number, "unknown", Failure.PROBE_BUG, said))
        self._tell(line)

    def _tell(self, line: bytes) -> None:
        if self._lines is not None:
            self._lines.say(line)

    def _beat(self) -> None:
        """Say on the board how things are, and end what goes on for too long."""
        now = monotonic()
        lag = max(0, int((now - self._beat_due) * 1e6))
        self._beats += 1
        self._held = self._held_so_far()
        self._beat_due = now + BEAT
        if self._beats % 4 == 0:
            self._end_overdue(now)
        flying, waiting, overdue = len(self._flying), len(self._waiting), sum(self._overdue.values())
        self._board.write(Sight(self._beats, 0, flying, waiting, self._started, self._shed, overdue, lag))
        self._loop.call_later(BEAT, self._beat)

    def _held_so_far(self) -> float:
        """Seconds in which this loop stood still since it began, an interval that is not over yet included."""
        late = monotonic() - self._beat_due
        return self._held + (late if late > BEAT else 0.0)

    def _end_overdue(self, now: float) -> None:
        """Cancel what goes on for too long; what does not even end then is answered for, and the keeper sees it."""
        for number, (task, end, held) in self._flying.items():
            if now > end and number not in self._overdue:
                self._overdue[number] = False
                task.cancel()
            elif now > end + LAST_CALL and not self._overdue[number]:
                self._send(_unended(number, 0, self._held_so_far() - held))
                self._overdue[number] = True


def _unended(number: int, waited: int, held: float) -> Reply:
    """The answer for an attempt that did not end in time: a bug, unless this loop stood still for so long meanwhile."""
    if held >= OVERTIME:
        said = f"this machine held the attempt up for {held:.1f} s, and it did not end in time"
        return Reply(number, "unknown", Failure.MONITOR_FAULT, said, waited=waited)
    said = "the attempt did not end by its deadline: let it be cancelled"
    return Reply(number, "unknown", Failure.PROBE_BUG, said, waited=waited)


def serve(reading: int, writing: int, board: Board, *, maker: Maker) -> None:
    """Serve until the keeper closes its end."""
    maker.warm()
    settle()

    async def live() -> None:
        host = SharedHost(board, maker)
        host.begin(reading, writing)
        await host.ended
        await host.put_back()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.new_event_loop().run_until_complete(live())
    os._exit(0)  # nobody waits for what attempts under way would say
