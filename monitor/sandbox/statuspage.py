"""A status page as providers serve them, in four forms, which says what it is told to say and fails on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web
from markupsafe import Markup

from monitor.sandbox.markup import join, page
from monitor.sandbox.server import Server
from probes.words.clock import Clock

FORMS = ("statuspage", "incident.io", "instatus", "better-stack")
BODIES = {
    "not-json": "an error page in HTML, with status 200",
    "huge": "two hundred thousand components",
    "deep": "lists in lists, ten thousand deep",
    "odd": "every field is of another kind than documented",
    "elsewhere": "a redirect to a host that nobody named",
}


@dataclass(slots=True)
class Trouble:
    """What the page says is wrong: one component, and an incident with a name."""

    component: str = "Chat"
    status: str = "partial_outage"
    incident: str = "Elevated errors"
    since: str = "2026-11-26T14:02:00Z"
    url: str = "https://stspg.example.com/abc"


@dataclass(slots=True)
class Page:
    """What is on the page: components by id, and the trouble there is, None for none."""

    title: str = "Example AI"
    components: Mapping[str, str] = field(default_factory=lambda: {"c1": "Chat", "c2": "Embeddings"})
    trouble: Trouble | None = None


class StatusPageServer(Server):
    """Serves `shown` in one of the forms: `server.shown.trouble = Trouble()` breaks it, None repairs it."""

    name: ClassVar[str] = "statuspage"
    kinds: ClassVar[Mapping[str, str]] = BODIES

    def __init__(
        self,
        *,
        port: int = 0,
        record: Path | str | None = None,
        clock: Clock | None = None,
        form: str = "statuspage",
    ) -> None:
        super().__init__(port=port, record=record, clock=clock)
        self.form = form
        self.shown = Page()

    def routes(self) -> Iterable[web.RouteDef]:
        """Where each form has its document."""
        return [
            web.get("/", self._show),
            web.get("/api/v2/summary.json", self._summary),
            web.get("/summary.json", self._short),
            web.get("/index.json", self._index),
            web.get("/api/v1/summary", self._listed),
        ]

    def label(self, request: web.Request) -> str | None:
        """`summary`, whatever the form."""
        return None if request.path == "/" else "summary"

    async def _summary(self, _request: web.Request) -> web.StreamResponse:
        return self._as(statuspage(self.shown)) if self.form == "statuspage" else web.Response(status=404)

    async def _short(self, _request: web.Request) -> web.StreamResponse:
        return self._as(instatus(self.shown)) if self.form == "instatus" else web.Response(status=404)

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return self._as(better_stack(self.shown)) if self.form == "better-stack" else web.Response(status=404)

    async def _listed(self, _request: web.Request) -> web.StreamResponse:
        return self._as(incident_io(self.shown)) if self.form == "incident.io" else web.Response(status=404)

    def _as(self, document: Any) -> web.StreamResponse:
        fault = self.meet("summary", among=BODIES)
        if fault is None:
            return web.json_response(document)
        if fault.kind == "elsewhere":
            raise web.HTTPFound("http://169.254.169.254/latest/meta-data/")
        return web.Response(text=_BROKEN[fault.kind](), content_type="application/json")

    async def _show(self, _request: web.Request) -> web.Response:
        trouble = self.shown.trouble
        said = f"{trouble.component}: {trouble.status}. {trouble.incident}" if trouble else "All systems operational."
        rows = [Markup("<li>{}</li>").format(name) for name in self.shown.components.values()]
        drawn = Markup("<h1>{}</h1><p>{}</p><ul>{}</ul>").format(self.shown.title, said, join(rows))
        return page(self.shown.title, drawn)


_BROKEN: Mapping[str, Callable[[], str]] = {
    "not-json": lambda: "<html><h1>502</h1></html>",
    "huge": lambda: '{"status":{"indicator":"major"},"components":[' + ",".join(['{"name":"x"}'] * 200_000) + "]}",
    "deep": lambda: "[" * 10_000 + "]" * 10_000,
    "odd": lambda: '{"status":{"indicator":7},"components":{"a":[1]},"incidents":"none","page":[],"data":null}',
}


def statuspage(shown: Page) -> dict[str, Any]:
    """Atlassian Statuspage, which many serve: `/api/v2/summary.json`."""
    trouble = shown.trouble
    parts = [
        {"id": key, "name": name, "status": _status(shown, name), "group": False, "only_show_if_degraded": False}
        for key, name in shown.components.items()
    ]
    incidents = []
    if trouble is not None:
        touched = [part for part in parts if part["name"] == trouble.component]
        incidents = [
            {"id": "i1", "name": trouble.incident, "status": "investigating", "impact": "major",
             "started_at": trouble.since, "shortlink": trouble.url, "components": touched, "incident_updates": []}
        ]  # fmt: skip
    indicator = "none" if trouble is None else "major"
    described = "All Systems Operational" if trouble is None else "Partial System Outage"
    return {
        "page": {"id": "p1", "name": shown.title, "url": "https://status.example.com", "time_zone": "Etc/UTC"},
        "status": {"indicator": indicator, "description": described},
        "components": parts,
        "incidents": incidents,
        "scheduled_maintenances": [],
    }


def incident_io(shown: Page) -> dict[str, Any]:
    """incident.io: what goes on alone is listed."""
    trouble = shown.trouble
    found = []
    if trouble is not None:
        key = next((key for key, name in shown.components.items() if name == trouble.component), "")
        part = {"id": key, "name": trouble.component, "current_status": trouble.status}
        found = [
            {"id": "01H", "name": trouble.incident, "status": "investigating", "url": trouble.url,
             "created_at": trouble.since, "affected_components": [part]}
        ]  # fmt: skip
    return {"page_title": shown.title, "page_url": "https://status.example.com", "ongoing_incidents": found,
            "in_progress_maintenances": [], "scheduled_maintenances": []}  # fmt: skip


def instatus(shown: Page) -> dict[str, Any]:
    """Instatus: `/summary.json`, without components."""
    trouble = shown.trouble
    found: dict[str, Any] = {
        "page": {"name": shown.title, "url": "https://status.example.com", "status": "HASISSUES" if trouble else "UP"}
    }
    if trouble is not None:
        found["activeIncidents"] = [
            {"name": trouble.incident, "started": trouble.since, "status": "INVESTIGATING", "impact": "PARTIALOUTAGE",
             "url": trouble.url}
        ]  # fmt: skip
    return found


def better_stack(shown: Page) -> dict[str, Any]:
    """Better Stack: `/index.json`, in JSON:API."""
    trouble = shown.trouble
    included: list[dict[str, Any]] = [
        {"id": key, "type": "status_page_resource",
         "attributes": {"public_name": name, "status": "downtime" if _ill(shown, name) else "operational"}}
        for key, name in shown.components.items()
    ]  # fmt: skip
    if trouble is not None:
        about = {"title": trouble.incident, "starts_at": trouble.since, "ends_at": None}
        included.append({"id": "r1", "type": "status_report", "attributes": about})
    state = "operational" if trouble is None else "downtime"
    about = {"company_name": shown.title, "aggregate_state": state}
    return {"data": {"id": "1", "type": "status_page", "attributes": about}, "included": included}


def _ill(shown: Page, name: str) -> bool:
    return shown.trouble is not None and shown.trouble.component == name


def _status(shown: Page, name: str) -> str:
    return shown.trouble.status if shown.trouble is not None and _ill(shown, name) else "operational"
