"""Answers that somebody flagged as wrong: each once, its review beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from monitor.store.queries.ground import FLAG, rows, run
from monitor.store.queries.notes import upsert

OPEN, ACCEPTED, REJECTED = "open", "accepted", "rejected"
KEPT = 10_000  # of a workflow and environment; older ones are let go


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody said of an answer, made safe; `key` makes the same word count once."""

    source: str  # app, slack or person
    key: str
    author: str = ""
    asked: str = ""
    answered: str = ""
    expected: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class FlagView:
    """A flag as it is kept."""

    id: int
    subject: str
    at: int
    source: str
    author: str
    key: str
    asked: str
    answered: str
    expected: str
    comment: str
    state: str
    reviewed_by: str
    reviewed_at: int | None


_COLUMNS = tuple(FLAG.c[name] for name in FlagView.__dataclass_fields__)


def add_flag(session: Session, subject: str, said: Said, *, at: int) -> tuple[int, bool]:
    """(number of the flag, True when it is new): the same key counts once."""
    adding = upsert(session, FLAG).values(
        subject=subject, at=at, state=OPEN, reviewed_by="", reviewed_at=None, **asdict(said)
    )
    new = rows(session, adding.on_conflict_do_nothing(index_elements=["subject", "key"]).returning(FLAG.c.id))
    if new:
        _let_go(session, subject)
    found = new or rows(session, select(FLAG.c.id).where(FLAG.c.subject == subject, FLAG.c.key == said.key))
    return int(found[0][0]), bool(new)


def _let_go(session: Session, subject: str) -> None:
    asked = select(FLAG.c.at).where(FLAG.c.subject == subject).order_by(FLAG.c.at.desc()).offset(KEPT).limit(1)
    if beyond := rows(session, asked):
        run(session, FLAG.delete().where(FLAG.c.subject == subject, FLAG.c.at <= beyond[0][0]))


def find_flag(session: Session, number: int) -> FlagView | None:
    """One flag."""
    return next((FlagView(*row) for row in rows(session, select(*_COLUMNS).where(FLAG.c.id == number))), None)


def list_flags(session: Session, *, subject: str = "", state: str = "", limit: int = 50) -> list[FlagView]:
    """The newest flags first, of a subject and in a state where one is named."""
    asked = select(*_COLUMNS).order_by(FLAG.c.at.desc(), FLAG.c.id.desc()).limit(limit)
    asked = asked.where(FLAG.c.subject == subject) if subject else asked
    asked = asked.where(FLAG.c.state == state) if state else asked
    return [FlagView(*row) for row in rows(session, asked)]


def review_flag(session: Session, number: int, *, state: str, by: str, at: int) -> bool:
    """Say what became of an open flag; False when it is not open, or not there."""
    mine = FLAG.update().where(FLAG.c.id == number, FLAG.c.state == OPEN)
    return run(session, mine.values(state=state, reviewed_by=by, reviewed_at=at)) > 0


def open_times(session: Session, since: Mapping[str, int]) -> dict[str, list[int]]:
    """When open flags came, of each subject after the moment given for it, oldest first."""
    return {subject: _times(session, subject, after) for subject, after in since.items()}


def _times(session: Session, subject: str, after: int) -> list[int]:
    asked = select(FLAG.c.at).where(FLAG.c.subject == subject, FLAG.c.at > after, FLAG.c.state == OPEN)
    return [int(row[0]) for row in rows(session, asked.order_by(FLAG.c.at))]


def newest_open(session: Session, subjects: Iterable[str], limit: int) -> dict[str, list[FlagView]]:
    """The newest open flags of each of these."""
    return {subject: list_flags(session, subject=subject, state=OPEN, limit=limit) for subject in subjects}


def as_json(view: FlagView) -> dict[str, Any]:
    """A flag as plain data, without its key."""
    return {name: value for name, value in asdict(view).items() if name != "key"}
