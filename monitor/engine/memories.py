"""What a probe remembers from run to run: a little JSON that its attempts leave and are handed again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from monitor.config.catalog import Catalog
from monitor.engine.track import Track
from monitor.store.queries.notes import read_note, remember
from probes.words.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session

    from monitor.engine.teller import Write

NOTE = "memories"
LARGEST = 8_000  # bytes of one memory, as JSON


class Memories:
    """What each probe left, by its id."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        self._changed = False

    def watch(self, catalog: Catalog, kept: Any) -> None:
        """Follow the probes of a catalog; what others left is forgotten."""
        before = {str(name): one for name, one in (kept if isinstance(kept, dict) else {}).items() if _fits(one)}
        self._known = {name: one for name, one in {**before, **self._known}.items() if name in catalog.probes}

    def hand(self, tracks: Iterable[Track]) -> None:
        """Give each probe what it left."""
        for track in tracks:
            track.memory = self._known.get(track.probe.id, {})

    def learn(self, track: Track, learned: Mapping[str, Any]) -> None:
        """Take over what an attempt left, where it differs."""
        left = learned.get("memory")
        if isinstance(left, dict) and left != track.memory and _fits(left):
            track.memory = self._known[track.probe.id] = left
            self._changed = True

    async def keep(self, write: Write, *, now: int) -> None:
        """Remember it all, if any of it has changed since."""
        if self._changed:
            self._changed = False
            known = dict(self._known)
            try:
                await write(lambda session: remember(session, NOTE, known, now=now))
            except StoreError:
                self._changed = True  # it is tried again with the next sign of life
                raise


def memories_in(session: Session) -> Any:
    """What `keep` remembered."""
    return read_note(session, NOTE)


def _fits(one: Any) -> bool:
    try:
        return isinstance(one, dict) and len(json.dumps(one)) <= LARGEST
    except (TypeError, ValueError, RecursionError):
        return False
