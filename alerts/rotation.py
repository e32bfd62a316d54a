"""Rotations: who holds the pager at an instant, computed from wall-clock handoffs; only overrides are stored."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal, Protocol
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from probes.words.clock import micros, moment
from probes.words.names import is_key
from probes.words.section import Section

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HANDOFF = re.compile(r"(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?([01]\d|2[0-3]):([0-5]\d)\Z")
_ANY_MONDAY = date(2024, 1, 1)  # a rotation of one needs no beginning
_SECOND = timedelta(seconds=1)


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"{name!r} is no time zone; write a name like Europe/Berlin or America/New_York") from None
    return name


class RotationSpec(Section):
    """Who takes turns: `people` in order from `starts` on, or a PagerDuty schedule or escalation policy by its id.

    `handoff` is wall-clock time in `timezone` (the site's when absent). Until the first handoff the first person is on
    call, so that no beginning leaves a gap.
    """

    people: tuple[str, ...] = ()
    starts: date | None = None
    handoff: str = "Mon 09:00"
    shift: Literal["weekly", "daily"] = "weekly"
    timezone: Annotated[str, AfterValidator(_is_zone)] | None = None
    pagerduty_schedule: str | None = Field(default=None, min_length=1, max_length=40, pattern=r"^[A-Za-z0-9]+$")
    pagerduty_policy: str | None = Field(default=None, min_length=1, max_length=40, pattern=r"^[A-Za-z0-9]+$")

    @field_validator("people")
    @classmethod
    def _are_keys(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        for person in people:
            if not is_key(person):
                raise ValueError(f"{person!r} is no person's key; write it as it stands under people:")
        return people

    @model_validator(mode="after")
    def _is_one_kind(self) -> RotationSpec:
        kinds = [bool(self.people), self.pagerduty_schedule is not None, self.pagerduty_policy is not None]
        if sum(kinds) != 1:
            raise ValueError(
                "a rotation needs one of these; write `people`, `pagerduty_schedule` or `pagerduty_policy`"
            )
        found = _HANDOFF.match(self.handoff)
        if not found:
            raise ValueError(f"{self.handoff!r} is no handoff; write Mon 09:00, or 09:00 for a daily shift")
        if self.shift == "weekly" and not found[1]:
            raise ValueError("a weekly handoff names its day; write Mon 09:00, or shift: daily")
        if self.shift == "daily" and found[1] and "handoff" in self.model_fields_set:
            raise ValueError("a daily handoff names no day; write 09:00")
        if len(self.people) > 1 and self.starts is None:
            raise ValueError("say when the first person begins; write starts: with a date, such as 2026-11-30")
        return self

    @property
    def reads_pagerduty(self) -> bool:
        """True when PagerDuty is asked who is on call."""
        return not self.people

    @property
    def length(self) -> timedelta:
        """A shift in wall-clock days."""
        return timedelta(days=7 if self.shift == "weekly" else 1)

    @property
    def first(self) -> datetime:
        """Wall-clock time (naive) of the first handoff: the first that falls on or after `starts`."""
        weekday, _, clock = self.handoff.rpartition(" ")  # its shape was checked above
        day = self.starts or _ANY_MONDAY
        if self.shift == "weekly":
            day += timedelta(days=(WEEKDAYS.index(weekday) - day.weekday()) % 7)
        return datetime.combine(day, time.fromisoformat(clock))


class Override(Protocol):
    """Somebody takes over for a time. Times in µs; the row that is stored has author and reason besides."""

    @property
    def rotation(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def person(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Cover:
    """An override as plain values."""

    rotation: str
    start: int
    end: int
    person: str
    author: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Who is primary from `start` to before `end` (µs; None: open). `person` None is a declared gap; `reason` says why.

    `slot` is whose turn it is by the rotation, which an override does not change.
    """

    person: str | None
    start: int | None
    end: int | None
    source: Literal["rotation", "override", "pagerduty", "gap"]
    reason: str
    slot: str | None = None
    number: int = 0
    name: str = ""  # for people the configuration does not know, such as a PagerDuty user


@lru_cache(maxsize=4096)
def instant(wall: datetime, zone: str) -> int:
    """µs of a naive wall-clock time: in a gap the first valid instant after it, in a fold the first occurrence."""
    there = ZoneInfo(zone)
    early = wall.replace(tzinfo=there, fold=0).astimezone(UTC)
    if early.astimezone(there).replace(tzinfo=None) == wall:
        return micros(early)
    # The clock jumped over `wall`. Read with the offset after the jump it lies before it, and the other way round.
    before, after = wall.replace(tzinfo=there, fold=1).astimezone(UTC), early
    old = before.astimezone(there).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        before, after = (middle, after) if middle.astimezone(there).utcoffset() == old else (before, middle)
    return micros(after)


def handoff(spec: RotationSpec, number: int, *, zone: str) -> int:
    """µs at which shift `number` (0 is the first) begins."""
    return instant(spec.first + number * spec.length, spec.timezone or zone)


def turn(spec: RotationSpec, at: int, *, zone: str = "UTC") -> Duty:
    """Whose turn it is by the rotation alone. Shifts touch exactly: each ends where the next begins."""
    wall = moment(at).astimezone(ZoneInfo(spec.timezone or zone)).replace(tzinfo=None)
    number = max(0, (wall - spec.first) // spec.length)
    while handoff(spec, number + 1, zone=zone) <= at:  # one step at most but where a zone skipped a whole day
        number += 1
    while number > 0 and handoff(spec, number, zone=zone) > at:
        number -= 1
    person = spec.people[number % len(spec.people)]
    start = handoff(spec, number, zone=zone) if number else None
    end = None if len(spec.people) == 1 else handoff(spec, number + 1, zone=zone)
    reason = f"turn {number + 1} of the rotation"
    return Duty(person=person, start=start, end=end, source="rotation", reason=reason, slot=person, number=number)


def on_call(
    spec: RotationSpec, at: int, overrides: Iterable[Override] = (), *, zone: str = "UTC", base: Duty | None = None
) -> Duty:
    """The one primary at `at`: the override made last (the last given), else `base`, else whose turn it is."""
    duty = base or turn(spec, at, zone=zone)
    covers = [cover for cover in overrides if cover.start < cover.end]
    active = [cover for cover in covers if cover.start <= at < cover.end]
    edges = [edge for cover in covers for edge in (cover.start, cover.end)]
    earlier = [edge for edge in edges if edge <= at] + ([duty.start] if duty.start is not None else [])
    later = [edge for edge in edges if edge > at] + ([duty.end] if duty.end is not None else [])
    start, end = max(earlier, default=None), min(later, default=None)
    if not active:
        return replace(duty, start=start, end=end)
    reason = f"takes over from {duty.name or duty.person}" if duty.person or duty.name else "takes over"
    return replace(duty, person=active[-1].person, start=start, end=end, source="override", reason=reason, name="")


def next_after(spec: RotationSpec, duty: Duty, *, among: Container[str]) -> str | None:
    """The person after the one on call: next in order from whose turn it is, one of `among`, and not on call now."""
    order = [spec.people[(duty.number + step) % len(spec.people)] for step in range(1, len(spec.people) + 1)]
    return next((person for person in order if person != duty.person and person in among), None)


def duties(
    spec: RotationSpec, start: int, end: int, overrides: Sequence[Override] = (), *, zone: str = "UTC"
) -> Iterator[Duty]:
    """All duties of [start, end), in order and without a gap between them, neighbours of one person joined."""
    at, held = start, None
    while at < end:
        duty = on_call(spec, at, overrides, zone=zone)
        until = end if duty.end is None else min(end, duty.end)
        duty = replace(duty, start=at, end=until)
        if held is not None and (held.person, held.source) == (duty.person, duty.source):
            held = replace(held, end=until)
        else:
            if held is not None:
                yield held
            held = duty
        at = until
    if held is not None:
        yield held
