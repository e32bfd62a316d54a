"""What ends one day, and what is left of rate limits: asked, nothing here acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.engine.endings import Ending, step_of, steps_of
from monitor.engine.expiries import Expiries
from monitor.engine.foresight import foresight_in
from monitor.services.base import service, when
from probes.words.units import DAY

if TYPE_CHECKING:
    from monitor.app import Keeper


@service()
async def expiries(keeper: Keeper) -> dict[str, Any]:
    """Certificates, keys and interfaces that end, the soonest first."""
    now = keeper.clock.now()
    found = [_ending(keeper, one, now) for one in (await _known(keeper)).endings()]
    return {"at": when(now), "running": keeper.engine.pulse.began > 0, "expiries": found}


def _ending(keeper: Keeper, one: Ending, now: int) -> dict[str, Any]:
    kind, _, name = one.key.partition(" ")
    name = name.partition(" ")[2] if kind == "interface" else name  # without the probe that saw it
    places = [place for place in one.serves if place.partition("/")[0] in keeper.catalog.workflows]
    return {
        "kind": kind,
        "name": name,
        "ends": when(one.ends),
        "days_left": (one.ends - now) // DAY,
        "told": step_of(one, steps_of(keeper.catalog, places), now) is not None,
        "serves": list(one.serves),
        "renew": one.renew,
    }


async def soonest(keeper: Keeper, now: int, most: int) -> list[dict[str, Any]]:
    """The first few of them."""
    return [_ending(keeper, one, now) for one in (await _known(keeper)).endings()[:most]]


async def _known(keeper: Keeper) -> Expiries:
    """What the engine knows; where it does not run, what it kept, and what is written down."""
    if keeper.engine.pulse.began:
        return keeper.engine.expiries
    kept = await keeper.store.read(foresight_in)
    found = Expiries()
    found.watch(keeper.catalog, kept["certificates"], kept["more"], secrets=keeper.secrets.need)
    return found


def rooms(keeper: Keeper) -> list[dict[str, Any]]:
    """What is left of the rate limits that probes saw, the least first; `low` where that was told."""
    found = [
        {"probe": name, "left": dict(room.left), "low": room.told}
        for name, room in keeper.engine.foresight.headroom.rooms.items()
        if room.left
    ]
    return sorted(found, key=lambda one: min(one["left"].values()))
