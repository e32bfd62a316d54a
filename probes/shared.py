"""A shared host: many attempts at once on one event loop, started a few a turn, and shed fairly when there is no
time."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import threading
import time
import traceback
from collections import OrderedDict, deque
from typing import Any

from probes.attempt import Prepared, make, prepare
from probes.frames import Reply, Request, pack, unpack_request
from probes.pulse import BEAT, BEAT_MARK, settle
from probes.words.failure import Failure

PER_TURN = 6  # starts in one turn of the loop
BUSY_TURN = 0.012  # seconds; a turn that took longer starts nothing, so that what is under way is not slowed down
LATE, LATEST = 150_000, 235_000  # µs a start may wait before it is shed; the second when it was shed just before
STALLED = 0.7  # seconds without a turn of the loop before the watcher writes down who holds it
JOBS_KEPT = 20_000
CHUNK = 1 << 18


def boot_micros() -> int:
    """Boot time in µs, the clock in which requests say when they were sent."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class SharedHost:
    """Reads requests, makes attempts, writes replies. Everything happens on one loop, but for the watcher."""

    def __init__(self, loop: asyncio.AbstractEventLoop, reading: int, writing: int) -> None:
        self._loop, self._reading, self._writing = loop, reading, writing
        self._jobs: OrderedDict[str, Prepared] = OrderedDict()
        self._rest = b""
        self._fresh: deque[Request] = deque()
        self._first: deque[Request] = deque()  # those that were shed last time go before all others
        self._tasks: set[asyncio.Task[None]] = set()
        self._out: list[bytes] = []
        self._pumping = False
        self._turned = self._beaten = time.monotonic()
        self.sheds = self.made = 0
        self._ready = 0  # boot µs; what waited for this process to start is not late by its fault
        self.done = loop.create_future()

    def begin(self) -> None:
        """Listen on the pipe, beat, and watch."""
        self._ready = boot_micros()
        self._loop.add_reader(self._reading, self._read)
        self._beat()
        threading.Thread(target=self._watch, daemon=True, name="watcher").start()

    def _read(self) -> None:
        try:
            chunk = os.read(self._reading, CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self._loop.remove_reader(self._reading)
            if not self.done.done():
                self.done.set_result(None)
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._take(unpack_request(line))
        self._pump_soon()

    def _take(self, request: Request) -> None:
        if request.job is not None:
            self._jobs[request.job_id] = prepare(request.job)
            if len(self._jobs) > JOBS_KEPT:
                self._jobs.popitem(last=False)
        # the request says so itself: the host that turned it away may have been another one
        queue = self._first if request.shed else self._fresh
        queue.append(request)

    # -- starts -------------------------------------------------------------------------------------------------------

    def _pump_soon(self) -> None:
        if not self._pumping and (self._first or self._fresh):
            self._pumping = True
            self._turned = time.monotonic()
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Start a few; whoever waited too long is told so, and goes first the next time."""
        now = time.monotonic()
        took, self._turned = now - self._turned, now
        room = PER_TURN if took < BUSY_TURN or not self._tasks else 0
        at = boot_micros()
        # Whoever was shed last time may wait longer, and is turned away again only when not even those all fit.
        for queue, limit in ((self._fresh, LATE), (self._first, LATEST)):
            while queue and at - max(queue[0].sent, self._ready) > limit:
                self._turn_away(queue.popleft(), at)
        while room and (self._first or self._fresh):
            self._start((self._first or self._fresh).popleft())
            room -= 1
        self._pumping = bool(self._first or self._fresh)
        if self._pumping:
            self._loop.call_soon(self._pump)

    def _start(self, request: Request) -> None:
        task = self._loop.create_task(self._make(request))
        task.showup_number = request.number  # type: ignore[attr-defined]  # the watcher names the culprit by it
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _turn_away(self, request: Request, at: int) -> None:
        self.sheds += 1
        sentence = "shed: this host had no time for it"
        self._send(
            Reply(request.number, "unknown", Failure.SKIPPED, sentence, waited=at - request.sent, witness="shed")
        )

    async def _make(self, request: Request) -> None:
        prepared = self._jobs.get(request.job_id)
        if prepared is None:
            self._send(Reply(request.number, "unknown", Failure.HOST_LOST, "the host does not know this job"))
            return
        reply = await make(prepared, request)
        self.made += 1
        self._send(reply)

    # -- replies and heartbeats ---------------------------------------------------------------------------------------

    def _send(self, reply: Reply) -> None:
        try:
            line = pack(reply)
        except (ValueError, TypeError):
            line = pack(Reply(reply.number, "unknown", Failure.PROBE_BUG, "the reply of the attempt was too large"))
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(line)

    def _flush(self) -> None:
        data = b"".join(self._out)
        self._out.clear()
        try:
            written = os.write(self._writing, data)
        except BlockingIOError:
            written = 0
        if written < len(data):
            self._out.append(data[written:])
            self._loop.call_later(0.002, self._flush)

    def _beat(self) -> None:
        self._beaten = time.monotonic()
        used = resource.getrusage(resource.RUSAGE_SELF)
        facts = {
            "cpu": round(used.ru_utime + used.ru_stime, 3),
            "rss": used.ru_maxrss * 1024,
            "flying": len(self._tasks),
            "waiting": len(self._fresh) + len(self._first),
            "shed": self.sheds,
            "made": self.made,
        }
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(BEAT_MARK + json.dumps(facts, separators=(",", ":")).encode() + b"\n")
        self._loop.call_later(BEAT, self._beat)

    def _watch(self) -> None:
        """In a thread: when the loop stands still, write down whose attempt holds it, and where."""
        main = threading.main_thread().ident
        while True:
            time.sleep(BEAT)
            if time.monotonic() - self._beaten < STALLED:
                continue
            task = asyncio.tasks._current_tasks.get(self._loop)  # type: ignore[attr-defined]
            frame = sys._current_frames().get(main or 0)
            stack = "".join(traceback.format_stack(frame))[-4000:] if frame is not None else ""
            facts: dict[str, Any] = {"stalled": getattr(task, "showup_number", 0), "stack": stack}
            # one write below the pipe's atomic size, so that it cannot fall into the middle of a reply
            line = BEAT_MARK + json.dumps(facts).encode()[: 4096 - 2]
            try:
                os.write(self._writing, b"\n" + line + b"\n")
            except OSError:
                return
            time.sleep(1.0)


def serve(reading: int, writing: int) -> None:
    """Serve until the keeper closes the pipe."""
    loop = asyncio.new_event_loop()
    host = SharedHost(loop, reading, writing)
    settle()
    host.begin()
    loop.run_until_complete(host.done)
    os._exit(0)  # attempts under way belong to a keeper that is gone
