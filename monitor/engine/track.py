"""What the engine keeps in memory of one probe, all of it recomputable from the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.config.catalog import Probe
from monitor.engine.cadence import Cadence
from monitor.engine.confirm import Level, Progress
from monitor.engine.golden import Standing
from monitor.engine.odds import Odds
from monitor.engine.versions import Versions
from monitor.ledger.spans import Tail, hold_for
from probes.words.outcome import State
from probes.words.units import SECOND, micros_of


@dataclass(slots=True)
class Counts:
    """What happened to the starts of a probe since the keeper began; each is shown in metrics and status."""

    runs: int = 0
    missed: int = 0  # starts that passed while the machine slept or the keeper was stuck
    overlapped: int = 0  # starts that found the previous run still going
    shed: int = 0  # starts that a loaded host turned away
    shed_running: int = 0  # of these, the newest without a run in between
    late: int = 0  # results that came after their time


@dataclass(slots=True)
class Last:
    """The newest run, for status and pages."""

    started: int
    state: State
    failure: str = ""
    sentence: str = ""
    took: int = 0
    attempts: int = 1
    blame: str = ""


@dataclass(slots=True)
class Track:
    """One probe as the engine follows it. `ledger` is its number in the record; `hold` how long a state stands (µs)."""

    probe: Probe
    ledger: int
    cadence: Cadence
    secrets: Mapping[str, str]
    tail: Tail = field(default_factory=Tail)
    progress: Progress = field(default_factory=Progress)
    counts: Counts = field(default_factory=Counts)
    last: Last | None = None
    last_good_kept: int = 0  # µs; when a good run's evidence was last kept
    last_due: int = 0
    last_start: int = 0
    running: bool = False
    unknown_since: int = 0  # µs; 0 while the newest run is known
    bugs: int = 0  # probe bugs in a row
    signalled: str = ""  # failure and blame last told to alerts, to notice a change
    held: int = 0  # µs; how long the newest state of a job stands that reports by itself: until it owes its next report
    memory: Mapping[str, Any] = field(default_factory=dict)  # what its attempts left for the next one
    versions: Versions = field(default_factory=Versions)  # of what answers it
    left_to: str = ""  # the provider whose canary spoke against it when alerts were last told
    answers: Standing = field(default_factory=Standing)  # of a golden probe
    odds: Odds = field(default_factory=Odds)  # of a probe whose failures are weighed
    closed: int = 0  # µs; when alerts were told that it passes again

    @property
    def hold(self) -> int:
        """min(2P, P + 5 min) + timeout, µs; of a job that reports by itself, until its next deadline."""
        return self.held or hold_for(self.cadence.period, micros_of(self.probe.timeout))

    @property
    def room(self) -> int:
        """How long a run may take before the next is due, less one attempt and its clean-up (µs)."""
        return self.cadence.period - micros_of(self.probe.timeout) - micros_of(self.probe.cleanup) - SECOND

    def recovers_by(self, now: int) -> int | None:
        """When the next run will have told whether it recovered (µs), as the newest passed; None when that did not."""
        if self.last is None or self.last.state is not State.UP:
            return None
        return self.cadence.after(now) + micros_of(self.probe.timeout)


def recovering(tracks: Iterable[Track], now: int) -> int | None:
    """Until when (µs) to wait for the recovery of all that is open among these probes of one subject, one period at
    most; None when nothing is, or one of them still fails."""
    ends = [track.recovers_by(now) for track in tracks if track.progress.open is not Level.PASS]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) else None
