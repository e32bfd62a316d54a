"""The PagerDuty channel against a local PagerDuty over TLS: keys, faults, answers read back, schedules."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from alerts.channels.kit import OpenPage, Surroundings
from alerts.channels.pagerduty import poll
from alerts.channels.pagerduty.client import PagerDuty
from alerts.channels.pagerduty.oncalls import Oncalls
from alerts.channels.pagerduty.send import PagerDutyChannel, open_channel
from alerts.channels.pagerduty.spec import Spec
from alerts.message import Answer, Purpose, Reaction
from alerts.oncall import OnCall
from alerts.people import Person
from alerts.rotation import RotationSpec
from monitor.sandbox.pagerduty import PagerDutyServer
from monitor.sandbox.pagerduty.people import Schedule
from probes.words.clock import SystemClock
from probes.words.errors import DeliveryError
from probes.words.units import DAY, HOUR
from tests.pure.oncall_kit import Book
from tests.wire.channel_kit import INCIDENT, Desk, message, resolved, surroundings
from tests.wire.waiting import until

PAGE = OpenPage(incident="I-7K2M", key="I-7K2M.1", round=1)
FIRST = Person("first", "First Responder", pagerduty="PFIRST1", phone=("ntfy:first-rings",))
PEOPLE = (FIRST, Person("second", "Second Responder", phone=("ntfy:second-rings",)))


def spec_of(server: PagerDutyServer, **options: Any) -> Spec:
    given = {
        "routing_key": "${secret:PD_ROUTING}",
        "api_key": "${secret:PD_API}",
        "url": server.url,
        "api_url": server.url,
        "ca_file": server.ca_file,
        "timeout": "5s",
    }
    return Spec.model_validate(given | options)


def channel_of(
    server: PagerDutyServer,
    *,
    secrets: Mapping[str, str] | None = None,
    pages: tuple[OpenPage, ...] = (PAGE,),
    **options: Any,
) -> PagerDutyChannel:
    known = {"PD_ROUTING": server.routing_key, "PD_API": server.api_key, **(secrets or {})}
    return open_channel(spec_of(server, **options), surroundings(known, pages=pages, people=PEOPLE))


async def failing(channel: PagerDutyChannel, **more: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(message(**more))
    return caught.value


# --- a page -----------------------------------------------------------------------------------------------------------


async def test_a_page_becomes_one_incident_and_ends_with_its_resolve() -> None:
    async with PagerDutyServer() as server:
        channel = channel_of(server)
        receipt = await channel.send(message())
        again = await channel.send(message(marker="n-2", repeat=True))
        assert [incident.key for incident in server.incidents] == ["I-7K2M.1"]
        assert len(server.woken) == 1
        assert (receipt.id, receipt.verified, again.id) == ("I-7K2M.1", False, "I-7K2M.1")
        assert (await channel.send(message(Purpose.ACK))).verified
        assert server.incidents[0].status == "acknowledged"
        assert (await channel.send(message(Purpose.RESOLVE, view=resolved()))).verified
        assert server.open_keys == []


async def test_the_incident_says_what_when_and_where_to_look() -> None:
    async with PagerDutyServer() as server:
        await channel_of(server).send(message())
        [sent] = [one.body for one in server.received if one.what == "enqueue"]
    assert sent["payload"]["summary"].startswith("Intake agent answers wrongly")
    assert sent["payload"]["severity"] == "critical"
    assert sent["payload"]["source"] == "northside-intake/production"
    assert sent["payload"]["timestamp"] == "2026-11-23T03:58:00.000+00:00"
    assert sent["payload"]["custom_details"]["blame"] == "Suspected: the workflow"
    assert sent["links"][0] == {"href": "https://wiki.example.com/intake", "text": "Runbook"}


async def test_nothing_is_too_long_and_no_link_leads_home() -> None:
    long = "ä" * 200_000
    view = replace(
        INCIDENT, title=long, sentence=long, members=(long,) * 500, runbook_lines=(long,) * 99,
        runbook="http://127.0.0.1/x", page_url="http://localhost:8470",
    )  # fmt: skip
    async with PagerDutyServer() as server:
        await channel_of(server).send(message(view=view))
        [sent] = [one.body for one in server.received if one.what == "enqueue"]
    assert len(sent["payload"]["summary"]) <= 1024
    assert "links" not in sent and "client_url" not in sent


@pytest.mark.parametrize("purpose", [Purpose.NOTE, Purpose.INFO])
async def test_what_is_no_page_is_not_sent(purpose: Purpose) -> None:
    async with PagerDutyServer() as server:
        assert (await failing(channel_of(server), purpose=purpose)).permanent
        assert not server.received


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "options", "permanent", "unknown"),
    [
        ("server-error", {"status": 500}, False, True),
        ("server-error", {"status": 503}, False, True),
        ("hang", {"seconds": 30}, False, True),
        ("drop", {}, False, True),
        ("lost-reply", {}, False, True),
        ("invalid-event", {}, True, False),
    ],
)
async def test_each_fault_is_tried_once_and_says_whether_trying_again_helps(
    fault: str, options: dict[str, Any], permanent: bool, unknown: bool
) -> None:
    async with PagerDutyServer() as server:
        server.faults.set(fault, **options)
        error = await failing(channel_of(server, timeout="800ms"))
        assert len([one for one in server.received if one.what == "enqueue"]) <= 1
    assert (error.permanent, error.unknown) == (permanent, unknown)


async def test_a_busy_pagerduty_is_asked_once_and_waited_for() -> None:
    async with PagerDutyServer() as server:
        server.faults.set("rate-limited")
        error = await failing(channel_of(server))
        assert len(server.received) == 1
    assert error.retry_after is not None and error.retry_after > 0
    assert (error.permanent, error.unknown) == (False, False)


async def test_a_lost_reply_is_repeated_with_the_same_key_and_wakes_nobody_twice() -> None:
    async with PagerDutyServer() as server:
        channel = channel_of(server)
        server.faults.set("lost-reply", times=1)
        assert (await failing(channel)).unknown
        await channel.send(message(repeat=True))
        assert len(server.incidents) == len(server.woken) == 1


async def test_a_closed_port_has_certainly_not_taken_the_page() -> None:
    async with PagerDutyServer() as server:
        channel = channel_of(server)
        assert await channel.send(message())
        await server._runner.cleanup()  # type: ignore[union-attr]  # the port closes, the certificate stays
        error = await failing(channel)
    assert (error.permanent, error.unknown) == (False, False)


async def test_an_unknown_authority_is_never_trusted() -> None:
    async with PagerDutyServer() as server:
        error = await failing(channel_of(server, ca_file=None))
        assert server.incidents == []
    assert not error.permanent


async def test_wrong_keys_and_missing_secrets_say_what_to_do() -> None:
    async with PagerDutyServer() as server:
        wrong = await failing(channel_of(server, secrets={"PD_ROUTING": "short"}))
        missing = await failing(channel_of(server, routing_key="${secret:NOT_SET}"))
        file = await failing(channel_of(server, ca_file="/nowhere/ca.pem"))
    assert wrong.permanent and "32 characters" in str(wrong) and "short" not in str(wrong).replace("shorter", "")
    assert missing.permanent and "NOT_SET" in str(missing)
    assert file.permanent and "/nowhere/ca.pem" in str(file)


async def test_a_call_that_hangs_holds_up_nothing_else() -> None:
    async with PagerDutyServer() as server:
        channel = channel_of(server, timeout="1s")
        server.faults.set("hang", seconds=30, times=1)
        hanging = asyncio.create_task(failing(channel))
        await until(lambda: not server.faults)
        await channel.send(message(key="I-OTHER.1"))
        assert server.open_keys == ["I-OTHER.1"]
        assert (await hanging).unknown


# --- a 202 is not a page ----------------------------------------------------------------------------------------------


async def test_verify_tells_an_incident_from_a_202_that_came_to_nothing() -> None:
    async with PagerDutyServer() as server:
        channel = channel_of(server)
        server.faults.set("no-incident", times=1)
        await channel.send(message())
        assert await channel.verify("I-7K2M.1") is None
        await channel.send(message(key="I-7K2M.2"))
        found = await channel.verify("I-7K2M.2")
    assert found is not None
    assert found["status"] == "triggered"
    assert found["number"] == 1


async def test_without_a_rest_key_nothing_can_be_verified_and_it_says_so() -> None:
    async with PagerDutyServer() as server:
        channel = channel_of(server, api_key=None)
        assert not channel.verifies
        with pytest.raises(DeliveryError, match="unverified"):
            await channel.verify("I-7K2M.1")
        await asyncio.wait_for(channel.listen(Desk().react), 1)
        found = await channel.doctor()
    assert [finding.level for finding in found] == ["ok", "warning"]


# --- answers ----------------------------------------------------------------------------------------------------------


async def test_an_acknowledgement_on_a_phone_is_heard_once_with_its_person() -> None:
    async with PagerDutyServer() as server:
        channel, desk = channel_of(server), Desk()
        await channel.send(message())
        assert await channel.ask([PAGE], desk.react) == 1, "who has it there"
        server.acknowledge(server.incidents[0])
        assert await channel.ask([PAGE], desk.react, seconds=2) == 1
        assert await channel.ask([PAGE], desk.react) == 0
    told, reaction = desk.reactions
    assert (told.action, told.by) == ("reassign", "First Responder")
    assert (reaction.action, reaction.incident, reaction.round) == ("ack", "I-7K2M", 1)
    assert (reaction.by, reaction.person, reaction.service) == ("First Responder", "first", False)


async def test_a_resolve_tells_a_person_from_pagerduty_itself() -> None:
    async with PagerDutyServer() as server:
        channel, desk = channel_of(server), Desk()
        await channel.send(message())
        server.resolve(server.incidents[0], "PSECND2")
        await channel.ask([PAGE], desk.react)
        await channel.send(message(key="I-7K2M.2"))
        server.account.resolve(server.incidents[1], server.service.id, server.now())
        await channel.ask([replace(PAGE, key="I-7K2M.2", round=2)], desk.react)
    person, service = desk.reactions
    assert (person.action, person.person, person.service) == ("resolve", "second", False)
    assert (service.action, service.person, service.service, service.round) == ("resolve", "", True, 2)


async def test_an_answer_that_could_not_be_kept_is_told_again() -> None:
    async with PagerDutyServer() as server:
        channel, desk = channel_of(server), Desk()
        await channel.send(message())
        server.acknowledge(server.incidents[0])

        async def broken(reaction: Reaction) -> Answer:
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            await channel.ask([PAGE], broken)
        assert await channel.ask([PAGE], desk.react) == 2
    assert desk.reactions[0].action == "ack"


async def test_listening_polls_what_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poll, "POLL", 0.02)
    async with PagerDutyServer() as server:
        channel, desk = channel_of(server), Desk()
        await channel.send(message())
        server.faults.set("server-error", times=1, where="incidents*")
        listening = asyncio.create_task(channel.listen(desk.react))
        server.acknowledge(server.incidents[0])
        await until(lambda: len(desk.reactions) == 2)
        await asyncio.sleep(0.1)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
    assert sorted(one.action for one in desk.reactions) == ["ack", "reassign"], "each once, however often it is asked"


async def test_asking_before_a_level_never_takes_longer_than_its_time() -> None:
    async with PagerDutyServer() as server:
        channel = channel_of(server)
        server.faults.set("hang", seconds=30)
        began = asyncio.get_running_loop().time()
        with pytest.raises(DeliveryError):
            await channel.ask([PAGE], Desk().react, seconds=0.3)
        assert asyncio.get_running_loop().time() - began < 1.5


# --- who is on call ---------------------------------------------------------------------------------------------------


def asked(server: PagerDutyServer, around: Surroundings, book: Book) -> Oncalls:
    pagerduty = PagerDuty(spec_of(server), around)
    return Oncalls(lambda: pagerduty, lambda: book.rotations, clock=around.clock)


async def test_a_schedule_of_pagerduty_says_who_is_on_call_and_who_is_next() -> None:
    now = SystemClock().now()
    schedule = Schedule("PSCHED1", "Front line", ("PSECND2", "PFIRST1"), shift=7 * DAY, starts=now - DAY)
    rotation = RotationSpec(pagerduty_schedule="PSCHED1")
    book = Book(PEOPLE, {"front-line": rotation}, channels={"pagerduty": object()})
    async with PagerDutyServer(schedules=[schedule]) as server:
        around = surroundings({"PD_ROUTING": server.routing_key, "PD_API": server.api_key}, people=PEOPLE)
        oncalls = asked(server, around, book)
        before = OnCall(book, schedules=oncalls).duty("front-line", now)
        assert (before.person, before.source) == (None, "gap")
        await oncalls.refresh()
        at = around.clock.now()
        assert OnCall(book, schedules=oncalls).duty("front-line", at).person == "second"
        assert OnCall(book, schedules=oncalls).next_duty("front-line", at).person == "first"
        server.faults.set("server-error")
        await oncalls.refresh()
        later = at + 6 * DAY + HOUR
        assert OnCall(book, schedules=oncalls).duty("front-line", later).person == "first"
        far = OnCall(book, schedules=oncalls).duty("front-line", at + 60 * DAY)
    assert far.person is not None
    assert "since then" in far.reason


async def test_an_escalation_policy_names_levels_and_a_stranger_is_reached_through_pagerduty() -> None:
    book = Book((FIRST,), {"front-line": RotationSpec(pagerduty_policy="PPOLCY1")}, channels={"pagerduty": object()})
    async with PagerDutyServer() as server:
        around = surroundings({"PD_ROUTING": server.routing_key, "PD_API": server.api_key}, people=PEOPLE)
        oncalls = asked(server, around, book)
        await oncalls.refresh()
        at = around.clock.now()
        [first] = OnCall(book, schedules=oncalls).resolve("on-call:front-line", at)
        [second] = OnCall(book, schedules=oncalls).resolve("next:front-line", at)
    assert (first.channel, first.person) == ("ntfy", "first")
    assert (second.channel, second.name, second.human) == ("pagerduty", "Second Responder", True)


# --- doctor -----------------------------------------------------------------------------------------------------------


async def test_an_edit_never_becomes_a_new_incident() -> None:
    async with PagerDutyServer() as server:
        receipt = await channel_of(server).send(message(Purpose.REFRESH))
        assert not server.received
    assert "unsent" in receipt.detail
