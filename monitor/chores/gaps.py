"""Nobody on call, found 30 days ahead; and who is on call then and has nothing that rings at night."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from alerts import absences, roster
from alerts.oncall import Roster
from alerts.rotation import UNSERVED
from monitor.chores.standing import stand
from probes.words.clock import moment
from probes.words.units import DAY

if TYPE_CHECKING:
    from monitor.app import Keeper

AHEAD = 30 * DAY  # µs


async def look(keeper: Keeper) -> None:
    """Tell the monitor's owner of what is missing in the coming 30 days, and when it is mended."""
    now = keeper.clock.now()
    given = await keeper.store.read(lambda session: roster.read(session, now=now))
    found = await asyncio.to_thread(missing, keeper, given, now)  # not in the store's thread, which has pages to keep
    await stand(keeper, "on call in ", found, mended=lambda name: f"{name} names somebody who can be rung, for 30 days")


def missing(keeper: Keeper, given: Roster, now: int) -> dict[str, str]:
    """By rotation: the first gap of each rotation, or the first duty of somebody whom nothing can wake."""
    book, on_call = keeper.catalog.book, keeper.desk.climb.on_call(given)
    found: dict[str, str] = {}
    for gap in absences.gaps(on_call, now, now + AHEAD):
        if gap.reason == UNSERVED and len(book.rotations[gap.rotation].every_layer) == 1:
            continue  # declared: it serves in its hours alone; between several layers it is a hole, as clocks make them
        said = f"nobody is on call in {gap.rotation} from {moment(gap.start):%Y-%m-%d %H:%M} UTC: {gap.reason}"
        found.setdefault(gap.rotation, said)
    for name in book.rotations:
        for duty in on_call.duties(name, now, now + AHEAD):
            if duty.person is not None and not book.wakes(duty.person):
                when = f"{moment(duty.start or now):%Y-%m-%d %H:%M} UTC"
                said = f"{book.people[duty.person].name} is on call in {name} from {when}, and has nothing that rings"
                found.setdefault(name, said)
    return found
