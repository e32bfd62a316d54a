"""A piece of work in a fork of this process, with an end."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable


def child(work: Callable[[int], int], timeout: float) -> tuple[int, bytes]:
    """Run `work(pipe)` in a fork; its exit status (-1: it took longer, seconds) and what it wrote into the pipe."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.setpgid(0, 0)
        status = 1
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(null, number)
            status = work(write)
        finally:
            os._exit(status)
    os.close(write)
    return _await(pid, read, timeout)


def _await(pid: int, read: int, timeout: float) -> tuple[int, bytes]:
    end, found = time.monotonic() + timeout, b""
    while True:
        ready, _, _ = select.select([read], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(read)
            return -1, found
        part = os.read(read, 1 << 16)
        if not part:
            break
        found += part
    os.close(read)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), found
