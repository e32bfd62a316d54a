"""Every time zone whose clocks change from 2026 to 2030 × handoff times × shift lengths: one primary at every instant.

Whether there is one is asked of the very function that pages ask; that shifts touch and are handed over at the right
time on the wall is worked out here a second time, without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from alerts.rotation import RotationSpec, handoff, on_call
from probes.words.clock import micros, moment
from probes.words.units import DAY, HOUR

FIRST, LAST = 2026, 2030
START, END = (micros(datetime(year, 1, 1, tzinfo=UTC)) for year in (FIRST, LAST + 1))
CLOCKS = ("00:00", "01:30", "02:00", "02:30", "03:00", "09:00", "23:59")
SHIFTS = ("12h", "daily", "36h", "weekly", "monthly")
PEOPLE = ("ana", "bo", "cy")


@dataclass(slots=True)
class Checked:
    """What was found; every list should be empty."""

    zones: int = 0
    combinations: int = 0
    instants: int = 0
    handoffs: int = 0
    nobody: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)  # the stretch that was told does not hold at its own edges
    late: list[str] = field(default_factory=list)  # not handed over when the wall shows that time first

    def add(self, other: Checked) -> None:
        """Sum up."""
        for name in ("zones", "combinations", "instants", "handoffs"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("nobody", "unlike", "late"):
            getattr(self, name).extend(getattr(other, name))


def transitions(zone: str) -> list[int]:
    """The instants (µs, to the second) at which a zone's offset changes within the years."""
    there = ZoneInfo(zone)

    def offset(at: int) -> timedelta | None:
        return moment(at).astimezone(there).utcoffset()

    found = []
    for before in range(START, END, DAY):
        low, high = before, before + DAY
        if offset(low) == offset(high):
            continue
        while high - low > 1_000_000:
            middle = (low + high) // 2_000_000 * 1_000_000
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        found.append(high)
    return found


def zones() -> list[str]:
    """Every zone that has a transition in these years, by looking at each that there is."""
    return sorted(zone for zone in available_timezones() if transitions(zone))


def spec_of(shift: str, clock: str) -> RotationSpec:
    """Three people, from the beginning of the years on."""
    day = {"weekly": "Sun ", "monthly": "28 "}.get(shift, "")
    return RotationSpec(people=PEOPLE, starts=date(FIRST, 1, 1), shift=shift, handoff=f"{day}{clock}")


def instants(spec: RotationSpec, zone: str, changes: Iterable[int]) -> Iterator[int]:
    """Around every transition and its neighbouring handoffs, to the µs, and a grid over the days around it."""
    for change in changes:
        yield from (change + step for step in (-1, 0, 1, -HOUR, HOUR - 1, HOUR))
        yield from range(change - 2 * DAY, change + 2 * DAY, 5 * HOUR + 1)
        duty = on_call(spec, change, zone=zone)
        for edge in (duty.start, duty.end):
            if edge is not None:
                yield from (edge - 1, edge, edge + 1)


def check(zone: str, *, shifts: Iterable[str] = SHIFTS, clocks: Iterable[str] = CLOCKS) -> Checked:
    """One zone, all shifts and handoff times."""
    found, changes = Checked(zones=1), transitions(zone)
    for shift in shifts:
        for clock in clocks:
            spec = spec_of(shift, clock)
            found.combinations += 1
            for at in instants(spec, zone, changes):
                found.instants += 1
                _primary(found, spec, at, zone)
            _handed_over(found, spec, zone, changes)
    return found


def _primary(found: Checked, spec: RotationSpec, at: int, zone: str) -> None:
    duty = on_call(spec, at, zone=zone)
    where = f"{zone} {spec.shift} {spec.handoff} {at}"
    if duty.person not in PEOPLE:
        found.nobody.append(where)
    inside = (duty.start is None or duty.start <= at) and duty.end is not None and at < duty.end
    last = on_call(spec, duty.end - 1, zone=zone) if duty.end is not None else duty
    after = on_call(spec, duty.end, zone=zone) if duty.end is not None else duty
    if not inside or last != duty or after.start != duty.end:
        found.unlike.append(where)


def _handed_over(found: Checked, spec: RotationSpec, zone: str, changes: Iterable[int]) -> None:
    """Around each transition: a handoff is the first instant at which the wall shows its time, or a later one."""
    there = ZoneInfo(zone)
    for change in changes:
        number = on_call(spec, change, zone=zone).number
        edges = [(each, handoff(spec, each, zone=zone)) for each in range(max(0, number - 2), number + 4)]
        for (_, before), (_, after) in pairwise(edges):
            if before > after:
                found.unlike.append(f"{zone} {spec.shift} {spec.handoff}: {after} after {before}")
        for each, edge in edges:
            found.handoffs += 1
            wanted = spec.wall(each)
            shows = moment(edge).astimezone(there).replace(tzinfo=None)
            before = moment(edge - 1).astimezone(there).replace(tzinfo=None)
            gap = shows > wanted and before < wanted  # the clock jumped over it: the first moment after the jump
            first = shows == wanted and not moment(edge).astimezone(there).fold
            if not (gap or first):
                found.late.append(f"{zone} {spec.shift} {spec.handoff}: {edge} shows {shows}, wanted {wanted}")
