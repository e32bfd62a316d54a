"""The parent of scripts: warmed and single-threaded, it forks one process an attempt and outlives whatever they do."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import resource
import selectors
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

from probes.attempt import make, prepare
from probes.children import OUTPUT, limit, orphans, reaped, signal_child, wait, where, with_output, write_all
from probes.frames import LARGEST, Reply, Request, pack, unpack_reply, unpack_request
from probes.pulse import BEAT, BEAT_MARK, settle
from probes.words.failure import Failure
from probes.words.secret import Redactor
from probes.words.text import clean

LAST_WORDS = 0.5  # seconds between the request for a stack dump and the end
SUBREAPER, DEATH_SIGNAL = 36, 1  # prctl


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value)


@dataclass(slots=True)
class Child:
    """One attempt's process: what it was asked, until when, and what it said so far."""

    request: Request
    job: dict[str, Any]
    pid: int
    replies: int
    output: int
    ends_at: float
    waited: int
    asked_to_die: float = 0.0
    said: bytearray = field(default_factory=bytearray)
    printed: bytearray = field(default_factory=bytearray)
    flooded: int = 0


class Zygote:
    """Forks, watches deadlines, reads what comes back and cleans up; a plain selector, as threads and forks do not
    mix."""

    def __init__(self, reading: int, writing: int, *, most: int) -> None:
        self._reading, self._writing, self._most = reading, writing, most
        self._selector = selectors.DefaultSelector()
        self._selector.register(reading, selectors.EVENT_READ, None)
        self._jobs: dict[str, dict[str, Any]] = {}
        self._waiting: deque[Request] = deque()
        self._children: dict[int, Child] = {}
        self._rest = b""
        self._open = True
        self._made = 0
        self._beat_at = 0.0

    def serve(self) -> None:
        """Serve until the keeper closes the pipe; then end every child."""
        import probes.kinds.script.run  # warmed: what a script needs is loaded before the first fork

        assert probes.kinds.script.run.prepare is not None  # noqa: S101
        _prctl(SUBREAPER, 1)
        settle()
        while self._open:
            for key, _ in self._selector.select(self._pause()):
                if key.data is None:
                    self._read()
                else:
                    self._hear(key.data, key.fd)
            self._watch()
            while self._waiting and len(self._children) < self._most:
                self._fork(self._waiting.popleft())
        for child in list(self._children.values()):
            signal_child(child.pid, signal.SIGKILL)
        self._sweep()

    def _pause(self) -> float:
        now = time.monotonic()
        ends = [
            child.asked_to_die + LAST_WORDS if child.asked_to_die else child.ends_at
            for child in self._children.values()
        ]
        return max(0.0, min([self._beat_at - now, *(end - now for end in ends)]))

    def _read(self) -> None:
        try:
            chunk = os.read(self._reading, 1 << 18)
        except BlockingIOError:
            return
        self._open = bool(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            request = unpack_request(line)
            if request.job is not None:
                self._jobs[request.job_id] = request.job
            self._waiting.append(request)

    # -- a child's life -----------------------------------------------------------------------------------------------

    def _fork(self, request: Request) -> None:
        job = self._jobs.get(request.job_id)
        if job is None:
            self._send(Reply(request.number, "unknown", Failure.HOST_LOST, "the host does not know this job"))
            return
        replies, answer = os.pipe()
        output, prints = os.pipe()
        waited = max(0, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 - request.sent)
        pid = os.fork()
        if pid == 0:
            self._become(request, job, answer, prints)
        os.close(answer)
        os.close(prints)
        end = time.monotonic() + request.timeout + request.cleanup + LAST_WORDS
        child = Child(request, job, pid, replies, output, end, waited)
        self._children[pid] = child
        for end_ in (replies, output):
            os.set_blocking(end_, False)
            self._selector.register(end_, selectors.EVENT_READ, child)

    def _become(self, request: Request, job: dict[str, Any], answer: int, prints: int) -> None:
        """In the child: a process of its own with limits, that makes one attempt and ends."""
        try:
            os.setsid()
            _prctl(DEATH_SIGNAL, signal.SIGKILL)
            os.dup2(prints, 1)
            os.dup2(prints, 2)
            self._selector.close()
            keep = answer if answer > 2 else os.dup(answer)
            for end in (self._reading, self._writing):
                os.close(end)
            limit()
            import faulthandler

            faulthandler.enable(file=2, all_threads=False)
            reply = asyncio.run(make(prepare(job), request))
            write_all(keep, pack(reply))
            sys.stdout.flush()
        except BaseException as error:  # the last line of a process that runs a stranger's code
            with contextlib.suppress(BaseException):
                said = f"the probe's process failed: {type(error).__name__}: {error}"
                write_all(answer, pack(Reply(request.number, "unknown", Failure.PROBE_BUG, clean(said, 300))))
        finally:
            os._exit(0)

    def _hear(self, child: Child, end: int) -> None:
        try:
            chunk = os.read(end, 1 << 16)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._selector.unregister(end)
            os.close(end)
            child.replies, child.output = (-1, child.output) if end == child.replies else (child.replies, -1)
            if child.replies < 0 and (child.output < 0 or child.said):
                self._end(child)
        elif end == child.replies:
            child.said += chunk[: LARGEST + 1 - len(child.said)]
        else:
            child.flooded += len(chunk)
            child.printed += chunk[: max(0, OUTPUT - len(child.printed))]

    def _watch(self) -> None:
        now = time.monotonic()
        if now >= self._beat_at:
            self._beat(now)
        for child in list(self._children.values()):
            gone = reaped(child.pid)
            if gone is not None:
                self._drain(child)
                self._end(child, gone)
            elif child.asked_to_die and now > child.asked_to_die + LAST_WORDS:
                signal_child(child.pid, signal.SIGKILL)
            elif not child.asked_to_die and now > child.ends_at:
                child.asked_to_die = now
                signal_child(child.pid, signal.SIGABRT, group=False)  # faulthandler writes where it stands
        self._sweep()

    def _drain(self, child: Child) -> None:
        for end in (child.replies, child.output):
            for _ in range(64):
                if end < 0 or end not in (child.replies, child.output):
                    break
                before = len(child.said) + child.flooded
                self._hear(child, end)
                if len(child.said) + child.flooded == before:
                    break

    def _end(self, child: Child, status: int | None = None) -> None:
        if self._children.pop(child.pid, None) is None:
            return
        for end in (child.replies, child.output):
            if end >= 0:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(end)
                os.close(end)
        signal_child(child.pid, signal.SIGKILL)
        if status is None:
            status = wait(child.pid)
        self._made += 1
        self._send(self._reply(child, status))

    def _reply(self, child: Child, status: int) -> Reply:
        hide = Redactor.of(child.request.secrets.values())
        printed = hide.text(child.printed.decode("utf-8", "replace"))
        if child.said and not child.asked_to_die:
            try:
                reply = unpack_reply(bytes(child.said).rstrip(b"\n"))
                if reply.number == child.request.number:
                    return with_output(replace(reply, waited=child.waited), printed, child.flooded)
            except (ValueError, TypeError):
                pass
        sentence = self._why(child, status, printed)
        evidence = {"steps": [], "stack": clean(printed[-8000:], 8000, lines=True)}
        return Reply(
            child.request.number,
            "unknown",
            Failure.PROBE_BUG,
            hide.text(sentence),
            waited=child.waited,
            evidence=evidence,
        )

    def _why(self, child: Child, status: int, printed: str) -> str:
        if child.asked_to_die:
            place = where(printed, str(child.job.get("file") or ""))
            limit = f"{child.request.timeout:g} s"
            return f"the probe blocked{place} and was ended: its time was {limit}; await what takes long"
        if child.said:
            return "the probe wrote into the host's own pipe"
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return f"the probe's process was ended by {signal.Signals(number).name}"
        return f"the probe's process ended by itself (exit code {os.waitstatus_to_exitcode(status)})"

    def _sweep(self) -> None:
        """Grandchildren whose parent is gone fall to us: they are ended, whatever session they fled to."""
        for pid in orphans():
            if pid not in self._children:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    # -- the pipe -----------------------------------------------------------------------------------------------------

    def _send(self, reply: Reply) -> None:
        try:
            line = pack(reply)
        except (ValueError, TypeError):
            line = pack(Reply(reply.number, "unknown", Failure.PROBE_BUG, "the reply of the attempt was too large"))
        write_all(self._writing, line)

    def _beat(self, now: float) -> None:
        self._beat_at = now + BEAT
        used = resource.getrusage(resource.RUSAGE_SELF)
        facts = {
            "cpu": round(used.ru_utime + used.ru_stime, 3),
            "rss": used.ru_maxrss * 1024,
            "flying": len(self._children),
            "waiting": len(self._waiting),
            "made": self._made,
        }
        write_all(self._writing, BEAT_MARK + json.dumps(facts, separators=(",", ":")).encode() + b"\n")
