"""What is known of an incident beyond its rows: what was seen, what it answers when it is well, what can be pressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlmodel import Session

from alerts.message import ActionView, Beside
from alerts.tables import Incident
from monitor.config.catalog import Catalog
from monitor.store.queries.proof import evidence_of, last_good
from probes.words.names import run_key
from probes.words.text import clean

SHOWN = 600  # characters of an answer


def beside(catalog: Callable[[], Catalog]) -> Callable[[Session, Incident], Beside]:
    """Reads what stands beside an incident; of those that are over and drills nothing."""

    def read(session: Session, incident: Incident) -> Beside:
        if incident.resolved_at is not None:
            return Beside()
        workflow = catalog().workflows.get(incident.subject.partition("/")[0])
        actions = tuple(
            ActionView(key=key, title=one.title, confirm=one.confirm)
            for key, one in (workflow.actions.items() if workflow is not None else ())
        )
        return replace(seen(session, incident), actions=actions)

    return read


def seen(session: Session, incident: Incident) -> Beside:
    """What was seen of an incident, open or over, and what is answered when it is well; without what can be pressed."""
    started, ledger = _key(incident.run)
    if not ledger:
        return Beside()
    failed, good = evidence_of(session, started, ledger), last_good(session, ledger)
    return Beside(
        excerpt=excerpt(failed[-1].body) if failed else "",
        good=excerpt(good.body) if good is not None else "",
        good_at=good.started if good is not None else None,
    )


def _key(run: str) -> tuple[int, int]:
    try:
        return run_key(run)
    except (ValueError, KeyError):
        return 0, 0


def excerpt(body: Any) -> str:
    """What was answered last in an evidence, short; "" when nothing was. What is kept there is redacted already."""
    if not isinstance(body, Mapping):
        return ""
    answers = [
        (str(step.get("name", "")), str(request.get("response") or ""), request.get("status"))
        for step in body.get("steps") or ()
        if isinstance(step, Mapping)
        for request in step.get("requests") or ()
        if isinstance(request, Mapping)
    ]
    if not answers:
        return ""
    name, text, status = answers[-1]
    head = f"{name} {status}: " if status else f"{name}: "
    return clean(head + text, SHOWN)
