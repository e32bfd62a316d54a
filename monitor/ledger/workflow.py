"""A workflow's spans, derived from those of its probes; a probe's spans, derived from those of its locations.

Both sweep once over all changes of state in time order and decide from how many are in which state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from monitor.ledger.spans import Correction, Span, fill
from probes.words.hours import Interval
from probes.words.outcome import State

ABSENT, UP, DEGRADED, UNKNOWN, DOWN, MAINTENANCE, SPOILS = range(7)  # places in Counts
Counts = list[int]  # how many lanes are in each place at an instant
Lane = list[tuple[int, int]]  # (since when, in which place), in time order

# A probe with `affects: degraded` can only degrade: whatever else it says is as if it were not there.
_SPOILING = {State.DOWN: SPOILS, State.DEGRADED: SPOILS}
_PLACES = {
    State.UP: UP,
    State.DEGRADED: DEGRADED,
    State.UNKNOWN: UNKNOWN,
    State.DOWN: DOWN,
    State.MAINTENANCE: MAINTENANCE,
}


@dataclass(frozen=True, slots=True)
class Member:
    """One probe of a workflow, from `since` until `until` (None: still), with maintenance and absences laid over.

    `critical=False` means `affects: degraded`. Membership is dated, so that editing config does not rewrite
    history: a probe that left and came back, or whose `affects` changed, is two members with one key. `corrections`
    are its own, as they were made; whoever lays things over its spans lays them over last.
    """

    key: str
    spans: Sequence[Span]
    critical: bool
    since: int
    until: int | None = None
    corrections: Sequence[Correction] = ()

    def corrected(self, at: int) -> Correction | None:
        """The correction that counts at an instant, the latest that was made; None where there is none."""
        return next((one for one in reversed(self.corrections) if one.covers(at)), None)

    def term(self, window: Interval) -> Interval:
        """The part of the window in which it belongs to the workflow; its end is at or before its start if none."""
        start, end = window
        return max(self.since, start), end if self.until is None else min(self.until, end)


def derive(members: Sequence[Member], window: Interval) -> list[Span]:
    """The workflow's spans, merged, covering the window exactly: the worst of its members at each instant.

    Over the critical members down > unknown > degraded > up; the others can only degrade; those in maintenance drop
    out, and when that leaves no critical one it is maintenance. No critical member at an instant is unknown.
    """
    lanes = []
    for member in members:
        places = _PLACES if member.critical else _SPOILING
        lanes.append(_lane(member.spans, member.term(window), places=places))
    return _sweep(lanes, window, decide=worst_of)


def quorum(
    location_spans: Sequence[Sequence[Span]], window: Interval, *, terms: Sequence[tuple[int, int | None]] | None = None
) -> list[Span]:
    """One probe's spans out of those of its n locations, merged, covering the window exactly.

    ⌊n/2⌋ + 1 downs is down; else downs + unknowns at quorum is unknown; else any down or degraded is degraded.
    Locations in maintenance drop out of n. `terms` dates each location (since, until or None), so that adding one
    today does not make yesterday unknown; without it all count all the time.
    """
    lanes = []
    for number, spans in enumerate(location_spans):
        since, until = (window[0], None) if terms is None else terms[number]
        member = Member("", spans, critical=True, since=since, until=until)
        lanes.append(_lane(spans, member.term(window), places=_PLACES))
    return _sweep(lanes, window, decide=agreed)


def worst_of(counts: Counts) -> State:
    """A workflow's state from how many members are in which place."""
    if counts[DOWN]:
        return State.DOWN
    if counts[UNKNOWN]:
        return State.UNKNOWN
    if counts[DEGRADED]:
        return State.DEGRADED
    if counts[UP]:
        return State.DEGRADED if counts[SPOILS] else State.UP
    return State.MAINTENANCE if counts[MAINTENANCE] else State.UNKNOWN


def agreed(counts: Counts) -> State:
    """A probe's state from how many of its locations are in which place."""
    down, unknown, degraded = counts[DOWN], counts[UNKNOWN], counts[DEGRADED]
    voices = down + unknown + degraded + counts[UP]
    if not voices:
        return State.MAINTENANCE if counts[MAINTENANCE] else State.UNKNOWN
    enough = voices // 2 + 1
    if down >= enough:
        return State.DOWN
    if down + unknown >= enough:
        return State.UNKNOWN
    return State.DEGRADED if down or degraded else State.UP


def tally(states: Sequence[tuple[State, bool]]) -> Counts:
    """Counts for `worst_of` out of each present member's (state, critical)."""
    counts = [0] * 7
    for state, critical in states:
        counts[_PLACES[state] if critical else _SPOILING.get(state, ABSENT)] += 1
    return counts


def _lane(spans: Sequence[Span], term: Interval, *, places: dict[State, int]) -> Lane:
    """When one member changes place during its term, and that it is absent after it."""
    if term[0] >= term[1]:
        return []
    lane = [(span.start, places.get(span.state, ABSENT)) for span in fill(spans, term)]
    lane.append((term[1], ABSENT))
    return lane


def _sweep(lanes: Sequence[Lane], window: Interval, *, decide: Callable[[Counts], State]) -> list[Span]:
    """Walk all changes in time order; a new span begins wherever the decision changes. O(n log n)."""
    events = [(at, number, place) for number, lane in enumerate(lanes) for at, place in lane]
    events.sort()
    start, end = window
    place_of = [ABSENT] * (len(lanes) + 1)
    counts = [0] * 7
    counts[ABSENT] = len(place_of)
    spans: list[Span] = []
    opened, state, settled = start, None, start
    events.append((end, len(lanes), ABSENT))  # of no lane: it lets the loop settle what came last
    for at, number, place in events:
        if at > settled:
            decided = decide(counts)
            if decided is not state:
                if state is not None:
                    spans.append(Span(opened, settled, state))
                opened, state = settled, decided
            settled = at
        counts[place_of[number]] -= 1
        counts[place] += 1
        place_of[number] = place
    if state is not None:
        spans.append(Span(opened, end, state))
    return spans
