"""What people changed about who is on call: who takes over for a time, and who is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import bindparam
from sqlmodel import Session, col, or_, select

from alerts import absences
from alerts.oncall import OnCall, Roster
from alerts.rotation import Cover, Duty
from alerts.tables import Absence, Override
from probes.words.clock import moment
from probes.words.errors import Refused

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


def listed(session: Session, *, now: int) -> Sequence[Override]:
    """The overrides that are not over, by their beginning."""
    rows = session.exec(_OVERRIDES, params={"now": now}).all()
    return sorted((row for row in rows if _end(row) > now), key=lambda row: row.start)


def find(session: Session, number: int, *, now: int) -> Override:
    """An override that is not over; raises Refused for one that is unknown, over, or taken back."""
    row = session.get(Override, number)
    if row is None or row.end <= now or row.lifted is not None:
        raise Refused("there is no such override, or it is over already", hint="see: showup override")
    return row


def refuse_gaps(before: OnCall, gone: Cover, *, now: int) -> None:
    """Raise Refused where nobody would be on call without this override from now on, and somebody is with it. Hours in
    which the rotation itself serves nobody are as they were meant."""
    written = replace(before, roster=Roster())
    for gap in absences.gaps(before.taken_back(gone), max(gone.start, now), gone.end, rotation=gone.rotation):
        for meant in written.duties(gap.rotation, gap.start, gap.end):
            start, end = max(meant.start or gap.start, gap.start), min(meant.end or gap.end, gap.end)
            held = before.duties(gap.rotation, start, end) if _serves(meant) else ()
            lost = next((duty for duty in held if _serves(duty)), None)
            if lost is not None:
                at = moment(max(lost.start or start, start))
                raise Refused(
                    f"without it nobody is on call in {gap.rotation} from {at:%Y-%m-%d %H:%M} UTC",
                    hint=f"let somebody else take over first: showup override {gap.rotation} PERSON --for 8h",
                )


def _serves(duty: Duty) -> bool:
    return duty.person is not None or bool(duty.name)


def lift(session: Session, number: int, *, now: int) -> Override:
    """End an override early: at once, or before it began. Raises Refused as `find` does."""
    row = find(session, number, now=now)
    row.lifted = max(now, row.start)
    session.add(row)
    session.flush()
    return row
