"""Interactivity over HTTP: what was pressed is posted to the app's request URL, signed as Slack signs."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from monitor.sandbox.slack.sockets import ACK_WITHIN, Ack


@dataclass(frozen=True, slots=True)
class Interactivity:
    """An app's request URL, and the secret with which Slack signs what it posts there."""

    url: str
    secret: str

    def signed(self, payload: dict[str, Any], *, at: int) -> tuple[bytes, dict[str, str]]:
        """(body, headers) of one request."""
        body = urlencode({"payload": json.dumps(payload)}).encode()
        mark = hmac.new(self.secret.encode(), b"v0:%d:" % at + body, hashlib.sha256).hexdigest()
        return body, {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": str(at),
            "X-Slack-Signature": f"v0={mark}",
        }

    async def send(self, payload: dict[str, Any], *, now: int) -> Ack:
        """Post it at `now` (µs); acknowledged is a 200 within three seconds, else whoever pressed sees an error."""
        body, headers = self.signed(payload, at=now // 1_000_000)
        began = asyncio.get_running_loop().time()
        try:
            async with (
                asyncio.timeout(ACK_WITHIN),
                aiohttp.ClientSession() as session,
                session.post(self.url, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                seconds = asyncio.get_running_loop().time() - began
                error = "" if answer.status == 200 else f"answered {answer.status}"
                return Ack(answer.status == 200, seconds, None, error)
        except TimeoutError:
            return Ack(False, error=f"not answered within {ACK_WITHIN:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Ack(False, error=type(error).__name__)
