"""One probe host as a child process: how it is started, what it was asked, how it is, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from monitor.engine.hosts_facts import Asked, Phase, Recipe, Stats
from probes.arrivals import Arrival, line_of
from probes.board import Board, Sight
from probes.frames import Reply, pack, unpack_reply
from probes.held import processor, wants_processor
from probes.lines import Lines

DUBIOUS = 0.15  # seconds without a beat after which a host gets no more to do
_KEPT = 32_000  # characters of what a host wrote to its standard error
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Owner(Protocol):
    """Whoever has the hosts, and hears from them."""

    def became_ready(self, host: HostProcess) -> None: ...
    def answered(self, asked: Asked, reply: Reply) -> None: ...
    def gave_back(self, asked: Asked) -> None: ...
    def hung_up(self, host: HostProcess, why: str) -> None: ...
    def grumbled(self, host: HostProcess, text: str) -> None: ...


class HostProcess:
    """A running host. Built inside the event loop, on its thread; raises OSError when it cannot be started."""

    def __init__(self, role: str, recipe: Recipe, owner: Owner) -> None:
        self.role, self._owner = role, owner
        self.phase = Phase.STARTING
        self._loop = asyncio.get_running_loop()
        self.since = self._loop.time()
        self.silent = 0.0  # seconds without a beat, as far as we looked in time
        self._then: tuple[float, float] | None = None  # what `processor` said of it when it fell silent
        self.stalled = False
        self.why = ""
        self.asked: dict[int, Asked] = {}
        self._known: set[str] = set()
        self._last_beat = self._number = 0
        self.errors = ""
        with contextlib.ExitStack() as undo:
            self.board = Board.new()
            undo.callback(self.board.close)
            mine, theirs = socket.socketpair()
            undo.callback(mine.close)
            undo.callback(theirs.close)
            self._errors, errors = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
            undo.callback(os.close, self._errors)
            try:
                os.set_blocking(errors, True)
                self._process = self._popen(recipe, theirs, errors)
            finally:
                os.close(errors)
            undo.pop_all()
        theirs.close()
        end = mine.detach()
        self._lines = Lines(end, end, heard=self._hear, ended=self._hung_up)
        self._loop.add_reader(self._errors, self.read_errors)

    def _popen(self, recipe: Recipe, end: socket.socket, errors: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            recipe.arguments(self.role, self.board),
            stdin=end.fileno(),
            stdout=end.fileno(),
            stderr=errors,
            cwd=recipe.folder,
            env=recipe.surroundings(),
            pass_fds=(self.board.fd,),
            process_group=0,  # not a session: nice holds between processes of one session only (autogroup)
        )

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def is_dubious(self) -> bool:
        """True while it has not beaten for a moment: it may be busy, or stuck."""
        return self.silent >= DUBIOUS

    def stood_still(self) -> float:
        """Seconds without a beat that a machine which is too busy does not explain: it had a processor, or slept."""
        then, now = self._then, processor(self.pid)
        if then is None or now is None:
            return self.silent  # where the kernel does not say, who is silent is stuck
        return now[0] - then[0] if wants_processor(self.pid) else self.silent - (now[1] - then[1])

    # -- asking

    def ask(self, asked: Asked) -> None:
        """Send a request; raises ValueError when it is too large to be sent."""
        self._number += 1
        number = self._number
        request = asked.request
        job = None if request.job_id in self._known else dict(asked.job)
        line = pack(replace(request, number=number, job=job))
        self._known.add(request.job_id)
        self.board.fresh(number)
        asked.number, asked.host = number, self
        self.asked[number] = asked
        self._lines.say(line)

    def deliver(self, asked: Asked, arrival: Arrival) -> None:
        """Bring a webhook to an attempt."""
        if asked.number in self.asked:
            self._lines.say(line_of(asked.number, arrival))

    def call_off(self, asked: Asked) -> None:
        """Nobody waits for this one any more."""
        if self.asked.pop(asked.number, None) is not None:
            self._lines.say(b"!cancel %d\n" % asked.number)

    def forget(self, needed: set[str]) -> None:
        """Jobs but the needed ones will not come again."""
        gone = self._known - needed
        self._known &= needed
        if gone and self.phase is Phase.READY:
            self._lines.say(b"!forget " + " ".join(gone).encode() + b"\n")

    def take_back(self) -> list[Asked]:
        """What it has not begun, to be given to another."""
        taken = [asked for number, asked in self.asked.items() if self.board.take_back(number)]
        for asked in taken:
            del self.asked[asked.number]
        return taken

    # -- hearing

    def _hear(self, lines: list[bytes]) -> None:
        for line in lines:
            if line.startswith(b"!"):
                self._hear_word(line.split())
                continue
            try:
                reply = unpack_reply(line)
            except ValueError as error:
                self._hung_up(f"it wrote nonsense: {error}")
                return
            asked = self.asked.pop(reply.number, None)
            if asked is not None:
                self._owner.answered(asked, reply)

    def _hear_word(self, words: list[bytes]) -> None:
        if words[0] == b"!ready" and self.phase is Phase.STARTING:
            self.phase = Phase.READY
            self.since = self._loop.time()
            self._owner.became_ready(self)
        elif words[0] == b"!back" and (asked := self.asked.pop(int(words[1]), None)):
            self._owner.gave_back(asked)

    def _hung_up(self, why: str) -> None:
        self._lines.close()
        self._owner.hung_up(self, why)

    def read_errors(self) -> None:
        """Take what it wrote to its standard error: complaints, or the stack of its end."""
        try:
            data = os.read(self._errors, 1 << 16)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._errors)
            return
        text = data.decode("utf-8", "replace")
        self.errors = (self.errors + text)[-_KEPT:]
        self._owner.grumbled(self, text)

    # -- looking after

    def look(self, elapsed: float) -> Sight:
        """Look at its board; `elapsed` seconds count as silence when it has not beaten since the last look."""
        beat = self.board.beat
        if beat != self._last_beat:
            self.silent = 0.0
        else:
            if not self.silent:
                self._then = processor(self.pid)
            self.silent += elapsed
        self._last_beat = beat
        return self.board.read()

    def signal(self, number: int) -> None:
        """Send it a signal, if it is there."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    def has_exited(self) -> bool:
        """True when the process is gone."""
        return self._process.poll() is not None

    def hang_up(self) -> None:
        """Close the way to it: it ends by itself."""
        self._lines.close()

    @property
    def ended_by(self) -> int:
        """The signal that ended it; 0 when it ended by itself."""
        return max(0, -(self._process.returncode or 0))

    def how_it_ended(self) -> str:
        """In words: `killed by SIGSEGV`, `exit status 1: No module named probes`."""
        self.read_errors()
        code = self._process.poll()
        if code is None:
            return "it hung up"
        if code < 0:
            return f"ended by {signal.Signals(-code).name}"
        last = self.errors.strip().splitlines()[-1:] or [""]
        return f"exit status {code}" + (f": {last[0]}" if last[0] else "")

    def stats(self) -> Stats:
        """How it is now."""
        sight = self.board.read()
        cpu, rss = _usage(self.pid)
        return Stats(
            self.role, self.pid, cpu, rss, sight.started, sight.shed, len(self.asked), sight.waiting, sight.lag,
            self.phase.value,
        )  # fmt: skip

    def bury(self) -> Iterable[Asked]:
        """Let go of everything; returns what it had not answered."""
        self.phase = Phase.GONE
        self._lines.close()
        self._loop.remove_reader(self._errors)
        os.close(self._errors)
        self._process.wait()
        self.board.close()
        left = list(self.asked.values())
        self.asked.clear()
        return left


def _usage(pid: int) -> tuple[float, int]:
    """(CPU seconds with those of children that ended, resident bytes) of a process; zeros when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0, 0
    return sum(map(int, fields[11:15])) / _TICKS, int(fields[21]) * _PAGE
