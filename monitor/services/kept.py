"""What PagerDuty said last about who is on call, kept over a restart: who starts while it is down still knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from alerts.oncall import Entry, Known
from monitor.store.database import Store
from monitor.store.queries.notes import read_note, remember
from probes.words.clock import Clock
from probes.words.errors import StoreError
from probes.words.units import MINUTE

NOTE = "pagerduty on call"
AGAIN = 10 * MINUTE  # µs after which what has not changed is kept again


def keeper_of(store: Store, clock: Clock) -> Callable[[Mapping[str, Known]], Awaitable[None]]:
    """Keeps what is known, whenever it changed, and each ten minutes: how old it is counts, too."""
    last: list[Any] = [None, 0]

    async def keep(known: Mapping[str, Known]) -> None:
        said = {name: _dump(one) for name, one in known.items() if not one.trouble}
        entries = {name: one["entries"] for name, one in said.items()}
        newest = max((one["read_at"] for one in said.values()), default=0)
        if not said or (entries == last[0] and newest - last[1] < AGAIN):
            return
        try:
            await store.write(lambda session: remember(session, NOTE, said, now=clock.now()))
        except StoreError:
            return  # the next reading keeps it
        last[:] = entries, newest

    return keep


async def kept(store: Store) -> dict[str, Known]:
    """What was kept; {} for nothing."""
    found = await store.read(lambda session: read_note(session, NOTE)) or {}
    return {name: _load(one) for name, one in found.items()}


def _dump(one: Known) -> dict[str, Any]:
    entries = [[each.user, each.name, each.start, each.end, each.level] for each in one.entries]
    return {"read_at": one.read_at, "entries": entries}


def _load(found: Mapping[str, Any]) -> Known:
    entries = tuple(Entry(*each) for each in found["entries"])
    return Known(entries, int(found["read_at"]), "showup was started anew, and PagerDuty has not answered yet")
