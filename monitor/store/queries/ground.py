"""The tables as Core knows them, and the one way in which every query here is run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Executable, Table
from sqlmodel import Session

import monitor.store.tables  # noqa: F401 - it fills the metadata
from alerts.tables import Row

_KNOWN = Row.metadata.tables

ALIVE: Table = _KNOWN["alive"]
ATTEMPT: Table = _KNOWN["attempt"]
CHANGED: Table = _KNOWN["changed"]
CORRECTION: Table = _KNOWN["correction"]
EVIDENCE: Table = _KNOWN["evidence"]
GENERATION: Table = _KNOWN["generation"]
LEDGER: Table = _KNOWN["ledger"]
MAINTENANCE: Table = _KNOWN["maintenance"]
MEMBERSHIP: Table = _KNOWN["membership"]
NOTE: Table = _KNOWN["note"]
FLAG: Table = _KNOWN["flag"]
PING: Table = _KNOWN["ping"]
RUN: Table = _KNOWN["run"]
SCORE: Table = _KNOWN["score"]
SPAN: Table = _KNOWN["span"]
SPEND: Table = _KNOWN["spend"]
TALLY: Table = _KNOWN["tally"]

ALWAYS = 1 << 62  # µs; later than anything
DAY = 86_400_000_000  # µs
MANY = 500  # values in one IN list


def rows(session: Session, statement: Executable, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
    """All rows of a statement, each a named tuple."""
    return session.connection().execute(statement, values or {}).all()


def run(session: Session, statement: Executable, values: Any = None) -> int:
    """Execute a statement that changes something; how many rows it changed."""
    return session.connection().execute(statement, values or {}).rowcount


def parts(values: Iterable[Any], size: int = MANY) -> list[list[Any]]:
    """The values in lists short enough for one statement."""
    listed = list(values)
    return [listed[start : start + size] for start in range(0, len(listed), size)]
