"""A partner's calendar API: slots and bookings, keys, paging, rate limits, and announcements of its end."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aiohttp import web

from monitor.sandbox.server import Server
from probes.words.clock import Clock, moment
from probes.words.units import DAY

if TYPE_CHECKING:
    from trustme import CA

SLOTS = 12
PAGE = 6
ALLOWED = 100  # requests a minute, as its headers say
SHAPES = ("renamed", "removed", "retyped", "nulled", "new-value", "added", "vanished", "nested")
KEYS = ("revoked", "auth-down", "forbidden", "unpaid", "quota")


class PartnerServer(Server):
    """`GET /slots`, `GET /slots/{id}`, `POST /bookings`, `GET /v1/models`, with `Authorization: Bearer` one of `keys`.

    `secure(days)` opens another port with TLS whose certificate ends after so many days; `ca_file` makes it trusted.
    """

    name: ClassVar[str] = "partner"
    kinds: ClassVar[dict[str, str]] = {
        "renamed": "a slot's start is called starts_at",
        "removed": "a slot has no start any more",
        "retyped": "a slot's id is a text and no number",
        "nulled": "a slot's start is null",
        "new-value": "a slot's state has a value that there was not before",
        "added": "a slot says who holds it, too",
        "vanished": "no slot has a note any more, which some had",
        "nested": "a slot is nested a thousand deep",
        "content-type": "JSON is called text/plain",
        "unpaged": "pages are not linked any more",
        "moved": "slots are somewhere else, and it redirects there",
        "error-shape": "what is refused is explained in another form",
        "deprecated": "the interface is announced as deprecated",
        "sunset": "the interface ends in `seconds` (20 days), and says so",
        "described": "its OpenAPI document is another",
        "no-json": "answers with a page instead of JSON",
        "revoked": "the first key is refused",
        "auth-down": "every key is refused",
        "forbidden": "every key is known and may do nothing: 403",
        "unpaid": "402: nobody has paid",
        "quota": "429: the month's quota is used up",
        "nearly-limited": "five of a hundred requests are left",
    }

    def __init__(
        self,
        *,
        port: int = 0,
        record: Path | str | None = None,
        clock: Clock | None = None,
        keys: tuple[str, ...] = ("first-key", "second-key"),
    ) -> None:
        super().__init__(port=port, record=record, clock=clock)
        self.keys = keys
        self._secured: list[asyncio.Server] = []
        self._certificates: tempfile.TemporaryDirectory[str] | None = None
        self._authority: CA | None = None

    async def stop(self) -> None:
        """Close the ports with TLS, too."""
        for server in self._secured:
            server.close()
        self._secured.clear()
        if self._certificates is not None:
            self._certificates.cleanup()
            self._certificates = None
        await super().stop()

    def tokens(self) -> dict[str, str]:
        """The keys that it takes."""
        return {f"key_{number}": key for number, key in enumerate(self.keys, start=1)}

    async def secure(self, days: float, *, address: str = "127.0.0.1", port: int = 0, name: str = "localhost") -> int:
        """Another port, with TLS: its certificate ends so many days from now (before now when negative)."""
        import trustme

        if self._authority is None or self._certificates is None:
            self._authority = trustme.CA()
            self._certificates = tempfile.TemporaryDirectory(prefix="showup-partner-")
            self.ca_file = str(Path(self._certificates.name) / "ca.pem")
            self._authority.cert_pem.write_to_path(self.ca_file)
        now = moment(self.now())
        ends = now + timedelta(days=days)
        leaf = self._authority.issue_cert(name, not_before=min(now, ends) - timedelta(days=60), not_after=ends)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(answer, address, port, ssl=context)
        self._secured.append(server)
        return int(server.sockets[0].getsockname()[1])

    def routes(self) -> Iterable[web.RouteDef]:
        """What programs ask of it."""
        return [
            web.get("/slots", self._list_slots),
            web.get("/v2/slots", self._list_slots),
            web.get("/slots/{id}", self._show_slot),
            web.post("/bookings", self._book),
            web.get("/v1/models", self._list_models),
            web.get("/openapi.json", self._describe),
        ]

    def label(self, request: web.Request) -> str | None:
        """`slots`, `bookings`, `v1`, `openapi.json`."""
        return request.path.strip("/").partition("/")[0][:40] or "home"

    async def refuse(self, request: web.Request, label: str) -> web.StreamResponse | None:
        """What is wrong with who asks: the key, the money, the quota."""
        fault = self.meet(label, among=KEYS)
        kind = fault.kind if fault is not None else ""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if kind == "unpaid":
            return _error(402, "payment_required", "the account is not paid")
        if kind == "quota":
            return _error(429, "insufficient_quota", "the month's quota is used up")
        if kind == "forbidden":
            return _error(403, "forbidden", "this key may not do that")
        known = self.keys[1:] if kind == "revoked" else () if kind == "auth-down" else self.keys
        return None if key in known else _error(401, "unauthorized", "this key is not known")

    async def _list_slots(self, request: web.Request) -> web.StreamResponse:
        if self.meet("slots", among=("moved",)) is not None and request.path == "/slots":
            raise web.HTTPTemporaryRedirect(f"/v2/slots?{request.query_string}")
        if not request.query.get("page", "1").isdecimal():
            if self.meet("slots", among=("error-shape",)) is not None:
                return web.json_response({"message": "page is no number"}, status=422)
            return _error(422, "invalid", "page is no number", field="page")
        fault = self.meet("slots", among=SHAPES)
        slots = [self._slot(number, fault.kind if fault else "") for number in range(PAGE)]
        return self._answer(request, {"slots": slots, "total": SLOTS, "by_day": {self.iso()[:10]: len(slots)}})

    async def _show_slot(self, request: web.Request) -> web.StreamResponse:
        number = request.match_info["id"]
        if not number.isdecimal() or int(number) >= SLOTS:
            return _error(404, "not_found", "there is no such slot")
        fault = self.meet("slots", among=SHAPES)
        return self._answer(request, self._slot(int(number), fault.kind if fault else ""))

    @staticmethod
    def _slot(number: int, kind: str) -> dict[str, Any]:
        slot: dict[str, Any] = {"id": number, "start": f"{9 + number % 8:02}:00", "state": ("free", "busy")[number % 2]}
        if number % 3 == 0 and kind != "vanished":
            slot["note"] = "bring your card"
        if kind == "renamed":
            slot["starts_at"] = slot.pop("start")
        elif kind == "removed":
            del slot["start"]
        elif kind == "nested":
            for _ in range(900):
                slot = {"slot": slot}
        else:
            changed: dict[str, dict[str, Any]] = {
                "retyped": {"id": str(number)},
                "nulled": {"start": None},
                "new-value": {"state": "tentative"},
                "added": {"holder": "nobody"},
            }
            slot |= changed.get(kind, {})
        return slot

    async def _book(self, request: web.Request) -> web.StreamResponse:
        return self._answer(request, {"booking": "b-1", "confirmed": True}, status=201)

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        return self._answer(request, {"object": "list", "data": [{"id": "small"}]})

    async def _describe(self, request: web.Request) -> web.StreamResponse:
        version = "2" if self.meet("openapi.json", among=("described",)) is not None else "1"
        return self._answer(request, {"openapi": "3.1.0", "info": {"title": "Calendar", "version": version}})

    def _answer(self, request: web.Request, body: Any, *, status: int = 200) -> web.StreamResponse:
        """An answer with what it says of paging, limits and its end."""
        label = self.label(request) or ""
        if self.meet(label, among=("no-json",)) is not None:
            return web.Response(text="<h1>We are improving</h1>", content_type="text/html")
        left = 5 if self.meet(label, among=("nearly-limited",)) is not None else 60
        headers = {"RateLimit-Limit": str(ALLOWED), "RateLimit-Remaining": str(left), "RateLimit-Reset": "30"}
        if self.meet(label, among=("unpaged",)) is None:
            headers["Link"] = f'<{self.url}/slots?page=2>; rel="next"'
        if self.meet(label, among=("deprecated",)) is not None:
            headers["Deprecation"] = f"@{self.now() // 1_000_000 - 86_400}"
        if (fault := self.meet(label, among=("sunset",))) is not None:
            ends = self.now() + int(fault.lasts(20 * DAY / 1e6) * 1_000_000)
            headers["Sunset"] = format_datetime(moment(ends), usegmt=True)
        response = web.json_response(body, status=status, headers=headers)
        if self.meet(label, among=("content-type",)) is not None:
            response.content_type = "text/plain"
        return response


def _error(status: int, code: str, message: str, **more: str) -> web.StreamResponse:
    return web.json_response({"error": {"code": code, "message": message, **more}}, status=status)
