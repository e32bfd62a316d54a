"""What a probe leaves for its next run is kept once the store accepts it; what is learned of hosts has an end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from monitor.engine.cadence import cadence_of
from monitor.engine.expiries import MOST, Expiries
from monitor.engine.memories import Memories
from monitor.engine.track import Track
from probes.words.errors import StoreError
from probes.words.units import DAY
from tests.story.watch import BOOKS, MIDNIGHT, configure


class Store:
    """A store that refuses while `refuses`."""

    refuses, writes = True, 0

    async def write(self, work: Callable[[Any], Any], /) -> None:
        if self.refuses:
            raise StoreError("the disk is away")
        self.writes += 1


async def test_what_a_store_refused_is_kept_when_it_accepts_again() -> None:
    probe, memories, store = configure().probes[BOOKS], Memories(), Store()
    track = Track(probe, 1, cadence_of(probe), {})
    memories.learn(track, {"memory": {"seen": 3}})
    with pytest.raises(StoreError):
        await memories.keep(store.write, now=MIDNIGHT)
    store.refuses = False
    for _ in range(2):
        await memories.keep(store.write, now=MIDNIGHT)
    assert store.writes == 1


def test_ports_that_nobody_has_do_not_fill_what_is_known_of_a_host() -> None:
    expiries = Expiries()
    expiries.watch(configure(), None)
    ports = {f"intake.example.com:{port}": MIDNIGHT + DAY for port in range(3 * MOST)}
    expiries.learn({"certificates": ports})
    expiries.learn({"certificates": {"intake.example.com": MIDNIGHT + 2 * DAY}})
    assert len(expiries.known) == MOST + 1
    assert expiries.known["intake.example.com"] == MIDNIGHT + 2 * DAY
