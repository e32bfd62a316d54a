"""What changed of what probes see, such as the model that answers: when, and what was in force at a moment."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session

from monitor.store.queries.ground import ALWAYS, CHANGED, parts, rows

_COLUMNS = (CHANGED.c.ledger, CHANGED.c.at, CHANGED.c.name, CHANGED.c.before, CHANGED.c.after)


@dataclass(frozen=True, slots=True)
class Change:
    """`name` was `before`, and is `after` from the attempt on that began at `at` (µs); the first value of all has
    nothing before it."""

    ledger: int
    at: int
    name: str
    before: str
    after: str

    @property
    def said(self) -> str:
        """The change in words."""
        return f"{self.name} {self.before} → {self.after}"


def changes(session: Session, ledgers: Collection[int], *, start: int = 0, end: int = ALWAYS) -> list[Change]:
    """Everything that changed in [start, end), oldest first, the first values included."""
    found: list[Change] = []
    for some in parts(ledgers):
        asked = select(*_COLUMNS).where(CHANGED.c.ledger.in_(some), CHANGED.c.at >= start, CHANGED.c.at < end)
        found += [Change(*row) for row in rows(session, asked)]
    return sorted(found, key=lambda one: (one.at, one.ledger, one.name))


def newest(session: Session, ledgers: Collection[int], *, before: int = ALWAYS) -> list[Change]:
    """Of each ledger and name the change that was the last before then (µs): what was in force, oldest first."""
    found: list[Change] = []
    for some in parts(ledgers):
        last = (
            select(CHANGED.c.ledger, CHANGED.c.name, func.max(CHANGED.c.at).label("last"))
            .where(CHANGED.c.ledger.in_(some), CHANGED.c.at < before)
            .group_by(CHANGED.c.ledger, CHANGED.c.name)
            .subquery()
        )
        joined = (
            (CHANGED.c.ledger == last.c.ledger) & (CHANGED.c.name == last.c.name) & (CHANGED.c.at == last.c["last"])
        )
        found += [Change(*row) for row in rows(session, select(*_COLUMNS).join(last, joined))]
    return sorted(found, key=lambda one: (one.at, one.ledger, one.name))


def in_force(found: Iterable[Change], at: int) -> dict[str, str]:
    """By name, what was in force at `at` (µs), from changes in their order."""
    return {one.name: one.after for one in found if one.at <= at}
