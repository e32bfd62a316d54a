"""Nights on which providers fail: every page finds its way, and nothing is taken back that was never said."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import pytest
from sqlmodel import Session, select

from alerts import outbox, settle
from alerts.message import Finding, Message, Purpose, React, Reaction, Receipt
from alerts.policy import Level, PolicySpec
from alerts.tables import Notification
from probes.words.clock import SystemClock
from probes.words.errors import DeliveryError, StoreBroken
from probes.words.units import SECOND
from tests.story.night import MINUTES, START, USUAL, Night

T = TypeVar("T")


@pytest.fixture
def night() -> Night:
    return Night()


async def test_a_page_that_hangs_takes_the_next_way_after_ten_seconds(night: Night) -> None:
    night.ntfy.faults = ["hang"]
    await night.fails()
    await night.pass_time("9s")
    assert night.pushover.pages == []
    await night.pass_time("1s")
    assert night.pushover.pages == ["ana"]
    night.ntfy.release()
    await night.deliver()
    assert night.broken_rules == []


async def test_a_hanging_page_does_not_hold_back_the_page_of_another_incident(night: Night) -> None:
    night.pagerduty.faults = ["hang"]
    policy = {"policy": "direct"}
    night.book = night.book.__class__(
        people=night.book.people,
        policies={"direct": PolicySpec(levels=(Level(notify=("pagerduty",)),))},
        channels=night.book.channels,
    )
    await night.fails(subject="one/production", **policy)
    await night.pass_time("11s")
    await night.fails(subject="two/production", **policy)
    assert len(night.pagerduty.pages) == 1


async def test_a_wait_that_a_provider_asks_for_is_kept_and_never_over_a_minute(night: Night) -> None:
    async def busy(message: Message) -> Receipt:
        night.slack.sent.append(message)
        raise DeliveryError("busy", retry_after=1e9)

    night.providers["slack"].send = busy  # type: ignore[method-assign]
    await night.fails()
    await night.pass_time("59s")
    assert len(night.slack.sent) == 1
    await night.pass_time("2s")
    assert len(night.slack.sent) == 2
    assert night.broken_rules == []


async def test_a_page_is_tried_for_as_long_as_the_incident_is_open() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("slack", "ana")),), repeat=1, fallback="cy"))
    for name in night.providers:
        night.providers[name].faults = ["5xx"] * 10_000
    incident = await night.fails()
    await night.pass_time("40m")
    for provider in night.providers.values():
        provider.faults = []
    await night.pass_time("2m")
    assert night.ntfy.pages
    assert night.broken_rules == []
    assert (await night.incident(incident)).nobody


async def test_waits_grow_to_a_minute_and_carry_jitter(night: Night) -> None:
    night.slack.faults = ["5xx"] * 1000
    times: list[int] = []
    send = night.slack.send

    async def noted(message: Message) -> Receipt:
        times.append(night.clock.now())
        return await send(message)

    night.slack.send = noted  # type: ignore[method-assign]
    await night.fails()
    await night.pass_time("4m")
    gaps = [(after - before) / SECOND for before, after in pairwise([START, *times])]
    assert gaps == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


async def test_a_resolve_waits_for_the_page_that_is_still_being_sent(night: Night) -> None:
    night.ntfy.faults = ["hang"]
    await night.fails()
    await night.passes()
    assert night.ntfy.of(Purpose.RESOLVE) == []
    night.ntfy.release()
    await night.deliver()
    assert [message.purpose for message in night.ntfy.accepted] == [Purpose.PAGE, Purpose.RESOLVE]


async def test_a_page_that_failed_while_it_recovered_is_neither_repeated_nor_resolved(night: Night) -> None:
    night.ntfy.faults = ["429"]
    await night.fails()
    await night.passes()
    await night.pass_time("1h")
    assert night.ntfy.accepted == []
    assert len(night.slack.of(Purpose.RESOLVE)) == 1
    assert night.broken_rules == []


async def test_what_may_have_been_accepted_gets_its_resolve(night: Night) -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)),)))
    night.pagerduty.faults = ["lost reply"]
    await night.fails()
    await night.passes()
    await night.pass_time("10s")
    [page] = night.pagerduty.of(Purpose.PAGE)
    [resolve] = night.pagerduty.of(Purpose.RESOLVE)
    assert page.key == resolve.key


async def test_a_post_of_unknown_outcome_is_looked_for_and_shows_that_it_is_over(night: Night) -> None:
    night.slack.faults = ["lost reply"]
    await night.fails()
    await night.passes()
    await night.pass_time("5s")
    again = night.slack.sent[1]
    assert (again.purpose, again.repeat) == (Purpose.PAGE, True)
    assert again.incident is not None
    assert again.incident.state == "resolved"


async def test_a_resolve_is_tried_for_a_day(night: Night) -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)),)))
    await night.fails()
    night.pagerduty.faults = ["permanent"] * 3 + ["5xx"] * 100
    await night.passes()
    await night.pass_time("2h")
    assert len(night.pagerduty.of(Purpose.RESOLVE)) == 1


async def test_slack_keeps_one_message_that_is_edited_and_answered(night: Night) -> None:
    incident = await night.fails()
    await night.fails("home")
    await night.react(incident)
    await night.passes()
    await night.passes("home")
    await night.pass_time("3s")
    page, *others = night.slack.accepted
    assert page.receipt is None
    assert all(message.receipt == {"id": "slack-1"} for message in others)
    assert others[-1].incident is not None
    assert others[-1].incident.state == "resolved"


async def test_what_a_channel_refused_stands_in_the_journal(night: Night, caplog: pytest.LogCaptureFixture) -> None:
    night.ntfy.faults = ["permanent"]
    await night.fails()
    await night.pass_time("1s")
    assert "a page was not delivered by ntfy: no such channel" in caplog.messages


async def test_when_all_ways_of_the_last_level_fail_the_fallback_does_not_wait(night: Night) -> None:
    night = Night(PolicySpec(levels=(Level(notify=("bo",)),), fallback="cy"))
    night.ntfy.faults = ["permanent"]
    await night.fails()
    await night.pass_time("1s")
    assert night.ntfy.pages == ["cy"]


async def test_an_accepted_page_without_an_incident_takes_the_next_level_at_once(night: Night) -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)), Level(at=30 * MINUTES, notify=("bo",)))))
    night.pagerduty.verified = False
    night.pagerduty.knows = lambda key: None
    await night.fails()
    await night.pass_time("59s")
    assert night.ntfy.pages == []
    await night.pass_time("2s")
    assert night.ntfy.pages == ["bo"]
    assert night.broken_rules == []


async def test_a_verified_page_is_not_asked_about_again(night: Night) -> None:
    asked: list[str] = []
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)),)))

    def knows(key: str) -> dict[str, object]:
        asked.append(key)
        return {"id": "Q1", "status": "triggered"}

    night.pagerduty.verified, night.pagerduty.knows = False, knows
    await night.fails()
    await night.pass_time("10m")
    assert len(asked) == 1


async def test_a_webhook_that_is_faster_than_the_answer_to_the_event_shows_that_the_page_is_there() -> None:
    asked: list[str] = []
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)),)))
    night.pagerduty.verified, night.pagerduty.knows = False, asked.append
    whole = night.pagerduty.send
    event = {"action": "reassign", "by": "Dee", "via": "pagerduty", "at": START, "said": {"there": "Q1"}}

    async def send(message: Message) -> Receipt:
        receipt = await whole(message)
        said = Reaction(incident=message.key, **event)
        await night.transact(lambda session: night.desk.react(session, said, now=night.clock.now()))
        return receipt

    night.pagerduty.send = send
    await night.fails()
    (row,) = await night.transact(lambda session: list(session.exec(select(Notification)).all()))
    assert (row.state, row.verified, row.receipt["there"]) == ("delivered", True, "Q1")
    again = await night.react(row.key, **event)
    assert not again.accepted and "known" in again.text
    await night.pass_time("10m")
    assert asked == []


async def test_the_providers_word_is_kept_when_the_store_comes_back(night: Night) -> None:
    refusals = [StoreBroken("disk full")]
    whole = night.transact

    async def transact(work: Callable[[Session], T]) -> T:
        if refusals and "keep" in work.__qualname__:
            raise refusals.pop()
        return await whole(work)

    night.dispatcher._transact = transact
    await night.fails()
    for _ in range(30):
        await asyncio.sleep(0.1)
    await night.deliver()
    assert len(night.slack.of(Purpose.PAGE)) == 1
    assert refusals == []
    assert night.broken_rules + await night.check() == []


async def test_a_claim_is_taken_back_once_it_ran_out_and_not_before(night: Night) -> None:
    night.ntfy.faults = ["hang"]
    await night.fails()
    early, late = START + outbox.CLAIM - SECOND, START + outbox.CLAIM
    assert await night.transact(lambda session: settle.reclaim(session, now=early)) == 0
    assert await night.transact(lambda session: settle.reclaim(session, now=late)) == 1


async def test_what_hangs_for_too_long_is_sent_again_with_the_same_key(night: Night) -> None:
    night.ntfy.faults = ["hang"]
    night.pushover.faults = ["5xx"] * 100
    await night.fails()
    await night.pass_time("40s")
    first, second = [message for message in night.ntfy.sent if message.person == "ana"][:2]
    assert (first.key, first.marker, second.repeat) == (second.key, second.marker, True)
    assert night.broken_rules == []


async def test_what_hangs_is_not_sent_again_once_the_next_way_has_told_the_person(night: Night) -> None:
    night.ntfy.faults = ["hang"]
    await night.fails()
    await night.pass_time("2m")
    assert night.pushover.pages == ["ana"]
    assert [message.person for message in night.ntfy.sent] == ["ana"]
    assert night.broken_rules == []


class Quiet:
    """A channel that takes everything."""

    name = "console"

    def __init__(self) -> None:
        self.sent: list[Message] = []

    async def send(self, message: Message) -> Receipt:
        self.sent.append(message)
        return Receipt(channel="console", id=str(len(self.sent)))

    async def listen(self, react: React) -> None:
        return None

    async def verify(self, key: str) -> dict[str, object] | None:
        return {}

    async def doctor(self) -> list[Finding]:
        return []

    async def close(self) -> None:
        return None


async def test_the_dispatcher_by_itself_sends_within_a_moment_of_being_rung() -> None:
    from alerts.dispatch import Dispatcher
    from alerts.signal import Condition, Severity, Signal

    night, clock, channel = Night(), SystemClock(), Quiet()
    night.book = night.book.__class__(policies={"p": PolicySpec(levels=(Level(notify=("console",)),))})
    dispatcher = Dispatcher(
        {"console": channel}, night.transact, desk=night.desk, book=lambda: night.book, clock=clock, chance=lambda: 0.5
    )
    task = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(0.05)
    now = clock.now()
    signal = Signal(
        subject="s/production", member="m", condition=Condition.FAILING, at=now, since=now,
        severity=Severity.CRITICAL, policy="p", title="S",
    )  # fmt: skip
    received = await night.transact(lambda session: night.desk.receive(session, signal, now=now))
    dispatcher.wake(received.woke)
    for _ in range(100):
        if channel.sent:
            break
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [message.purpose for message in channel.sent] == [Purpose.PAGE]
    assert dispatcher.counts == {"console": (1, 0)}


def test_the_usual_policy_is_what_the_stories_say() -> None:
    assert [level.notify for level in USUAL.levels] == [("slack", "ana"), ("bo",), ("pagerduty",)]


async def test_a_page_that_was_being_sent_when_the_keeper_died_is_not_repeated_once_somebody_answered(
    night: Night,
) -> None:
    night.ntfy.faults = ["hang"]
    incident = await night.fails()
    await night.react(incident)
    await night.restart()
    await night.pass_time("10m")
    assert [message.purpose for message in night.ntfy.sent] == [Purpose.PAGE, Purpose.ACK]
    assert night.broken_rules == []
