"""Webhooks v3: signed, one event a request, in order, tried again on trouble and dropped on a refusal."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TRIES = 5
ANSWER_WITHIN = 5.0  # seconds
DROPS = 3  # refusals in a row after which it is disabled for a day
EVENTS = tuple(
    f"incident.{what}"
    for what in (
        "triggered", "acknowledged", "unacknowledged", "escalated", "reassigned", "delegated", "resolved", "reopened",
        "priority_updated", "annotated",
    )
)  # fmt: skip


class Subscription:
    """One receiver; `secret` signs every body, and so does `also` while it is changed. Only receivers on this machine
    are taken. `disabled` after three refusals in a row: what happens then is never told.
    """

    def __init__(
        self,
        url: str,
        secret: str,
        keep: Callable[[Any, bool], None],
        *,
        wait: float = 0.5,
        events: tuple[str, ...] = EVENTS,
    ) -> None:
        if urlsplit(url).hostname not in LOOPBACK:
            raise ValueError(f"the sandbox sends webhooks to this machine only, not to {url!r}")
        self.id = f"PHOOK{secrets.token_hex(3).upper()}"
        self.url, self.secret, self.wait, self.events = url, secret, wait, events
        self.also, self.active, self.disabled = "", True, False
        self._keep, self._drops = keep, 0
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = asyncio.create_task(self._work(), name="pagerduty webhooks")

    def send(
        self,
        kind: str,
        incident: dict[str, Any],
        agent: dict[str, Any] | None,
        *,
        at: str,
        more: dict[str, Any] | None = None,
    ) -> None:
        """Queue one event; with `more` it is about something of the incident's, such as a note."""
        if not self.active or kind not in self.events:
            return
        reference = {name: incident[name] for name in ("id", "summary", "self", "html_url")}
        event = {
            "id": secrets.token_hex(12),
            "event_type": kind,
            "resource_type": "incident",
            "occurred_at": at,
            "agent": agent,
            "client": None,
            "data": _data(incident) if more is None else {
                "id": secrets.token_hex(7).upper(), "incident": reference | {"type": "incident_reference"}, **more,
            },
        }  # fmt: skip
        self._queue.put_nowait({"event": event})

    async def stop(self) -> None:
        """Send nothing more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        import httpx

        async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN) as http:
            while True:
                body = await self._queue.get()
                accepted = not self.disabled and await self._deliver(http, json.dumps(body).encode())
                self._keep(body, accepted)

    async def _deliver(self, http: Any, raw: bytes) -> bool:
        import httpx

        headers = {"X-PagerDuty-Signature": ",".join(self._signatures(raw)), "X-Webhook-Id": secrets.token_hex(12)}
        headers |= {"Content-Type": "application/json", "User-Agent": "PagerDuty-Webhook/V3.0"}
        for _ in range(TRIES):
            try:
                status = (await http.post(self.url, content=raw, headers=headers)).status_code
            except httpx.TransportError:
                status = 0
            if 200 <= status < 300:
                self._drops = 0
                return True
            if 400 <= status < 500 and status != 429:
                self._drops += 1
                self.disabled = self._drops >= DROPS
                return False
            await asyncio.sleep(self.wait)
        return False

    def _signatures(self, raw: bytes) -> list[str]:
        keys = [key for key in (self.also, self.secret) if key]
        return [f"v1={hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()}" for key in keys]


def _data(incident: dict[str, Any]) -> dict[str, Any]:
    names = ("id", "title", "status", "incident_key", "created_at", "service", "html_url", "urgency", "priority")
    data = {name: incident[name] for name in names}
    data |= {"type": "incident", "number": incident["incident_number"], "teams": [], "resolve_reason": None}
    data["assignees"] = [one["assignee"] for one in incident["assignments"]]
    data["escalation_policy"] = incident["escalation_policy"]
    return data
