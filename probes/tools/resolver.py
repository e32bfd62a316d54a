"""Names to addresses, in a few threads of our own: a slow name server holds up its own name and no other."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import Future, ThreadPoolExecutor

THREADS = 64  # lookups that can hang at once; each hanging name holds one


class Resolver:
    """Looks names up through the system's resolver; one lookup of a name at a time, shared by all who ask meanwhile."""

    def __init__(self, *, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="lookup")
        self._running: dict[str, Future[list[tuple[int, str]]]] = {}

    async def addresses(self, host: str) -> list[tuple[int, str]]:
        """(family, address) pairs in the system's order, without repeats; raises OSError or UnicodeError.

        Cancelling the caller leaves the lookup to its thread: the system offers no way to stop it.
        """
        shared = self._running.get(host)
        if shared is None:
            shared = self._running[host] = self._pool.submit(_look_up, host)
            shared.add_done_callback(lambda _: self._running.pop(host, None))
        return await asyncio.shield(asyncio.wrap_future(shared))

    def waiting(self, host: str) -> bool:
        """True when a lookup of `host` has not even begun, as all threads hang: our trouble, not the target's."""
        shared = self._running.get(host)
        return shared is not None and not shared.running() and not shared.done()


def _look_up(host: str) -> list[tuple[int, str]]:
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys((int(family), str(address[0])) for family, _, _, _, address in found))
