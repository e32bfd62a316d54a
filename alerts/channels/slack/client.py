"""The one place where Slack is called: no retries of its own, a deadline, and DeliveryError for all that fails."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from alerts.channels.kit import Surroundings, fill_in, trust
from alerts.channels.slack.errors import broken_wire, refusal
from alerts.channels.slack.spec import Spec
from probes.words.errors import DeliveryError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

READS = frozenset({"conversations.history", "conversations.replies", "conversations.list", "users.info", "bots.info"})

# The library writes whole requests, and addresses that hold a ticket, at debug level.
quiet = logging.getLogger("showup.alerts.slack.library")
quiet.setLevel(logging.WARNING)


def make_client(spec: Spec, around: Surroundings) -> AsyncWebClient:
    """A client of the Web API; raises DeliveryError when the token's secret is missing."""
    from slack_sdk.web.async_client import AsyncWebClient

    url = fill_in(spec.url, around, what="Slack's url")
    client = AsyncWebClient(
        token=fill_in(spec.token, around, what="Slack's token"),
        base_url=url,
        timeout=spec.timeout.total_seconds(),  # type: ignore[arg-type]  # handed to aiohttp, which takes fractions
        ssl=trust(spec.ca_file) if spec.ca_file else None,
        logger=quiet,
        retry_handlers=[],  # the outbox alone tries again
    )
    if client.proxy and proxy_bypass(urlsplit(url).hostname or ""):
        client.proxy = None  # the library knows HTTPS_PROXY and not NO_PROXY
    return client


async def call(client: AsyncWebClient, method: str, **arguments: Any) -> dict[str, Any]:
    """The answer of one API method; raises Refusal when Slack says no, DeliveryError for a broken wire."""
    import aiohttp
    from slack_sdk.errors import SlackApiError

    try:
        async with asyncio.timeout(client.timeout + 1):
            if method in READS:
                answer = await client.api_call(method, http_verb="GET", params=arguments)
            else:
                answer = await client.api_call(method, json=arguments)
    except SlackApiError as error:
        raise Refusal.of(error) from None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, AttributeError) as error:
        # AttributeError: the library trips over a 200 that is no JSON, as a proxy in between may send
        raise broken_wire(error) from None
    return answer.data if isinstance(answer.data, dict) else {}


class Refusal(DeliveryError):
    """Slack answered, and the answer was no; `code` is its own word for why."""

    code: str = ""

    @classmethod
    def of(cls, error: Any) -> Refusal:
        """The refusal that a SlackApiError holds."""
        from alerts.channels.slack.errors import code_of

        means = refusal(error)
        made = cls(str(means), permanent=means.permanent, unknown=means.unknown, retry_after=means.retry_after)
        made.code = code_of(error)
        return made
