"""Check now, on the real engine: a run that was made, or an honest word that none was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from alerts.message import IncidentView, Reaction
from monitor import app
from monitor.engine.track import Last
from monitor.services import checked
from probes.words.outcome import State
from tests.serving import Page
from tests.story.keeping import kept, told, until, until_incident, write_config

HOME = "home: {get: /, every: 10m, check: [{contains: Book online}]}"
NAME = "intake/production/home"


async def failing(keeper: app.Keeper) -> IncidentView:
    await keeper.engine.run_now(NAME)
    return await until_incident(keeper, lambda incident: bool(incident.beside.excerpt))


async def press(keeper: app.Keeper, incident: IncidentView) -> str:
    answer = await keeper.react(Reaction(action="check", incident=incident.public_id, by="Ana", via="slack"))
    return answer.text


async def says(keeper: app.Keeper, words: str) -> IncidentView:
    return await until_incident(keeper, lambda incident: words in told(incident))


async def test_what_fails_is_run_at_once_and_its_outcome_stands_in_the_thread(tmp_path: Path) -> None:
    async with Page() as page:
        page.well = False
        async with kept(write_config(tmp_path, page, HOME, channels="")) as keeper:
            incident = await failing(keeper)
            assert "503" in incident.beside.excerpt and "GET http" in incident.beside.excerpt
            before = keeper.engine.tracks[NAME].counts.runs
            assert "checking home now" in await press(keeper, incident)
            await says(keeper, "checked by Ana: home still fails: GET / answered 503")
            assert keeper.engine.tracks[NAME].counts.runs == before + 1
            assert "it was checked a moment ago" in await press(keeper, incident)


async def test_a_run_that_began_before_is_waited_for_and_never_told_as_the_answer(tmp_path: Path) -> None:
    async with Page() as page:
        page.well = False
        async with kept(write_config(tmp_path, page, HOME, channels="")) as keeper:
            incident = await failing(keeper)
            page.well = True
            keeper.engine.tracks[NAME].running = True  # one of the schedule is under way
            await press(keeper, incident)
            await asyncio.sleep(0.5)
            assert "checked by Ana" not in told(await says(keeper, "level 1"))
            keeper.engine.tracks[NAME].running = False
            await says(keeper, "checked by Ana: home passed")


async def test_a_run_that_could_not_be_made_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Page() as page:
        page.well = False
        async with kept(write_config(tmp_path, page, HOME, channels="")) as keeper:
            incident = await failing(keeper)

            async def fails(self: object, name: str) -> None:
                raise OSError("no more processes")

            monkeypatch.setattr(type(keeper.engine), "run_now", fails)
            await press(keeper, incident)
            await says(keeper, "checked by Ana: home could not be run")
            await until(lambda: keeper.engine.tracks[NAME].running is False)


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (Last(0, State.UP), "passed"),
        (Last(0, State.DOWN, "timeout", "no answer in 30 s", attempts=3), "still fails: no answer in 30 s (attempt 3)"),
        (Last(0, State.DEGRADED, "slow", "ask took 6 s"), "passed, and is degraded: ask took 6 s"),
        (Last(0, State.UNKNOWN, "skipped", "the budget is used up"), "told nothing: the budget is used up"),
        (Last(0, State.UNKNOWN), "told nothing"),
    ],
)
def test_unknown_is_neither_failing_nor_well(last: Last, words: str) -> None:
    assert checked.sentence(last) == words
