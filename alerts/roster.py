"""What people changed about who is on call: who takes over for a time, and who is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import bindparam
from sqlmodel import Session, col, or_, select

from alerts.oncall import Roster
from alerts.rotation import Cover
from alerts.tables import Absence, Override
from probes.words.errors import Refused

Row = TypeVar("Row", Override, Absence)

_OVERRIDES = (
    select(Override)
    .where(col(Override.end) > bindparam("now"))
    .where(or_(col(Override.lifted).is_(None), col(Override.lifted) > col(Override.start)))
    .order_by(col(Override.id))
)
_ABSENCES = (
    select(Absence)
    .where(col(Absence.end) > bindparam("now"))
    .where(or_(col(Absence.lifted).is_(None), col(Absence.lifted) > col(Absence.start)))
    .order_by(col(Absence.id))
)


def read(session: Session, *, now: int) -> Roster:
    """Those that are not over at `now` (µs)."""
    overrides = session.exec(_OVERRIDES, params={"now": now}).all()
    aways = session.exec(_ABSENCES, params={"now": now}).all()
    return Roster(
        tuple(map(cover_of, overrides)),
        tuple(Cover("", row.start, _end(row), row.person, row.author, row.reason) for row in aways),
    )


def _end(row: Override | Absence) -> int:
    return row.end if row.lifted is None else min(row.lifted, row.end)


def cover_of(row: Override) -> Cover:
    """What a row means to who is on call."""
    return Cover(row.rotation, row.start, _end(row), row.person, row.author, row.reason)


def listed(session: Session, kind: type[Row], *, now: int) -> list[Row]:
    """The overrides, or the absences, that are not over, by their beginning."""
    query: Any = _OVERRIDES if kind is Override else _ABSENCES
    rows: Sequence[Row] = session.exec(query, params={"now": now}).all()
    return sorted((row for row in rows if _end(row) > now), key=lambda row: row.start)


def standing(session: Session, kind: type[Row], number: int, *, now: int) -> Row:
    """The one of this number; raises Refused when it is unknown, over, or taken back."""
    row = session.get(kind, number)
    if row is None or row.end <= now or row.lifted is not None:
        what, command = ("override", "override") if kind is Override else ("absence", "away")
        raise Refused(f"there is no such {what}, or it is over already", hint=f"see: showup {command}")
    return row


def lift(session: Session, kind: type[Row], number: int, *, now: int) -> Row:
    """End one early: at once, or before it began. Raises Refused as `standing` does."""
    row = standing(session, kind, number, now=now)
    row.lifted = max(now, row.start)
    session.add(row)
    session.flush()
    return row
