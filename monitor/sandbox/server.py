"""The part that all sandbox servers share: loopback, a port from the system, faults, and a record of what came in."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import ssl
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from aiohttp import web

from monitor.sandbox.control import control_routes
from monitor.sandbox.faults import WIRE, Fault, FaultBox
from monitor.sandbox.record import Received, Record, read_answer, read_body
from probes.words.clock import Clock, SystemClock, moment

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_LIMIT = 4 << 20  # bytes; above every limit of the protocols spoken here, so that those are what refuses
LINGER = 0.1  # s in which a repair is noticed by who waits
HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


@dataclass(slots=True)
class _Call:
    """What is known of the request being served: when it came, which fault it met, whether the record has it."""

    arrived: int
    fault: str = ""
    noted: bool = False


_CALL: ContextVar[_Call] = ContextVar("call")


class Server:
    """A local server: `async with Server() as server:` and then `.url`, `.received`, `.faults`.

    `port` 0 takes one from the system; another `address` than loopback lets others in; `record` names a file that gets
    one JSON line for each request; `clock` tells protocol time (limits, expiry) and can be pushed, while waiting
    (`hang`, `slow`) is always real.
    """

    name: ClassVar[str] = "server"
    kinds: ClassVar[Mapping[str, str]] = {}  # faults of this protocol, beside those of the wire
    tls: ClassVar[bool] = False

    def __init__(
        self,
        *,
        port: int = 0,
        address: str = "127.0.0.1",
        record: Path | str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.port = self.view_port = port
        self.address = address
        self.clock: Clock = clock or SystemClock()
        self.faults = FaultBox({**WIRE, **self.kinds})
        self.control_token = secrets.token_urlsafe(18)  # for the forms of the human view and for /_sandbox
        self.ca_file: str | None = None
        self.closing = asyncio.Event()
        self._record = Record(self.name, record)
        self._runner: web.AppRunner | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    # --- what a protocol fills in ---------------------------------------------------------------------------------

    def routes(self) -> Iterable[web.RouteDef]:
        """The routes of the protocol and of the human view."""
        raise NotImplementedError

    def label(self, request: web.Request) -> str | None:
        """What this request is called in the record and by faults; None for the human view, which has no faults."""
        raise NotImplementedError

    def rate_limited(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """This protocol's 429."""
        return web.json_response(
            {"error": "rate limited"}, status=429, headers={"Retry-After": str(int(fault.lasts(1)))}
        )

    def server_error(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """This protocol's answer when the server itself is broken."""
        return web.Response(status=fault.status or 500, text=fault.text or "the server is broken")

    async def refuse(self, request: web.Request, label: str) -> web.StreamResponse | None:
        """What is answered before the protocol looks at the request; None lets it go on."""
        return None

    def accepted(self, response: web.StreamResponse) -> bool:
        """Did the request take effect?"""
        return response.status < 400

    def tokens(self) -> dict[str, str]:
        """What a client needs to be let in, by name."""
        return {}

    # --- life -------------------------------------------------------------------------------------------------------

    @property
    def received(self) -> Sequence[Received]:
        """What came in, oldest first; the newest 20,000."""
        return self._record.entries

    @property
    def url(self) -> str:
        """Where it listens, without a trailing slash."""
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    @property
    def client_url(self) -> str:
        """What this protocol's clients take as their address."""
        return self.url

    @property
    def view_url(self) -> str:
        """Where a person looks, with a plain browser."""
        return f"http://127.0.0.1:{self.view_port}/"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; afterwards `.url` is right."""
        self.closing.clear()
        app = web.Application(middlewares=[self._receive], client_max_size=BODY_LIMIT)
        app.add_routes([*self.routes(), *control_routes(self)])
        # a client that hangs up does not undo what it asked for: handlers are not cancelled with the connection
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=False)
        await self._runner.setup()
        self._record.open()
        context = self._certificate() if self.tls else None
        await web.TCPSite(self._runner, self.address, self.port, ssl_context=context).start()
        self.port = int(self._runner.addresses[0][1])
        self.view_port = self.port
        if self.tls:  # a person's browser does not trust our certificate: the page is served without
            await web.TCPSite(self._runner, "127.0.0.1", 0).start()
            self.view_port = int(self._runner.addresses[1][1])

    async def stop(self) -> None:
        """Let go of whoever hangs, close, and leave nothing behind."""
        self.closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        self._record.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _certificate(self) -> ssl.SSLContext:
        """A throw-away certificate for localhost; `ca_file` is what a client has to trust."""
        import trustme

        authority = trustme.CA()
        self._folder = tempfile.TemporaryDirectory(prefix=f"showup-{self.name}-")
        self.ca_file = str(Path(self._folder.name) / "ca.pem")
        authority.cert_pem.write_to_path(self.ca_file)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        return context

    # --- time ---------------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """Protocol time, µs since the epoch."""
        return self.clock.now()

    def iso(self, at: int | None = None) -> str:
        """Protocol time as ISO 8601 in UTC, to the second."""
        return moment(self.now() if at is None else at).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def pause(self, seconds: float) -> bool:
        """Wait in real time; False when the server closed meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self.closing.wait()
        except TimeoutError:
            return True
        return False

    async def linger(self, seconds: float) -> bool:
        """Wait because of a fault: in real time, and no longer than until something is repaired."""
        loop, repairs = asyncio.get_running_loop(), self.faults.repairs
        end = loop.time() + seconds
        while self.faults.repairs == repairs and (left := end - loop.time()) > 0:
            if not await self.pause(min(left, LINGER)):
                return False
        return not self.closing.is_set()

    # --- one request on its way ---------------------------------------------------------------------------------------

    @web.middleware
    async def _receive(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Meet the faults of the wire, let the protocol answer, and note what happened."""
        if self.address in HOSTS and (request.host or "").rsplit(":", 1)[0] not in HOSTS:
            # a page elsewhere that points a name of its own at loopback must not reach the forms
            return web.Response(status=421, text="this server answers to localhost only")
        label = self.label(request)
        if label is None or request.path.startswith("/_sandbox/"):
            return await handler(request)
        if self.tls and not request.secure:
            return web.Response(status=403, text="only the human view is served without TLS")
        call = _Call(self.now())
        _CALL.set(call)
        await request.read()
        fault = self.faults.next(label, among=WIRE)
        call.fault = fault.kind if fault else ""
        if fault is not None:
            refusal = await self._meet(fault, request)
            if refusal is not None:
                await self.note(request, accepted=False, status=refusal.status)
                return refusal
        try:
            early = await self.refuse(request, label)
            response = await handler(request) if early is None else early
        except web.HTTPException as refused:
            await self.note(request, accepted=False, status=refused.status, answer=refused.text)
            raise
        if not call.noted:
            answer = read_answer(response)
            await self.note(request, accepted=self.accepted(response), status=response.status, answer=answer)
        return self.cut(request) if fault is not None and fault.kind == "lost-reply" else response

    async def _meet(self, fault: Fault, request: web.Request) -> web.StreamResponse | None:
        """What a fault of the wire answers; None when the request goes on."""
        if fault.kind == "rate-limited":
            return self.rate_limited(fault, request)
        if fault.kind == "server-error":
            return self.server_error(fault, request)
        if fault.kind == "drop":
            return self.cut(request)
        if fault.kind in ("hang", "slow"):
            done = await self.linger(fault.lasts(600 if fault.kind == "hang" else 1))
            return None if done else self.cut(request)
        return None

    @staticmethod
    def cut(request: web.Request) -> web.StreamResponse:
        """Reset the connection: the client sees neither an answer nor a polite end."""
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)  # goes nowhere

    async def note(self, request: web.Request, *, accepted: bool, status: int, answer: Any = None) -> Received:
        """Write one request into the record."""
        call, body, what = _CALL.get(), await read_body(request), self.label(request) or request.path
        call.noted = True
        return self._record.keep(
            what, at=call.arrived, body=body, accepted=accepted, status=status, fault=call.fault, answer=answer
        )

    def meet(self, where: str, *, among: Iterable[str] | None = None) -> Fault | None:
        """The fault of this protocol that the request being served meets; the record will name it."""
        fault = self.faults.next(where, among=self.kinds if among is None else among)
        if fault is not None:
            _CALL.get().fault = fault.kind
        return fault

    def loses_reply(self) -> bool:
        """True when the answer to the request being served is to be lost, though what it asks for is done."""
        return _CALL.get().fault == "lost-reply"

    def keep(self, what: str, *, body: Any = None, accepted: bool = True, answer: Any = None) -> Received:
        """Add a line to the record about something that was no request."""
        return self._record.keep(what, at=self.now(), body=body, accepted=accepted, answer=answer)

    def is_operator(self, token: str | None) -> bool:
        """Does this token allow a change of state?"""
        return hmac.compare_digest((token or "").encode(), self.control_token.encode())
