"""Evidence: the records of attempts, unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlmodel import Session

from monitor.store.codes import FAIL, GOOD
from monitor.store.inserts import unpack_evidence
from monitor.store.queries.ground import EVIDENCE, parts, rows
from probes.words.names import run_id


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """The record of attempt `n` of the run (started, ledger); `good` when it passed. `body` is what the probe host
    sent, redacted."""

    started: int
    ledger: int
    n: int
    good: bool
    body: Any

    @property
    def run(self) -> str:
        """The public id of its run."""
        return run_id(self.started, self.ledger)


def evidence_of(session: Session, started: int, ledger: int) -> list[EvidenceView]:
    """The records of a run's attempts, in order; [] when none are kept."""
    asked = _asked().where(EVIDENCE.c.started == started, EVIDENCE.c.ledger == ledger).order_by(EVIDENCE.c.n)
    return [_view(found) for found in rows(session, asked)]


def last_good(session: Session, ledger: int) -> EvidenceView | None:
    """The record of the newest kept success of a ledger."""
    return _newest(session, ledger, GOOD)


def good_kept(session: Session, ledgers: Sequence[int]) -> dict[int, int]:
    """When the run began (µs) whose success is kept, of each of these ledgers that has one."""
    found: dict[int, int] = {}
    for some in parts(ledgers):
        asked = select(EVIDENCE.c.ledger, func.max(EVIDENCE.c.started)).group_by(EVIDENCE.c.ledger)
        asked = asked.where(EVIDENCE.c.ledger.in_(some), EVIDENCE.c.kind == GOOD)
        found.update((ledger, started) for ledger, started in rows(session, asked))
    return found


def last_failure(session: Session, ledger: int) -> EvidenceView | None:
    """The record of the newest attempt of a ledger that did not pass."""
    return _newest(session, ledger, FAIL)


def _newest(session: Session, ledger: int, kind: int) -> EvidenceView | None:
    asked = _asked().where(EVIDENCE.c.ledger == ledger, EVIDENCE.c.kind == kind)
    asked = asked.order_by(EVIDENCE.c.started.desc(), EVIDENCE.c.n.desc()).limit(1)
    return next((_view(found) for found in rows(session, asked)), None)


def _asked() -> Select[Any]:
    return select(EVIDENCE.c.started, EVIDENCE.c.ledger, EVIDENCE.c.n, EVIDENCE.c.kind, EVIDENCE.c.body)


def _view(found: Any) -> EvidenceView:
    started, ledger, n, kind, body = found
    return EvidenceView(started, ledger, n, kind == GOOD, unpack_evidence(body))
