"""What is laid over the spans when they are read: when the keeper ran, maintenance windows, corrections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import select
from sqlmodel import Session

from monitor.store.codes import state_code, state_of
from monitor.store.queries.ground import ALIVE, CORRECTION, MAINTENANCE, parts, rows, run
from monitor.store.queries.notes import upsert
from probes.words.errors import Refused
from probes.words.outcome import State


@dataclass(frozen=True, slots=True)
class WindowView:
    """A maintenance window, [start, end) in µs. `subject` "" is everything, else `workflow/environment` or that and
    `/probe`."""

    id: int
    subject: str
    start: int
    end: int
    author: str
    reason: str
    source: str | None

    def covers(self, workflow: str, environment: str, probe: str) -> bool:
        """True when it speaks of this probe."""
        whole = f"{workflow}/{environment}"
        return self.subject in {"", whole, f"{whole}/{probe}"}


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """A state put right afterwards for a ledger, [start, end) in µs, by whom and why."""

    id: int
    ledger: int
    start: int
    end: int
    state: State
    author: str
    reason: str
    created: int


def begin_alive(session: Session, *, now: int) -> int:
    """The keeper is up: a new interval begins. Returns its start, by which `extend_alive` knows it."""
    run(session, upsert(session, ALIVE).values(start=now, end=now).on_conflict_do_nothing())
    return now


def extend_alive(session: Session, start: int, *, now: int) -> None:
    """The keeper is still up; call it every 10 s and once more at the end."""
    run(session, ALIVE.update().where(ALIVE.c.start == start, ALIVE.c.end < now).values(end=now))


def alive_intervals(session: Session, start: int, end: int) -> list[tuple[int, int]]:
    """The intervals in which the keeper ran that reach into [start, end), in order; between them nothing is known."""
    asked = select(ALIVE.c.start, ALIVE.c.end).where(ALIVE.c.end >= start, ALIVE.c.start < end).order_by(ALIVE.c.end)
    return [(int(begins), int(ends)) for begins, ends in rows(session, asked)]


def absences(session: Session, start: int, end: int) -> list[tuple[int, int]]:
    """The intervals of [start, end) in which the keeper was not running; what follows the last sign of life is left
    open."""
    intervals = alive_intervals(session, start, end)
    columns = (ALIVE.c.start, ALIVE.c.end)
    before = select(*columns).where(ALIVE.c.end < start).order_by(ALIVE.c.end.desc()).limit(1)
    after = select(*columns).where(ALIVE.c.start >= end).order_by(ALIVE.c.start).limit(1)
    intervals = [*rows(session, before), *alive_intervals(session, start, end), *rows(session, after)]
    gaps: list[tuple[int, int]] = []
    for (_, ended), (begins, _) in pairwise(intervals):
        if max(start, ended) < min(end, begins):
            gaps.append((max(start, ended), min(end, begins)))
    return gaps


def windows(session: Session, start: int, end: int) -> list[WindowView]:
    """The maintenance windows that reach into [start, end), by start."""
    names = ("id", "subject", "start", "end", "author", "reason", "source")
    asked = select(*(MAINTENANCE.c[name] for name in names)).where(MAINTENANCE.c.end > start, MAINTENANCE.c.start < end)
    return [WindowView(*found) for found in rows(session, asked.order_by(MAINTENANCE.c.start, MAINTENANCE.c.id))]


def add_window(
    session: Session,
    subject: str,
    *,
    start: int,
    end: int,
    author: str,
    reason: str,
    now: int,
    source: str | None = None,
) -> int | None:
    """Plan maintenance; returns its number, None when the same window of `source` is there already.

    Raises Refused when it would begin in the past, for history is never edited, or when it has no length, author or
    reason.
    """
    if start < now:
        hint = "begin it now; for what is over: showup correct"
        raise Refused("a maintenance window cannot begin in the past", hint=hint)
    if end <= start:
        raise Refused("a maintenance window must end after it begins")
    if not author.strip() or not reason.strip():
        raise Refused("a maintenance window needs an author and a reason")
    said = {"author": author, "reason": reason, "created": now, "source": source}
    adding = upsert(session, MAINTENANCE).values(subject=subject, start=start, end=end, **said)
    adding = adding.on_conflict_do_nothing().returning(MAINTENANCE.c.id)
    return next((int(found[0]) for found in rows(session, adding)), None)


def end_window(session: Session, number: int, *, now: int) -> bool:
    """End a window early: one under way ends now, one to come is taken back; what is past stays. False when there
    was nothing to end."""
    which = (MAINTENANCE.c.id == number, MAINTENANCE.c.end > now)
    if run(session, MAINTENANCE.delete().where(*which, MAINTENANCE.c.start >= now)):
        return True
    return run(session, MAINTENANCE.update().where(*which).values(end=now)) == 1


def corrections(session: Session, ledger: int, start: int, end: int) -> list[CorrectionView]:
    """The corrections of a ledger that reach into [start, end), in the order in which they were made."""
    return corrections_of(session, [ledger], start=start, end=end).get(ledger, [])


def corrections_of(
    session: Session, ledgers: Sequence[int], *, start: int, end: int
) -> dict[int, list[CorrectionView]]:
    """The same of several ledgers at once; those that have one are there."""
    found: dict[int, list[CorrectionView]] = {}
    for some in parts(ledgers):
        within = (CORRECTION.c.ledger.in_(some), CORRECTION.c.end > start, CORRECTION.c.start < end)
        for row in rows(session, select(CORRECTION).where(*within).order_by(CORRECTION.c.id)):
            said = (row.start, row.end, state_of(row.state), row.author, row.reason, row.created)
            found.setdefault(row.ledger, []).append(CorrectionView(row.id, row.ledger, *said))
    return found


def check_correction(*, start: int, end: int, author: str, reason: str, now: int) -> None:
    """Raises Refused when nobody could say this of [start, end)."""
    if end <= start:
        raise Refused("a correction must end after it begins")
    if end > now:
        raise Refused("a correction speaks of a time that is over", hint="for what is to come: showup maintenance")
    if not author.strip() or not reason.strip():
        raise Refused("a correction needs an author and a reason", hint="both are shown with it")


def add_correction(
    session: Session, ledger: int, state: State, *, start: int, end: int, author: str, reason: str, now: int
) -> int:
    """Put right what was recorded for [start, end); the spans stay, this is shown over them. Returns its number.
    Raises Refused."""
    check_correction(start=start, end=end, author=author, reason=reason, now=now)
    said = {"author": author, "reason": reason, "created": now}
    adding = upsert(session, CORRECTION).values(ledger=ledger, start=start, end=end, state=state_code(state), **said)
    return int(rows(session, adding.returning(CORRECTION.c.id))[0][0])
