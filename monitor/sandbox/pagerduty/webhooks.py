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


class Subscription:
    """One receiver; `secret` signs every body. Only receivers on this machine are taken."""

    def __init__(self, url: str, secret: str, keep: Callable[[Any, bool], None], *, wait: float = 0.5) -> None:
        if urlsplit(url).hostname not in LOOPBACK:
            raise ValueError(f"the sandbox sends webhooks to this machine only, not to {url!r}")
        self.url, self.secret, self.wait = url, secret, wait
        self._keep = keep
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task = asyncio.create_task(self._work(), name="pagerduty webhooks")

    def send(self, kind: str, incident: dict[str, Any], agent: dict[str, Any] | None) -> None:
        """Queue one event."""
        data = {k: incident[k] for k in ("id", "title", "status", "incident_key", "created_at", "service", "html_url")}
        data |= {"type": "incident", "number": incident["incident_number"], "urgency": incident["urgency"]}
        data["assignees"] = [a["assignee"] for a in incident["assignments"]]
        data["escalation_policy"] = incident["escalation_policy"]
        event = {
            "id": secrets.token_hex(12),
            "event_type": kind,
            "resource_type": "incident",
            "occurred_at": incident["last_status_change_at"],
            "agent": agent,
            "client": None,
            "data": data,
        }
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
                self._keep(body, await self._deliver(http, json.dumps(body).encode()))

    async def _deliver(self, http: Any, raw: bytes) -> bool:
        import httpx

        signature = hmac.new(self.secret.encode(), raw, hashlib.sha256).hexdigest()
        headers = {"X-PagerDuty-Signature": f"v1={signature}", "X-Webhook-Id": secrets.token_hex(12)}
        headers |= {"Content-Type": "application/json", "User-Agent": "PagerDuty-Webhook/V3.0"}
        for _ in range(TRIES):
            try:
                status = (await http.post(self.url, content=raw, headers=headers)).status_code
            except httpx.TransportError:
                status = 0
            if 200 <= status < 300:
                return True
            if 400 <= status < 500 and status != 429:
                return False
            await asyncio.sleep(self.wait)
        return False
