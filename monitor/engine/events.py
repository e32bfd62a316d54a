"""Event windows in the engine: which probes run harder now, and page on the first run that fails."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.occasions import covers, ends
from alerts.tables import Occasion
from monitor.config.catalog import Probe
from monitor.engine.cadence import Cadence, Every, offset_of
from monitor.engine.track import Track
from probes.words.units import SECOND

PERIOD = 15 * SECOND  # µs between two starts of a probe while its event lasts


@dataclass(frozen=True, slots=True)
class Attended:
    """An event as the engine follows it; times in µs, `workflows` as `workflow/environment`."""

    id: int
    title: str
    start: int
    end: int
    workflows: list[str]
    lifted: int | None = None


def attended(rows: Iterable[Occasion]) -> list[Attended]:
    """Events as they stand in the store."""
    return [
        Attended(row.id or 0, row.title or f"event {row.id}", row.start, ends(row), list(row.workflows)) for row in rows
    ]


class Events:
    """The events that are known; which of them holds is asked with the time."""

    def __init__(self) -> None:
        self._known: Sequence[Attended] = ()

    def take(self, known: Sequence[Attended]) -> None:
        """From now on these are the events."""
        self._known = tuple(known)

    def covers(self, workflow: str, environment: str, at: int) -> Attended | None:
        """The event that this workflow is in at `at`, None for none; while it lasts nothing loads the workflow."""
        subject = f"{workflow}/{environment}"
        found = [one for one in self._known if covers(one, subject, at)]
        return max(found, key=lambda one: one.end, default=None)

    def of(self, probe: Probe, at: int) -> Attended | None:
        """The event that a probe is in."""
        return self.covers(probe.workflow, probe.environment, at)

    def cadence(self, track: Track, at: int) -> Cadence:
        """When a probe starts: every 15 s in an event, where that is more often. How long a state holds stays with its
        own period, so that no figure changes: a newer run only takes its place sooner."""
        if self.of(track.probe, at) is None or not hastens(track.probe) or track.cadence.period <= PERIOD:
            return track.cadence
        return Every(PERIOD, offset_of(track.probe.id, PERIOD))


def hastens(probe: Probe) -> bool:
    """True for a probe that is run more often in an event: not a job that reports by itself, and no golden set, which
    scores answers over time."""
    return probe.scheduled and probe.heartbeat is None and probe.golden is None
