"""Where the body of an answer ends (RFC 9112, 6 and 7): after a length, after the last chunk, or with the connection.

httpcore hands each chunk through h11 and four coroutines, which for a stream of tokens is a third of all that is done.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import httpcore
import httpx

_AT_ONCE = 64 * 1024  # bytes
_HEADER = 8 * 1024  # bytes of a chunk's header
_TRAILERS = 64 * 1024  # bytes of all that follows the last chunk
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\Z")
_BODILESS = frozenset({204, 304})


class Wire(Protocol):
    """Where bytes come from; b"" is the end."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...


class Framing(Protocol):
    """Takes the bytes of the wire, gives those of the body. `done`: nothing follows; `chunks` were begun."""

    done: bool
    chunks: int

    def feed(self, data: bytes) -> bytes: ...
    def end(self) -> None: ...


class Length:
    """A body of so many bytes."""

    chunks = 0

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0

    def feed(self, data: bytes) -> bytes:
        """As much as belongs to it."""
        part = data[: self._left]
        self._left -= len(part)
        self.done = self._left == 0
        return part

    def end(self) -> None:
        """The connection ended."""
        raise httpcore.RemoteProtocolError(f"peer closed connection, incomplete body: {self._left} bytes are missing")


class UntilEnd:
    """A body that ends with the connection."""

    done, chunks = False, 0

    def feed(self, data: bytes) -> bytes:
        """All of it."""
        return data

    def end(self) -> None:
        """The connection ended, as it should."""


class Chunked:
    """A body in chunks."""

    def __init__(self) -> None:
        self.done = False
        self.chunks = 0
        self._held = b""
        self._left = 0  # bytes of the chunk that are to come
        self._foot = self._trailing = False
        self._trailers = 0

    def feed(self, data: bytes) -> bytes:
        """What is in the chunks, put together; raises RemoteProtocolError for what is no chunk."""
        data, at, parts = self._held + data if self._held else data, 0, list[bytes]()
        while at < len(data) and not self.done:
            if self._left:
                part = data[at : at + self._left]
                parts.append(part)
                at += len(part)
                self._left -= len(part)
                self._foot = not self._left
                continue
            stop = data.find(b"\r\n", at)
            if stop < 0:
                self._check(len(data) - at, data[at : at + 1])
                break
            self._line(data[at:stop])
            at = stop + 2
        self._held = data[at:]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _check(self, waiting: int, first: bytes) -> None:
        if waiting > (_TRAILERS if self._trailing else _HEADER) or (self._foot and first != b"\r"):
            raise httpcore.RemoteProtocolError("a chunk without an end")

    def _line(self, line: bytes) -> None:
        """What stands between the data of two chunks, line by line."""
        if self._foot:
            self._foot = False
            if line:
                raise httpcore.RemoteProtocolError(f"malformed end of a chunk: {line[:20]!r}")
        elif self._trailing:
            self._trailers += len(line) + 2
            self.done = not line
            if self._trailers > _TRAILERS:
                raise httpcore.RemoteProtocolError("trailers without an end")
        else:
            found = _SIZE.match(line)
            if found is None or len(line) > _HEADER:
                raise httpcore.RemoteProtocolError(f"illegal chunk header: {line[:20]!r}")
            self.chunks += 1
            self._left = int(found[1], 16)
            self._trailing = self._left == 0

    def end(self) -> None:
        """The connection ended."""
        raise httpcore.RemoteProtocolError("peer closed connection, incomplete chunked read")


def framing(method: str, status: int, headers: Sequence[tuple[bytes, bytes]]) -> Framing:
    """How the body of an answer is framed; h11 has made sure that its headers do not contradict each other."""
    if method == "HEAD" or status in _BODILESS or status < 200:
        return Length(0)
    named = {name.lower(): value for name, value in headers}
    if b"transfer-encoding" in named:
        return Chunked()
    length = named.get(b"content-length")
    return UntilEnd() if length is None else Length(int(length))


class Body(httpx.AsyncByteStream):
    """The body of an answer as it comes; `first` is what came together with the headers."""

    def __init__(self, wire: Wire, framed: Framing, first: bytes) -> None:
        self._wire, self._framed, self._first = wire, framed, first

    @property
    def chunks(self) -> int:
        """How many chunks were begun so far."""
        return self._framed.chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        framed, data = self._framed, self._first
        while True:
            if data and (part := framed.feed(data)):
                yield part
            if framed.done:
                return
            data = await self._wire.read(_AT_ONCE)
            if not data:
                framed.end()
                return
