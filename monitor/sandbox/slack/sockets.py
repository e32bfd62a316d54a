"""Socket Mode: the WebSockets of an app, the envelopes sent over them, and who acknowledged in time."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from monitor.sandbox.slack.workspace import APP, Message

ACK_WITHIN = 3.0  # seconds; later, the person who clicked sees an error
CONNECTIONS = 10


@dataclass(frozen=True, slots=True)
class Press:
    """What became of a click: acknowledged within 3 s or not, after how long, with which payload.

    `message` is the message as it is since; `changed` tells that it was edited, or the response_url used, within the
    time the caller waited.
    """

    acknowledged: bool
    seconds: float | None
    reply: Any
    error: str
    changed: bool
    message: Message | None


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to one envelope."""

    acknowledged: bool
    seconds: float | None = None
    payload: Any = None
    error: str = ""


class Sockets:
    """The open connections of one app; each envelope goes to one of them."""

    def __init__(self, keep: Callable[[str, Any, bool], None]) -> None:
        self.open: dict[web.WebSocketResponse, web.Request] = {}
        self._keep = keep  # (what, body, accepted): into the server's record
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._late: set[str] = set()
        self._turn = 0

    def make_ticket(self) -> str:
        """The single-use secret of the next connection."""
        ticket = secrets.token_urlsafe(12)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="this address was used before, or never given out")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        try:
            await socket.prepare(request)
        except ConnectionError:
            return socket  # the client was gone before the handshake was over
        if len(self.open) >= CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        self.open[socket] = request
        try:
            await socket.send_json(self._hello())
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._read(frame.data)
        except ConnectionError:
            pass  # the client was gone before it was greeted
        finally:
            self.open.pop(socket, None)
        return socket

    async def send(self, kind: str, payload: dict[str, Any], *, takes_reply: bool = False) -> Ack:
        """Send an envelope to one connection and wait 3 s for its acknowledgement."""
        socket = self._choose()
        if socket is None:
            return Ack(False, error="no app is connected")
        name = secrets.token_hex(8)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting[name] = answer
        sent = loop.time()
        envelope = {"envelope_id": name, "type": kind, "payload": payload, "accepts_response_payload": takes_reply}
        try:
            await socket.send_json(envelope)
            async with asyncio.timeout(ACK_WITHIN):
                reply = await answer
            return Ack(True, loop.time() - sent, reply)
        except TimeoutError:
            self._late.add(name)
            return Ack(False, error=f"not acknowledged within {ACK_WITHIN:g} s")
        except ConnectionError:
            return Ack(False, error="the connection was lost")
        finally:
            self._waiting.pop(name, None)

    async def refresh(self, reason: str = "refresh_requested") -> int:
        """Ask every connection to come again (`warning`, `refresh_requested`, `link_disabled`); how many were asked."""
        asked = list(self.open)
        for socket in asked:
            if not socket.closed:
                await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})
            if reason != "warning":
                await socket.close()
        return len(asked)

    def drop(self) -> int:
        """Cut every connection as a broken network would, without a close frame; how many were cut."""
        cut = list(self.open.values())
        for request in cut:
            if request.transport is not None:
                request.transport.abort()
        return len(cut)

    async def close(self) -> None:
        """Close all, at the end."""
        for socket in list(self.open):
            await socket.close()

    def _choose(self) -> web.WebSocketResponse | None:
        alive = [s for s in self.open if not s.closed]
        self._turn += 1
        return alive[self._turn % len(alive)] if alive else None

    def _hello(self) -> dict[str, Any]:
        return {
            "type": "hello",
            "num_connections": len(self.open),
            "connection_info": {"app_id": APP},
            "debug_info": {"host": "sandbox", "approximate_connection_time": 18060},
        }

    def _read(self, text: str) -> None:
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            frame = None
        name = frame.get("envelope_id") if isinstance(frame, dict) else None
        if not isinstance(name, str):
            self._keep("socket.noise", text[:500], False)
            return
        answer = self._waiting.get(name)
        in_time = answer is not None and not answer.done()
        late = "socket.late-ack" if name in self._late else "socket.noise"
        self._keep("socket.ack" if in_time else late, frame, in_time)
        if answer is not None and not answer.done():
            answer.set_result(frame.get("payload"))
