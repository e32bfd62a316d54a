"""The webhook and the console: signed JSON to a local receiver, plain lines on a stream."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from alerts.channels.console.send import ConsoleChannel
from alerts.channels.webhook.send import WebhookChannel, open_channel
from alerts.channels.webhook.spec import Spec
from alerts.message import EventView, Purpose
from monitor.sandbox.webhook import WebhookServer
from probes.words.errors import DeliveryError
from tests.wire.channel_kit import INCIDENT, NIGHT, message, surroundings


def channel_of(server: WebhookServer, **options: Any) -> WebhookChannel:
    endpoint = {"url": "${secret:HOOK_URL}", "sign": "${secret:HOOK}", "timeout": "1s", **options}
    spec = Spec.model_validate({"endpoints": {"tickets": endpoint}})
    return open_channel(spec, surroundings({"HOOK_URL": f"{server.hook_url}/planted-path"}))


async def failing(channel: WebhookChannel, **more: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(message(target=more.pop("target", "tickets"), **more))
    return caught.value


async def test_the_body_is_signed_with_its_time_and_a_repeat_can_be_recognised() -> None:
    view = replace(INCIDENT, runbook="http://localhost/x", events=(EventView(at=NIGHT, kind="opened", text="…"),))
    async with WebhookServer() as server:
        channel = channel_of(server)
        receipt = await channel.send(message(view=view, target="tickets", marker="n-17"))
        await channel.send(message(view=view, target="tickets", marker="n-17", repeat=True))
        first, second = server.deliveries
    parts = dict(part.split("=") for part in first.headers["x-showup-signature"].split(","))
    expected = hmac.new(b"a-key-of-the-hook", parts["t"].encode() + b"." + first.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(parts["v1"], expected)
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == "n-17"
    body = json.loads(first.body)
    assert body["headline"].startswith("Intake agent answers wrongly")
    assert body["incident"]["began"] == "2026-11-23T03:58:00+00:00"
    assert body["incident"]["events"][0]["at"] == "2026-11-23T04:00:00+00:00"
    assert body["incident"]["runbook"] == ""
    assert receipt.detail == {"status": 200}


@pytest.mark.parametrize(
    ("status", "permanent", "unknown"),
    [
        (400, True, False),
        (404, True, False),
        (410, True, False),
        (302, True, False),
        (408, False, True),
        (500, False, True),
    ],
)
async def test_each_status_says_whether_trying_again_helps(status: int, permanent: bool, unknown: bool) -> None:
    async with WebhookServer(status=status) as server:
        error = await failing(channel_of(server))
    assert (error.permanent, error.unknown) == (permanent, unknown)
    assert "planted" not in str(error)


@pytest.mark.parametrize("fault", ["hang", "drop", "lost-reply"])
async def test_a_broken_wire_leaves_the_outcome_unknown(fault: str) -> None:
    async with WebhookServer() as server:
        server.faults.set(fault, seconds=30)
        error = await failing(channel_of(server, timeout="300ms"))
    assert (error.permanent, error.unknown) == (False, True)
    assert "planted" not in str(error)


async def test_a_busy_receiver_says_how_long_to_wait() -> None:
    async with WebhookServer() as server:
        server.faults.set("rate-limited", seconds=4)
        assert (await failing(channel_of(server))).retry_after == 4.0


async def test_an_unknown_name_and_a_missing_key_are_final() -> None:
    async with WebhookServer() as server:
        name = await failing(channel_of(server), target="nowhere")
        key = await failing(channel_of(server, sign="${secret:NOT_SET}"))
        found = await channel_of(server, sign="${secret:NOT_SET}").doctor()
        assert server.deliveries == []
    assert name.permanent and "nowhere" in str(name)
    assert key.permanent and "NOT_SET" in str(key)
    assert [finding.level for finding in found] == ["fault"]


async def test_the_console_prints_lines_that_cannot_move_its_cursor() -> None:
    out = io.StringIO()
    view = replace(INCIDENT, title="\x1b[2JIntake\r\nagent\x07")
    await ConsoleChannel(out).send(message(view=view, target=""))
    await ConsoleChannel(out).send(message(Purpose.REFRESH, target=""))
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("[page] ") and "Intake agent" in lines[0]
    assert lines[1].strip().startswith("Since Sun 22 Nov")
    assert not any(ord(mark) < 32 for line in lines for mark in line)


async def test_a_closed_console_is_no_delivery() -> None:
    out = io.StringIO()
    out.close()
    with pytest.raises(DeliveryError):
        await ConsoleChannel(out).send(message(target=""))
