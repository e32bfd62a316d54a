"""`showup heartbeat run`: a command that reports when it begins and how it ended, and is otherwise left alone."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO
from uuid import UUID, uuid4

from monitor.cli.reporting import Reporter, ear_of, without_address
from probes.words.errors import Refused
from probes.words.text import for_terminal

KEPT = 10_000  # bytes of output that are reported, the last ones
LINGERS = 2.0  # seconds that output is waited for when the command has ended: a child of its own may hold it open
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
NOT_FOUND, NOT_ALLOWED = 127, 126  # exit statuses, as a shell gives them


class Tail:
    """The last bytes of what a command prints on both of its outputs."""

    def __init__(self) -> None:
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        """More of it."""
        with self._lock:
            self._parts.append(data[-KEPT:])
            self._size += len(self._parts[-1])
            while self._size - len(self._parts[0]) >= KEPT:
                self._size -= len(self._parts.popleft())

    def text(self) -> str:
        """What is kept."""
        with self._lock:
            return b"".join(self._parts)[-KEPT:].decode("utf-8", "replace")


def run_wrapped(
    name: str, command: Sequence[str], *, rid: str, url_file: Path | None, state: Path | None, patience: float
) -> int:
    """Run the command and report; its exit status, whatever becomes of the reports. Raises Refused before it runs."""
    if not command:
        raise Refused("there is no command", hint="write -- before it: showup heartbeat run NAME -- CMD")
    reporter = Reporter(ear_of(name, url_file, state, os.environ), _rid(rid), patience=patience)
    tail = Tail()
    reporter.start()
    status = _run(command, tail)
    shown = status if status >= 0 else 128 - status
    if trouble := reporter.end(shown, tail.text()):
        who = for_terminal(name or Path(command[0]).name, 80)
        print(f"showup: that {who} ended with {shown} was not heard: {trouble}", file=sys.stderr)
    if status < 0:
        _die_by(-status)
    return shown


def _rid(given: str) -> str:
    try:
        return str(UUID(given)) if given else str(uuid4())
    except ValueError:
        raise Refused(f"{given[:40]!r} is not a UUID", hint="leave --rid out: one is made") from None


def _run(command: Sequence[str], tail: Tail) -> int:
    """The command from its start to its end: its exit status, negative for the signal that ended it."""
    ring = _Ring()
    before = {number: signal.signal(number, ring.pass_on) for number in FORWARDED}
    try:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=without_address())
        ring.answers(child)
        return _follow(child, tail)
    except OSError as error:
        said = f"showup: {for_terminal(command[0], 200)}: {error.strerror}"
        print(said, file=sys.stderr)
        tail.add(said.encode())
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_ALLOWED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(child: subprocess.Popen[bytes], tail: Tail) -> int:
    copies = [
        threading.Thread(target=_copy, args=(stream, number, tail), daemon=True)
        for stream, number in ((child.stdout, 1), (child.stderr, 2))
    ]
    for copy in copies:
        copy.start()
    status = child.wait()
    for copy in copies:
        copy.join(LINGERS)
    return status


class _Ring:
    """Signals on their way to the command; those that come before it runs are passed on when it does."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def answers(self, child: subprocess.Popen[bytes]) -> None:
        """The command runs."""
        self._child = child
        for number in self._early:
            child.send_signal(number)

    def pass_on(self, number: int, frame: FrameType | None) -> None:
        """What came for us is the command's."""
        if number == signal.SIGINT and os.isatty(0):
            return  # the terminal has sent it to both of us
        if self._child is None:
            self._early.append(number)
            return
        with contextlib.suppress(ProcessLookupError):
            self._child.send_signal(number)


def _copy(stream: IO[bytes] | None, to: int, tail: Tail) -> None:
    """Everything as it comes; when nobody reads us any more, the command is not read either, as without us."""
    if stream is None:
        return
    source = stream.fileno()
    with stream:
        while data := os.read(source, 65_536):
            tail.add(data)
            try:
                while data:
                    data = data[os.write(to, data) :]
            except OSError:
                return


def _die_by(number: int) -> None:
    """End as the command ended, so that whoever started us sees the same."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core of ours would tell nothing of the command
    with contextlib.suppress(OSError, ValueError):  # of those that nobody can see to
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
