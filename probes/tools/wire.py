"""The wire: an httpx transport that connects only to addresses the target admits, and times each part of it.

httpx's own transport looks names up and connects out of sight, shares a pool that leaks on cancellation, and tells its
phases through thirteen awaited callbacks. This one makes a fresh connection for each request, to the very address that
was checked, and costs less than half.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import Any

import httpcore
import httpx

from probes import classify
from probes.addresses import literal
from probes.target import Place, Target
from probes.tools import Trouble
from probes.tools.framing import Body, framing
from probes.tools.line import Line
from probes.tools.resolver import Resolver
from probes.tools.tls import life, tls_context
from probes.words.failure import Failure

with suppress(ImportError):
    # httpcore's locks would load this within the time of the first request, and make it look 15 ms slower than it was
    import_module("anyio._backends._asyncio")
if find_spec("sniffio") is None:
    # httpcore asks for it on each request, and a search for what is not installed takes a tenth of the request's CPU
    sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

_STAGGER = 0.25  # s before the next address is tried beside a silent one (RFC 8305)


class Passage:
    """How one request gets through: where it goes, where it is (`at`), and the seconds spent (-1: no such part)."""

    __slots__ = ("at", "connect", "connected", "dns", "first_byte", "life", "line", "place", "remote", "tls")

    def __init__(self, place: Place, connected: Callable[[], None]) -> None:
        self.place = place
        self.connected = connected  # called when the request is about to leave
        self.at = "dns"
        self.dns = self.connect = self.tls = self.first_byte = -1.0
        self.line: Line | None = None
        self.remote = ""
        self.life = (0, 0)  # when the certificate begins and ends, µs since the epoch

    @property
    def sent_at(self) -> float:
        """When the request had left, monotonic seconds."""
        return self.line.sent_at if self.line is not None else 0.0

    def phases(self) -> dict[str, int]:
        """The parts there were, in µs."""
        spent = (("dns", self.dns), ("connect", self.connect), ("tls", self.tls), ("first_byte", self.first_byte))
        return {name: int(seconds * 1e6) for name, seconds in spent if seconds >= 0}


class Transport(httpx.AsyncBaseTransport):
    """Requests to one target; each carries its Passage as the extension `passage`.

    Raises Trouble for what fails before the request is sent, httpcore's exceptions after that. Whoever asked closes
    `passage.line`: nothing is kept for the next request, so that no step inherits a broken connection.
    """

    def __init__(self, target: Target, resolver: Resolver) -> None:
        self._target = target
        self._resolver = resolver

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        passage: Passage = request.extensions["passage"]
        place = passage.place
        passage.line = line = await self._open(place, passage)
        passage.at = "first_byte"
        passage.connected()
        origin = httpcore.Origin(place.scheme.encode(), place.host.encode(), place.port)
        url = httpcore.URL(scheme=origin.scheme, host=origin.host, port=origin.port, target=place.path.encode())
        inner = httpcore.Request(request.method, url, headers=request.headers.raw, content=request.stream)
        connection = httpcore.AsyncHTTP11Connection(origin, line)
        response = await connection.handle_async_request(inner)
        passage.first_byte = monotonic() - line.sent_at
        line.heading = False
        passage.at = "total"
        framed = framing(request.method, response.status, response.headers)
        body = Body(line, framed, connection._h11_state.trailing_data[0])  # what h11 has read beyond the headers
        return httpx.Response(response.status, headers=response.headers, stream=body)

    async def _open(self, place: Place, passage: Passage) -> Line:
        """A connection to the place, with TLS where its scheme asks for it."""
        addresses = await self._checked(place, passage)
        passage.at = "connect"
        loop, began = asyncio.get_running_loop(), monotonic()
        sock = await connect(loop, addresses, place)
        passage.connect = (connected := monotonic()) - began
        passage.remote = _address(sock.getpeername())
        if place.scheme == "http":
            _, line = await loop.create_connection(lambda: Line(loop), sock=sock)
            return line
        passage.at = "tls"
        line = await self._secure(loop, sock, place)
        passage.tls = monotonic() - connected
        passage.life = life(line.get_extra_info("ssl_object"), verified=self._target.verify)
        return line

    async def _checked(self, place: Place, passage: Passage) -> list[tuple[int, str]]:
        """The addresses of a place, each of them admitted by the target: one that is not refuses them all."""
        address = literal(place.host)
        if address is not None:
            found = [(int(socket.AF_INET6 if address.version == 6 else socket.AF_INET), place.host)]
        else:
            began = monotonic()
            try:
                found = await self._resolver.addresses(place.host)
            except (OSError, UnicodeError) as error:
                answers = await self._resolver.answers(error)
                raise trouble(classify.of_lookup(error, place.host, resolver_answers=answers)) from None
            passage.dns = monotonic() - began
        for _, text in found:
            if not self._target.admits(place.host, text):
                raise _not_admitted(place.host, text, self._target)
        return found

    async def _secure(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, place: Place) -> Line:
        try:
            context = tls_context(verify=self._target.verify, ca_file=self._target.ca_file)
            _, line = await loop.create_connection(
                lambda: Line(loop), sock=sock, ssl=context, server_hostname=place.host
            )
        except OSError as error:  # SSLError and CertificateError are OSErrors
            sock.close()
            raise trouble(classify.of_tls(error, place.netloc)) from None
        except BaseException:
            sock.close()
            raise
        return line


async def connect(loop: asyncio.AbstractEventLoop, addresses: list[tuple[int, str]], place: Place) -> socket.socket:
    """A connected socket to the first address that answers; the next is tried beside it when one is silent."""
    if len(addresses) == 1:
        try:
            return await _dial(loop, *addresses[0], port=place.port)
        except OSError as error:
            raise trouble(classify.of_connect(error, place.netloc)) from None
    waiting, errors = _alternating(addresses), list[BaseException]()
    running = set[asyncio.Task[socket.socket]]()
    try:
        while waiting or running:
            if waiting:
                running.add(loop.create_task(_dial(loop, *waiting.pop(0), port=place.port)))
            pause = _STAGGER if waiting else None
            done, running = await asyncio.wait(running, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            won = [task for task in done if task.exception() is None]
            errors += [failed for task in done if (failed := task.exception()) is not None]
            if won:
                running.update(won[1:])
                return won[0].result()
    finally:
        for task in running:
            task.cancel()
            task.add_done_callback(_close_late)
    raise trouble(classify.of_connects(errors, place.netloc))


def _alternating(addresses: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The system's order with the families taking turns, so that one dead family costs one stagger."""
    first = [pair for pair in addresses if pair[0] == addresses[0][0]]
    second = [pair for pair in addresses if pair[0] != addresses[0][0]]
    mixed = [pair for two in zip(first, second, strict=False) for pair in two]
    return mixed + first[len(second) :] + second[len(first) :]


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _dial(loop: asyncio.AbstractEventLoop, family: int, address: str, *, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, (address, port))
    except BaseException:
        sock.close()
        raise
    return sock


def trouble(cause: classify.Cause) -> Trouble:
    """A cause as the exception that carries it."""
    return Trouble(cause.failure, cause.sentence, cause.phase, cause.retry_after, cause.witness)


def _not_admitted(host: str, address: str, target: Target) -> Trouble:
    said = f"{host} leads to {address}, where no probe may go"
    if target.private_helps(address):
        said = f"{host} leads to {address}, a private address; write allow_private: true if that is meant"
    return Trouble(Failure.UNREACHABLE, said, "dns")


def _address(peer: Any) -> str:
    return f"[{peer[0]}]:{peer[1]}" if ":" in peer[0] else f"{peer[0]}:{peer[1]}"
