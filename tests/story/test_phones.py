"""Push now, call after two minutes: phones that wait for an answer elsewhere."""

from __future__ import annotations

from datetime import timedelta

from alerts.message import Purpose
from alerts.people import Person
from alerts.policy import Level, PolicySpec
from probes.words.units import MINUTE, SECOND
from tests.story.night import Night

SECONDS = timedelta(seconds=1)
ANA = Person("ana", "Ana", phone=("ntfy:${secret:ANA}", "pushover:${secret:CALL}"), after=(0, 2 * MINUTE))
POLICY = PolicySpec(levels=(Level(notify=("ana",)),), repeat=1, fallback="bo")


def night() -> Night:
    made = Night(POLICY)
    made.book = made.book.__class__(**{**_fields(made.book), "people": {**made.book.people, "ana": ANA}})
    made.rise()
    return made


def _fields(book: object) -> dict[str, object]:
    return {name: getattr(book, name) for name in book.__slots__}  # type: ignore[attr-defined]


async def test_a_push_that_nobody_answers_is_followed_by_the_call() -> None:
    told = night()
    await told.fails()
    assert (told.ntfy.pages, told.pushover.pages) == (["ana"], [])
    await told.pass_time(2 * MINUTE - SECOND)
    assert told.pushover.pages == []
    await told.pass_time(2 * SECOND)
    assert told.pushover.pages == ["ana"]
    assert told.broken_rules == []


async def test_an_answer_before_it_takes_the_call_back() -> None:
    told = night()
    name = await told.fails()
    await told.pass_time(MINUTE)
    await told.react(name)
    await told.pass_time(5 * MINUTE)
    assert told.pushover.pages == []
    assert told.broken_rules == []


async def test_the_call_is_committed_and_comes_after_a_restart() -> None:
    told = night()
    await told.fails()
    await told.restart()
    await told.pass_time(3 * MINUTE)
    assert told.pushover.pages == ["ana"]


async def test_a_recovery_before_it_takes_the_call_back() -> None:
    told = night()
    await told.fails()
    await told.passes()
    await told.pass_time(5 * MINUTE)
    assert told.pushover.pages == []


async def test_a_push_that_cannot_be_delivered_brings_the_call_forward() -> None:
    told = night()
    told.ntfy.faults = ["permanent"]
    await told.fails()
    await told.pass_time(2 * SECOND)
    assert told.pushover.pages == ["ana"], "nothing before it got through"
    assert told.broken_rules == []


async def test_calls_of_a_storm_leave_together() -> None:
    told = night()
    for number in range(30):
        await told.fails(subject=f"site-{number}/production")
    await told.pass_time(3 * MINUTE)
    assert len(told.pushover.pages) == 2, "the first, and one for the others"
    assert told.broken_rules == []


async def test_a_mute_that_came_in_between_holds_the_call_until_its_end() -> None:
    told = night()
    name = await told.fails()
    await told.pass_time(MINUTE)
    await told.mute("10m")
    await told.pass_time(9 * MINUTE)
    assert told.pushover.pages == []
    assert "held" in await told.kinds(name)
    await told.pass_time(2 * MINUTE)
    assert told.pushover.pages[:1] == ["ana"], "it still fails, and nobody has answered"
    assert told.broken_rules == []


async def test_a_mute_that_is_lifted_early_lets_the_call_ring_at_once() -> None:
    told = night()
    await told.fails()
    number = await told.mute("30m")
    await told.pass_time(5 * MINUTE)
    assert told.pushover.pages == []
    await told.unmute(number)
    assert told.pushover.pages == ["ana"]
    assert told.broken_rules == []


async def test_a_mute_that_is_over_before_the_call_holds_nothing() -> None:
    told = night()
    name = await told.fails()
    await told.mute("1m")
    await told.pass_time(2 * MINUTE + SECOND)
    assert told.pushover.pages == ["ana"]
    assert "held" not in await told.kinds(name)


async def test_of_a_storm_a_muted_call_waits_and_the_others_leave_together() -> None:
    told = night()
    for number in range(5):
        await told.fails(subject=f"site-{number}/production")
    await told.mute("30m", subject="site-3")
    await told.pass_time(3 * MINUTE)
    rang = [message for message in told.pushover.accepted if message.purpose is Purpose.PAGE]
    said = " ".join(f"{message.incident.subject} {message.incident.members}" for message in rang if message.incident)
    assert len(rang) == 2 and rang[1].incident is not None
    assert "and 2 more" in rang[1].incident.sentence, said
    await told.pass_time(28 * MINUTE)
    assert told.broken_rules == []


async def test_the_call_of_a_level_that_ran_into_another_round_is_brought_forward_with_it() -> None:
    """The page of a level that is still on its way counts for the next level too: its call goes with it."""
    told = Night(PolicySpec(levels=(Level(notify=("ana",)), Level(at=5 * SECONDS, notify=("ana",))), fallback="bo"))
    told.book = told.book.__class__(**{**_fields(told.book), "people": {**told.book.people, "ana": ANA}})
    told.rise()
    told.ntfy.faults = ["5xx"] * 9
    await told.fails()
    await told.pass_time(20 * SECOND)
    assert told.pushover.pages == ["ana"], "nothing before it got through, and it rings once"
    assert told.broken_rules == []
