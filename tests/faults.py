"""Every fault of a provider on every channel: each real client sends a page to a local server that has this fault, and
what came of it is the table of docs/delivery.md. `python -m tests.faults` prints it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from alerts import settle
from alerts.channels.apprise.send import AppriseChannel
from alerts.channels.apprise.spec import Spec as AppriseSpec
from alerts.channels.ntfy.send import NtfyChannel
from alerts.channels.ntfy.spec import Spec as NtfySpec
from alerts.channels.pagerduty.send import open_channel as open_pagerduty
from alerts.channels.pagerduty.spec import Spec as PagerDutySpec
from alerts.channels.pushover.send import PushoverChannel
from alerts.channels.pushover.spec import Spec as PushoverSpec
from alerts.channels.slack.send import open_channel as open_slack
from alerts.channels.slack.spec import Spec as SlackSpec
from alerts.channels.webhook.send import open_channel as open_webhook
from alerts.channels.webhook.spec import Spec as WebhookSpec
from alerts.message import Message
from monitor.sandbox.pagerduty import PagerDutyServer
from monitor.sandbox.phone import PhoneServer
from monitor.sandbox.server import Server
from monitor.sandbox.slack import SlackServer
from monitor.sandbox.webhook import WebhookServer
from probes.words.errors import DeliveryError
from probes.words.units import SECOND
from tests.wire.channel_kit import message, surroundings
from tests.wire.waiting import until

SOON, PATIENT = "1s", "10s"  # how long a client waits where nothing comes, and where something does
ASKED = 7  # seconds that a busy provider asks for
HUNG, UNREACHED, WRONG = "says nothing", "cannot be reached", "the key is wrong"
LIE = "says it is told, and it is not"
FAULTS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "429, asks for 7 s": ("rate-limited", {"seconds": ASKED}),
    "503": ("server-error", {"status": 503}),
    HUNG: ("hang", {"seconds": 30}),
    "connection dies before": ("drop", {}),
    "connection dies after, the answer is lost": ("lost-reply", {}),
}
ROWS = (UNREACHED, *FAULTS, WRONG, LIE)
LIES = {"PagerDuty": "no-incident", "ntfy": "not-delivered", "Pushover": "not-delivered"}


@dataclass(frozen=True, slots=True)
class Line:
    """One channel with its provider: `open_at(url, wrong, timeout)` makes the client,
    `told()` counts what reached somebody."""

    server: Any
    open_at: Callable[[str, bool, str], Any]
    told: Callable[[], int]
    target: str


@asynccontextmanager
async def slack() -> AsyncIterator[Line]:
    """Slack's client and a workspace."""
    async with SlackServer() as server:

        def made(url: str, wrong: bool, timeout: str) -> Any:
            keys = {"SLACK_BOT": "xoxb-wrong" if wrong else "xoxb-sandbox"}
            given = {"token": "${secret:SLACK_BOT}", "app_token": "${secret:SLACK_APP}", "channel": "ops-alerts"}
            at = server.api_url.replace(server.url, url)
            return open_slack(SlackSpec.model_validate({**given, "url": at, "timeout": timeout}), surroundings(keys))

        yield Line(server, made, lambda: len(server.messages()), "ops-alerts")


@asynccontextmanager
async def pagerduty() -> AsyncIterator[Line]:
    """PagerDuty's client and an account, over TLS."""
    async with PagerDutyServer() as server:

        def made(url: str, wrong: bool, timeout: str) -> Any:
            keys = {"PD_ROUTING": "0" * 32 if wrong else server.routing_key, "PD_API": server.api_key}
            given = {"routing_key": "${secret:PD_ROUTING}", "api_key": "${secret:PD_API}", "ca_file": server.ca_file}
            spec = PagerDutySpec.model_validate({**given, "url": url, "api_url": url, "timeout": timeout})
            return open_pagerduty(spec, surroundings(keys))

        yield Line(server, made, lambda: len(server.woken), "service")


@asynccontextmanager
async def ntfy() -> AsyncIterator[Line]:
    """A phone behind an ntfy server that asks for a token."""
    async with PhoneServer(access_token="tk_home") as server:

        def made(url: str, wrong: bool, timeout: str) -> Any:
            spec = NtfySpec.model_validate({"url": url, "token": "${secret:NTFY}", "timeout": timeout})
            return NtfyChannel(spec, surroundings({"NTFY": "tk_wrong" if wrong else "tk_home"}))

        yield Line(server, made, lambda: len(server.messages), "ana/phone/0")


