"""Who is away: nobody's turn, nobody's page. Refused while nobody would be left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from alerts.book import Book
from alerts.oncall import OnCall
from alerts.rotation import Cover
from alerts.tables import Absence
from probes.words.clock import moment
from probes.words.errors import Refused
from probes.words.names import nearest
from probes.words.units import DAY

LONGEST = 400 * DAY  # µs: every duty of it is looked at


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which a rotation names nobody, [start, end) in µs."""

    rotation: str
    start: int
    end: int
    reason: str


def gaps(on_call: OnCall, start: int, end: int, *, rotation: str = "") -> list[Gap]:
    """The stretches of [start, end) in which nobody is on call, of one rotation, or of every one that there is."""
    found = []
    for name in [rotation] if rotation else on_call.book.rotations:
        for duty in on_call.duties(name, start, end):
            if duty.person is None and not duty.name:
                found.append(Gap(name, duty.start or start, duty.end or end, duty.reason))
    return found


def check(book: Book, person: str, start: int, end: int, *, now: int) -> Cover:
    """The absence that is asked for, from now on at the earliest; raises Refused for one that can be nobody's."""
    if person not in book.people:
        near = nearest(person, book.people)
        hint = f"did you mean {near}?" if near else f"people: {', '.join(book.people) or 'none'}"
        raise Refused(f"there is no person {person[:40]}", hint=hint)
    if not start < end or end <= now:
        raise Refused("an absence ends after it begins, and in the future", hint="write 2026-12-24..2027-01-02")
    if end - max(start, now) > LONGEST:
        raise Refused(
            f"an absence is {LONGEST // DAY} days at most", hint="take who is gone for good out of the rotation"
        )
    return Cover("", max(start, now), end, person)


def refuse_gaps(before: OnCall, away: Cover) -> None:
    """Raise Refused where an absence would leave a rotation without anybody that has somebody now."""
    for gap in gaps(before.without(away), away.start, away.end):
        held = before.duties(gap.rotation, gap.start, gap.end)
        lost = next((duty for duty in held if duty.person is not None or duty.name), None)
        if lost is not None:
            name, at = before.book.people[away.person].name, moment(lost.start or gap.start)
            raise Refused(
                f"without {name} nobody is on call in {gap.rotation} from {at:%Y-%m-%d %H:%M} UTC",
                hint=f"let somebody take over first: showup override {gap.rotation} PERSON --for 8h",
            )


def add(session: Session, away: Cover, *, author: str, reason: str, now: int) -> Absence:
    """Keep an absence that was checked, and refused nothing."""
    row = Absence(person=away.person, start=away.start, end=away.end, author=author, reason=reason, created=now)
    session.add(row)
    session.flush()
    return row


def cancel(session: Session, number: int, *, now: int) -> Absence:
    """End an absence early: at once, or before it began. Raises Refused for one that is unknown or over."""
    row = session.get(Absence, number)
    if row is None or row.end <= now or row.lifted is not None:
        raise Refused("there is no such absence, or it is over already", hint="see: showup away")
    row.lifted = max(now, row.start)
    session.add(row)
    session.flush()
    return row


def listed(session: Session, *, now: int) -> Sequence[Absence]:
    """The absences that are not over, by their beginning."""
    query = select(Absence).where(
        col(Absence.end) > now,
        or_(col(Absence.lifted).is_(None), (col(Absence.lifted) > now) & (col(Absence.lifted) > col(Absence.start))),
    )
    return session.exec(query.order_by(col(Absence.start), col(Absence.id))).all()


def follow_calendar(session: Session, person: str, source: str, found: Sequence[Cover], *, now: int) -> int:
    """Make the absences that came from a calendar those that stand in it now; how many changed.

    `found` have their event's uid as `reason`. What is over stays; nothing is refused, as people are away whether or
    not somebody is left: the gap is told.
    """
    query = select(Absence).where(
        Absence.person == person, Absence.source == source, col(Absence.end) > now, col(Absence.lifted).is_(None)
    )
    kept = {(row.uid, row.start, row.end): row for row in session.exec(query).all()}
    wanted = {(one.reason, one.start, one.end) for one in found if one.end > now}
    changed = 0
    for key, row in kept.items():
        if key not in wanted:
            row.lifted = max(now, row.start)
            session.add(row)
            changed += 1
    for uid, start, end in sorted(wanted - kept.keys()):
        row = Absence(person=person, start=start, end=end, author=source, reason="calendar", source=source, uid=uid)
        row.created = now
        session.add(row)
        changed += 1
    session.flush()
    return changed
