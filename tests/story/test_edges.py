"""Where things meet: merged and mended, muted and lifted, answered twice, asked for at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alerts.channels.pagerduty.hooks import reaction_in
from alerts.channels.pagerduty.states import round_of
from alerts.emergency import Memory
from alerts.message import Message, Purpose, Receipt
from alerts.oncall import Entry, Known, OnCall, Roster
from alerts.people import Person
from alerts.policy import Level, PolicySpec
from alerts.rotation import Cover, RotationSpec
from alerts.signal import Condition, Severity, Signal
from probes.words.errors import DeliveryError, StoreError
from probes.words.units import HOUR, SECOND
from tests.story.night import BROKEN, KEY, MINUTES, START, Night


@pytest.fixture
def night() -> Night:
    return Night()


async def test_a_merged_warning_that_turns_critical_wakes_somebody(night: Night) -> None:
    one = await night.fails(severity=Severity.WARNING)
    two = await night.fails(subject="dispatch/production", title="Dispatch", severity=Severity.WARNING)
    await night.merge(one, two)
    await night.signal(Condition.CHANGED, severity=Severity.CRITICAL)
    await night.pass_time("2h")
    assert night.ntfy.pages, "critical for two hours and nobody was told"


async def test_a_service_does_not_close_a_customers_report(night: Night) -> None:
    incident = await night.report()
    await night.pass_time("16m")
    await night.react(incident, "resolve", by="PagerDuty", via="pagerduty", service=True, round=1, at=night.clock.now())
    assert (await night.incident(incident)).resolved_at is None


async def test_an_ack_taken_back_at_pagerduty_leaves_the_snooze_from_slack(night: Night) -> None:
    incident = await night.fails()
    await night.pass_time("16m")
    await night.react(incident, by="Ana", via="pagerduty", round=1, at=night.clock.now())
    await night.pass_time("1m")
    await night.react(incident, "snooze", by="Bo", via="slack", at=night.clock.now(), said={"for": "8h"})
    woken = len(night.ntfy.pages)
    await night.pass_time("29m")
    await night.react(incident, "unack", by="PagerDuty", via="pagerduty", round=1, at=night.clock.now())
    await night.pass_time("1m")
    assert (await night.incident(incident)).state == "acknowledged"
    assert len(night.ntfy.pages) == woken


async def test_a_level_that_names_the_same_dead_phone_does_not_hold_up_the_next() -> None:
    night = Night(
        PolicySpec(
            levels=(
                Level(notify=("bo",)),
                Level(at=5 * MINUTES, notify=("bo",)),
                Level(at=30 * MINUTES, notify=("ana",)),
            )
        )
    )
    real = night.ntfy.send

    async def send(message: Message) -> Receipt:
        if message.person == "bo":
            raise DeliveryError("no such topic", permanent=True)
        return await real(message)

    night.ntfy.send = send  # type: ignore[method-assign]
    await night.fails()
    await night.pass_time("2m")
    assert night.ntfy.pages == ["ana"]


async def test_next_of_a_pagerduty_rotation_is_nobody_who_is_away(night: Night) -> None:
    book = replace(night.book, rotations={"front": RotationSpec(pagerduty_schedule="P1")})

    class Told:
        def known(self, rotation: str) -> Known:
            return Known((Entry("1", "Ana", level=1), Entry("2", "Bo", level=2), Entry("3", "Cy", level=3)), START)

    away = Roster(aways=(Cover("", START - HOUR, START + HOUR, "bo"),))
    found = OnCall(book, away, Told())
    assert found.duty("front", START).person == "ana"
    assert found.next_duty("front", START).person == "cy"
    assert [way.person for way in found.resolve("next:front", START)] == ["cy"]


async def test_a_warning_that_a_mute_held_is_posted_when_it_is_lifted(night: Night) -> None:
    number = await night.mute("8h")
    await night.fails(severity=Severity.WARNING)
    await night.pass_time("10m")
    assert not night.slack.of(Purpose.WARNING)
    await night.unmute(number)
    await night.pass_time("5m")
    assert night.slack.of(Purpose.WARNING), "the mute is over, and it goes on hiding"


async def test_an_old_answer_to_a_storm_is_not_taken_for_one_to_a_later_round() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)),), repeat=9))
    b = await night.fails(subject="b/production", title="B")
    await night.pass_time("15m")  # round 2 of b begins: it leaves at once …
    assert (await night.incident(b)).round == 2
    await night.pass_time("14m55s")
    await night.fails(subject="c/production", title="C")
    await night.pass_time("4s")
    a = await night.fails(subject="a/production", title="A")
    await night.pass_time("30s")
    pages = await night.transact(lambda session: night.desk.open_pages(session, "pagerduty"))
    page = next(one for one in pages if one.key.endswith(".storm"))
    at = night.clock.now()
    by_hook = round_of(page.key)
    assert (by_hook, page.round) == (1, 3), "the message stands for the first round of one and the third of the other"
    await night.react(page.key, by="Ana", via="pagerduty", round=by_hook, at=at)
    assert (await night.incident(a)).state == "acknowledged"
    await night.pass_time("5s")
    await night.fails("home", subject="a/production", title="A")
    assert (await night.incident(a)).state == "triggered"
    assert (await night.incident(a)).round == 2
    # the poll, ten seconds later, tells of the same answer, given at the same instant
    await night.react(page.incident, by="Ana", via="pagerduty", round=page.round, at=at)
    assert (await night.incident(a)).state == "triggered", "the new round was silenced by an answer to the old one"


async def test_one_phones_server_that_asks_for_quiet_holds_back_no_other_phone(night: Night) -> None:
    real = night.ntfy.send

    async def send(message: Message) -> Receipt:
        if message.person == "ana":  # an ntfy server of her own
            raise DeliveryError("ntfy: too many messages", retry_after=60)
        return await real(message)

    night.ntfy.send = send  # type: ignore[method-assign]
    alone = PolicySpec(levels=(Level(notify=("bo",)),))
    night.book = replace(night.book, policies={**night.book.policies, "alone": alone})
    await night.fails()
    await night.pass_time("1s")
    await night.fails(subject="dispatch/production", title="Dispatch", policy="alone")
    await night.pass_time("15s")
    assert "bo" in night.ntfy.pages


async def test_a_bug_in_asking_about_a_page_takes_nothing_else_down(night: Night) -> None:
    def knows(key: str) -> dict[str, Any] | None:
        raise ValueError("the answer was odd")

    night.pagerduty.verified, night.pagerduty.knows = False, knows
    await night.fails()
    await night.pass_time("40m")
    assert night.pagerduty.pages and {"ana", "bo"} <= set(night.ntfy.pages)
    assert night.broken_rules == []


async def test_a_bug_in_one_channel_does_not_keep_an_emergency_from_the_next_way(night: Night) -> None:
    async def send(message: Message) -> Receipt:
        raise KeyError("id")

    night.ntfy.send = send  # type: ignore[method-assign]
    memory = Memory()
    await memory.page(BROKEN, book=night.book, channels=night.providers, at=START, why="full", waits=(0.0,))
    assert [m.person for m in night.pushover.accepted] == ["ana"]
    assert memory.sent


async def test_an_outage_after_a_repair_is_paged_from_memory_again(night: Night) -> None:
    memory = Memory()
    given: dict[str, Any] = {"book": night.book, "channels": night.providers, "why": "full", "waits": (0.0,)}
    await memory.page(BROKEN, at=START, **given)
    await night.fails()
    memory.forget(await night.transact(lambda session: memory.record(session, now=START)))
    await night.passes()
    assert await memory.page(replace(BROKEN, at=START + HOUR), at=START + HOUR, **given)


async def test_nobody_reached_from_memory_is_tried_for_as_long_as_the_store_is_broken(night: Night) -> None:
    from monitor.engine.teller import Teller

    memory = Memory()

    async def page(signal: Signal) -> None:
        await memory.page(
            signal, book=night.book, channels=night.providers, at=night.clock.now(), why="full", waits=(0.0, 0.0, 0.0)
        )

    async def write(work: Any) -> Any:
        raise StoreError("the disk is full")

    for provider in night.providers.values():
        provider.faults = ["5xx"] * 30  # the way out is gone for a while too
    teller = Teller(write, lambda s, g: set(), clock=night.clock, woke=lambda c: None, emergency=page)
    teller.tell(BROKEN)
    for _ in range(600):
        await teller.flush()
        night.clock.at += SECOND
    assert any(sent.way.human for sent in memory.sent), "ten minutes, and nobody was tried again"


async def test_a_page_of_a_round_that_is_over_is_not_sent_again_beside_the_new_one() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("ana", "pagerduty")),), repeat=9))
    night.pagerduty.faults = ["hang"]
    incident = await night.fails()
    await night.pass_time("2s")
    await night.react(incident, via="ntfy", by="Ana")
    await night.pass_time("2s")
    await night.fails("home")
    assert (await night.incident(incident)).round == 2
    await night.pass_time("2m")
    keys = [message.key for message in night.pagerduty.of(Purpose.PAGE)]
    assert [key.rpartition(".")[2] for key in keys] == ["2"], keys


async def test_whoever_the_policy_names_now_is_told_when_the_old_people_are_gone() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("ana",)),), fallback="bo"))
    incident = await night.fails()
    await night.react(incident)
    new = PolicySpec(levels=(Level(notify=("cy",)),), fallback="cy")
    night.book = replace(night.book, people={"cy": night.book.people["cy"]}, policies={"usual": new})
    await night.pass_time("5h")
    assert "cy" in night.ntfy.pages, await night.kinds(incident)


async def test_a_policy_that_is_gone_with_its_people_leaves_the_incident_to_one_that_reaches_somebody() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("ana",)),)))
    incident = await night.fails()
    await night.react(incident)
    other = PolicySpec(levels=(Level(notify=("cy",)),))
    night.book = replace(night.book, people={"cy": night.book.people["cy"]}, policies={"others": other})
    await night.pass_time("31m")
    assert night.ntfy.pages == ["ana", "cy"]
    view = await night.view(incident)
    assert "nobody whom it named can be told: others is followed as it is now" in [one.text for one in view.events]


async def test_a_rotation_with_nobody_on_call_for_a_while_calls_nobody_of_another_policy() -> None:
    night = Night(
        PolicySpec(levels=(Level(notify=("on-call:day",)),)), others=PolicySpec(levels=(Level(notify=("cy",)),))
    )
    day = RotationSpec(people=("ana",), hours="Mon-Sun 08:00-09:00")
    night.book = replace(night.book, rotations={"day": day})
    await night.fails()
    await night.pass_time("2h")
    assert night.ntfy.pages == []


async def test_a_phone_that_was_replaced_while_its_page_waited_rings_within_a_minute() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("bo",)),), repeat=9))
    swapped = [False]

    async def send(message: Message) -> Receipt:  # as the real channel answers
        raise DeliveryError("no longer a phone", permanent=True) if swapped[0] else DeliveryError("5xx")

    night.ntfy.send = send  # type: ignore[method-assign]
    await night.fails()
    await night.pass_time("30s")
    swapped[0] = True
    bo = Person("bo", "Bo", phone=("pushover:${secret:BO}",))
    night.book = replace(night.book, people={**night.book.people, "bo": bo})
    await night.pass_time("1m30s")
    assert night.pushover.pages == ["bo"]


async def from_memory(night: Night) -> Memory:
    memory = Memory()
    await memory.page(BROKEN, book=night.book, channels=night.providers, at=START, why="full", waits=(0.0,))
    return memory


async def test_an_answer_that_came_before_it_was_written_down_reaches_the_emergency_page(night: Night) -> None:
    memory = await from_memory(night)
    incident = await night.fails()
    await night.react(incident, by="Ana", via="slack")
    await night.transact(lambda session: memory.record(session, now=night.clock.now()))
    await night.deliver()
    assert KEY in [m.key for m in night.pagerduty.of(Purpose.ACK)], "PagerDuty goes on escalating what she has"


async def test_who_answers_an_emergency_page_at_the_provider_is_heard(night: Night) -> None:
    memory = await from_memory(night)
    await night.fails()
    await night.transact(lambda session: memory.record(session, now=night.clock.now()))
    pages = await night.transact(lambda session: night.desk.open_pages(session, "pagerduty"))
    assert KEY in [page.key for page in pages]


def test_a_webhook_about_an_emergency_page_is_an_answer() -> None:
    from alerts.channels.kit import Surroundings

    around = Surroundings(secrets=lambda names: {}, people=dict, clock=Night().clock)
    event = {
        "event_type": "incident.acknowledged",
        "occurred_at": "2026-09-21T14:00:00Z",
        "agent": {"type": "user_reference", "id": "U1", "summary": "Ana"},
        "data": {"id": "Q1", "incident_key": KEY},
    }
    assert reaction_in(event, around) is not None


async def test_what_pagerduty_escalates_is_not_escalated_here_too_once_another_policy_joins() -> None:
    theirs = PolicySpec(
        levels=(Level(notify=("slack",)), Level(at=5 * MINUTES, notify=("bo",))), escalation="pagerduty"
    )
    night = Night(theirs, ours=PolicySpec(levels=(Level(notify=("ana",)),)))
    await night.fails()
    await night.pass_time("1m")
    await night.fails("home", policy="ours")
    await night.pass_time("10m")
    assert "bo" not in night.ntfy.pages, "PagerDuty has half an hour, and showup climbs beside it"


async def test_a_merged_warning_that_a_person_calls_critical_wakes_somebody(night: Night) -> None:
    one = await night.fails(severity=Severity.WARNING)
    two = await night.fails(subject="dispatch/production", title="Dispatch", severity=Severity.WARNING)
    await night.merge(one, two)
    await night.severity(one, "critical")
    await night.pass_time("2h")
    assert night.ntfy.pages


async def test_a_send_that_ends_after_a_suspend_does_not_undo_what_was_delivered_meanwhile() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("bo",)),), every=60 * MINUTES))
    night.ntfy.faults = ["hang"]
    await night.fails()
    night.clock.at += 120 * SECOND  # the lid was closed while the message was under way
    await night.transact(lambda session: night.desk.due(session, now=night.clock.now()))
    await night.deliver()
    assert night.ntfy.pages == ["bo"]
    night.ntfy.time_out()  # the first connection breaks only now
    await night.pass_time("1s")
    await night.pass_time("5m")
    assert night.ntfy.pages == ["bo"], "delivered, and rung once more"


@pytest.mark.parametrize(
    "said",
    [
        {"until": "08:00+02:00"},
        {"until": "08:00Z"},
        {"for": "99999999999999d"},
        {"for": "-5m"},
        {"for": "nan"},
        {"for": "\ud800"},
    ],
)
async def test_odd_snoozes(night: Night, said: dict[str, str]) -> None:
    incident = await night.fails()
    answer = await night.react(incident, "snooze", said=said)
    assert answer.accepted


async def test_a_provider_merged_away_lets_go_of_what_was_left_to_it(night: Night) -> None:
    p = await night.fails(subject="provider:openai", title="OpenAI")
    given: dict[str, Any] = {
        "failure": "provider_down",
        "blame": "provider",
        "suspected": False,
        "labels": (("provider", "openai"),),
    }
    a = await night.fails(subject="a/production", title="A", **given)
    assert (await night.incident(a)).paging is False
    other = await night.fails(subject="x/production", title="X")
    await night.react(other)
    await night.merge(p, other)
    await night.pass_time("6m")
    assert (await night.incident(a)).paging
    assert night.broken_rules == []


async def test_a_mute_over_a_merge_and_an_expiring_ack(night: Night) -> None:
    one = await night.fails()
    two = await night.fails(subject="dispatch/production", title="Dispatch")
    await night.react(two)
    await night.merge(one, two)
    await night.pass_time("1m")
    number = await night.mute("2h", "dispatch")
    await night.pass_time("31m")  # the ack expires under the mute: nobody speaks for the first one
    await night.pass_time("6m")
    assert (await night.incident(one)).paging
    await night.unmute(number)
    await night.pass_time("1m")
    assert night.broken_rules + await night.check() == []


async def test_a_drill_beside_a_real_incident(night: Night) -> None:
    drill = await night.fails("books (drill D1)", subject="drill:intake/production", drill=True, urgent=False)
    real = await night.fails()
    await night.pass_time("1m")
    await night.react(drill)
    assert (await night.incident(real)).state == "triggered"
    subjects = [m.incident.subject for m in night.ntfy.accepted if m.incident and m.purpose is Purpose.PAGE]
    assert subjects == ["drill:intake/production", "intake/production"]
    assert night.broken_rules == []


def test_pagerduty_that_is_busy_for_days_stays_a_delivery_error() -> None:
    from alerts.channels.kit import Surroundings
    from alerts.channels.pagerduty.client import LONGEST_REST, PagerDuty
    from alerts.channels.pagerduty.spec import Spec

    around = Surroundings(secrets=lambda names: {}, people=dict, clock=Night().clock)
    pagerduty = PagerDuty(Spec(routing_key="${secret:PD}", api_key="${secret:API}"), around)
    for _ in range(1_100):  # five minutes each: not quite four days
        pagerduty._rest(1.0)
    assert pagerduty._refused == 1_100
    assert 1 <= pagerduty._rests_until - around.clock.mono() <= LONGEST_REST
