"""A receiver of webhooks that keeps what it was sent, and fails on demand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.markup import join, page
from monitor.sandbox.server import Server
from probes.words.clock import Clock
from probes.words.text import clean

SHOWN = 30  # deliveries on the page


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it was sent, byte for byte; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class WebhookServer(Server):
    """Takes anything under `/hook`; `deliveries` are those that were answered 2xx (`status`, 200 unless told)."""

    name: ClassVar[str] = "webhook"

    def __init__(
        self, *, port: int = 0, record: Path | str | None = None, clock: Clock | None = None, status: int = 200
    ) -> None:
        super().__init__(port=port, record=record, clock=clock)
        self.status = status
        self.deliveries: list[Delivery] = []

    @property
    def hook_url(self) -> str:
        """Where to send."""
        return f"{self.url}/hook"

    client_url = hook_url

    def routes(self) -> Iterable[web.RouteDef]:
        """Any method on /hook and below."""
        return [web.get("/", self._show), web.route("*", "/hook{rest:.*}", self._take)]

    def label(self, request: web.Request) -> str | None:
        """`hook`."""
        return "hook" if request.path.startswith("/hook") else None

    async def _take(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        if self.status < 300:
            self.deliveries.append(Delivery(request.method, request.path, headers, await request.read()))
        return web.Response(status=self.status, text="ok" if self.status < 300 else "refused")

    async def _show(self, _request: web.Request) -> web.Response:
        row = Markup("<article><p class='soft'>{} {}</p><pre>{}</pre></article>")
        newest = self.deliveries[: -SHOWN - 1 : -1]
        shown = [row.format(d.method, d.path, clean(d.body.decode(errors="replace"), 3000, lines=True)) for d in newest]
        told = join(shown) or Markup("<p class='soft'>Nothing has arrived yet.</p>")
        return page("Webhooks", Markup("<h1>Webhooks</h1>") + told, refresh=2)
