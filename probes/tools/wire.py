"""The wire: an httpx transport that connects only to addresses the target admits, and times each part of it.

httpx's own transport looks names up and connects out of sight, shares a pool that leaks on cancellation, and tells its phases through
thirteen awaited callbacks. This one makes a fresh connection for each request, to the very address that was checked.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from functools import lru_cache
from time import monotonic
from typing import Any

import httpcore
import httpx

from probes import classify
from probes.addresses import literal
from probes.target import Place, Target
from probes.tools import Trouble
from probes.tools.resolver import Resolver
from probes.words.failure import Failure

HEAD_LIMIT = 64 * 1024  # bytes of status line and headers, informational answers included
_HIGH_WATER = 256 * 1024  # bytes kept unread before the target is made to wait
_STAGGER = 0.25  # s before the next address is tried beside a silent one (RFC 8305)


class Line(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection as httpcore reads and writes it; limits in time are the caller's, limits in bytes are here."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: Any = None
        self._chunks: list[bytes] = []
        self._held = 0
        self._waiter: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._ended = False
        self._error: BaseException | None = None
        self.heading = True  # the answer's headers are still to come
        self.received = 0
        self.sent_at = 0.0

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._chunks.append(data)
        self._held += len(data)
        if self._held > _HIGH_WATER:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended, self._error = True, exc
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._drain = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)
        self._drain = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # httpcore calls these

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self.heading and self.received > HEAD_LIMIT:
            raise httpcore.RemoteProtocolError(f"headers of more than {HEAD_LIMIT // 1024} KB")
        while not self._chunks:
            if self._error is not None:
                raise httpcore.ReadError(str(self._error)) from self._error
            if self._ended:
                return b""
            self._waiter = self._loop.create_future()
            await self._waiter
        data = self._chunks[0]
        if len(data) > max_bytes:
            self._chunks[0] = data[max_bytes:]
            data = data[:max_bytes]
        else:
            del self._chunks[0]
        if self._held > _HIGH_WATER >= self._held - len(data) and not self._ended:
            self._transport.resume_reading()
        self._held -= len(data)
        self.received += len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._error is not None or self._transport.is_closing():
            raise httpcore.WriteError("the connection is closed")
        self._transport.write(buffer)
        if self._drain is not None:
            await self._drain
        self.sent_at = monotonic()

    async def aclose(self) -> None:
        self.close()

    def close(self) -> None:
        """Leave nothing behind: no waiting for a peer that may never say goodbye."""
        if self._transport is not None:
            self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        return self._transport.get_extra_info(info) if self._transport is not None else None


class Transport(httpx.AsyncBaseTransport):
    """Requests of one attempt to one target; `place` in a request's extensions says where it goes, `times` is filled in.

    `times` receives dns, connect, tls (seconds, only where there was such a part), `remote` (ip:port) and `line`.
    Raises Trouble for everything before the request is sent, httpcore's exceptions after.
    """

    def __init__(self, target: Target, resolver: Resolver, *, on_connected: Callable[[], None] | None = None) -> None:
        self._target = target
        self._resolver = resolver
        self._lines: set[Line] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        place: Place = request.extensions["place"]
        times: dict[str, Any] = request.extensions["times"]
        loop = asyncio.get_running_loop()
        addresses = await self._checked(place, times)
        began = monotonic()
        sock = await _connect(loop, addresses, place)
        times["connect"] = (connected := monotonic()) - began
        times["at"] = "tls"
        line = await self._open(loop, sock, place)
        if place.scheme == "https":
            times["tls"] = monotonic() - connected
        times["remote"] = line.get_extra_info("peername")
        times["line"] = line
        times["at"] = "first_byte"
        self._lines.add(line)
        origin = httpcore.Origin(place.scheme.encode(), place.host.encode(), place.port)
        url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=place.path.encode())
        inner = httpcore.Request(request.method, url, headers=request.headers.raw, content=request.stream)
        response = await httpcore.AsyncHTTP11Connection(origin, line).handle_async_request(inner)
        line.heading = False
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response.stream), extensions=response.extensions)

    async def _checked(self, place: Place, times: dict[str, Any]) -> list[tuple[int, str]]:
        """The addresses of a place, each of them admitted by the target: one that is not refuses them all."""
        times["at"] = "dns"
        address = literal(place.host)
        if address is not None:
            found = [(socket.AF_INET6 if address.version == 6 else socket.AF_INET, place.host)]
        else:
            began = monotonic()
            try:
                found = await self._resolver.addresses(place.host)
            except (OSError, UnicodeError) as error:
                raise trouble(classify.of_lookup(error, place.host)) from None
            times["dns"] = monotonic() - began
        for _, text in found:
            if not self._target.admits(place.host, text):
                raise _not_admitted(place.host, text, self._target)
        times["at"] = "connect"
        return found

    async def _open(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, place: Place) -> Line:
        context = tls_context(self._target.verify, self._target.ca_file) if place.scheme == "https" else None
        try:
            _, line = await loop.create_connection(
                lambda: Line(loop), sock=sock, ssl=context, server_hostname=place.host if context else None
            )
        except (OSError, ssl.SSLError, ConnectionError) as error:
            sock.close()
            raise trouble(classify.of_tls(error, where(place))) from None
        except BaseException:
            sock.close()
            raise
        return line

    async def aclose(self) -> None:
        """Drop every connection of the attempt, whatever state it is in."""
        for line in self._lines:
            line.close()
        self._lines.clear()


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __aiter__(self) -> Any:
        return self._stream.__aiter__()

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _connect(loop: asyncio.AbstractEventLoop, addresses: list[tuple[int, str]], place: Place) -> socket.socket:
    """A connected socket to the first address that answers; the next is tried beside it when one is silent."""
    if len(addresses) == 1:
        try:
            return await _dial(loop, *addresses[0], place.port)
        except OSError as error:
            raise trouble(classify.of_connect(error, where(place))) from None
    waiting, running, errors = list(_alternating(addresses)), set[asyncio.Task[socket.socket]](), list[BaseException]()
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_dial(loop, *waiting.pop(0), place.port)))
            done, running = await asyncio.wait(
                running, timeout=_STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                if (error := task.exception()) is None:
                    return task.result()
                errors.append(error)
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close_late)
    raise trouble(classify.of_connects(errors, where(place)))


def _alternating(addresses: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The system's order with the families taking turns, so that one dead family costs one stagger."""
    first = [pair for pair in addresses if pair[0] == addresses[0][0]]
    second = [pair for pair in addresses if pair[0] != addresses[0][0]]
    mixed = [pair for two in zip(first, second, strict=False) for pair in two]
    return mixed + first[len(second) :] + second[len(first) :]


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _dial(loop: asyncio.AbstractEventLoop, family: int, address: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def where(place: Place) -> str:
    """Host and port for sentences."""
    return place.netloc


def trouble(cause: classify.Cause) -> Trouble:
    """A cause as the exception that carries it."""
    return Trouble(cause.failure, cause.sentence, cause.phase, cause.retry_after)


def _not_admitted(host: str, address: str, target: Target) -> Trouble:
    if target.admits(host, "127.0.0.1") or not target.allows(host):
        said = f"{host} leads to {address}, where no probe may go"
    else:
        said = f"{host} leads to {address}, a private address; write allow_private: true if that is meant"
    return Trouble(Failure.UNREACHABLE, said, "dns")


def tls_context(verify: bool, ca_file: str) -> ssl.SSLContext:
    """The context for these settings, built once per process and content of `ca_file`; raises Trouble when the file is unusable."""
    try:
        stamp = os.stat(ca_file).st_mtime_ns if ca_file else 0
        return _context(verify, ca_file, stamp)
    except (OSError, ssl.SSLError):
        raise Trouble(Failure.PROBE_BUG, f"ca_file {ca_file} cannot be read as certificates (PEM)", "tls") from None


@lru_cache(maxsize=32)
def _context(verify: bool, ca_file: str, stamp: int) -> ssl.SSLContext:
    import certifi

    context = ssl.create_default_context()  # the system's own authorities, where it has any
    context.load_verify_locations(certifi.where())
    if ca_file:
        context.load_verify_locations(ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
