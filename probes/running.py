"""One script under way, seen from its parent: its pipes, its deadline, its end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from probes.board import boot
from probes.ending import PRINTED, End, reply_of
from probes.frames import LARGEST, Reply, Request
from probes.processes import descendants, kill
from probes.script import Ends

GULP = 1 << 16
BLOCKED = 0.5  # seconds after its deadline in which a script has to show that its loop turns
ALIVE = 0.3  # seconds before its deadline: whose loop turned then was not blocked, and may be cleaning up now
OVERTIME = 0.5  # seconds a script may go on beyond its deadline and its clean-ups
LAST_WORDS = 0.25  # seconds to write down where it stands, before it is killed
PROCESSES = 64  # that one script may have
COUNTED = 0.5  # seconds between two counts of them


class Running:
    """A script's process. Times are monotonic seconds; `died` is when its end was noticed, 0 before."""

    def __init__(self, request: Request, job: Mapping[str, Any], pulse: memoryview, *, now: float) -> None:
        self.request, self.died, self.pid = request, 0.0, 0
        self.waited = max(0, boot() - request.sent)
        self._file = str(job.get("file") or "")
        self.pulse, self._last_pulse, self._pulsed = pulse, 0, now
        self._deadline = now + request.timeout
        self._end = self._deadline + request.cleanup + OVERTIME
        self._patience = min(BLOCKED, request.cleanup + OVERTIME)
        self._why, self._killed_at, self._status, self._counted = "", 0.0, 0, now
        self._said, self._printed = bytearray(), bytearray()
        self.answer = self.prints = self._dump = -1
        self._news: int | None = None
        self._untold = b""

    def fork(self, become: Callable[[Ends], None]) -> None:
        """Start the process: in it `become` is called and does not return. Raises OSError, and leaves nothing then."""
        ends: list[int] = []
        try:
            for _ in range(3):
                ends += os.pipe()
                os.set_blocking(ends[-2], False)
            if self.request.hook:
                ends += reversed(os.pipe())  # the other way round: what arrives for it
                os.set_blocking(ends[-2], False)
            self.pulse[0] = 0
            self.pid = os.fork()
        except OSError:
            for end in ends:
                os.close(end)
            raise
        if self.pid == 0:
            become(Ends(answer=ends[1], prints=ends[3], dump=ends[5], news=ends[7] if self.request.hook else None))
            os._exit(1)
        for end in ends[1::2]:
            os.close(end)
        self.answer, self.prints, self._dump, *news = ends[::2]
        self._news = news[0] if news else None

    def tell(self, line: bytes = b"") -> None:
        """Pass on what arrived for it; what does not fit into its pipe waits for the next call."""
        self._untold += line
        if self._untold and self._news is not None and not self.died:
            with contextlib.suppress(OSError):  # full, or it ended just now
                self._untold = self._untold[os.write(self._news, self._untold) :]

    def hear(self, fd: int) -> bool:
        """Take what it wrote; False when no more of it is wanted. Prints beyond what is kept stay in the pipe."""
        kept = self._said if fd == self.answer else self._printed
        try:
            data = os.read(fd, GULP)
        except BlockingIOError:
            return True
        kept += data
        if fd == self.prints:
            return bool(data) and len(kept) < PRINTED
        if len(kept) > LARGEST + 1:
            self._stop("flood", 0.0)
            return False
        return bool(data)

    def judge(self, now: float) -> None:
        """Stop it when its time is over: soon after its deadline if its loop stood still then, else after clean-ups."""
        if self._killed_at:
            if now >= self._killed_at:
                kill(self.pid, group=True)
                kill(self.pid)
            return
        if self.pulse[0] != self._last_pulse:
            self._last_pulse, self._pulsed = self.pulse[0], now
        if len(self._printed) >= PRINTED:
            with contextlib.suppress(BlockingIOError):
                os.read(self.prints, GULP)  # that much a turn of what nobody keeps: a flood waits, and costs nothing
        is_blocked = self._pulsed < self._deadline - ALIVE and now > self._deadline + self._patience
        is_over = is_blocked or now > self._end
        if (is_over or now - self._counted > COUNTED) and self._is_swarm(now):
            self._stop("processes", 0.0)
        elif is_over:
            self._stop("blocked" if self._pulsed <= self._deadline else "overrun", now)

    def _is_swarm(self, now: float) -> bool:
        self._counted = now
        return len(descendants(self.pid, most=PROCESSES + 1)) > PROCESSES

    def _stop(self, why: str, now: float) -> None:
        """End it; with `now` it is first asked where it stands."""
        if not self._killed_at:
            self._why, self._killed_at = why, now + LAST_WORDS
        if not self.died:
            kill(self.pid, signal.SIGABRT if now else signal.SIGKILL)

    def call_off(self, now: float) -> None:
        """Nobody waits for it any more: its clean-ups still have their time."""
        self._why = "cancelled"
        self._end = min(self._end, now + self.request.cleanup + OVERTIME)
        self._deadline = self._end
        kill(self.pid, signal.SIGTERM)

    def reap(self, now: float) -> bool:
        """True when it has ended, which is noticed once; its group is killed while its number is still its own."""
        if self.died or os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return False
        kill(self.pid, group=True)
        self._status = os.waitpid(self.pid, 0)[1]
        self.died = now
        return True

    def finish(self, folder: str) -> Reply:
        """What came of it; its pipes are read to their end and closed."""
        for fd in (self.answer, self.prints):
            before = -1
            while len(self._said) + len(self._printed) != before and self.hear(fd):
                before = len(self._said) + len(self._printed)
        try:
            dump = os.read(self._dump, GULP)
        except BlockingIOError:
            dump = b""
        for own in (self.answer, self.prints, self._dump, self._news):
            if own is not None:
                os.close(own)
        said, printed = bytes(self._said), bytes(self._printed)
        end = End(self.request, self._file, self._status, self._why, said, printed, dump)
        return reply_of(end, folder=folder, waited=self.waited)
