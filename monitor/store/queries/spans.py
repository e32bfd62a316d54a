"""The closed spans of ledgers, read by window."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, func, select
from sqlmodel import Session

from monitor.ledger.spans import Span
from monitor.store.codes import state_of
from monitor.store.queries.ground import LEDGER, SPAN, parts, rows

_OTHER = SPAN.alias()


def spans_between(session: Session, ledger: int, *, start: int, end: int) -> list[Span]:
    """The closed spans of one ledger that reach into [start, end), whole and in order."""
    return spans_of(session, [ledger], start=start, end=end)[ledger]


def spans_of(session: Session, ledgers: Sequence[int], *, start: int, end: int) -> dict[int, list[Span]]:
    """The same of several ledgers at once; every one asked for is there, with [] when it has none."""
    found: dict[int, list[Span]] = {ledger: [] for ledger in ledgers}
    for some in parts(found):
        asked = (
            select(SPAN.c.ledger, SPAN.c.start, SPAN.c.end, SPAN.c.state)
            .where(SPAN.c.ledger.in_(some), SPAN.c.end > start, SPAN.c.start < end)
            .order_by(SPAN.c.ledger, SPAN.c.end)
        )
        for ledger, begins, ends, code in rows(session, asked):
            found[ledger].append(Span(begins, ends, state_of(code)))
    return found


def last_spans(session: Session, ledgers: Sequence[int]) -> dict[int, Span]:
    """The last closed span of each ledger that has one: its open tail begins where that ends."""
    newest = select(func.max(_OTHER.c.end)).where(_OTHER.c.ledger == LEDGER.c.id).correlate(LEDGER).scalar_subquery()
    last: dict[int, Span] = {}
    for some in parts(ledgers):
        asked = (
            select(SPAN.c.ledger, SPAN.c.start, SPAN.c.end, SPAN.c.state)
            .select_from(LEDGER)
            .join(SPAN, and_(SPAN.c.ledger == LEDGER.c.id, SPAN.c.end == newest))
            .where(LEDGER.c.id.in_(some))
        )
        for ledger, begins, ends, code in rows(session, asked):
            last[ledger] = Span(begins, ends, state_of(code))
    return last
