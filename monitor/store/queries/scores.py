"""How the cases of golden sets came out, run by run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from monitor.store.queries.ground import SCORE, rows

RIGHT, WRONG, UNSCORED = 1, 0, 2  # Score.verdict


@dataclass(frozen=True, slots=True)
class ScoreView:
    """One case in the run that started at `started` (µs); `right` is None where it could not be scored."""

    started: int
    case: str
    right: bool | None
    detail: dict[str, Any]


def last_scores(session: Session, ledger: int, *, limit: int, since: int = 0, case: str = "") -> list[ScoreView]:
    """The newest scores of a ledger that started at `since` (µs) or later, at most `limit`, oldest first."""
    asked = select(SCORE.c.started, SCORE.c.case, SCORE.c.verdict, SCORE.c.detail)
    asked = asked.where(SCORE.c.ledger == ledger, SCORE.c.started >= since)
    if case:
        asked = asked.where(SCORE.c.case == case)
    found = rows(session, asked.order_by(SCORE.c.started.desc(), SCORE.c.case.desc()).limit(limit))
    return [_view(*row) for row in reversed(found)]


def accuracy_by_day(session: Session, ledger: int, *, since: int, day: int) -> list[tuple[int, int, int]]:
    """(day, right, scored) of each day of `day` µs with scored cases since `since`, oldest first."""
    asked = select((SCORE.c.started // day).label("day"), func.sum(SCORE.c.verdict), func.count())
    asked = asked.where(SCORE.c.ledger == ledger, SCORE.c.started >= since, SCORE.c.verdict != UNSCORED)
    return [(int(row[0]), int(row[1]), int(row[2])) for row in rows(session, asked.group_by("day").order_by("day"))]


def _view(started: int, case: str, verdict: int, detail: str | None) -> ScoreView:
    try:
        said = json.loads(detail) if detail else {}
    except ValueError:
        said = {}
    right = None if verdict == UNSCORED else verdict == RIGHT
    return ScoreView(started, case, right, said if isinstance(said, dict) else {})
