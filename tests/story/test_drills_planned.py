"""Planned drills: at their time, a little late after a restart, never for a time before they were written."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from alerts import drills
from monitor.app import Keeper
from monitor.chores import drills as chore
from probes.words.clock import moment
from probes.words.units import MINUTE
from tests.story.keeping import HOME, kept
from tests.story.rehearsing import neighbours

FAR = HOME.replace("{get: /,", "{get: /, every: 1h,")


def planned(keeper: Keeper, *, ago: int) -> str:
    """A plan whose time was so many minutes ago."""
    at = moment(keeper.clock.now()) - timedelta(minutes=ago)
    return f'drills: {{daily: {{workflow: intake, cron: "{at.minute} {at.hour} * * *", timezone: UTC}}}}\n'


async def begun(keeper: Keeper) -> int:
    """How many drills there are after the plans were looked at."""
    keeper.notes.pop(chore.NOTE, None)
    await chore.look(keeper)
    return len(await keeper.store.read(lambda session: [row.id for row in drills.newest(session)]))


async def test_a_plan_that_is_added_after_its_time_waits_for_the_next(tmp_path: Path) -> None:
    async with neighbours(tmp_path, FAR) as place, kept(place.config) as keeper:
        text = place.config.read_text()
        place.config.write_text(text + planned(keeper, ago=5))
        assert await keeper.reload() == ""
        assert await begun(keeper) == 0, "nobody was told to expect a page now"
        assert await begun(keeper) == 0


async def test_a_plan_whose_time_came_while_showup_was_off_begins_late(tmp_path: Path) -> None:
    async with neighbours(tmp_path, FAR) as place:
        async with kept(place.config) as keeper:
            text = place.config.read_text()
            place.config.write_text(text + planned(keeper, ago=5))
            assert await keeper.reload() == ""
            assert await begun(keeper) == 0

            def long_ago(session: chore.Session) -> None:
                known = chore.read_note(session, chore.NOTE)
                then = keeper.clock.now()
                chore.remember(session, chore.NOTE, dict.fromkeys(known, then - 20 * MINUTE), now=then)

            await keeper.store.write(long_ago)
        async with kept(place.config) as keeper:
            assert await begun(keeper) == 1
            assert await begun(keeper) == 1, "once"
