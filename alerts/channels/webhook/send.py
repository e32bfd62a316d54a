"""Sending to a webhook: JSON whose signature covers its time and every byte, and a key to recognise a repeat by."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import asdict
from typing import Any

from alerts import render
from alerts.channels.http import Http
from alerts.channels.kit import Surroundings, fill_in
from alerts.channels.webhook.spec import Endpoint, Spec
from alerts.message import Finding, IncidentView, Message, React, Receipt
from probes.words.clock import moment
from probes.words.errors import DeliveryError
from probes.words.text import clean, for_header

HINTS = {
    301: "write the address it now has",
    302: "write the address itself",
    308: "write the address it now has",
    401: "does it know the key that `sign` names?",
    404: "is the path right?",
    410: "it was taken away",
}
TIMES = ("began", "opened", "paged_at", "acked_at", "resolved_at", "next_at")


class WebhookChannel:
    """Addresses of your own, by name."""

    name = "webhook"

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.spec = spec
        self.around = around

    async def send(self, message: Message) -> Receipt:
        """POST the message; raises DeliveryError."""
        endpoint = self.spec.endpoints.get(message.target)
        if endpoint is None:
            raise DeliveryError(f"there is no webhook {clean(message.target, 80)}", permanent=True)
        url = fill_in(endpoint.url, self.around, what=f"the url of webhook {message.target}")
        body = json.dumps(content(message), ensure_ascii=False, separators=(",", ":")).encode()
        reply = await self._http(message.target, endpoint).send(
            "POST", url, content=body, headers=self._headers(message, endpoint, body)
        )
        return Receipt(channel=self.name, id=message.marker, detail={"status": reply.status})

    def _http(self, name: str, endpoint: Endpoint) -> Http:
        return Http(who=f"webhook {name}", timeout=endpoint.timeout, ca_file=endpoint.ca_file, hints=HINTS)

    def _headers(self, message: Message, endpoint: Endpoint, body: bytes) -> dict[str, str]:
        key = fill_in(endpoint.sign, self.around, what=f"the key of webhook {message.target}")
        at = self.around.clock.now() // 1_000_000
        return {
            "Content-Type": "application/json; charset=utf-8",
            "Idempotency-Key": for_header(message.marker),
            "X-Showup-Signature": f"t={at},v1={signature(key, at, body)}",
        }

    async def listen(self, react: React) -> None:
        """Answers come back through the API."""

    async def verify(self, key: str) -> dict[str, Any] | None:
        """A 2xx is all there is to know."""
        return {"key": key}

    async def doctor(self) -> list[Finding]:
        """Are the secrets there? Nothing is sent, as the receiver may act on whatever comes."""
        found = []
        for name, endpoint in self.spec.endpoints.items():
            try:
                fill_in(endpoint.url, self.around, what=f"the url of webhook {name}")
                fill_in(endpoint.sign, self.around, what=f"the key of webhook {name}")
            except DeliveryError as error:
                found.append(Finding(level="fault", what=str(error), write="set it, then ask again"))
            else:
                what = f"webhook {name}: its secrets are there; the first message shows whether it is taken"
                found.append(Finding(level="ok", what=what))
        return found

    async def close(self) -> None:
        """Nothing is kept open between calls."""


def open_channel(spec: Spec, around: Surroundings) -> WebhookChannel:
    """The webhook channel, ready to send."""
    return WebhookChannel(spec, around)


def signature(key: str, at: int, body: bytes) -> str:
    """Hex HMAC-SHA256 of `<seconds>.<body>`: the receiver refuses times more than five minutes away."""
    return hmac.new(key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def content(message: Message) -> dict[str, Any]:
    """The JSON of one message; times are ISO 8601 in UTC, links that lead nowhere are left out."""
    found: dict[str, Any] = {
        "version": 1,
        "purpose": str(message.purpose),
        "key": message.key,
        "marker": message.marker,
        "headline": render.subject_line(message),
        "text": clean(message.text, 2_000, lines=True),
        "incident": _incident(message.incident) if message.incident else None,
    }
    return found


def _incident(view: IncidentView) -> dict[str, Any]:
    found = asdict(view)
    for name in TIMES:
        found[name] = moment(found[name]).isoformat() if found[name] else None
    for event in found["events"]:
        event["at"] = moment(event["at"]).isoformat()
    return found | {"runbook": render.public(view.runbook), "page_url": render.public(view.page_url)}
