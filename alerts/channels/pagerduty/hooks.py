"""What a webhook of PagerDuty's means, and who has an incident there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.channels.kit import Surroundings, read_time
from alerts.message import Reaction
from alerts.people import find_person
from probes.words.text import clean

KINDS = {
    "incident.acknowledged": "ack",
    "incident.unacknowledged": "unack",
    "incident.resolved": "resolve",
    "incident.reassigned": "reassign",
    "incident.escalated": "reassign",
    "incident.delegated": "reassign",
}
NAMES = 3  # people that are named


def reaction_in(event: Mapping[str, Any], around: Surroundings) -> Reaction | None:
    """The reaction that an event of a webhook is; None for a kind that means nothing here. Never raises."""
    action = KINDS.get(str(event.get("event_type")))
    data = event.get("data")
    key = str(data.get("incident_key") or "") if isinstance(data, Mapping) else ""
    if action is None or not key or not isinstance(data, Mapping):
        return None
    agent = event.get("agent")
    agent = agent if isinstance(agent, Mapping) else {}
    user = str(agent.get("type", "")).startswith("user")
    name = clean(str(agent.get("summary") or ""), 80)
    person = find_person(around.people(), pagerduty=str(agent.get("id") or ""), name=name) if user else None
    by = assigned({"assignments": [{"assignee": each} for each in _list(data.get("assignees"))]}, around)
    return Reaction(
        action=action,
        incident=clean(key, 120),
        by=by if action == "reassign" else person.name if person else name or "PagerDuty",
        via="pagerduty",
        at=read_time(event.get("occurred_at")) or around.clock.now(),
        person=person.key if person else "",
        round=round_of(key),
        service=action in ("ack", "resolve") and not user,
    )


def assigned(incident: Mapping[str, Any], around: Surroundings) -> str:
    """The names of those who have an incident there, as we know them; "" for nobody."""
    names = []
    for one in _list(incident.get("assignments"))[:NAMES]:
        who = one.get("assignee") if isinstance(one, Mapping) else None
        if isinstance(who, Mapping) and str(who.get("type", "user")).startswith("user"):
            name = clean(str(who.get("summary") or who.get("name") or ""), 80)
            known = find_person(around.people(), pagerduty=str(who.get("id") or ""), name=name)
            names.append(known.name if known is not None else name)
    return ", ".join(name for name in names if name)


def round_of(key: str) -> int | None:
    """The round in a key of ours, None for one that is not."""
    number = key.removesuffix(".storm").rpartition(".")[2]
    return int(number) if number.isdecimal() and len(number) < 9 else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
