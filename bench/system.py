"""What the kernel says of a process and everything below it: CPU seconds and memory."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def below(pid: int) -> list[int]:
    """A process and all its descendants, as they are now."""
    found, ahead = [], [pid]
    while ahead:
        one = ahead.pop()
        found.append(one)
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            with suppress(OSError):
                ahead += map(int, task.read_text().split())
    return found


def cpu(pid: int) -> float:
    """CPU seconds, user and system, of a process, its descendants, and the descendants that have ended."""
    total = 0
    for one in below(pid):
        with suppress(OSError):
            words = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, words[11:15]))
    return total / _TICKS


def pss(pid: int) -> float:
    """Megabytes (10**6) of a process and its descendants; what they share is counted once."""
    total = 0
    for one in below(pid):
        with suppress(OSError):
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


@contextmanager
def serving(command: list[str]) -> Iterator[str]:
    """The address of a server that is started by this command and prints its port."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
    finally:
        end(server)
        assert server.stdout is not None
        server.stdout.close()


def end(process: subprocess.Popen[str], *, patience: float = 25.0) -> None:
    """Ask it to stop; kill what is left of it and of its descendants."""
    if process.poll() is not None:
        return
    everything = below(process.pid)
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)
    for pid in everything[1:]:
        if Path(f"/proc/{pid}").exists():
            time.sleep(0.2)
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
