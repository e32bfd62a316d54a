"""The parent of scripts: warmed and single-threaded, it forks one process an attempt and outlives whatever they do."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import select
import signal
import time
from collections.abc import Mapping
from typing import Any

from probes.arrivals import ARRIVED
from probes.board import Board, Sight, boot
from probes.frames import SHED, Reply, Request, pack, unpack_request
from probes.maker import BEAT, READY, Maker, settle
from probes.processes import adopt_orphans, children, count_of_user, kill
from probes.running import PROCESSES, Running
from probes.script import Ends, become
from probes.waiting import Waiting, own_timeout
from probes.words.failure import Failure

GULP = 1 << 18
SWEEPING = 0.5  # seconds an ended attempt waits for what it left behind to be gone
COUNTED = 30.0  # seconds for which a count of this user's processes serves
CLOSING = 2.0  # seconds for everything to be gone at the end
_CONTROL = b"!"


class Zygote:
    """Forks, keeps deadlines, leaves nothing behind. A plain loop in one thread: threads and forks do not mix."""

    def __init__(self, reading: int, writing: int, board: Board, *, maker: Maker, most: int) -> None:
        self._reading, self._writing, self._board, self._maker, self._most = reading, writing, board, maker, most
        self._folder = os.getcwd()
        self._poll = select.poll()
        self._woken, self._waker = os.pipe()
        for end in (reading, writing, self._woken, self._waker):
            os.set_blocking(end, False)
        for end in (reading, self._woken):
            self._poll.register(end, select.POLLIN)
        self._pulses = memoryview(mmap.mmap(-1, max(4096, 8 * most))).cast("Q")
        self._jobs: dict[str, Mapping[str, Any]] = {}
        self._waiting = Waiting(own_timeout)
        self._places: list[Running | None] = [None] * most
        self._ends: dict[int, Running] = {}
        self._part = self._unsent = b""
        self._open, self._dirty = True, False
        self._beats = self._started = self._shed = self._processes = 0
        self._beaten = self._counted = 0.0

    def serve(self) -> None:
        """Serve until the keeper closes its end; then end every script and all they left."""
        self._maker.warm()
        adopt_orphans()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        settle()
        gc.disable()  # a collection would write to every object, and what is written to is no longer shared
        self._beat(time.monotonic())
        self._say(READY)
        while self._open:
            self._turn()
        until = time.monotonic() + CLOSING
        while self._sweep(spare=set()) and time.monotonic() < until:
            time.sleep(0.005)
        os._exit(0)

    def _turn(self) -> None:
        pause = 0.005 if self._dirty else BEAT if self._ends else 2 * BEAT
        for fd, _ in self._poll.poll(pause * 1000):
            if fd == self._reading:
                self._read()
            elif fd == self._woken:
                os.read(self._woken, 512)
            elif fd == self._writing:
                self._flush()
            elif not self._ends[fd].hear(fd):
                self._forget(fd)
        now = time.monotonic()
        for run in self._runs():
            if run.reap(now):
                self._dirty = True
            elif not run.died:
                run.judge(now)
                run.tell()
        if self._dirty:
            self._dirty = self._sweep(spare={run.pid for run in self._runs() if not run.died})
        for run in self._runs():
            if run.died and (not self._dirty or now - run.died > SWEEPING):
                self._finish(run)
        self._start()
        if now - self._beaten >= BEAT:
            self._beat(now)

    def _runs(self) -> list[Running]:
        return [run for run in self._places if run is not None]

    # -- the keeper

    def _read(self) -> None:
        try:
            data = os.read(self._reading, GULP)
        except OSError as error:
            data = b""
            if isinstance(error, BlockingIOError):
                return
        self._open = bool(data)
        *lines, self._part = (self._part + data).split(b"\n")
        now = boot()
        for line in lines:
            if line.startswith(ARRIVED):
                self._arrived(line)
                continue
            if line.startswith(_CONTROL):
                self._told(line.decode("ascii", "replace").split())
                continue
            request = unpack_request(line)
            if request.job is not None:
                self._jobs[request.job_id] = request.job
            self._waiting.add(request, now)

    def _arrived(self, line: bytes) -> None:
        number = int(line.removeprefix(ARRIVED).partition(b" ")[0])
        for run in self._runs():
            if run.request.number == number:
                run.tell(line + b"\n")

    def _told(self, words: list[str]) -> None:
        """`!forget JOB…`: these jobs will not come again. `!cancel NUMBER`: nobody waits for this attempt any more."""
        if words[0] == "!forget":
            for job_id in words[1:]:
                self._jobs.pop(job_id, None)
        elif words[0] == "!cancel" and not self._waiting.drop(number := int(words[1])):
            for run in self._runs():
                if run.request.number == number and not run.died:
                    run.call_off(time.monotonic())

    def _say(self, line: bytes) -> None:
        self._unsent += line
        self._flush()

    def _flush(self) -> None:
        """Write what can be written; the rest when there is room again."""
        try:
            self._unsent = self._unsent[os.write(self._writing, self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._open = False
            return
        if self._unsent:
            self._poll.register(self._writing, select.POLLOUT)
        else:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._writing)

    def _beat(self, now: float) -> None:
        late = max(0, int((now - self._beaten - 2 * BEAT) * 1e6)) if self._beaten else 0
        self._beats += 1
        self._beaten = now
        running, waiting = len(self._runs()), len(self._waiting)
        self._board.write(Sight(self._beats, 0, running, waiting, self._started, self._shed, 0, late))

    # -- scripts

    def _start(self) -> None:
        """Tell who waited too long, and start as many as there are places."""
        for late in self._waiting.turn_away(boot()):
            self._shed += 1
            waited = boot() - late.sent
            said = f"shed: {self._most} scripts were running for longer than it could wait"
            self._say(pack(Reply(late.number, "unknown", Failure.SKIPPED, said, waited=waited, witness=SHED)))
        while None in self._places and (request := self._waiting.take()) is not None:
            if self._board.begin(request.number):
                self._fork(request, self._places.index(None))
            else:
                self._say(b"!back %d\n" % request.number)

    def _fork(self, request: Request, slot: int) -> None:
        job = self._jobs.get(request.job_id)
        if job is None:
            self._say(pack(Reply(request.number, "unknown", Failure.HOST_LOST, "the host does not know this job")))
            return
        most = self._limit_of_processes()
        parent = os.getpid()

        def start(ends: Ends) -> None:
            self._board.close()
            become(request, job, ends, maker=self._maker, pulse=run.pulse, limits=(parent, most))

        run = Running(request, job, self._pulses[slot : slot + 1], now=time.monotonic())
        try:
            run.fork(start)
        except OSError as error:
            said = f"no process could be started for the script: {error.strerror}"
            self._say(pack(Reply(request.number, "unknown", Failure.MONITOR_FAULT, said)))
            return
        self._started += 1
        self._places[slot] = run
        for fd in (run.answer, run.prints):
            self._ends[fd] = run
            self._poll.register(fd, select.POLLIN)

    def _limit_of_processes(self) -> int:
        """What all of this user's processes may be for a script to start one more: the kernel counts them together."""
        now = time.monotonic()
        if not self._processes or now - self._counted > COUNTED:
            self._counted, self._processes = now, count_of_user()
        return self._processes + self._most * PROCESSES

    def _sweep(self, *, spare: set[int]) -> bool:
        """Kill what ended scripts left; True while any of it is there. Whatever fled, it has become our child."""
        left = [pid for pid in children(os.getpid()) if pid not in spare]
        for pid in left:
            kill(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        return bool(left)

    def _forget(self, fd: int) -> None:
        if self._ends.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def _finish(self, run: Running) -> None:
        self._places[self._places.index(run)] = None
        for fd in (run.answer, run.prints):
            self._forget(fd)
        self._say(pack(run.finish(self._folder)))
