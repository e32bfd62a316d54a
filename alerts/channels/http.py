"""Plain HTTP to a provider: one request, a deadline, a bounded answer, DeliveryError for a broken wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from alerts.channels.kit import trust, wait_of
from probes.words.errors import DeliveryError
from probes.words.text import for_log

ANSWER_LIMIT = 64_000  # bytes of an answer that are read
PLAIN = {"Accept-Encoding": "identity", "User-Agent": "showup"}  # read as it comes: nothing is unpacked here


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; {} when it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """How one provider is spoken to; `who` stands at the beginning of every error. Redirects are not followed."""

    who: str
    timeout: timedelta
    ca_file: str | None = None
    hints: Mapping[int, str] = field(default_factory=dict)

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Reply:
        """The answer, whatever its status; raises DeliveryError. `options` are httpx's: json, data, content, params."""
        import httpx

        seconds = self.timeout.total_seconds()
        try:
            async with (
                asyncio.timeout(seconds),
                httpx.AsyncClient(verify=trust(self.ca_file), timeout=seconds, follow_redirects=False) as client,
                client.stream(method, url, headers={**PLAIN, **(headers or {})}, **options) as response,
            ):
                body = b""
                async for part in response.aiter_raw(16_384):
                    body = (body + part)[:ANSWER_LIMIT]
                    if len(body) == ANSWER_LIMIT:
                        break
                return Reply(response.status_code, response.headers, body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise DeliveryError(f"{self.who} cannot be reached ({type(error).__name__})") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise DeliveryError(f"{self.who}: its address is none ({type(error).__name__})", permanent=True) from None
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            raise DeliveryError(f"{self.who} did not answer ({type(error).__name__})", unknown=True) from None

    async def send(self, method: str, url: str, **options: Any) -> Reply:
        """The answer when it says that the message was taken; raises DeliveryError for every other."""
        reply = await self.request(method, url, **options)
        if 200 <= reply.status < 300:
            return reply
        raise self.refusal(reply)

    def refusal(self, reply: Reply) -> DeliveryError:
        """What an answer other than 2xx means: 429 waits, a server's trouble is tried again, anything else is final."""
        if reply.status == 429:
            wait = wait_of(reply.headers.get("Retry-After"))
            return DeliveryError(f"{self.who}: too many messages", retry_after=wait)
        if reply.status >= 500 or reply.status in (408, 425):
            return DeliveryError(f"{self.who}: HTTP {reply.status}", unknown=True)
        said = reply.json()
        words = said.get("error") or ", ".join(map(str, said.get("errors") or []) if _is_list(said) else [])
        told = f" ({for_log(str(words), 160)})" if words else ""
        hint = self.hints.get(reply.status, "")
        return DeliveryError(f"{self.who}: HTTP {reply.status}{told}{hint and f'; {hint}'}", permanent=True)


def _is_list(said: Mapping[str, Any]) -> bool:
    return isinstance(said.get("errors"), list)