@asynccontextmanager
async def pushover() -> AsyncIterator[Line]:
    """A phone behind Pushover."""
    async with PhoneServer() as server:

        def made(url: str, wrong: bool, timeout: str) -> Any:
            keys = {"ANA_PUSH": "nobody@sandbox-application" if wrong else "sandbox-user@sandbox-application"}
            return PushoverChannel(PushoverSpec.model_validate({"url": url, "timeout": timeout}), surroundings(keys))

        yield Line(server, made, lambda: len(server.pushover.messages), "ana/phone/1")


@asynccontextmanager
async def webhook() -> AsyncIterator[Line]:
    """A receiver of ours; a wrong key is an address that it refuses."""
    async with WebhookServer() as server:

        def made(url: str, wrong: bool, timeout: str) -> Any:
            server.status = 401 if wrong else 200
            endpoint = {"url": "${secret:HOOK_URL}", "sign": "${secret:HOOK}", "timeout": timeout}
            spec = WebhookSpec.model_validate({"endpoints": {"tickets": endpoint}})
            return open_webhook(spec, surroundings({"HOOK_URL": f"{url}/hook"}))

        yield Line(server, made, lambda: len(server.deliveries), "tickets")


@asynccontextmanager
async def apprise() -> AsyncIterator[Line]:
    """Apprise's JSON service, which stands for all of its services: it tells no more than that one failed."""
    async with WebhookServer() as server:

        def made(url: str, wrong: bool, timeout: str) -> Any:
            server.status = 401 if wrong else 200
            around = surroundings({"OPS": f"{url.replace('http', 'json', 1)}/hook"})
            return AppriseChannel(
                AppriseSpec.model_validate({"targets": {"ops": "${secret:OPS}"}, "timeout": timeout}), around
            )

        yield Line(server, made, lambda: len(server.deliveries), "ops")


CHANNELS: Mapping[str, Callable[[], AbstractAsyncContextManager[Line]]] = {
    "PagerDuty": pagerduty, "Pushover": pushover, "ntfy": ntfy, "Slack": slack, "webhook": webhook, "Apprise": apprise,
}  # fmt: skip


async def find(row: str, name: str) -> str:
    """What a channel and showup make of a fault, in a few words."""
    async with CHANNELS[name]() as line:
        page = replace(message(target=line.target, person="ana"), channel=name.lower())
        if row == LIE:
            return await _believed(line, page, LIES.get(name, ""))
        if row in FAULTS:
            kind, options = FAULTS[row]
            line.server.faults.set(kind, **options)
        url = _nowhere(line.server) if row == UNREACHED else line.server.url
        error = await _refused(line.open_at(url, row == WRONG, SOON if row == HUNG else PATIENT), page)
        if error is None:
            return "sends it: nothing is noticed"
        line.server.faults.clear()
        if error.permanent:
            return "next way at once; here again each minute"
        if row == HUNG:  # a repaired provider first does what was asked of it, then hears it again
            await until(lambda: line.told() > 0)
        again = await _refused(line.open_at(line.server.url, False, PATIENT), replace(page, repeat=error.unknown))
        if again is not None:
            raise again
        return f"{_when(error)}; {_counted(line.told())}"


async def _refused(channel: Any, page: Message) -> DeliveryError | None:
    try:
        await channel.send(page)
    except DeliveryError as error:
        return error
    finally:
        await channel.close()
    return None


def _when(error: DeliveryError) -> str:
    """When it is tried again: what the first failure of a page leads to, without the chance in it."""
    return f"again after {settle.backoff(1, error, 0.5) // SECOND} s"


def _counted(told: int) -> str:
    return {1: "told once", 2: "told twice"}.get(told, f"told {told} times")


async def _believed(line: Line, page: Message, lie: str) -> str:
    if not lie:
        return "–"
    line.server.faults.set(lie)
    channel = line.open_at(line.server.url, False, PATIENT)
    try:
        receipt = await channel.send(page)
        if receipt.verified or not getattr(channel, "verifies", True):
            return "not noticed: the next level comes"
        there = await channel.verify(page.key)
        return "not noticed: the next level comes" if there is not None else "noticed after a minute: next way then"
    except DeliveryError as error:
        return "noticed: next way at once" if error.permanent else "noticed: again"
    finally:
        await channel.close()


def _nowhere(server: Server) -> str:
    """The address of a port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"{server.url.rpartition(':')[0]}:{port}"


async def table() -> str:
    """The table in Markdown: faults by channels."""
    few = asyncio.Semaphore(6)  # at once: a busy machine is no fault of a provider

    async def one(row: str, name: str) -> str:
        async with few:
            return await find(row, name)

    cells = await asyncio.gather(*(one(row, name) for row in ROWS for name in CHANNELS))
    width = len(CHANNELS)
    lines = [("what the provider does", *CHANNELS), ("---",) * (width + 1)]
    lines += [(row, *cells[at * width : (at + 1) * width]) for at, row in enumerate(ROWS)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    print(asyncio.run(table()))
