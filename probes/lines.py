"""Lines over a descriptor that never blocks: what comes in a batch is read in one call, what is said in one turn of the
loop leaves in one write."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from probes.frames import LARGEST

_GULP = 1 << 18  # bytes read at once
_FULL = 64 << 20  # bytes unsent; whoever does not read for so long is lost


class Lines:
    """Both ways of one connection. `heard` gets the whole lines that came, `ended` is called once when it is over.

    `read` and `write` may be the same descriptor; they are made non-blocking, and closed by `close`.
    """

    def __init__(
        self, read: int, write: int, *, heard: Callable[[list[bytes]], None], ended: Callable[[str], None]
    ) -> None:
        self._read, self._write = read, write
        self._heard, self._ended = heard, ended
        self._loop = asyncio.get_running_loop()
        self._part = b""
        self._unsent: list[bytes] = []
        self._scheduled = self._stuck = self._over = False
        for fd in {read, write}:
            os.set_blocking(fd, False)
        self._loop.add_reader(read, self._readable)

    def say(self, line: bytes) -> None:
        """Send a line (with its line break) at the end of this turn of the loop."""
        self._unsent.append(line)
        if not self._scheduled and not self._stuck:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _readable(self) -> None:
        try:
            data = os.read(self._read, _GULP)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(f"reading failed: {error.strerror}")
            return
        if not data:
            self._end("")
            return
        lines = (self._part + data if self._part else data).split(b"\n")
        self._part = lines.pop()
        if len(self._part) > LARGEST:
            self._end("a line was too long")
            return
        if lines:
            self._heard(lines)

    def _flush(self) -> None:
        self._scheduled = False
        if self._over or not self._unsent:
            return
        data = b"".join(self._unsent) if len(self._unsent) > 1 else self._unsent[0]
        self._unsent.clear()
        try:
            sent = os.write(self._write, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._end(f"writing failed: {error.strerror}")
            return
        if sent < len(data):
            self._wait(data[sent:])
        elif self._stuck:
            self._stuck = False
            self._loop.remove_writer(self._write)

    def _wait(self, rest: bytes) -> None:
        if len(rest) > _FULL:
            self._end("the other side does not read")
            return
        self._unsent.insert(0, rest)
        if not self._stuck:
            self._stuck = True
            self._loop.add_writer(self._write, self._flush)

    def _end(self, why: str) -> None:
        if not self._over:
            self.close()
            self._ended(why)

    def close(self) -> None:
        """Stop; nothing is heard or said any more."""
        if self._over:
            return
        self._over = True
        self._loop.remove_reader(self._read)
        if self._stuck:
            self._loop.remove_writer(self._write)
        for fd in {self._read, self._write}:
            os.close(fd)
