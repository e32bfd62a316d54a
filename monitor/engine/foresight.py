"""What will go wrong: ends that come near, rate limits that run out, and what probes remember from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from alerts.desk import OpenMember
from alerts.signal import Signal
from monitor.config.catalog import Catalog
from monitor.engine import endings
from monitor.engine.expiries import Expiries, Secrets, kept_in, more_in
from monitor.engine.headroom import Headroom
from monitor.engine.judges import Judges
from monitor.engine.memories import Memories, memories_in
from monitor.engine.track import Track
from monitor.store.queries.notes import read_note, remember
from probes.frames import Reply

if TYPE_CHECKING:
    from sqlmodel import Session

    from monitor.engine.teller import Write

NOTE = "endings told"


class Foresight:
    """Learns from every reply, and says what people should be told in time."""

    def __init__(self) -> None:
        self.expiries, self.headroom, self.memories = Expiries(), Headroom(), Memories()
        self.judges = Judges()
        self._told: endings.Told = {}
        self._kept: endings.Told = {}
        self._calm: dict[str, int] = {}

    def watch(
        self, catalog: Catalog, kept: Mapping[str, Any], members: Iterable[OpenMember], *, secrets: Secrets
    ) -> None:
        """Follow a catalog, with what was kept and what is open in alerts."""
        self.expiries.watch(catalog, kept["certificates"], kept["more"], secrets=secrets)
        told = {**_told(kept["told"]), **self._told}
        for one in members:
            step = endings.step_from(one.member) if one.subject.startswith(endings.SUBJECT) else None
            if step is not None and (one.subject not in told or told[one.subject][1] > step):
                told[one.subject] = (0, step)
        self._told, self._kept = told, _told(kept["told"])
        self.headroom.watch(catalog, members)
        self.memories.watch(catalog, kept["memories"])

    def learn(self, track: Track, reply: Reply) -> None:
        """Take over what an attempt saw."""
        if reply.learned:
            self.expiries.learn(reply.learned, track.probe)
            self.memories.learn(track, reply.learned)
            self.judges.learn(reply.learned)
        if reply.values:
            self.headroom.learn(track.probe, reply.values)

    def look(self, catalog: Catalog, *, now: int) -> list[Signal]:
        """What people are told now."""
        known = self.expiries.endings()
        found, self._told = endings.changes(catalog, known, self._told, now=now, calm=self._calm)
        return found + self.headroom.signals(catalog, now=now)

    async def keep(self, write: Write, *, now: int) -> None:
        """Remember what is known and what was told, if that has changed since."""
        await self.expiries.keep(write, now=now)
        await self.memories.keep(write, now=now)
        if self._told != self._kept:
            told = {subject: list(pair) for subject, pair in self._told.items()}
            await write(lambda session: remember(session, NOTE, told, now=now))
            self._kept = self._told


def foresight_in(session: Session) -> dict[str, Any]:
    """What `keep` remembered."""
    return {
        "certificates": kept_in(session),
        "more": more_in(session),
        "told": read_note(session, NOTE),
        "memories": memories_in(session),
    }


def _told(given: Any) -> dict[str, tuple[int, int]]:
    """What was told, out of a note; anything else is left out."""
    found = given.items() if isinstance(given, dict) else ()
    pairs = {str(name): pair for name, pair in found if isinstance(pair, list) and len(pair) == 2}
    return {name: (pair[0], pair[1]) for name, pair in pairs.items() if all(type(part) is int for part in pair)}
