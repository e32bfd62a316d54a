"""What jobs said of themselves: each word a row, the newest of each kind kept."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
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


_COLUMNS = tuple(PING.c[name] for name in PingView.__dataclass_fields__)


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


def pings_after(session: Session, since: Mapping[int, int]) -> dict[int, list[PingView]]:
    """What each of these ledgers' jobs said after the moment given for it, oldest first."""
    found = {}
    for ledger, after in since.items():
        asked = select(*_COLUMNS).where(PING.c.ledger == ledger, PING.c.at > after).order_by(PING.c.at, PING.c.id)
        found[ledger] = [PingView(*row) for row in rows(session, asked)]
    return found


def last_pings(session: Session, ledgers: Collection[int]) -> dict[int, PingView]:
    """The newest word of each of these ledgers that has one."""
    found = {}
    for ledger in ledgers:
        asked = select(*_COLUMNS).where(PING.c.ledger == ledger).order_by(PING.c.at.desc(), PING.c.id.desc()).limit(1)
        if newest := rows(session, asked):
            found[ledger] = PingView(*newest[0])
    return found


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
