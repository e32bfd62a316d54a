"""Socket Mode's door: the address of a connection, and what Slack says first on one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

GREETED = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Hello:
    """Slack's first word: how many connections hear the app, this one among them, and which app that is."""

    connections: int
    app: str


async def socket_address(web: AsyncWebClient, app_token: str) -> str:
    """Where to connect to once; raises DeliveryError with Slack's word when this token gives no address."""
    import aiohttp
    from slack_sdk.errors import SlackApiError

    from alerts.channels.slack.errors import broken_wire, refusal

    try:
        answer = await web.apps_connections_open(app_token=app_token)
    except SlackApiError as error:
        raise refusal(error) from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise broken_wire(error) from None
    return str(answer.get("url") or "")


async def hello(web: AsyncWebClient, app_token: str) -> Hello:
    """Connect, hear the first word and leave; raises DeliveryError. Slack may give a click to this connection while it
    stands: whoever pressed is then asked by Slack to try again."""
    import aiohttp

    from alerts.channels.slack.errors import broken_wire

    address = await socket_address(web, app_token)
    try:
        async with (
            asyncio.timeout(GREETED),
            aiohttp.ClientSession() as session,
            session.ws_connect(address, proxy=web.proxy, ssl=web.ssl if web.ssl is not None else True) as socket,
        ):
            return _read(await socket.receive_str())
    except (aiohttp.ClientError, TimeoutError, OSError, TypeError, ValueError) as error:
        raise broken_wire(error) from None


def _read(text: str) -> Hello:
    said: Any = json.loads(text)
    if not isinstance(said, dict) or said.get("type") != "hello":
        raise ValueError("Slack does not greet")
    info, count = said.get("connection_info"), said.get("num_connections")
    app = info.get("app_id") if isinstance(info, dict) else ""
    return Hello(count if isinstance(count, int) else 1, str(app or ""))
