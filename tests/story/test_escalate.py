"""Rounds and levels by themselves: what is written down of each, and what ends them."""

from __future__ import annotations

from alerts.policy import Level, PolicySpec
from alerts.tables import Step
from probes.words.units import MINUTE
from tests.story.night import MINUTES, START, Night

TWICE = PolicySpec(
    levels=(Level(notify=("ana",)), Level(at=5 * MINUTES, notify=("bo",))), repeat=2, every=10 * MINUTES, fallback="cy"
)


async def steps(night: Night, incident: str) -> list[Step]:
    return list(await night.transact(lambda session: night.desk.steps(session, incident)))


async def test_each_level_is_written_down_once_with_when_it_was_due_and_how_many_it_told() -> None:
    night = Night(TWICE)
    name = await night.fails()
    await night.pass_time("16m")
    found = [(step.round, step.level, step.due - START, step.told) for step in await steps(night, name)]
    assert found == [(1, 1, 0, 1), (1, 2, 5 * MINUTE, 1), (2, 1, 15 * MINUTE, 1)]
    row = await night.incident(name)
    assert all(step.incident == row.id for step in await steps(night, name))
    assert (row.round, row.climbs, row.level, row.nobody) == (2, 2, 1, False)


async def test_the_first_round_is_no_news_and_each_further_one_says_why() -> None:
    night = Night(TWICE)
    name = await night.fails()
    assert "round" not in await night.kinds(name)
    await night.pass_time("16m")
    view = await night.view(name)
    assert [event.text for event in view.events if event.kind == "round"] == [
        "round 2: round 1 brought no answer",
    ]


async def test_after_an_answer_ran_out_the_rounds_are_counted_anew() -> None:
    night = Night(TWICE)
    name = await night.fails()
    await night.pass_time("16m")
    await night.react(name)
    row = await night.incident(name)
    assert (row.state, row.acked_by, row.due_at) == ("acknowledged", "Ana", row.ack_expires)
    await night.pass_time("31m")
    row = await night.incident(name)
    assert (row.state, row.round, row.climbs) == ("triggered", 3, 1)
    assert (row.acked_at, row.acked_by, row.acked_via, row.ack_expires) == (None, "", "", None)
    assert (row.acked_members, row.acked_severity, row.ack_grace) == ([], "", False)


async def test_when_all_rounds_brought_no_answer_the_last_level_goes_on_with_the_fallback() -> None:
    night = Night(TWICE)
    name = await night.fails()
    await night.pass_time("20m")
    assert "nobody" not in await night.kinds(name)
    await night.pass_time("30m")
    row = await night.incident(name)
    assert (row.nobody, row.level) == (True, 2)
    assert (await night.kinds(name)).count("nobody") >= 1
    assert night.ntfy.pages[:4] == ["ana", "bo", "ana", "bo"]
    assert {"bo", "cy"} == set(night.ntfy.pages[4:])
    await night.react(name)
    await night.pass_time("31m")
    assert not (await night.incident(name)).nobody, "the ladder is climbed as if for the first time"


async def test_the_next_level_does_not_wait_for_a_level_whose_every_way_has_failed_and_no_longer() -> None:
    night = Night(TWICE)
    night.ntfy.faults = ["permanent"]
    night.pushover.faults = ["permanent"]
    name = await night.fails()
    await night.pass_time("30s")
    said = [event.text for event in (await night.view(name)).events if event.kind == "hurried"]
    assert len(said) == 1 and said[0].startswith("nobody could be told: the next level starts ")
    assert night.ntfy.pages[0] == "bo"
    [first, second] = await steps(night, name)
    assert second.due - first.due < MINUTE
    assert night.broken_rules == []


async def test_while_one_way_has_worked_nothing_is_hurried() -> None:
    night = Night(TWICE)
    night.ntfy.faults = ["permanent"]  # and Pushover tells her
    name = await night.fails()
    await night.pass_time("1m")
    assert night.pushover.pages == ["ana"]
    assert "hurried" not in await night.kinds(name)
    assert len(await steps(night, name)) == 1
