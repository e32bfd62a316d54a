"""What a webhook of PagerDuty's means. Pure, and never raises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.channels.kit import Surroundings, read_time
from alerts.channels.pagerduty.states import EMERGENCY, PREFIX, agent, assigned, listed, number_of, round_of, together
from alerts.message import Reaction
from probes.words.text import clean

KINDS: Mapping[str, str] = {
    "incident.triggered": "reassign",
    "incident.acknowledged": "ack",
    "incident.unacknowledged": "unack",
    "incident.reopened": "unack",
    "incident.resolved": "resolve",
    "incident.reassigned": "reassign",
    "incident.escalated": "reassign",
    "incident.delegated": "reassign",
}
REMARKS: Mapping[str, str] = {
    "incident.priority_updated": "priority",
    "incident.annotated": "note",
    "incident.status_update_published": "status update",
    "incident.responder.added": "responder asked",
    "incident.responder.replied": "responder replied",
}
"""What is only written down, and what it is called there."""


def reaction_in(event: Mapping[str, Any], around: Surroundings) -> Reaction | None:
    """The reaction that an event is; None for a kind that means nothing here, and for an incident of somebody else.

    A remark carries no key: its `incident` is "" and `said["there"]` PagerDuty's own id of it.
    """
    kind, data = str(event.get("event_type")), event.get("data")
    if not isinstance(data, Mapping):
        return None
    if kind in REMARKS:
        return _remark(event, REMARKS[kind], data, around)
    action, key = KINDS.get(kind), clean(str(data.get("incident_key") or ""), 255)
    if action is None or not key.startswith((PREFIX, EMERGENCY)):
        return None
    who = agent(event.get("agent"), around)
    holders = assigned({"assignments": [{"assignee": one} for one in listed(data.get("assignees"))]}, around)
    said = {"there": number_of(data), "how": kind.partition(".")[2]}
    return Reaction(
        action=action,
        incident=key,
        by=holders if action == "reassign" else who.name,
        via="pagerduty",
        at=read_time(event.get("occurred_at")) or around.clock.now(),
        person="" if action == "reassign" else who.person,
        round=round_of(key),
        service=action in ("ack", "resolve") and who.service,
        said=said if who.service else said | {"agent": who.name},
    )


def _remark(event: Mapping[str, Any], what: str, data: Mapping[str, Any], around: Surroundings) -> Reaction | None:
    """A line for the timeline: what was said there and by whom. PagerDuty names the incident, or is one."""
    about = data.get("incident")
    there = number_of(about if isinstance(about, Mapping) else data)
    text = _words(what, data, around)
    if not there or not text:
        return None
    return Reaction(
        action="remark",
        incident="",
        by=agent(event.get("agent"), around).name,
        via="pagerduty",
        at=read_time(event.get("occurred_at")) or around.clock.now(),
        said={"there": there, "text": clean(f"{what}: {text}", 280)},
    )


def _words(what: str, data: Mapping[str, Any], around: Surroundings) -> str:
    if what == "priority":
        level = data.get("priority")
        return clean(str(level.get("summary") or ""), 60) if isinstance(level, Mapping) else "none"
    if what.startswith("responder"):
        who = together([agent(data.get("user"), around).name])
        return clean(f"{who} {data.get('message') or data.get('state') or ''}", 200)
    return clean(str(data.get("content") or data.get("message") or ""), 240)
