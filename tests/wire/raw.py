"""A server that says exactly the bytes it is told to, when it is told to: for what no well-behaved server does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from time import monotonic
from types import TracebackType

from probes.target import Target
from probes.tools.answer import Exchange
from probes.tools.http import Http

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answer(body: bytes | str = b"ok", *, status: str = "200 OK", headers: str = "", length: int | None = None) -> bytes:
    """The bytes of an answer; `headers` are whole lines without their ends, joined by newlines."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *filter(None, headers.split("\n"))]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class RawServer:
    """Listens on loopback; `heads` are the requests that came, `left` counts connections that are over."""

    def __init__(
        self, talk: Talk | bytes, *, tls: ssl.SSLContext | None = None, listens: str = "127.0.0.1", deaf: bool = False
    ) -> None:
        self._talk = talk
        self._tls = tls
        self._listens = listens
        self._deaf = deaf  # it takes connections and never reads
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.came = self.left = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Its address."""
        host = f"[{self._listens}]" if ":" in self._listens else self._listens
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._serve, self._listens, 0, ssl=self._tls, backlog=256)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        await _turns()  # whoever has just been let in gets a task, which can be ended
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await _turns()  # transports close in the next ones

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.came += 1
        try:
            if self._deaf:
                await asyncio.sleep(60)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            lengths = [line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length:")]
            self.bodies.append(await reader.readexactly(int(lengths[0])) if lengths else b"")
            if isinstance(self._talk, bytes):
                writer.write(self._talk)
                await writer.drain()
            else:
                await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.left += 1
            self._open.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def is_left(self, connections: int = 1) -> bool:
        """True when so many connections ended within a second."""
        for _ in range(100):
            if self.left >= connections:
                return True
            await asyncio.sleep(0.01)
        return False


class Client:
    """An Http with its record, for a target at an address."""

    def __init__(
        self, url: str, *, deadline: float = 5.0, secrets: dict[str, str] | None = None, **data: object
    ) -> None:
        self.target = Target.of({"url": url, **data}, secrets or {})
        self.deadline = deadline
        self.recorded: list[Exchange] = []

    async def __aenter__(self) -> Http:
        self.http = Http(self.target, run_id="0RUN", deadline=monotonic() + self.deadline, record=self.recorded.append)
        return self.http

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
