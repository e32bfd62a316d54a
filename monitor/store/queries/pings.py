"""What jobs said of themselves: each word a row, the newest of each kind kept."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from monitor.store.queries.ground import LEDGER, PING, parts, rows, run

KEPT = 100  # of a job and kind; older ones are in the runs they made


@dataclass(frozen=True, slots=True)
class PingView:
    """One word of a job, without what it sent."""

    id: int
    ledger: int
    at: int
    kind: int
    status: int | None
    rid: str


def add_ping(
    session: Session, ledger: int, *, at: int, kind: int, status: int | None = None, rid: str = "", body: str = ""
) -> None:
    """Keep a word of a job, and let go of the oldest of its kind."""
    packed = zlib.compress(body.encode("utf-8", "replace"), 6) if body else None
    row = {"ledger": ledger, "at": at, "kind": kind, "status": status, "rid": rid, "body": packed}
    run(session, PING.insert(), row)
    mine = (PING.c.ledger == ledger, PING.c.kind == kind)
    beyond = rows(session, select(PING.c.at).where(*mine).order_by(PING.c.at.desc()).offset(KEPT).limit(1))
    if beyond:
        run(session, PING.delete().where(*mine, PING.c.at <= beyond[0][0]))


def newest_pings(session: Session, ledgers: Collection[int]) -> dict[int, list[PingView]]:
    """What is kept of each of these ledgers, oldest first."""
    columns = (PING.c.id, PING.c.ledger, PING.c.at, PING.c.kind, PING.c.status, PING.c.rid)
    found: dict[int, list[PingView]] = {}
    for some in parts(ledgers):
        asked = select(*columns).where(PING.c.ledger.in_(some)).order_by(PING.c.ledger, PING.c.at, PING.c.id)
        for row in rows(session, asked):
            found.setdefault(row.ledger, []).append(PingView(*row))
    return found


def last_pings(session: Session, ledgers: Collection[int]) -> dict[int, PingView]:
    """The newest word of each of these ledgers that has one."""
    return {ledger: views[-1] for ledger, views in newest_pings(session, ledgers).items()}


def body_of(session: Session, ping: int) -> str:
    """What came with a word, or ""."""
    found = next((row[0] for row in rows(session, select(PING.c.body).where(PING.c.id == ping))), None)
    return zlib.decompress(found).decode("utf-8", "replace") if found else ""


def made(session: Session, ledgers: Collection[int]) -> dict[int, int]:
    """When each of these ledgers was made (µs): since then its job is waited for."""
    found: dict[int, int] = {}
    for some in parts(ledgers):
        asked = select(LEDGER.c.id, LEDGER.c.created).where(LEDGER.c.id.in_(some))
        found.update((int(number), int(at)) for number, at in rows(session, asked))
    return found
