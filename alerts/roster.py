"""What people changed about who is on call: who takes over for a time, and who is away."""

from __future__ import annotations

from sqlalchemy import bindparam
from sqlmodel import Session, col, or_, select

from alerts.oncall import Roster
from alerts.rotation import Cover
from alerts.tables import Absence, Override

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
    absences = session.exec(_ABSENCES, params={"now": now}).all()
    return Roster(
        tuple(Cover(row.rotation, row.start, _end(row), row.person, row.author, row.reason) for row in overrides),
        tuple(Cover("", row.start, _end(row), row.person, row.author, row.reason) for row in absences),
    )


def _end(row: Override | Absence) -> int:
    return row.end if row.lifted is None else min(row.lifted, row.end)
