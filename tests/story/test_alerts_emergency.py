"""Nights without a store: pages leave from memory, and are written down once it is whole again."""

from typing import Any

import pytest

from alerts import emergency
from alerts.emergency import Memory
from alerts.message import Purpose, Receipt
from alerts.policy import Level, PolicySpec
from tests.story.night import BROKEN, KEY, MINUTES, START, Night

POLICY = PolicySpec(
    levels=(Level(notify=("slack", "ana")), Level(at=5 * MINUTES, notify=("pagerduty",))), fallback="bo"
)


@pytest.fixture
def night() -> Night:
    return Night(POLICY)


async def page(night: Night, memory: Memory, **more: Any) -> list[Receipt]:
    given: dict[str, Any] = {"book": night.book, "channels": night.providers, "at": START, "why": "the disk is full"}
    return await memory.page(BROKEN, **given, waits=(0.0, 0.0), **more)


async def test_everybody_is_told_at_once_with_the_key_of_the_day(night: Night) -> None:
    receipts = await page(night, Memory())
    assert sorted(receipt.channel for receipt in receipts) == ["ntfy", "ntfy", "pagerduty", "slack"]
    messages = [message for provider in night.providers.values() for message in provider.accepted]
    assert {message.key for message in messages} == {KEY}
    assert {message.purpose for message in messages} == {Purpose.EMERGENCY}
    assert all("the disk is full" in message.text for message in messages)


async def test_a_person_is_told_on_their_next_way_when_the_first_fails(night: Night) -> None:
    night.ntfy.faults = ["permanent"]
    await page(night, Memory())
    assert [message.person for message in night.pushover.accepted] == ["ana"]


async def test_nobody_reached_is_tried_again(night: Night) -> None:
    for name in ("ntfy", "pushover", "pagerduty"):
        night.providers[name].faults = ["5xx", "5xx"]
    memory = Memory()
    await page(night, memory)
    assert {sent.way.channel for sent in memory.sent} == {"slack", "ntfy"}
    assert len(night.slack.accepted) == 1, "who was reached is not told twice"


async def test_a_subject_is_paged_once_a_day(night: Night) -> None:
    memory = Memory()
    await page(night, memory)
    assert await page(night, memory) == []
    assert await page(night, Memory()) != []


async def test_after_the_repair_it_stands_on_the_timeline_and_is_resolved_like_any_page(night: Night) -> None:
    memory = Memory()
    await page(night, memory)
    assert await night.transact(lambda session: memory.record(session, now=START)) == [], "nothing is open yet"
    incident = await night.fails()
    written = await night.transact(lambda session: memory.record(session, now=START))
    assert len(written) == len(memory.sent) == 4
    again = await night.transact(lambda session: memory.record(session, now=START))
    assert again == written, "what was not yet known to be committed is written again, and stands once"
    memory.forget(written)
    assert memory.sent == []
    assert (await night.kinds(incident)).count("emergency") == 4
    await night.passes()
    assert KEY in [message.key for message in night.pagerduty.of(Purpose.RESOLVE)]
    assert night.broken_rules + await night.check() == []


async def test_what_was_over_before_it_could_be_written_down_is_resolved_there_too(night: Night) -> None:
    memory = Memory()
    await page(night, memory)
    incident = await night.fails()
    await night.passes()
    assert len(await night.transact(lambda session: memory.record(session, now=night.clock.now()))) == 4
    await night.deliver()
    assert KEY in [message.key for message in night.pagerduty.of(Purpose.RESOLVE)]
    assert "emergency" in await night.kinds(incident)


async def test_a_policy_nobody_knows_and_a_channel_that_is_gone_tell_nobody(night: Night) -> None:
    assert emergency.everyone(night.book, "no-such", at=START) == []
    assert await page(night, Memory(), schedules=None) != []
    night.providers.clear()
    assert await page(night, Memory()) == []
