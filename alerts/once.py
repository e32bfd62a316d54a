"""What is done once, whoever is asked for it and however often: each such act is a row that one caller claims."""

from __future__ import annotations

from sqlmodel import Session, col, delete, select

from alerts.tables import Once
from probes.words.units import DAY

KEPT = 400 * DAY  # µs: longer than anything that is done once may be asked for again


def claim(session: Session, key: str, *, now: int) -> bool:
    """True for the first who asks, in the transaction in which the act is committed; False ever after."""
    if session.exec(select(Once.key).where(Once.key == key)).first() is not None:
        return False
    session.add(Once(key=key, at=now))
    session.flush()
    return True


def claimed(session: Session, key: str) -> int | None:
    """When it was claimed (µs), or None."""
    return session.exec(select(Once.at).where(Once.key == key)).first()


def forget(session: Session, *, now: int) -> None:
    """Let go of what was claimed so long ago that nobody asks again."""
    session.exec(delete(Once).where(col(Once.at) < now - KEPT))
