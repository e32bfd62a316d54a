"""When each workflow was last rehearsed: a drill of it that passed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from alerts import drills as rows
from monitor.engine.signals import DRILL
from monitor.services.base import when
from probes.words.units import DAY

if TYPE_CHECKING:
    from monitor.config.catalog import Catalog

STALE = 90 * DAY  # µs after which a runbook counts as not rehearsed


def rehearsals(catalog: Catalog, session: Session, *, now: int) -> list[dict[str, Any]]:
    """Each workflow in production with the last drill that passed; `due` for those that have a runbook nobody
    rehearsed within 90 days."""
    last, found = rows.rehearsed(session), []
    for workflow in catalog.workflows.values():
        for name, place in workflow.environments.items():
            if not place.production or workflow.provider:
                continue
            at = last.get(f"{workflow.key}/{name}")
            stale = at is None or now - at > STALE
            found.append(
                {"workflow": workflow.key, "title": workflow.title, "at": when(at),
                 "runbook": workflow.runbook, "due": bool(workflow.runbook) and stale}
            )  # fmt: skip
    return found


def rehearsed_on(session: Session, subject: str) -> int | None:
    """When a workflow in an environment (`intake/production`, or its drill) was last rehearsed well, µs."""
    return rows.rehearsed(session).get(subject.removeprefix(DRILL))
