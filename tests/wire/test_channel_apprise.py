"""The real Apprise library against a server of its own JSON protocol: what is told, and what its failures mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from alerts.channels.apprise.send import AppriseChannel, words
from alerts.channels.apprise.spec import Spec
from alerts.channels.kit import Surroundings
from alerts.message import IncidentView, Message, Purpose
from alerts.people import Person
from probes.words.clock import SystemClock
from probes.words.errors import DeliveryError
from tests.serving import serving


@dataclass
class Service:
    """Takes what Apprise posts; `status` is what it answers, `hangs` seconds later."""

    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()

    async def answer(request: web.Request) -> web.Response:
        made.got.append(json.loads(await request.text()))
        return web.Response(status=made.status)

    async with serving(web.post("/{tail:.*}", answer)) as url:
        made.url = f"json{url.removeprefix('http')}/x"
        yield made


def channel(address: str, **options: Any) -> AppriseChannel:
    people = {"ana": Person("ana", "Ana", phone=("apprise:${secret:ANA}",))}
    around = Surroundings(
        secrets=lambda names: dict.fromkeys(names, address), people=lambda: people, clock=SystemClock()
    )
    return AppriseChannel(Spec.model_validate({"targets": {"ops": "${secret:OPS}"}, **options}), around)


def message(purpose: Purpose = Purpose.PAGE, target: str = "ana/phone/0", **more: Any) -> Message:
    view = IncidentView(public_id="I1", subject="intake/production", title="Intake agent", headline="x",
                        state="triggered",
                        severity="critical", failure="timeout", sentence="no answer came in time", **more)  # fmt: skip
    return Message(purpose=purpose, channel="apprise", target=target, key="k", marker="m", headline="", text="",
                   incident=view)  # fmt: skip


@pytest.mark.parametrize("target", ["ana/phone/0", "ops"])
async def test_a_page_is_told_and_counts_as_delivered_unverified(service: Service, target: str) -> None:
    receipt = await channel(service.url).send(message(target=target))
    (got,) = service.got
    assert got["title"].startswith("Intake agent") and got["type"] == "failure"
    assert (receipt.verified, receipt.detail["service"]) == (False, "JSON")


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_refusal_may_have_arrived_and_is_tried_again(service: Service, status: int) -> None:
    service.status = status
    with pytest.raises(DeliveryError) as caught:
        await channel(service.url).send(message())
    assert caught.value.unknown and not caught.value.permanent


async def test_nobody_there_is_no_delivery() -> None:
    with pytest.raises(DeliveryError, match="did not take it"):
        await channel("json://127.0.0.1:1/x").send(message())


@pytest.mark.parametrize("address", ["", "hello", "nope://x", "twilio://x"])
async def test_an_address_that_is_none_is_permanent_and_is_not_repeated(address: str) -> None:
    with pytest.raises(DeliveryError, match="no address that Apprise understands") as caught:
        await channel(address).send(message())
    assert caught.value.permanent
    assert not address or address not in str(caught.value)


async def test_an_edit_is_not_sent(service: Service) -> None:
    assert (await channel(service.url).send(message(Purpose.REFRESH))).detail["unsent"]
    assert service.got == []


async def test_a_call_is_made_for_a_page_alone() -> None:
    address = "twilio://AC00000000000000000000000000000000:0123456789abcdef@15551230000/15551230001?method=call"
    made = channel(address, timeout="1s")
    for purpose in (Purpose.RESOLVE, Purpose.ACK, Purpose.INFO, Purpose.WARNING):
        assert (await made.send(message(purpose))).detail["unsent"] == "nobody is called for what is no page"
    quiet = await made.send(message(urgent=False))
    assert quiet.detail["unsent"], "a drill of low urgency calls nobody"


async def test_the_doctor_says_what_rings(service: Service) -> None:
    found = await channel(service.url).doctor()
    assert [one.what for one in found] == [
        "Apprise: ops tells, and does not ring, by JSON",
        "Apprise: ana/phone/0 tells, and does not ring, by JSON",
    ]
    assert {one.level for one in await channel("hello").doctor()} == {"fault"}


def test_a_short_message_is_its_first_line() -> None:
    title, body = words(message(), room=160)
    assert title == "" and body.startswith("Intake agent") and len(body) <= 160
    title, body = words(message(), room=4_096)
    assert title.startswith("Intake agent") and len(body) > 20


def test_a_target_has_a_name() -> None:
    with pytest.raises(ValueError, match="cannot be a name"):
        Spec.model_validate({"targets": {"Ops Mail": "${secret:OPS}"}})
    assert Spec().timeout == timedelta(seconds=20)
