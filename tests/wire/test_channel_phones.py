"""ntfy and Pushover against a local phone: what rings, who answers, and where a secret goes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from alerts.channels.kit import OpenPage
from alerts.channels.ntfy.send import NtfyChannel
from alerts.channels.ntfy.spec import Spec as NtfySpec
from alerts.channels.pushover import receipts
from alerts.channels.pushover import send as pushover_send
from alerts.channels.pushover.send import PushoverChannel
from alerts.channels.pushover.spec import Spec as PushoverSpec
from alerts.message import Purpose
from monitor.sandbox.phone import PhoneServer
from probes.words.errors import DeliveryError, StoreError
from tests.wire.channel_kit import INCIDENT, Desk, acknowledged, message, resolved, surroundings
from tests.wire.waiting import until

USER = "sandbox-user@sandbox-application"


def ntfy_of(
    phone: PhoneServer, *, secrets: dict[str, str] | None = None, ack_url: str = "", **options: Any
) -> NtfyChannel:
    spec = NtfySpec.model_validate({"url": phone.url, "timeout": "2s", **options})
    return NtfyChannel(spec, surroundings(secrets, ack_url=ack_url))


def pushover_of(
    phone: PhoneServer, *, secrets: dict[str, str] | None = None, pages: tuple[OpenPage, ...] = (), **options: Any
) -> PushoverChannel:
    spec = PushoverSpec.model_validate({"url": phone.url, "timeout": "2s", **options})
    return PushoverChannel(spec, surroundings({"ANA_PUSH": USER, **(secrets or {})}, pages=pages))


async def failing(channel: NtfyChannel | PushoverChannel, **more: Any) -> DeliveryError:
    target = "ana/phone/0" if isinstance(channel, NtfyChannel) else "ana/phone/1"
    with pytest.raises(DeliveryError) as caught:
        await channel.send(message(**{"target": target, "person": "ana", **more}))
    return caught.value


# --- ntfy -------------------------------------------------------------------------------------------------------------


async def test_a_page_rings_loudly_and_its_first_line_says_what_is_wrong() -> None:
    async with PhoneServer() as phone:
        receipt = await ntfy_of(phone).send(message(target="ana/phone/0", person="ana"))
        [rang] = phone.messages
    assert receipt.id == rang.id
    assert (rang.topic, rang.priority, rang.tags) == ("ana-rings", 5, ["rotating_light"])
    assert rang.title.startswith("Intake agent answers wrongly")
    assert "Suspected: the workflow" in rang.message
    assert [action["label"] for action in rang.actions] == ["Runbook", "Evidence"]
    assert rang.click == "https://status.example.com"


async def test_a_literal_topic_and_a_phone_on_another_server() -> None:
    async with PhoneServer() as phone, PhoneServer(access_token="tk_home") as home:
        channel = ntfy_of(
            home, token="${secret:HOME}", secrets={"HOME": "tk_home", "ANA_PHONE": f"{phone.url}/elsewhere"}
        )
        await channel.send(message(target="everybody"))
        await channel.send(message(target="bo/phone/0", person="bo"))
        await channel.send(message(target="ana/phone/0", person="ana"))
        assert [rang.topic for rang in home.messages] == ["everybody", "bo-rings"]
        assert [rang.topic for rang in phone.messages] == ["elsewhere"]


async def test_the_token_of_one_server_never_goes_to_another() -> None:
    seen: list[str] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{"id":"1"}')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, PhoneServer() as phone:
        secrets = {"HOME": "tk_home", "ANA_PHONE": f"http://127.0.0.1:{port}/elsewhere"}
        await ntfy_of(phone, token="${secret:HOME}", secrets=secrets).send(message(target="ana/phone/0"))
    assert len(seen) == 1
    assert "tk_home" not in seen[0]
    assert "authorization" not in seen[0].lower()


async def test_acknowledge_stands_on_the_phone_only_where_a_public_address_exists() -> None:
    async with PhoneServer() as phone:
        await ntfy_of(phone, ack_url="https://showup.example.com/ack").send(message(target="ana/phone/0", person="ana"))
        await ntfy_of(phone, ack_url="http://localhost:8470/ack").send(message(target="ana/phone/0", person="ana"))
        public, local = phone.messages
    assert public.actions[0]["url"] == "https://showup.example.com/ack/I-7K2M/1/ana"
    assert (public.actions[0]["method"], public.actions[0]["action"]) == ("POST", "http")
    assert [action["label"] for action in local.actions] == ["Runbook", "Evidence"]


async def test_a_page_from_memory_has_no_button_as_there_is_nothing_to_answer_yet() -> None:
    async with PhoneServer() as phone:
        channel = ntfy_of(phone, ack_url="https://showup.example.com/ack")
        await channel.send(message(Purpose.EMERGENCY, target="ana/phone/0", person="ana"))
    assert [action["label"] for action in phone.messages[0].actions] == ["Runbook", "Evidence"]


async def test_news_after_the_page_is_quiet_and_edits_are_not_sent() -> None:
    async with PhoneServer() as phone:
        channel = ntfy_of(phone)
        await channel.send(message(Purpose.ACK, view=acknowledged(), target="ana/phone/0"))
        await channel.send(message(Purpose.RESOLVE, view=resolved(), target="ana/phone/0"))
        edit = await channel.send(message(Purpose.REFRESH, target="ana/phone/0"))
        answered, over = phone.messages
    assert (answered.priority, over.priority) == (2, 3)
    assert over.title.startswith("Recovered: Intake agent")
    assert "unsent" in edit.detail


@pytest.mark.parametrize("mark", ["ä", "🔥", '"', "\\", "x"])
async def test_the_longest_words_still_ring(mark: str) -> None:
    long = mark * 9_000
    view = replace(INCIDENT, title=long, sentence=long, members=(long,) * 40, runbook_lines=(long,) * 9)
    async with PhoneServer() as phone:
        await ntfy_of(phone).send(message(view=view, target="ana/phone/0"))
        await pushover_of(phone).send(message(view=view, target="ana/phone/1"))
        assert len(phone.messages) == len(phone.pushover.messages) == 1


@pytest.mark.parametrize("make", [ntfy_of, pushover_of])
@pytest.mark.parametrize(
    ("fault", "options", "permanent", "unknown"),
    [
        ("server-error", {"status": 503}, False, True),
        ("hang", {"seconds": 30}, False, True),
        ("drop", {}, False, True),
        ("lost-reply", {}, False, True),
        ("rate-limited", {"seconds": 9}, False, False),
    ],
)
async def test_each_fault_says_whether_trying_again_helps(
    make: Any, fault: str, options: dict[str, Any], permanent: bool, unknown: bool
) -> None:
    async with PhoneServer() as phone:
        phone.faults.set(fault, **options)
        error = await failing(make(phone, timeout="300ms"))
    assert (error.permanent, error.unknown) == (permanent, unknown)
    assert error.retry_after == (9.0 if fault == "rate-limited" else None)


@pytest.mark.parametrize("make", [ntfy_of, pushover_of])
async def test_a_closed_port_has_certainly_not_taken_the_page(make: Any) -> None:
    async with PhoneServer() as phone:
        channel = make(phone)
    error = await failing(channel)
    assert (error.permanent, error.unknown) == (False, False)


async def test_wrong_secrets_say_so_and_never_show_themselves() -> None:
    async with PhoneServer(access_token="tk_right") as phone:
        token = await failing(ntfy_of(phone, token="${secret:T}", secrets={"T": "tk_wrong"}))
        none = await failing(ntfy_of(phone))
        shape = await failing(ntfy_of(phone, secrets={"ANA_PHONE": "ftp://planted/secret"}))
        gone = await failing(ntfy_of(phone), target="ana/phone/7")
        user = await failing(pushover_of(phone, secrets={"ANA_PUSH": "planted-user@planted-token"}))
        alone = await failing(pushover_of(phone, secrets={"ANA_PUSH": "planted-user"}))
        line = await failing(pushover_of(phone, secrets={"ANA_PUSH": "a\nb"}))
    errors = [token, none, shape, gone, user, alone, line]
    assert all(error.permanent for error in errors)
    assert not any("planted" in str(error) or "tk_wrong" in str(error) for error in errors)
    assert "ana/phone/7" in str(gone)


async def test_doctor_of_ntfy_rings_nobody() -> None:
    async with PhoneServer() as phone:
        sound = await ntfy_of(phone).doctor()
        wrong = await ntfy_of(phone, url=f"{phone.url}/somewhere").doctor()
        assert phone.messages == []
    assert {finding.level for finding in sound} == {"ok"}
    assert [finding.level for finding in wrong] == ["fault"]


# --- Pushover ---------------------------------------------------------------------------------------------------------


async def test_an_emergency_rings_until_it_is_taken_and_the_taking_is_heard_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receipts, "LEAST", 0)
    async with PhoneServer() as phone:
        channel, desk = pushover_of(phone), Desk()
        receipt = await channel.send(message(target="ana/phone/1", person="ana"))
        [rang] = phone.pushover.messages
        page = OpenPage(incident="I-7K2M", key="k", round=2, person="ana", receipt=receipt.detail)
        assert (rang.priority, rang.retry) == (2, 60)
        assert await channel.ask([page], desk.react) == 0
        phone.acknowledge(rang)
        assert await channel.ask([page], desk.react) == 1
        assert await channel.ask([page], desk.react) == 0
    [reaction] = desk.reactions
    assert (reaction.action, reaction.incident, reaction.round) == ("ack", "I-7K2M", 2)
    assert (reaction.by, reaction.person, reaction.via) == ("Ana Ash", "ana", "pushover")
    assert reaction.at == rang.acknowledged * 1_000_000
    assert "sandbox-user" not in str(receipt)


async def test_an_answer_elsewhere_stops_the_ringing() -> None:
    async with PhoneServer() as phone:
        channel = pushover_of(phone)
        await channel.send(message(target="ana/phone/1"))
        await channel.send(message(target="ana/phone/1", marker="n-2", key="I-7K2M.2"))
        await channel.send(message(Purpose.ACK, view=acknowledged(), target="ana/phone/1", marker="n-3"))
        first, second, told = phone.pushover.messages
        other = pushover_of(phone)  # after a restart the receipt comes from the store
        receipt = await other.send(message(target="ana/phone/1"))
        fresh = pushover_of(phone)
        await fresh.send(message(Purpose.RESOLVE, view=resolved(), target="ana/phone/1", receipt=receipt.detail))
    assert first.cancelled and second.cancelled
    assert told.priority == -1
    assert phone.pushover.messages[3].cancelled


async def test_what_rang_though_its_answer_was_lost_is_stopped_too() -> None:
    async with PhoneServer() as phone:
        channel = pushover_of(phone)
        phone.faults.set("lost-reply", times=1)
        assert (await failing(channel)).unknown
        await channel.send(message(Purpose.RESOLVE, view=resolved(), target="ana/phone/1"))
        rang, other = phone.pushover.messages
    assert rang.cancelled, "no receipt is known of it, and it must not ring for half an hour"
    assert not other.cancelled


async def test_an_incident_of_one_phone_stops_no_other_ringing() -> None:
    async with PhoneServer() as phone:
        channel = pushover_of(phone)
        await channel.send(message(view=replace(INCIDENT, public_id="I-OTHER"), target="ana/phone/1"))
        await channel.send(message(target="ana/phone/1"))
        await channel.send(message(Purpose.ACK, view=acknowledged(), target="ana/phone/1"))
    assert [bool(rang.cancelled) for rang in phone.pushover.messages[:2]] == [False, True]


async def test_receipts_are_looked_at_no_more_often_than_pushover_allows() -> None:
    async with PhoneServer() as phone:
        channel, desk = pushover_of(phone), Desk()
        sent = await channel.send(message(target="ana/phone/1"))
        page = OpenPage(incident="I-7K2M", key="k", person="ana", receipt=sent.detail)
        for _ in range(5):
            await channel.ask([page], desk.react, seconds=2.0)
        gone = OpenPage(incident="I-1", key="k", person="ana", receipt={"receipt": "gone", "target": "ana/phone/1"})
        for _ in range(5):
            await channel.ask([gone], desk.react)
        looks = [one for one in phone.received if one.what == "pushover.receipts"]
    assert phone.pushover.hasty == 0
    assert len(looks) == 2


async def test_a_receipt_that_expired_is_still_looked_at_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "LEAST", 0)
    async with PhoneServer() as phone:
        channel, desk = pushover_of(phone), Desk()
        sent = await channel.send(message(target="ana/phone/1"))
        page = OpenPage(incident="I-7K2M", key="k", person="ana", receipt=sent.detail)
        phone.pushover.messages[0].expires = 1
        for _ in range(3):
            assert await channel.ask([page], desk.react) == 0
        assert len([one for one in phone.received if one.what == "pushover.receipts"]) == 1
    assert desk.reactions == []


async def test_a_provider_that_hangs_keeps_nobody_waiting_who_asks_before_a_level() -> None:
    async with PhoneServer() as phone:
        channel, desk = pushover_of(phone), Desk()
        sent = await channel.send(message(target="ana/phone/1"))
        page = OpenPage(incident="I-7K2M", key="k", person="ana", receipt=sent.detail)
        phone.faults.set("hang", seconds=30)
        with pytest.raises(DeliveryError, match="did not say within"):
            await channel.ask([page], desk.react, seconds=0.2)


async def test_what_could_not_be_kept_is_passed_on_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts, "LEAST", 0)

    async def refuses(reaction: Any) -> Any:
        raise StoreError("the disk is full")

    async with PhoneServer() as phone:
        channel, desk = pushover_of(phone), Desk()
        sent = await channel.send(message(target="ana/phone/1"))
        page = OpenPage(incident="I-7K2M", key="k", person="ana", receipt=sent.detail)
        phone.acknowledge(phone.pushover.messages[0])
        with pytest.raises(StoreError):
            await channel.ask([page], refuses)
        assert await channel.ask([page], desk.react) == 1


async def test_a_month_that_is_used_up_takes_the_next_way_at_once_and_the_doctor_warns_before() -> None:
    async with PhoneServer() as phone:
        channel = pushover_of(phone)
        phone.pushover.left = 12
        few = await channel.doctor()
        phone.pushover.left = 0
        error = await failing(channel)
        none = await channel.doctor()
    assert error.permanent and "used up" in str(error)
    assert [(one.level, one.write != "") for one in few] == [("ok", False), ("warning", True)]
    assert none[1].level == "fault" and none[1].what.startswith("Pushover: 0 messages are left")


async def test_an_address_that_is_too_long_costs_the_link_and_not_the_page() -> None:
    long = "https://wiki.example.com/" + "x" * 1_500
    async with PhoneServer() as phone:
        await pushover_of(phone).send(message(view=replace(INCIDENT, runbook=long), target="ana/phone/1"))
        await ntfy_of(phone).send(message(view=replace(INCIDENT, runbook=long, page_url=long), target="ana/phone/0"))
        assert len(phone.pushover.messages) == len(phone.messages) == 1


async def test_an_application_of_your_own_and_a_user_key() -> None:
    async with PhoneServer() as phone:
        secrets = {"ANA_PUSH": "sandbox-user", "APP": "sandbox-application"}
        await pushover_of(phone, token="${secret:APP}", secrets=secrets).send(message(target="ana/phone/1"))
        assert len(phone.pushover.messages) == 1


async def test_a_page_that_was_taken_and_does_not_ring_is_no_page() -> None:
    async with PhoneServer() as phone:
        phone.faults.set("not-delivered")
        error = await failing(pushover_of(phone))
    assert error.permanent
    assert "does not ring" in str(error)


async def test_listening_polls_open_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushover_send, "POLL", 0.02)
    async with PhoneServer() as phone:
        receipt = await pushover_of(phone).send(message(target="ana/phone/1"))
        page = OpenPage(incident="I-7K2M", key="k", person="ana", receipt=receipt.detail)
        broken = OpenPage(incident="I-1", key="k", person="ana", receipt={"receipt": "gone", "target": "ana/phone/1"})
        channel, desk = pushover_of(phone, pages=(broken, page)), Desk()
        phone.acknowledge(phone.pushover.messages[0])
        task = asyncio.create_task(channel.listen(desk.react))
        await until(lambda: bool(desk.reactions))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_doctor_of_pushover_rings_nobody() -> None:
    async with PhoneServer() as phone:
        sound = await pushover_of(phone).doctor()
        wrong = await pushover_of(phone, secrets={"ANA_PUSH": "x@sandbox-application"}).doctor()
        assert phone.pushover.messages == []
    assert {finding.level for finding in sound} == {"ok"}
    assert [finding.level for finding in wrong] == ["fault"]


async def test_the_look_at_every_channel_asks_pushover_whether_each_key_may_ring_and_rings_nobody() -> None:
    async with PhoneServer() as phone:
        await pushover_of(phone).alive()
        with pytest.raises(DeliveryError):
            await pushover_of(phone, secrets={"ANA_PUSH": "x@sandbox-application"}).alive()
        assert [one.what for one in phone.received] == ["pushover.users"] * 2
        assert phone.pushover.messages == []
