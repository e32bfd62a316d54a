"""What is done to children, from outside and inside: limits, signals, waiting, and reading where one stood."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import time
from dataclasses import replace

from probes.frames import Reply
from probes.words.text import clean

MEMORY = 512 << 20  # bytes a script may have beside what it inherits
FILES = 256
FILE_SIZE = 64 << 20
OUTPUT = 64 << 10  # bytes of prints that are kept; the rest is read and thrown away
_LINE = re.compile(r'File "([^"]+)", line (\d+) in (\S+)')


def limit() -> None:
    """Bound this process: politeness, memory, files, no core."""
    os.nice(19)
    with contextlib.suppress(OSError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    with open("/proc/self/statm", encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


def write_all(end: int, data: bytes) -> None:
    """Write everything, waiting where the pipe is full."""
    while data:
        try:
            data = data[os.write(end, data) :]
        except BlockingIOError:
            time.sleep(0.001)
        except BrokenPipeError:
            return


def signal_child(pid: int, number: int, *, group: bool = True) -> None:
    """Signal a process, or its whole group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        (os.killpg if group else os.kill)(pid, number)


def reaped(pid: int) -> int | None:
    """The status of a child that has ended, None while it runs."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return status if found else None


def wait(pid: int) -> int:
    """The status of a child that was killed just now; it ends within moments."""
    for _ in range(1000):
        status = reaped(pid)
        if status is not None:
            return status
        time.sleep(0.001)
    return 0


def orphans() -> list[int]:
    """Every process whose parent we are."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except (OSError, ValueError):
        return []


def where(dump: str, file: str) -> str:
    """Where a dump says the author's code stood, or nothing."""
    found = _LINE.findall(dump)
    mine = [row for row in found if row[0] == file] or found[:1]
    if not mine:
        return ""
    name, line, function = mine[0]
    return f" at {os.path.basename(name)}:{line} in {function}"


def with_output(reply: Reply, printed: str, flooded: int) -> Reply:
    """The reply with what the script printed."""
    if not printed or reply.evidence is None:
        return reply
    text = clean(printed, 4000, lines=True)
    if flooded > OUTPUT:
        text += f"\n… {flooded - OUTPUT} bytes more were thrown away"
    return replace(reply, evidence={**reply.evidence, "printed": text})
