"""Small things that are remembered: values under a name, generations of the config, and what was spent."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlmodel import Session

from monitor.store.queries.ground import GENERATION, NOTE, SPEND, rows, run


def upsert(session: Session, table: Table) -> Any:
    """An INSERT into `table` that can be told what to do when the row is there."""
    return (insert_sqlite if session.connection().dialect.name == "sqlite" else insert_postgres)(table)


def read_note(session: Session, key: str) -> Any:
    """The value remembered under `key`, or None."""
    return next((found[0] for found in rows(session, select(NOTE.c.value).where(NOTE.c.key == key))), None)


def noted_at(session: Session, key: str) -> int | None:
    """When the value under `key` was remembered (µs), or None."""
    return next((int(found[0]) for found in rows(session, select(NOTE.c.at).where(NOTE.c.key == key))), None)


def remember(session: Session, key: str, value: Any, *, now: int) -> None:
    """Remember a JSON value under `key`, instead of what was there."""
    adding = upsert(session, NOTE).values(key=key, value=value, at=now)
    kept = {"value": adding.excluded.value, "at": adding.excluded.at}
    run(session, adding.on_conflict_do_update(index_elements=["key"], set_=kept))


def forget(session: Session, key: str) -> None:
    """Remember nothing under `key`."""
    run(session, NOTE.delete().where(NOTE.c.key == key))


def begin_generation(session: Session, fingerprint: str, *, now: int) -> bool:
    """Note that this configuration came into force; False when it already is the newest."""
    if (last := generations(session, limit=1)) and last[0][1] == fingerprint:
        return False
    run(session, upsert(session, GENERATION).values(at=now, fingerprint=fingerprint).on_conflict_do_nothing())
    return True


def generations(session: Session, *, limit: int = 100) -> list[tuple[int, str]]:
    """The configurations that came into force, newest first: (at in µs, fingerprint)."""
    asked = select(GENERATION.c.at, GENERATION.c.fingerprint).order_by(GENERATION.c.at.desc()).limit(limit)
    return [(int(at), str(fingerprint)) for at, fingerprint in rows(session, asked)]


def spend_between(session: Session, first: int, last: int) -> dict[str, dict[str, float]]:
    """What was spent from the UTC day `first` to `last`, both included: account to unit to amount."""
    asked = select(SPEND.c.provider, SPEND.c.unit, SPEND.c.amount).where(SPEND.c.day >= first, SPEND.c.day <= last)
    spent: dict[str, dict[str, float]] = {}
    for provider, unit, amount in rows(session, asked):
        units = spent.setdefault(provider, {})
        units[unit] = units.get(unit, 0.0) + amount
    return spent
