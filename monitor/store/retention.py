"""What is deleted, a bounded slice at a time so that nobody waits: old runs and evidence, and more when the disk cap is
reached.

Spans, incidents, notes and each ledger's last good evidence are never deleted.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select, text
from sqlmodel import Session

from monitor.store.codes import FAIL
from monitor.store.queries.ground import ALWAYS, ATTEMPT, CHANGED, DAY, EVIDENCE, LEDGER, RUN, SCORE, TALLY, rows, run

SLICE = 2_000  # rows at a time: a few milliseconds
SMALL = 200  # records of evidence at a time: each is pages of its own


@dataclass(frozen=True, slots=True)
class Deleted:
    """What one slice deleted; `more` when the next slice would find something too."""

    runs: int = 0
    evidence: int = 0
    more: bool = False


def delete_runs(session: Session, *, before: int, limit: int = SLICE) -> Deleted:
    """Delete the oldest runs that started before `before` (µs), about `limit` of them, with their attempts and,
    last, their counts."""
    older = select(RUN.c.started).where(RUN.c.started < before).order_by(RUN.c.started)
    beyond = rows(session, older.offset(limit).limit(1))
    edge = int(beyond[0][0]) if beyond else before
    gone = run(session, delete(RUN).where(RUN.c.started < edge))
    run(session, delete(ATTEMPT).where(ATTEMPT.c.run < edge))
    run(session, delete(SCORE).where(SCORE.c.started < edge))
    if not beyond and before < ALWAYS:
        every = select(LEDGER.c.id)
        run(session, delete(TALLY).where(TALLY.c.ledger.in_(every), TALLY.c.day < before // DAY))
        later = CHANGED.alias()
        newer = select(later.c.at).where(
            later.c.ledger == CHANGED.c.ledger, later.c.name == CHANGED.c.name, later.c.at > CHANGED.c.at
        )
        old = (CHANGED.c.ledger.in_(every), CHANGED.c.at < before)
        run(session, delete(CHANGED).where(*old, newer.exists()))  # what is in force stays, however old
    return Deleted(runs=gone, more=bool(beyond) and gone > 0)


def delete_evidence(session: Session, *, before: int, limit: int = SMALL) -> Deleted:
    """Delete at most about `limit` of the oldest records of failures that started before `before` (µs)."""
    older = (
        select(EVIDENCE.c.started)
        .where(EVIDENCE.c.started < before, EVIDENCE.c.kind == FAIL)
        .order_by(EVIDENCE.c.started)
    )
    found = rows(session, older.limit(limit))
    if not found:
        return Deleted()
    gone = run(session, delete(EVIDENCE).where(EVIDENCE.c.started <= int(found[-1][0]), EVIDENCE.c.kind == FAIL))
    return Deleted(evidence=gone, more=len(found) == limit)


def disk_used(session: Session) -> int:
    """Bytes the database holds; of an SQLite file, without the pages that are free to be used again."""
    if session.connection().dialect.name != "sqlite":
        return int(rows(session, text("SELECT pg_database_size(current_database())"))[0][0])
    asked = "SELECT (p.page_count - f.freelist_count) * s.page_size FROM"
    pragmas = "pragma_page_count p, pragma_freelist_count f, pragma_page_size s"
    return int(rows(session, text(f"{asked} {pragmas}"))[0][0])


def trim(session: Session, *, cap: int) -> Deleted:
    """While the database holds more than `cap` bytes: delete the oldest evidence, and when there is none left, the
    oldest runs.

    SQLite only: on PostgreSQL deleting gives nothing back at once, and the disk is its owner's to watch.
    """
    if session.connection().dialect.name != "sqlite" or disk_used(session) <= cap:
        return Deleted()
    evidence = delete_evidence(session, before=ALWAYS)
    if evidence.evidence:
        return Deleted(evidence=evidence.evidence, more=True)
    runs = delete_runs(session, before=ALWAYS)
    return Deleted(runs=runs.runs, more=runs.more)
