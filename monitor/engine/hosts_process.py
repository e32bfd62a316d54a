"""One probe host as a child process: its pipe, what is asked of it, and the life signs it gives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from probes.frames import LARGEST, Reply, Request, pack, unpack_reply
from probes.words.failure import Failure
from probes.words.text import clean

CHUNK = 1 << 18
BEAT_MARK = ord("!")
DUMP_SECONDS = 0.4  # that a host which stands still has to write down where
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "RES_OPTIONS")


@dataclass(frozen=True, slots=True)
class Stats:
    """What a host said of itself: CPU seconds, resident bytes, attempts made and shed; and what is in flight."""

    role: str
    pid: int = 0
    cpu: float = 0.0
    rss: int = 0
    made: int = 0
    shed: int = 0
    in_flight: int = 0


class Failed(Exception):
    """The host failed this attempt: with which failure, in which words, at which place."""

    def __init__(self, failure: Failure, sentence: str, stack: str = "") -> None:
        super().__init__(sentence)
        self.failure, self.sentence, self.stack = failure, sentence, stack


@dataclass(slots=True)
class _Asked:
    future: asyncio.Future[Reply]
    name: str
    gives_up_at: float


class HostProcess:
    """A running host. Built inside the event loop; raises OSError when it cannot be started."""

    def __init__(self, role: str, *, scripts: int, folder: str, now: float) -> None:
        self.began = self.heard = now
        self.beaten = self.closed = False
        self.stalled: tuple[int, str] | None = None
        self.stats = Stats(role)
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, _Asked] = {}
        self._known: set[str] = set()
        self._out: list[bytes] = []
        self._rest = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the host; its end is the dump
        command = [sys.executable, "-I", "-m", "probes.host", "--role", role, "--scripts", str(scripts)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=folder,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            start_new_session=True,
        )
        reading, writing = self._process.stdout, self._process.stdin
        self._reading, self._writing = (reading.fileno() if reading else -1), (writing.fileno() if writing else -1)
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._loop.add_reader(self._reading, self._read)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    @property
    def load(self) -> int:
        """How many attempts it has been asked for and has not answered."""
        return len(self._asked)

    async def ask(self, request: Request, job: Mapping[str, Any], *, gives_up_at: float) -> Reply:
        """The reply to a request; raises Failed."""
        if self.closed:
            raise Failed(Failure.HOST_LOST, "the host had ended")
        if request.job_id not in self._known:
            self._known.add(request.job_id)
            request = replace(request, job=dict(job))
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._asked[request.number] = _Asked(future, request.job_id, gives_up_at)
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(pack(request))
        try:
            return await future
        finally:
            self._asked.pop(request.number, None)

    def _flush(self) -> None:
        """Everything of this turn in one write."""
        data = b"".join(self._out)
        self._out.clear()
        if self.closed or not data:
            return
        try:
            written = os.write(self._writing, data)
        except BlockingIOError:
            written = 0
        except OSError:
            self.closed = True
            return
        if written < len(data):
            self._out.append(data[written:])
            self._loop.call_later(0.005, self._flush)

    def _read(self) -> None:
        try:
            chunk = os.read(self._reading, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if not chunk:
            self._loop.remove_reader(self._reading)
            self.closed = True
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LARGEST:
            self._mistrust("it writes without end")
            return
        for line in lines:
            if line:
                self._hear(line)

    def _hear(self, line: bytes) -> None:
        if line[0] == BEAT_MARK:
            self._beat(line[1:])
            return
        try:
            reply = unpack_reply(line)
        except (ValueError, TypeError) as error:
            self._mistrust(clean(str(error), 120))
            return
        asked = self._asked.get(reply.number)
        if asked is not None and not asked.future.done():
            asked.future.set_result(reply)

    def _beat(self, text: bytes) -> None:
        self.beaten, self.heard = True, time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            facts = json.loads(text)
        except ValueError:
            return  # two lines that ran into each other; the next one is whole
        if "stalled" in facts:
            self.stalled = int(facts["stalled"]), clean(str(facts.get("stack", "")), 4000, lines=True)
            return
        given = {
            name: facts[name] for name in ("cpu", "rss", "made", "shed") if isinstance(facts.get(name), int | float)
        }
        self.stats = replace(self.stats, **given)

    def _mistrust(self, why: str) -> None:
        """What it writes is no reply: it may have been taken over by what it watches."""
        self.fail_all(self.only_one(), f"the host wrote nonsense: {why}", "")
        self.end()
        self.closed = True

    def has_unread(self) -> bool:
        """True when it has written something that we have not read yet: then we are late, not it."""
        import select

        return bool(select.select([self._reading], [], [], 0)[0]) if not self.closed else False

    def only_one(self) -> int:
        """The attempt in flight when there is only one: nobody else can be to blame."""
        return next(iter(self._asked)) if len(self._asked) == 1 else 0

    def expire(self, now: float) -> None:
        """Give up the attempts that should have ended long ago."""
        for asked in list(self._asked.values()):
            if now > asked.gives_up_at and not asked.future.done():
                asked.future.set_exception(Failed(Failure.HOST_LOST, "the host did not answer in time"))

    def fail_all(self, culprit: int, why: str, stack: str) -> None:
        """End every attempt in flight: the culprit with its stack, the others as innocent."""
        for number, asked in list(self._asked.items()):
            if asked.future.done():
                continue
            if number == culprit:
                failed = Failed(Failure.PROBE_BUG, f"the probe held up its host for over a second ({why})", stack)
            else:
                failed = Failed(Failure.HOST_LOST, why)
            asked.future.set_exception(failed)

    def dump(self) -> str:
        """Have it write down where it stands, and read that; blocks for a moment."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(DUMP_SECONDS)
        return self.errors()

    def errors(self) -> str:
        """The end of what it wrote to standard error."""
        try:
            size = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, size - 6000))
            return clean(self._errors.read().decode("utf-8", "replace"), 6000, lines=True)
        except (OSError, ValueError):
            return ""

    def how_it_ended(self) -> str:
        """Its exit code or signal, and its last line."""
        code = self._process.poll()
        last = self.errors().strip().splitlines()[-1:] or [""]
        said = f"; {clean(last[0], 160)}" if last[0] else ""
        if code is not None and code < 0:
            return f"{signal.Signals(-code).name}{said}"
        return f"exit code {code}{said}"

    def end(self) -> None:
        """Kill it, with everything it started, and forget its pipe."""
        self.closed = True
        with contextlib.suppress(ValueError, OSError):
            self._loop.remove_reader(self._reading)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.close()
        with contextlib.suppress(OSError):
            self._errors.close()
