"""One connection, as httpcore reads and writes it."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Any

import httpcore

HEAD_LIMIT = 64 * 1024  # bytes of status line and headers, informational answers included
_HIGH_WATER = 256 * 1024  # bytes kept unread before the target is made to wait


class Line(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """A connection with limits in bytes; limits in time are its user's. `sent_at` is when the last of the request left.

    Half the price of httpcore's own stream, which goes through anyio for other event loops' sake.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: Any = None  # a Transport with TLS or without
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._waiter: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._ended = False
        self._error: Exception | None = None
        self.heading = True  # the answer's headers are still to come
        self.received = 0
        self.opening = b""  # the first bytes that came
        self.sent_at = 0.0

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what came; stop reading when too much is kept."""
        self._chunks.append(data)
        self._held += len(data)
        if self._held > _HIGH_WATER:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """The other side has said all; the transport may close itself."""
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come or go."""
        self._ended, self._error = True, exc
        self._wake()
        self.resume_writing()
        # asyncio's transport refers to itself by this, and would wait for the collector with all that it holds
        getattr(self._transport, "__dict__", {}).pop("_read_ready_cb", None)

    def pause_writing(self) -> None:
        """The other side does not read fast enough."""
        self._drain = self._loop.create_future()

    def resume_writing(self) -> None:
        """It reads again."""
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)
        self._drain = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # httpcore calls these

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Some bytes, b"" at the end; raises httpcore.ReadError or, for headers without end, RemoteProtocolError."""
        if self.heading and self.received > HEAD_LIMIT:
            raise httpcore.RemoteProtocolError(f"headers of more than {HEAD_LIMIT // 1024} KB")
        while not self._chunks:
            if self._error is not None:
                raise httpcore.ReadError(str(self._error)) from self._error
            if self._ended:
                return b""
            self._waiter = self._loop.create_future()
            await self._waiter
        data = self._chunks.popleft()
        if len(data) > max_bytes:
            self._chunks.appendleft(data[max_bytes:])
            data = data[:max_bytes]
        if self._held > _HIGH_WATER >= self._held - len(data) and not self._ended:
            self._transport.resume_reading()
        if not self.received:
            self.opening = data[:8]
        self._held -= len(data)
        self.received += len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it; raises httpcore.WriteError when the connection is gone."""
        if self._ended and self._transport.is_closing():
            raise httpcore.WriteError("the connection is closed") from self._error
        self._transport.write(buffer)
        if self._drain is not None:
            await self._drain
        self.sent_at = monotonic()

    async def aclose(self) -> None:
        """The same as `close`."""
        self.close()

    def close(self) -> None:
        """Leave nothing behind: there is no waiting for a peer that may never say goodbye."""
        if self._transport is not None:
            self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """What the transport knows by this name."""
        return self._transport.get_extra_info(info) if self._transport is not None else None
