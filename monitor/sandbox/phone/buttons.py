"""What a notification's button does when it is pressed: the request that the phone would make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PRESS_WITHIN = 10.0  # seconds a pressed button waits for its answer


class CannotPress(LookupError):
    """There is no such button on this notification, or it would reach beyond this machine."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What came of a button: the HTTP status (0: no answer, and why in `text`) and the beginning of the answer."""

    status: int
    text: str

    @property
    def worked(self) -> bool:
        """The phone would show no error."""
        return 200 <= self.status < 300


async def call(action: dict[str, Any]) -> Pressed:
    """Do what the button says; an address beyond this machine is refused."""
    if action["action"] != "http":
        return Pressed(200, str(action.get("url", "")))
    import httpx

    try:
        if urlsplit(action["url"]).hostname not in LOOPBACK:
            raise CannotPress(f"the sandbox's phone calls this machine only, not {action['url'][:80]!r}")
        async with httpx.AsyncClient(trust_env=False, timeout=PRESS_WITHIN) as http:
            answer = await http.request(
                str(action.get("method") or "POST"),
                action["url"],
                headers=action.get("headers") or {},
                content=str(action.get("body") or ""),
            )
        return Pressed(answer.status_code, answer.text[:500])
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return Pressed(0, str(error)[:200] or type(error).__name__)
