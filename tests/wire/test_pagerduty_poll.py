"""Asking PagerDuty what became of our pages: few calls, quiet when it asks for quiet, and every answer once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.channels.kit import OpenPage
from alerts.channels.pagerduty.client import PagerDuty
from alerts.channels.pagerduty.poll import Poll
from alerts.channels.pagerduty.send import PagerDutyChannel
from alerts.channels.pagerduty.states import agent, reactions_of, together, told_of
from monitor.sandbox.pagerduty import PagerDutyServer
from probes.words.clock import PushedClock, micros, moment
from probes.words.errors import DeliveryError
from probes.words.units import MINUTE
from tests.wire.channel_kit import Desk, message, surroundings
from tests.wire.test_channel_pagerduty import PAGE, PEOPLE, channel_of, spec_of

START = micros(moment(1_795_406_400_000_000))


def reads(server: PagerDutyServer) -> list[str]:
    return [one.what for one in server.received if one.what.startswith("rest.")]


async def triggered(server: PagerDutyServer, count: int) -> list[OpenPage]:
    """So many incidents there, as events make them."""
    pages = [OpenPage(incident=f"I-{number}", key=f"showup-I-{number}.1") for number in range(count)]
    for page in pages:
        body = {"payload": {"summary": page.incident, "source": "x", "severity": "critical"}}
        server.account.receive(server.service, "trigger", page.key, body, now=server.now(), appears=server.now())
    return pages


async def test_two_hundred_open_incidents_are_read_with_two_calls() -> None:
    async with PagerDutyServer() as server:
        channel, desk = channel_of(server), Desk()
        pages = await triggered(server, 200)
        for incident in server.incidents[:150]:
            server.acknowledge(incident)
        await channel.ask(pages, desk.react)
        assert reads(server) == ["rest.incidents"] * 2
        acked = [one for one in desk.reactions if one.action == "ack"]
        assert len(acked) == 150 and {one.by for one in acked} == {"First Responder"}
        assert await channel.ask(pages, desk.react) == 0, "each answer once"


async def test_what_no_list_shows_is_asked_for_by_key_and_in_turn() -> None:
    async with PagerDutyServer() as server:
        channel, desk = channel_of(server), Desk()
        shown = await triggered(server, 6)
        lost = [OpenPage(incident=f"L-{number}", key=f"showup-L-{number}.1") for number in range(25)]
        for _ in range(3):
            await channel.ask([*shown, *lost], desk.react)
        asked = reads(server)
    assert len(asked) == 3 * (1 + 10), "a round is bounded, whatever is missing"
    assert len(desk.reactions) == 6


async def test_a_round_stays_far_under_the_limit_even_when_everything_is_missing_and_unnamed() -> None:
    async with PagerDutyServer() as server:
        poll, desk = channel_of(server).poll, Desk()
        pages = [*await triggered(server, 40), *(OpenPage(incident=f"L-{n}", key=f"showup-L-{n}.1") for n in range(40))]
        server.account.woken.clear()
        for incident in server.incidents:
            incident.log.clear()  # nobody was told, so the log is asked for again
        await poll.ask(pages, desk.react, seconds=30, names=True)
        calls = len(reads(server))
    assert calls <= 5 + 10 + 4
    assert calls * 6 <= 120 < 960, "a minute has six rounds"


async def test_an_incident_that_ours_was_grouped_into_is_found_by_the_key_of_its_alert() -> None:
    async with PagerDutyServer() as server:
        channel, desk = channel_of(server), Desk()
        server.service.grouping = "time"
        await channel.send(message(key="showup-A.1"))
        await channel.send(message(key="showup-B.1"))
        assert len(server.incidents) == len(server.woken) == 1, "the second one woke nobody"
        server.acknowledge(server.incidents[0])
        await channel.ask([OpenPage(incident="B", key="showup-B.1")], desk.react)
        assert (await channel.verify("showup-B.1")) is not None
    assert [(one.action, one.incident) for one in desk.reactions if one.action == "ack"] == [("ack", "B")]


async def test_a_429_makes_it_quiet_for_as_long_as_it_says_and_longer_each_time() -> None:
    clock = PushedClock(START)
    async with PagerDutyServer() as server:
        around = replace(surroundings({"PD_ROUTING": server.routing_key, "PD_API": server.api_key}), clock=clock)
        pagerduty = PagerDuty(spec_of(server), around)
        server.faults.set("rate-limited", seconds=20)
        with pytest.raises(DeliveryError) as first:
            await pagerduty.read("/incidents")
        for _ in range(50):
            with pytest.raises(DeliveryError, match="left alone"):
                await pagerduty.read("/incidents")
        assert first.value.retry_after == 20 and len(server.received) == 1
        for _ in range(6):
            clock.push(timedelta(seconds=400))
            with pytest.raises(DeliveryError):
                await pagerduty.read("/incidents")
        clock.push(timedelta(seconds=30))
        with pytest.raises(DeliveryError, match="left alone"):
            await pagerduty.read("/incidents")
        server.faults.clear()
        clock.push(timedelta(seconds=300))
        await pagerduty.read("/incidents")
        await pagerduty.read("/incidents")
        assert len(server.received) == 9


async def test_a_pagerduty_that_wants_quiet_does_not_hold_back_a_level_or_a_page() -> None:
    async with PagerDutyServer() as server:
        channel = channel_of(server)
        server.faults.set("rate-limited", where="rest.*")
        with pytest.raises(DeliveryError):
            await channel.ask([PAGE], Desk().react, seconds=2)
        await channel.send(message())
        assert len(server.woken) == 1


async def names_of(poll: Poll, pages: list[OpenPage], desk: Desk) -> list[str]:
    before = len(desk.reactions)
    await poll.ask(pages, desk.react, seconds=10, names=True)
    return [f"{one.action} {one.by}" for one in desk.reactions[before:]]


async def test_whom_it_told_is_read_once_for_each_time_it_is_given_to_somebody() -> None:
    clock = PushedClock(START)
    async with PagerDutyServer(clock=clock) as server:
        channel, desk = channel_of(server), Desk()
        await channel.send(message())
        assert await names_of(channel.poll, [PAGE], desk) == ["reassign First Responder", "told First Responder"]
        assert desk.reactions[-1].at == START
        assert await names_of(channel.poll, [PAGE], desk) == []
        assert reads(server).count("rest.incidents") == 3, "the log is not read again"
        clock.push(timedelta(minutes=6))
        assert await names_of(channel.poll, [PAGE], desk) == ["reassign Second Responder", "told Second Responder"]
        server.reassign(server.incidents[0], "PFIRST1", "PSECND2")
        clock.push(timedelta(seconds=1))
        assert await names_of(channel.poll, [PAGE], desk) == ["reassign First Responder", "told First Responder"]
        server.acknowledge(server.incidents[0])
        assert await names_of(channel.poll, [PAGE], desk) == ["ack First Responder"]


async def test_a_log_that_never_names_anybody_is_given_up_after_a_while() -> None:
    async with PagerDutyServer() as server:
        channel, desk = channel_of(server), Desk()
        await channel.send(message())
        server.incidents[0].log.clear()
        assert await names_of(channel.poll, [PAGE], desk) == ["reassign First Responder"]
        server.incidents[0].assigned = [(server.now() - 11 * MINUTE, "PFIRST1")]
        await names_of(channel.poll, [PAGE], desk)
        before = len(server.received)
        await names_of(channel.poll, [PAGE], desk)
        assert len(server.received) == before + 1


async def test_an_answer_that_is_over_there_is_told_also_by_a_keeper_that_never_saw_it_given() -> None:
    async with PagerDutyServer() as server:
        await channel_of(server).send(message())
        server.acknowledge(server.incidents[0])
        server.expire_ack(server.incidents[0])
        fresh, desk = channel_of(server), Desk()
        await fresh.ask([PAGE], desk.react)
        assert [one.action for one in desk.reactions] == ["reassign"], "here nobody had answered"
        await fresh.ask([replace(PAGE, acked_via="slack")], desk.react)
        assert "unack" not in [one.action for one in desk.reactions], "that was no answer of theirs"
        await fresh.ask([replace(PAGE, acked_via="pagerduty")], desk.react)
    assert desk.reactions[-1].action == "unack"


async def test_our_own_echo_never_stands_for_the_person_who_answered() -> None:
    async with PagerDutyServer() as server:
        channel, desk = channel_of(server), Desk()
        await channel.send(message())
        server.acknowledge(server.incidents[0])
        server.account.acknowledge(server.incidents[0], server.service.id, server.now())
        await channel.ask([PAGE], desk.react)
    [ack] = [one for one in desk.reactions if one.action == "ack"]
    assert (ack.by, ack.service) == ("First Responder", False)


async def test_what_pagerduty_resolves_after_four_hours_is_told_as_its_own() -> None:
    clock = PushedClock(START)
    async with PagerDutyServer(clock=clock) as server:
        channel, desk = channel_of(server), Desk()
        await channel.send(message())
        clock.push(timedelta(hours=4, minutes=1))
        await channel.ask([PAGE], desk.react)
    [one] = desk.reactions
    assert (one.action, one.service) == ("resolve", True)


async def test_low_urgency_wakes_nobody_on_a_service_that_looks_at_the_severity() -> None:
    async with PagerDutyServer() as server:
        channel: PagerDutyChannel = channel_of(server)
        drill = message(key="showup-D.1")
        assert drill.incident is not None
        await channel.send(replace(drill, incident=replace(drill.incident, urgent=False, drill=True)))
        assert [one.urgency for one in server.incidents] == ["low"] and server.woken == []
        await channel.send(message(key="showup-E.1"))
        assert len(server.woken) == 1


@pytest.mark.parametrize(
    "incident",
    [
        {}, {"status": 7}, {"status": "acknowledged", "acknowledgements": [None, {"acknowledger": "x", "at": 9}]},
        {"status": "triggered", "assignments": [{"assignee": {"type": "user"}, "at": "yesterday"}, 3], "id": {}},
        {"status": "resolved", "last_status_change_by": [], "last_status_change_at": "9999-99-99"},
    ],
)  # fmt: skip
def test_answers_of_any_shape_mean_something_or_nothing(incident: dict[str, Any]) -> None:
    around = surroundings(people=PEOPLE)
    page = replace(PAGE, acked_via="pagerduty")
    assert all(one.via == "pagerduty" and one.at for one in reactions_of(page, incident, around))
    odd = [incident, {"type": "notify_log_entry", "created_at": incident, "user": incident}]
    assert told_of(page, odd, incident, around) is None


def test_names_are_said_as_people_say_them() -> None:
    assert [together(names) for names in ([], ["A"], ["A", "A"], ["A", "B"], ["A", "B", "C"])] == [
        "", "A", "A", "A and B", "A, B and C",
    ]  # fmt: skip
    assert together(["A", "B", "C", "D", "E"]) == "A, B, C and 2 more"
    assert agent(
        {"type": "user_reference", "id": "PFIRST1", "summary": "Somebody Else"}, surroundings(people=PEOPLE)
    ).name == ("First Responder")
