"""Event windows: harder, sooner, one word for the presenter, and nothing that would hold a page back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from alerts.message import Purpose
from monitor.chores import events as chore
from monitor.engine.events import PERIOD
from monitor.services import events as services
from monitor.web.event import page
from probes.words.errors import Refused
from probes.words.units import SECOND
from tests.story.test_mutes import ask, keeper_of
from tests.story.watch import BOOKS, Watch, clock_of, configure

GOOD = {"start": "2030-01-01T14:00", "length": "3h", "workflows": "intake", "tell": "cy", "by": "Ana"}


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    async with Watch(tmp_path, configure(confirm=(2, 3))) as watch:
        yield watch


async def add(watch: Watch, **given: Any) -> Any:
    return await ask(watch, "event_add", **{**GOOD, "title": "Seminar", "plan_b": "Play <b>it</b>", **given})


async def test_the_first_run_that_fails_pages_the_presenter_too_and_names_the_event(watch: Watch) -> None:
    await add(watch)
    await watch.pass_to(clock_of("14:00:01"))
    await services.attend(keeper_of(watch))
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("14:00:10"))
    assert watch.paged == ["ana", "cy"]
    (incident,) = await watch.incidents()
    assert "in the event Seminar" in incident.context


async def test_before_and_after_it_two_runs_are_wanted_and_the_presenter_sleeps(watch: Watch) -> None:
    await add(watch)
    for at in ("13:50", "17:30"):
        await watch.pass_to(clock_of(at))
        await services.attend(keeper_of(watch))
        watch.world = lambda probe, at: "x"
        await watch.run()
        assert watch.paged == []
        watch.world = lambda probe, at: "."
        await watch.run()
        await watch.run()


async def test_its_probes_start_every_fifteen_seconds_and_states_hold_as_before(watch: Watch) -> None:
    made = await add(watch)
    hold, usual = watch.engine.tracks[BOOKS].hold, watch.engine.tracks[BOOKS].cadence
    await watch.pass_to(clock_of("14:00:01"))
    await services.attend(keeper_of(watch))
    now = watch.clock.now()
    inside = watch.engine.events.cadence(watch.engine.tracks[BOOKS], now)
    assert inside.period == PERIOD
    assert (watch.engine.next_due(BOOKS) or 0) - now <= PERIOD
    assert (watch.engine.tracks[BOOKS].hold, watch.engine.tracks[BOOKS].cadence) == (hold, usual)
    assert watch.engine.events.covers("intake", "production", now) is not None
    await ask(watch, "event_end", id=made["id"])
    assert watch.engine.events.covers("intake", "production", now) is None
    assert watch.engine.events.cadence(watch.engine.tracks[BOOKS], now) == usual


async def test_a_restart_goes_on_with_it(watch: Watch) -> None:
    await add(watch)
    await watch.pass_to(clock_of("15:00"))
    await watch.fall()
    await watch.rise()
    await chore.look(keeper_of(watch))
    assert watch.engine.events.covers("intake", "production", watch.clock.now()) is not None
    assert (watch.engine.next_due(BOOKS) or 0) - watch.clock.now() <= PERIOD


async def test_maintenance_and_mutes_are_refused_while_it_lasts(watch: Watch) -> None:
    made = await add(watch)
    for at in ("2030-01-01T13:30", "2030-01-01T15:00", "2030-01-01T16:59"):
        with pytest.raises(Refused, match="has an event then: Seminar") as caught:
            await ask(watch, "maintenance", workflow="intake", length="1h", reason="move", at=at)
        assert f"showup event end {made['id']}" in caught.value.hint
    for workflow in ("intake", "all"):
        with pytest.raises(Refused, match="takes no mute"):
            await ask(watch, "mute", workflow=workflow, length="30m", reason="x", start="14h")
    await ask(watch, "maintenance", workflow="intake", length="1h", reason="move", at="2030-01-01T17:00")


async def test_an_event_on_which_maintenance_or_a_mute_lies_is_refused(watch: Watch) -> None:
    window = await ask(watch, "maintenance", workflow="intake", length="1h", reason="move", at="2030-01-01T16:00")
    with pytest.raises(Refused) as caught:
        await add(watch)
    assert caught.value.hint == f"end it first: showup maintenance --end {window['id']}"
    await ask(watch, "maintenance_end", id=window["id"])
    mute = await ask(watch, "mute", workflow="all", length="1h", reason="move", start="13h30m")
    with pytest.raises(Refused, match="every workflow"):
        await add(watch)
    await ask(watch, "unmute", id=mute["id"])
    assert (await add(watch))["state"] == "planned"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"workflows": "intke"}, "no workflow intke"),
        ({"workflows": " , "}, "about workflows"),
        ({"workflows": "intake/staging"}, "nothing watches"),
        ({"start": "2029-12-31T14:00"}, "over already"),
        ({"tell": "anna"}, "no person anna"),
        ({"length": "4d"}, "three days"),
        ({"length": "10s"}, "a minute"),
    ],
)
async def test_what_cannot_be_an_event_is_refused_with_what_to_write(
    watch: Watch, given: dict[str, str], why: str
) -> None:
    with pytest.raises(Refused, match=why) as caught:
        await add(watch, **given)
    assert caught.value.hint


async def test_it_says_beforehand_what_it_costs(watch: Watch) -> None:
    found = await add(watch)
    assert found["costs"] == {"runs": 3 * 60 * 4, "unknown": []}


async def test_the_word_is_go_then_stop_with_plan_b_then_over(watch: Watch) -> None:
    made = await add(watch)
    await watch.run(at=clock_of("13:59:50"))
    assert (await ask(watch, "event", id=made["id"]))["word"] == "NOT YET"
    await watch.run(at=clock_of("14:00:05"))
    await services.attend(keeper_of(watch))
    found = await ask(watch, "event", id=made["id"])
    assert (found["word"], found["age_seconds"]) == ("GO", 0)
    await watch.pass_to(clock_of("14:02"))
    assert (await ask(watch, "event", id=made["id"]))["word"] == "CAREFUL", "no run for two minutes"
    watch.world = lambda probe, at: "d"
    await watch.run()
    assert (await ask(watch, "event", id=made["id"]))["word"] == "CAREFUL"
    watch.world = lambda probe, at: "x"
    await watch.run()
    found = await ask(watch, "event", id=made["id"])
    assert found["word"] == "STOP"
    assert "no answer came in time" in found["why"]
    shown = page(found)
    assert "PLAN B</b>Play &lt;b&gt;it&lt;/b&gt;" in shown
    assert "<script" not in shown
    watch.clock.at = clock_of("17:00")
    assert (await ask(watch, "event", id=made["id"]))["word"] == "OVER"


async def tried(watch: Watch) -> list[str]:
    """A look, once its preflight has ended: what was told."""
    keeper = keeper_of(watch)
    await chore.look(keeper)
    await asyncio.gather(*keeper.notes[chore.UNDER_WAY].values())
    await watch.deliver()
    sent = [one for provider in watch.providers.values() for one in provider.of(Purpose.INFO)]
    return [one.headline for one in sent]


async def test_it_is_tried_an_hour_and_ten_minutes_before_and_told_once(watch: Watch) -> None:
    await add(watch)
    await watch.pass_to(clock_of("12:59:59"))
    assert await tried(watch) == []
    await watch.pass_to(clock_of("13:00"))
    assert await tried(watch) == ["GO: Seminar begins in 60 min"] * 2, "the presenter, and where warnings go"
    assert len(watch.asked) == chore.TIMES
    assert len(await tried(watch)) == 2
    watch.world = lambda probe, at: "x"
    await watch.pass_to(clock_of("13:50"))
    assert sum(one.startswith("NO-GO: Seminar begins in") for one in await tried(watch)) == 2
    (listed,) = (await ask(watch, "events"))["events"]
    assert listed["go"] is False
    assert listed["report"]["ten minutes"]["probes"][0]["passed"] == 0


async def test_one_announced_late_is_tried_once_and_one_taken_back_never(watch: Watch) -> None:
    await watch.pass_to(clock_of("13:55"))
    made = await add(watch)
    assert len(await tried(watch)) == 2
    await ask(watch, "event_end", id=made["id"])
    await add(watch, start="2030-01-01T14:30")
    (row,) = (await ask(watch, "events"))["events"]
    await ask(watch, "event_end", id=row["id"])
    assert len(await tried(watch)) == 2


async def test_of_two_that_overlap_the_later_end_counts(watch: Watch) -> None:
    await add(watch, length="30m")
    await add(watch, start="2030-01-01T14:15", length="1h", title="Second")
    await watch.pass_to(clock_of("14:20"))
    await services.attend(keeper_of(watch))
    found = watch.engine.events.covers("intake", "production", watch.clock.now())
    assert found is not None
    assert (found.title, found.end) == ("Second", clock_of("15:15"))
    assert watch.engine.events.covers("intake", "production", clock_of("14:40") + SECOND) is not None
