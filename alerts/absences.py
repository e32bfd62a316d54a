"""Who is away: nobody's turn, nobody's page. Refused while nobody would be left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session, col, select

from alerts.book import Book
from alerts.oncall import OnCall, Roster
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
            if not duty.names_somebody:
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


def lost(after: OnCall, *before: OnCall, start: int, end: int, rotation: str = "") -> Gap | None:
    """Where a change leaves nobody first: a gap of `after` at whose beginning each of `before` names somebody."""
    for gap in gaps(after, start, end, rotation=rotation):
        at = gap.start
        while at < gap.end:
            held = [one.duty(gap.rotation, at) for one in before]
            if all(duty.names_somebody for duty in held):
                return replace(gap, start=at)
            at = min((duty.end for duty in held if duty.end is not None), default=gap.end)
    return None


def refuse_gaps(before: OnCall, away: Cover) -> None:
    """Raise Refused where an absence would leave a rotation without anybody that has somebody now."""
    if gap := lost(before.without(away), before, start=away.start, end=away.end):
        raise _nobody(f"without {before.book.people[away.person].name}", gap)


def refuse_loss(before: OnCall, gone: Cover, *, now: int) -> None:
    """Raise Refused where nobody would be on call without this override from now on, and somebody is with it. Hours in
    which the rotation itself serves nobody are as they were meant."""
    written, after = replace(before, roster=Roster()), before.taken_back(gone)
    if gap := lost(after, before, written, start=max(gone.start, now), end=gone.end, rotation=gone.rotation):
        raise _nobody("without it", gap)


def _nobody(how: str, gap: Gap) -> Refused:
    return Refused(
        f"{how} nobody is on call in {gap.rotation} from {moment(gap.start):%Y-%m-%d %H:%M} UTC",
        hint=f"let somebody else take over first: showup override {gap.rotation} PERSON --for 8h",
    )


def add(session: Session, away: Cover, *, author: str, reason: str, now: int) -> Absence:
    """Keep an absence that was checked, and refused nothing."""
    row = Absence(person=away.person, start=away.start, end=away.end, author=author, reason=reason, created=now)
    session.add(row)
    session.flush()
    return row


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
