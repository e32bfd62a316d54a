"""Drills and canary pages whose keeper is killed between a row and its telling: they end, and page nobody."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from alerts import drills
from alerts.drills import CANARY
from alerts.tables import Drill
from monitor.app import Keeper
from monitor.chores import canary
from monitor.chores.canary import Stand, move
from monitor.services import SERVICES, staging
from probes.words.units import HOUR, MINUTE, SECOND
from tests.story.keeping import incidents, kept, until_incident
from tests.story.rehearsing import Neighbours, neighbours

CANARY_AT = 'monitor: {policy: wake-us, canary_page: {at: "09:30", within: 15s}}'


def deaf(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing that is told is kept, as when the process is killed before it could be."""
    monkeypatch.setattr(keeper.engine.teller, "tell", lambda signal: None)


async def ended(keeper: Keeper, kind: str, *, within: float = 40.0) -> Drill:
    """The newest of a kind, once it is over."""

    def read(session: Session) -> Drill:
        [row] = drills.newest(session, kind=kind, limit=1)
        session.expunge(row)
        return row

    for _ in range(int(within / 0.1)):
        row = await keeper.store.read(read)
        if row.ended is not None:
            return row
        await asyncio.sleep(0.1)
    raise AssertionError(row)


async def test_a_drill_that_was_healed_and_not_told_is_closed_by_the_next_keeper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with neighbours(tmp_path) as place:
        async with kept(place.config) as keeper:
            started = await SERVICES["drill_start"](keeper, workflow="intake")
            await until_incident(keeper, lambda view: view.paged_at is not None)
            deaf(keeper, monkeypatch)
            await staging.heal(keeper, started["id"], why="called off by Bo")
        async with kept(place.config) as keeper:
            row = await ended(keeper, drills.DRILL)
            assert row.report["times"]["resolved"] is not None, "it ended with its incident, not before it"
            assert [view.state for view in await incidents(keeper)] == ["resolved"]


async def canary_under_way(place: Neighbours, monkeypatch: pytest.MonkeyPatch, *, told: bool) -> None:
    """A canary page begins, and the keeper is killed: before it is told of, or once it is to be closed."""
    async with kept(place.config) as keeper:
        plan = keeper.catalog.canary_page
        assert plan is not None
        if not told:
            deaf(keeper, monkeypatch)
        await canary.begin(keeper, plan, key="today")
        if told:
            await until_incident(keeper, lambda view: view.subject == canary.SUBJECT)
            deaf(keeper, monkeypatch)

            def heal(session: Session) -> None:
                [row] = drills.running(session, CANARY)
                row.healed = keeper.clock.now()
                session.add(row)

            await keeper.store.write(heal)


async def of_monitor(keeper: Keeper) -> list[Any]:
    return [view for view in await incidents(keeper) if view.subject == "monitor"]


async def test_a_canary_page_that_was_over_and_not_told_is_closed_and_the_next_one_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with neighbours(tmp_path, more=CANARY_AT) as place:
        await canary_under_way(place, monkeypatch, told=True)
        async with kept(place.config) as keeper:
            assert (await ended(keeper, CANARY)).outcome == "passed"
            plan = keeper.catalog.canary_page
            assert plan is not None
            await canary.begin(keeper, plan, key="tomorrow")
            assert (await ended(keeper, CANARY)).outcome == "passed"
            assert not await of_monitor(keeper), "nobody is told that a page was not accepted"


async def test_a_canary_page_that_was_begun_and_not_told_leaves_after_the_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with neighbours(tmp_path, more=CANARY_AT) as place:
        await canary_under_way(place, monkeypatch, told=False)
        await asyncio.sleep(15.5)  # longer off than the page may take
        async with kept(place.config) as keeper:
            assert (await ended(keeper, CANARY)).outcome == "passed"
            assert not await of_monitor(keeper)


def test_time_in_which_showup_was_off_counts_for_nothing() -> None:
    off = Stand(began=0, within=MINUTE, can=True, up=5 * MINUTE)
    assert move(off, now=5 * MINUTE + SECOND) == (canary.Do.WAIT, "")
    assert "not accepted within 60 s" in move(off, now=6 * MINUTE)[1]
    lost = replace(off, known=False)
    assert move(lost, now=5 * MINUTE + SECOND) == (canary.Do.SEND, "")
    assert move(lost, now=HOUR)[1].startswith("held"), "so late it is left out until tomorrow"
    never = replace(off, healed=MINUTE)
    assert move(never, now=MINUTE + SECOND) == (canary.Do.FINISH, ""), "nothing of it has to be closed there"
    there = replace(never, accepted=SECOND)
    assert move(there, now=MINUTE + SECOND) == (canary.Do.WAIT, "")
    over = replace(off, healed=MINUTE, open=True)
    assert move(over, now=5 * MINUTE + SECOND) == (canary.Do.WAIT, ""), "its end is told first"
    drill = staging.Stand(began=0, limit=MINUTE, length=0, staged=False, healed=MINUTE, open=True, up=5 * MINUTE)
    assert staging.move(drill, now=5 * MINUTE + SECOND) == (staging.Do.WAIT, "")
