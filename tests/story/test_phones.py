"""Push now, call after two minutes: phones that wait for an answer elsewhere."""

from __future__ import annotations

from alerts.people import Person
from alerts.policy import Level, PolicySpec
from probes.words.units import MINUTE, SECOND
from tests.story.night import Night

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
