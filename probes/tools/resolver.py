"""Names to addresses, in a few threads of our own: a slow name server holds up its own name and no other."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

from probes.addresses import literal

THREADS = 64  # lookups that can hang at once; each hanging name holds one
_ASKED = 1.0  # s that a name server gets to show that it lives
# A question for the root's own name servers, which any resolver answers (or refuses) at once.
_QUESTION = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"


Addresses = list[tuple[int, str]]


class Resolver:
    """Looks names up through the system's resolver; one lookup of a name at a time, shared by all who ask meanwhile.

    The threads are daemons: a lookup cannot be stopped, and must not keep a process from ending.
    """

    def __init__(self, *, threads: int = THREADS, name_servers: Sequence[tuple[str, int]] | None = None) -> None:
        self._most = threads
        self._threads: list[threading.Thread] = []
        self._work: SimpleQueue[tuple[str, Future[Addresses]]] = SimpleQueue()
        self._running: dict[str, Future[Addresses]] = {}
        self._name_servers = name_servers

    async def addresses(self, host: str) -> Addresses:
        """(family, address) pairs in the system's order, without repeats; raises OSError or UnicodeError."""
        shared = self._running.get(host)
        if shared is None:
            shared = self._running[host] = Future()
            if len(self._running) > len(self._threads) < self._most:
                thread = threading.Thread(target=self._serve, name="lookup", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._work.put((host, shared))
        loop = asyncio.get_running_loop()
        mine: asyncio.Future[Addresses] = loop.create_future()

        def tell(found: Future[Addresses]) -> None:
            with suppress(RuntimeError):  # the loop that asked is gone
                loop.call_soon_threadsafe(_settle, mine, found)

        shared.add_done_callback(tell)
        return await mine

    def is_waiting(self, host: str) -> bool:
        """True when a lookup of `host` has not even begun, as all threads hang: our trouble, not the target's."""
        shared = self._running.get(host)
        return shared is not None and not shared.running() and not shared.done()

    def _serve(self) -> None:
        while True:
            host, shared = self._work.get()
            shared.set_running_or_notify_cancel()
            try:
                found = _look_up(host)
            except (OSError, UnicodeError) as error:
                self._running.pop(host, None)
                shared.set_exception(error)
            else:
                self._running.pop(host, None)
                shared.set_result(found)

    async def answers(self, error: BaseException) -> bool:
        """After a temporary failure: whether any of this machine's name servers lives. Other errors need no asking.

        The system reports a zone whose servers are dead and a resolver that is dead with one and the same code.
        """
        if not isinstance(error, socket.gaierror) or error.errno != socket.EAI_AGAIN:
            return True
        servers = self._name_servers if self._name_servers is not None else system_servers()
        asked = [asyncio.create_task(_lives(server)) for server in servers[:3]]
        try:
            for task in asyncio.as_completed(asked):
                if await task:
                    return True
            return False
        finally:
            for left in asked:
                left.cancel()


def _settle(mine: asyncio.Future[Addresses], found: Future[Addresses]) -> None:
    if mine.done():
        return
    error = found.exception()
    if error is not None:
        mine.set_exception(error)
    else:
        mine.set_result(found.result())


def _look_up(host: str) -> Addresses:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))


def system_servers() -> list[tuple[str, int]]:
    """The name servers of this machine."""
    try:
        lines = Path("/etc/resolv.conf").read_text(errors="replace").splitlines()
    except OSError:
        return [("127.0.0.1", 53)]
    words = [line.split() for line in lines]
    found = [(line[1], 53) for line in words if len(line) > 1 and line[0] == "nameserver"]
    return [place for place in found if literal(place[0].partition("%")[0]) is not None] or [("127.0.0.1", 53)]


class _Reply(asyncio.DatagramProtocol):
    def __init__(self, number: bytes, came: asyncio.Future[bool]) -> None:
        self._number, self._came = number, came

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[:2] == self._number and not self._came.done():
            self._came.set_result(True)

    def error_received(self, exc: Exception) -> None:
        if not self._came.done():
            self._came.set_result(False)


async def _lives(server: tuple[str, int]) -> bool:
    loop, number = asyncio.get_running_loop(), secrets.token_bytes(2)
    came: asyncio.Future[bool] = loop.create_future()
    try:
        transport, _ = await loop.create_datagram_endpoint(lambda: _Reply(number, came), remote_addr=server)
    except OSError:
        return False
    try:
        transport.sendto(number + _QUESTION)
        async with asyncio.timeout(_ASKED):
            return await came
    except TimeoutError:
        return False
    finally:
        transport.close()
