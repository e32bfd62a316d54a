"""Shifts: how long a turn lasts, when it is handed over on the wall, and in which hours a layer serves. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from probes.words.clock import moment
from probes.words.hours import WEEKDAYS, Interval, hours_between, parse_hours
from probes.words.names import is_key
from probes.words.section import Section
from probes.words.units import DAY, parse_duration, say_duration
from probes.words.wall import instant

NAMED = ("daily", "weekly", "monthly")
SHORTEST, LONGEST = timedelta(hours=1), timedelta(days=366)
_HANDOFF = re.compile(r"(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun|[1-9]|1\d|2[0-8]) )?([01]\d|2[0-3]):([0-5]\d)\Z")
_ANY_MONDAY = date(2024, 1, 1)  # a rotation of one needs no beginning
_WEEK, _A_DAY = timedelta(days=7), timedelta(days=1)
_AROUND = 8 * DAY  # every week has its hours: the next opening is within eight days, and no stretch but all is as long


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"{name!r} is no time zone; write a name like Europe/Berlin or America/New_York") from None
    return name


def _is_shift(text: str) -> str:
    if text in NAMED:
        return text
    try:
        length = parse_duration(text)
    except ValueError:
        raise ValueError(f"{text!r} is no shift; write weekly, daily, monthly, or a length such as 12h or 3d") from None
    if not SHORTEST <= length <= LONGEST or length % timedelta(minutes=1):
        raise ValueError(f"a shift of {text} is not between 1h and 366d in whole minutes; write 12h or 3d")
    return text


def _are_hours(text: str) -> str:
    if text:
        parse_hours(text)
    return text


class LayerSpec(Section):
    """People who take turns: `people` in order from `starts` on, each for a `shift`, handed over at `handoff`.

    `handoff` is wall-clock time in `timezone` (the site's when absent): `Mon 09:00` for weekly shifts, `1 09:00` (a day
    from 1 to 28) for monthly ones, `09:00` for all others. `hours` are when it serves; always when empty. Until the
    first handoff the first person serves, so that no beginning leaves a gap.
    """

    people: tuple[str, ...] = ()
    starts: date | None = None
    handoff: str = "Mon 09:00"
    shift: Annotated[str, AfterValidator(_is_shift)] = "weekly"
    timezone: Annotated[str, AfterValidator(_is_zone)] | None = None
    hours: Annotated[str, AfterValidator(_are_hours)] = Field(default="", max_length=200)

    @field_validator("people")
    @classmethod
    def _are_keys(cls, people: tuple[str, ...]) -> tuple[str, ...]:
        for person in people:
            if not is_key(person):
                raise ValueError(f"{person!r} is no person's key; write it as it stands under people:")
        return people

    @model_validator(mode="after")
    def _fits(self) -> LayerSpec:
        found = _HANDOFF.match(self.handoff)
        if not found:
            raise ValueError(f"{self.handoff!r} is no handoff; write Mon 09:00, or 09:00 for a daily shift")
        day, given = found[1] or "", "handoff" in self.model_fields_set
        if self.shift == "weekly" and day not in WEEKDAYS:
            raise ValueError("a weekly handoff names its day; write Mon 09:00, or shift: daily")
        if self.shift == "monthly" and given and not day.isdecimal():
            raise ValueError("a monthly handoff names its day of the month; write 1 09:00")
        if self.shift == "daily" and day and given:
            raise ValueError("a daily handoff names no day; write 09:00")
        if self.shift not in NAMED and day and given:
            raise ValueError(f"a shift of {self.shift} begins on the day of `starts`; write handoff: 09:00")
        if len(self.people) > 1 and self.starts is None:
            raise ValueError("say when the first person begins; write starts: with a date, such as 2026-11-30")
        return self

    @property
    def length(self) -> timedelta | None:
        """A shift in wall-clock time; None for a month."""
        return _length_of(self.shift)

    @property
    def first(self) -> datetime:
        """Wall-clock time (naive) of the first handoff: the first that falls on or after `starts`."""
        day, _, clock = self.handoff.rpartition(" ")  # its shape was checked above
        begins = self.starts or _ANY_MONDAY
        if self.shift == "weekly":
            begins += timedelta(days=(WEEKDAYS.index(day) - begins.weekday()) % 7)
        elif self.shift == "monthly":
            wanted = int(day) if day.isdecimal() else 1
            later = begins.day > wanted
            begins = _month(begins.replace(day=wanted), 1) if later else begins.replace(day=wanted)
        return datetime.combine(begins, time.fromisoformat(clock))

    def wall(self, number: int) -> datetime:
        """Wall-clock time (naive) of handoff `number`; 0 is the first."""
        length = self.length
        if length is not None:
            return self.first + number * length
        return datetime.combine(_month(self.first.date(), number), self.first.time())

    def number_near(self, wall: datetime) -> int:
        """The shift in which a wall-clock time lies, as if no clock ever changed."""
        first, length = self.first, self.length
        if length is not None:
            return max(0, (wall - first) // length)
        months = (wall.year - first.year) * 12 + wall.month - first.month
        return max(0, months - (wall < self.wall(max(0, months))))

    def said(self) -> str:
        """How long a shift is, for people."""
        return self.shift if self.shift in NAMED else f"every {say_duration(parse_duration(self.shift))}"


@lru_cache(maxsize=256)  # asked several times for each duty
def _length_of(shift: str) -> timedelta | None:
    if shift == "monthly":
        return None
    return _WEEK if shift == "weekly" else _A_DAY if shift == "daily" else parse_duration(shift)


def _month(day: date, number: int) -> date:
    """The same day of the month `number` months later; days up to 28 are in every month."""
    months = day.year * 12 + day.month - 1 + number
    return day.replace(year=months // 12, month=months % 12 + 1)


@lru_cache(maxsize=8192)
def instant_of(wall: datetime, zone: str) -> int:
    """µs of a naive wall-clock time: in a gap the first valid instant after it, in a fold the first occurrence."""
    return instant(wall, ZoneInfo(zone))


def handoff(layer: LayerSpec, number: int, *, zone: str) -> int:
    """µs at which shift `number` (0 is the first) begins."""
    return instant_of(layer.wall(number), layer.timezone or zone)


@dataclass(frozen=True, slots=True)
class Turn:
    """Shift `number`, [start, end) in µs; None: open."""

    number: int
    start: int | None
    end: int | None


def turn_at(layer: LayerSpec, at: int, *, zone: str) -> Turn:
    """The shift in which an instant lies. Shifts touch exactly: each ends where the next begins."""
    wall = moment(at).astimezone(ZoneInfo(layer.timezone or zone)).replace(tzinfo=None)
    number = layer.number_near(wall)
    # never too high: a wall-clock time that has been shown has begun, be it the second time; one step at most but where
    # a zone skipped a whole day
    while handoff(layer, number + 1, zone=zone) <= at:
        number += 1
    start = handoff(layer, number, zone=zone) if number else None
    end = None if len(layer.people) == 1 else handoff(layer, number + 1, zone=zone)
    return Turn(number, start, end)


def serves(layer: LayerSpec, at: int, *, zone: str) -> tuple[bool, tuple[int | None, int | None]]:
    """Whether a layer serves at an instant, and the stretch [start, end) in which that stays so; None: always."""
    if not layer.hours:
        return True, (None, None)
    block = at // _AROUND
    first, last = (block - 1) * _AROUND, (block + 2) * _AROUND
    edge: int | None = None
    for start, end in _hours_of(layer.hours, layer.timezone or zone, first, last):
        if at < start:
            return False, (edge, start)
        if at < end:
            return True, (start if start > first else None, end if end < last else None)
        edge = end
    return False, (edge, None)


@lru_cache(maxsize=4096)  # asked for each duty of a year ahead: parsed and laid out once for eight days
def _hours_of(hours: str, zone: str, start: int, end: int) -> tuple[Interval, ...]:
    return tuple(hours_between(hours, ZoneInfo(zone), start, end))
