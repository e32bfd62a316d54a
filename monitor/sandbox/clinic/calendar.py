"""The clinic's calendar: appointments in memory, so many at one time as there are chairs."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

KEPT = 5_000  # appointments; the oldest go first
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Taken(Exception):
    """All chairs are taken at that time, or the person has an appointment then."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """Who comes when (`date` and `time` in ISO 8601, the clinic's own time) and for what."""

    id: str
    name: str
    date: str
    time: str
    service: str

    def as_json(self) -> dict[str, Any]:
        """As the booking API shows it."""
        return asdict(self)


class Calendar:
    """All appointments by id."""

    def __init__(self, *, chairs: int = 4) -> None:
        self.chairs = chairs
        self._booked: dict[str, Appointment] = {}
        self._number = 8800

    def book(self, fields: Any) -> Appointment:
        """A new appointment; ValueError says what is wrong with the fields, Taken that there is no room."""
        name, day, at, service = _read(fields)
        then = [a for a in self._booked.values() if (a.date, a.time) == (day, at)]
        if len(then) >= self.chairs or any(a.name == name for a in then):
            raise Taken(f"{day} {at} is taken")
        self._number += 1
        made = Appointment(str(self._number), name, day, at, service)
        self._booked[made.id] = made
        while len(self._booked) > KEPT:
            del self._booked[next(iter(self._booked))]
        return made

    def get(self, name: str) -> Appointment | None:
        """By id."""
        return self._booked.get(name)

    def find(self, name: str | None = None) -> list[Appointment]:
        """Of one person, or all, by date and time."""
        found = [a for a in self._booked.values() if name in (None, a.name)]
        return sorted(found, key=lambda a: (a.date, a.time, a.id))

    def cancel(self, name: str) -> bool:
        """Take one out by id; was there one?"""
        return self._booked.pop(name, None) is not None

    def cancel_all(self, name: str) -> int:
        """Take out all of one person; how many there were."""
        return sum(self.cancel(a.id) for a in self.find(name))


def _read(fields: Any) -> tuple[str, str, str, str]:
    if not isinstance(fields, dict):
        raise ValueError("send a JSON object with name, date and time")
    name, day, at = (fields.get(key) for key in ("name", "date", "time"))
    if not isinstance(name, str) or not name.strip() or len(name) > 120:
        raise ValueError("name: write who comes, in at most 120 characters")
    if not isinstance(at, str) or not _TIME.fullmatch(at):
        raise ValueError("time: write it as HH:MM")
    try:
        day = date.fromisoformat(str(day)).isoformat()
    except ValueError:
        raise ValueError("date: write it as YYYY-MM-DD") from None
    return name.strip(), day, at, str(fields.get("service") or "cleaning")[:60]
