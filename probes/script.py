"""The process of one script: made harmless first, then one attempt, then its end."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import fcntl
import gc
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from probes.arrivals import Inbox, here, read_line
from probes.frames import Reply, Request, pack
from probes.held import excused, processor
from probes.maker import Maker
from probes.processes import adopt_orphans, die_with
from probes.words.failure import Failure
from probes.words.text import clean

MEMORY = 512 << 20  # bytes of address space, all of it
FILES = 256
FILE_SIZE = 64 << 20  # bytes of one file it writes
PRINTED = 60 << 10  # bytes of prints that are passed on
PULSE = 0.1  # seconds between two signs that its loop turns
GRACE = 2  # seconds of processor beyond the time it has: the kernel's own end of it
ANSWER, DUMP, NEWS = 3, 4, 5  # descriptors
_MORE = "\n… more was printed and thrown away\n"


@dataclass(frozen=True, slots=True)
class Ends:
    """The descriptors of a script's process: where its answer, its prints and the stack of its end go; where webhooks
    for it come from, None for one that has no address for them.
    """

    answer: int
    prints: int
    dump: int
    news: int | None = None


class _Prints(io.RawIOBase):
    """Standard output and error: the first of it is passed on, the rest is thrown away and nothing waits for it."""

    def __init__(self) -> None:
        self._left = PRINTED

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def write(self, data: Any) -> int:
        size = len(data)
        if self._left > 0:
            kept = bytes(data[: self._left])
            self._left -= len(kept)
            with contextlib.suppress(OSError):  # a script may close whatever it likes
                os.write(1, kept if self._left else kept + _MORE.encode())
        return size


def become(
    request: Request,
    job: Mapping[str, Any],
    ends: Ends,
    *,
    maker: Maker,
    pulse: memoryview,
    limits: tuple[int, int],
) -> NoReturn:
    """Called in a process that was just forked: make the attempt, say what came of it, end.

    `limits` are the process that it must not outlive, and the most processes that its user may have.
    """
    began = time.monotonic()
    try:
        die_with(limits[0])
        _place(ends)
        _limit(request, limits[1])
        reply = _attempt(request, job, maker, pulse, began)
    except BaseException as error:  # the last line of a process that runs a stranger's code
        said = clean(f"the probe's process failed: {type(error).__name__}: {error}", 300)
        reply = Reply(request.number, "unknown", Failure.PROBE_BUG, said)
    with contextlib.suppress(BaseException):
        _say(reply)
    os._exit(0)


def _place(ends: Ends) -> None:
    """Its own descriptors in their places and none of the parent's; its own group; no signal handled as before."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A group, not a session: a new session would be a scheduling group of its own (autogroup), where nice is void.
    os.setpgid(0, 0)
    moved = [ends.prints, ends.prints, ends.answer, ends.dump, *([] if ends.news is None else [ends.news])]
    high = [fcntl.fcntl(end, fcntl.F_DUPFD, 16) for end in moved]
    for target, end in enumerate(high, start=1):
        os.dup2(end, target, inheritable=target < ANSWER)
    os.closerange(1 + len(moved), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    faulthandler.enable(file=DUMP, all_threads=False)
    out: Any = io.TextIOWrapper(_Prints(), "utf-8", "replace", write_through=True)
    sys.stdout = sys.stderr = out
    sys.dont_write_bytecode = True
    os.umask(0o077)


def _limit(request: Request, most: int) -> None:
    adopt_orphans()
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("800")  # when memory runs out on this machine, a script goes before the keeper
    seconds = int(request.timeout + request.cleanup) + GRACE
    for kind, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_NPROC, most),
    ):
        hard = resource.getrlimit(kind)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (limit, limit))
    gc.enable()


def _attempt(request: Request, job: Mapping[str, Any], maker: Maker, pulse: memoryview, began: float) -> Reply:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)

    def beat() -> None:
        pulse[0] += 1
        loop.call_later(PULSE, beat)

    async def attempt() -> Reply:
        beat()
        if request.hook:
            here.set(_inbox(loop))
        prepared = maker.prepare(job)  # loads the author's file: its time is the attempt's own
        reply = await maker.make(prepared, replace(request, timeout=request.timeout - (time.monotonic() - began)))
        return excused(reply, (processor() or (0.0, 0.0))[1])

    task = loop.create_task(attempt())
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return loop.run_until_complete(task)
    except asyncio.CancelledError:
        return Reply(request.number, "unknown", Failure.HOST_LOST, "the attempt was called off")


def _inbox(loop: asyncio.AbstractEventLoop) -> Inbox:
    """The webhooks that its parent passes on."""
    inbox, part = Inbox(), b""

    def read() -> None:
        nonlocal part
        data = os.read(NEWS, 1 << 16)
        if not data:
            loop.remove_reader(NEWS)
        *lines, part = (part + data).split(b"\n")
        for line in lines:
            inbox.take(read_line(line)[1])

    os.set_blocking(NEWS, False)
    loop.add_reader(NEWS, read)
    return inbox


def _say(reply: Reply) -> None:
    try:
        line = pack(reply)
    except (ValueError, TypeError, RecursionError) as error:
        said = clean(f"the reply of the attempt cannot be sent: {error}", 300)
        line = pack(Reply(reply.number, "unknown", Failure.PROBE_BUG, said))
    while line:
        line = line[os.write(ANSWER, line) :]
