"""Event windows: while one lasts its workflows page at once and take no mute, and its presenter is told first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from alerts.tables import Occasion

_OPEN = (
    select(Occasion)
    .where(col(Occasion.end) > bindparam("start"), col(Occasion.start) < bindparam("end"))
    .order_by(col(Occasion.start), col(Occasion.id))
)


class Window(Protocol):
    """What tells when an event is, and of which workflows."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def lifted(self) -> int | None: ...
    @property
    def workflows(self) -> list[str]: ...


def ends(event: Window) -> int:
    """When it ends (µs): early, if somebody ended it."""
    return event.end if event.lifted is None else min(event.lifted, event.end)


def covers(event: Window, subject: str, at: int) -> bool:
    """True while the event is about this subject (`workflow/environment`)."""
    return event.start <= at < ends(event) and subject in event.workflows


def between(session: Session, start: int, end: int) -> Sequence[Occasion]:
    """The events that reach into [start, end), by start; those that were taken back are none."""
    rows = session.exec(_OPEN, params={"start": start, "end": end}).all()
    return [row for row in rows if ends(row) > max(row.start, start)]


def overlapping(session: Session, subject: str, start: int, end: int) -> Occasion | None:
    """The first event of a subject ("" is any) that reaches into [start, end)."""
    found = between(session, start, end)
    return next((row for row in found if not subject or subject in row.workflows), None)


def presenters(session: Session, subject: str, *, now: int) -> list[str]:
    """Who presents now, of the events that are about this subject."""
    rows = between(session, now, now + 1)
    return list(dict.fromkeys(row.tell for row in rows if row.tell and covers(row, subject, now)))
