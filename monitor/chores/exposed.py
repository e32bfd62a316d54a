"""Each incident says how many real items passed between its last good and its first bad run, where that is counted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sqlmodel import Session

from alerts.message import IncidentView
from alerts.timeline import EXPOSED
from monitor.services import exposed
from probes.words.errors import Refused
from probes.words.units import HOUR, MINUTE

if TYPE_CHECKING:
    from monitor.app import Keeper

FOR = HOUR  # µs since it opened in which it is tried
AGAIN = MINUTE
AT_ONCE = 5  # incidents of one look


async def look(keeper: Keeper) -> None:
    """Ask for each open incident that has no count yet, each minute until there is one or an hour is over."""
    if not keeper.engine.pulse.began or not any(one.items for one in keeper.catalog.workflows.values()):
        return
    now, tried = keeper.clock.now(), keeper.notes.setdefault("exposed", {})
    views = await keeper.store.read(lambda session: keeper.desk.views(session, now=now))
    due = [one for one in views if _due(keeper, one, tried.get(one.public_id, 0), now)][:AT_ONCE]
    for view in due:
        tried[view.public_id] = now
        said = await exposed.ask(keeper, view)
        if said is not None:
            await keeper.store.write(partial(_keep, keeper, view, said))
            keeper.dispatcher.wake(set(keeper.channels))
    for name in tried.keys() - {one.public_id for one in views}:
        del tried[name]


def _due(keeper: Keeper, view: IncidentView, tried: int, now: int) -> bool:
    fresh = now - view.opened < FOR and now - tried >= AGAIN
    return fresh and not view.beside.exposed and exposed.wants(keeper, view)


def _keep(keeper: Keeper, view: IncidentView, said: str, session: Session) -> None:
    try:
        keeper.desk.tell(session, view.public_id, said, by="", now=keeper.clock.now(), kind=EXPOSED)
    except Refused:
        return  # it is over, or merged away
