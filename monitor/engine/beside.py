"""What is known of an incident beyond its rows: what was seen, what it answers when it is well, what can be pressed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlmodel import Session

from alerts import drills
from alerts.message import ActionView, Beside
from alerts.tables import Incident
from monitor.config.catalog import Catalog
from monitor.engine.signals import DRILL
from monitor.store.queries.proof import evidence_of, last_good
from probes.words.clock import moment
from probes.words.names import run_key
from probes.words.text import clean

ANSWERED, ASKED = 600, 200  # characters
STEPS = 12
KEPT = 1_000  # incidents whose evidence is remembered: a few kB each at most


def beside(catalog: Callable[[], Catalog]) -> Callable[[Session, Incident], Beside]:
    """Reads what stands beside an incident; of those that are over nothing. The evidence of a run is read once, as it
    does not change, so that a list of many incidents costs little."""
    known: OrderedDict[tuple[int, str], Beside] = OrderedDict()

    def read(session: Session, incident: Incident) -> Beside:
        if incident.resolved_at is not None:
            return Beside()
        workflow = catalog().workflows.get(incident.subject.partition("/")[0])
        actions = tuple(
            ActionView(key=key, title=one.title, confirm=one.confirm)
            for key, one in (workflow.actions.items() if workflow is not None else ())
        )
        key = (incident.id or 0, incident.run)
        found = known.get(key)
        if found is None:
            found = seen(session, incident)
            if found.excerpt:  # else it may still come
                known[key] = found
                while len(known) > KEPT:
                    known.popitem(last=False)
        return replace(found, actions=actions, rehearsed=_rehearsed(session, incident))

    return read


def _rehearsed(session: Session, incident: Incident) -> str:
    """When the runbook was last used in a drill that passed; "" where there is no runbook to use."""
    if not incident.runbook:
        return ""
    at = drills.rehearsed(session).get(incident.subject.removeprefix(DRILL))
    return f"The runbook was last rehearsed on {moment(at):%-d %b %Y}" if at else "The runbook was never rehearsed"


def seen(session: Session, incident: Incident) -> Beside:
    """What was seen of an incident, open or over, and what is answered when it is well; without what can be pressed."""
    try:
        started, ledger = run_key(incident.run)
    except (ValueError, KeyError):
        return Beside()
    failed, good = evidence_of(session, started, ledger), last_good(session, ledger)
    return Beside(
        excerpt=excerpt(failed[-1].body) if failed else "",
        good=answered(good.body) if good is not None else "",
        good_at=good.started if good is not None else None,
    )


def excerpt(body: Any) -> str:
    """The steps of an attempt with what each took, what was asked last and what came back; "" when nothing was. What is
    kept in an evidence is redacted already."""
    lines = [waterfall(body), asked(body), answered(body)]
    return "\n".join(line for line in lines if line)


def waterfall(body: Any) -> str:
    """The steps of an attempt in a line, each with its time."""
    steps = [one for one in _maps(body, "steps") if one.get("name")]
    if len(steps) < 2:
        return ""
    said = []
    for step in steps[:STEPS]:
        took = step.get("took")
        time = f" {took / 1e6:.1f} s" if isinstance(took, int) and took > 0 else ""
        mark = "" if step.get("ok", True) or not step.get("reached", True) else "✗ "
        said.append(mark + clean(str(step["name"]), 40) + (time if step.get("reached", True) else " not reached"))
    return " → ".join(said) + (f" and {len(steps) - STEPS} more" if len(steps) > STEPS else "")


def asked(body: Any) -> str:
    """What was sent last, short."""
    last = _last(body)
    if last is None:
        return ""
    sent = str(last[1].get("request") or "")
    head = " ".join(str(last[1].get(name) or "") for name in ("method", "url")).strip()
    return clean(f"{head} {sent}".strip(), ASKED)


def answered(body: Any) -> str:
    """What came back last, short."""
    last = _last(body)
    if last is None:
        return ""
    name, request = last
    head = f"{name} {request['status']}: " if request.get("status") else f"{name}: "
    return clean(head + str(request.get("response") or request.get("failure") or ""), ANSWERED)


def _last(body: Any) -> tuple[str, Mapping[str, Any]] | None:
    found = None
    for step in _maps(body, "steps"):
        for request in _maps(step, "requests"):
            found = (str(step.get("name", "")), request)
    return found


def _maps(outer: Any, name: str) -> Iterator[Mapping[str, Any]]:
    inner = outer.get(name) if isinstance(outer, Mapping) else None
    yield from (one for one in (inner if isinstance(inner, list | tuple) else ()) if isinstance(one, Mapping))
