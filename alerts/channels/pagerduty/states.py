"""What PagerDuty's answers about an incident mean: who answered, who has it, whom it told. Pure, and never raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alerts.channels.kit import OpenPage, Surroundings, read_time
from alerts.message import Reaction
from alerts.people import find_person
from probes.words.text import clean

PREFIX = "showup-"  # how every key of ours begins; a service may be fed by others too
EMERGENCY = "emergency."  # and that of a page from memory
NAMES = 3  # people that are named
STATES = ("triggered", "acknowledged", "resolved")


@dataclass(frozen=True, slots=True)
class Agent:
    """Whoever did something there: a person, known here or not, or no person at all."""

    name: str
    person: str = ""
    service: bool = True


def agent(found: Any, around: Surroundings) -> Agent:
    """Who a reference means; whoever is one of our people has our name for them."""
    reference = found if isinstance(found, Mapping) else {}
    name = clean(str(reference.get("summary") or reference.get("name") or ""), 80)
    if not str(reference.get("type", "")).startswith("user"):
        return Agent(name or "PagerDuty")
    known = find_person(around.people(), pagerduty=str(reference.get("id") or ""), name=name)
    return Agent(known.name, known.key, service=False) if known else Agent(name or "somebody", service=False)


def together(names: Sequence[str]) -> str:
    """`Ana`, `Ana and Bo`, `Ana, Bo, Cy and 2 more`, each once."""
    once = list(dict.fromkeys(name for name in names if name))
    if len(once) > NAMES:
        return f"{', '.join(once[:NAMES])} and {len(once) - NAMES} more"
    return " and ".join(part for part in (", ".join(once[:-1]), *once[-1:]) if part)


def assigned(incident: Mapping[str, Any], around: Surroundings) -> str:
    """The names of those who have an incident there; "" for nobody."""
    found = [agent(one.get("assignee"), around) for one in listed(incident.get("assignments"))]
    return together([one.name for one in found if not one.service])


def assigned_at(incident: Mapping[str, Any]) -> int | None:
    """When it was given to those who have it (µs); None for nobody."""
    times = [read_time(one.get("at")) for one in listed(incident.get("assignments"))]
    return max((at for at in times if at is not None), default=None)


def number_of(incident: Mapping[str, Any]) -> str:
    """PagerDuty's own id of it."""
    return clean(str(incident.get("id") or ""), 40)


def round_of(key: str) -> int | None:
    """The round in a key of ours, None for one that is not."""
    number = key.removesuffix(".storm").rpartition(".")[2]
    return int(number) if number.isdecimal() and len(number) < 9 else None


def reactions_of(page: OpenPage, incident: Mapping[str, Any], around: Surroundings) -> list[Reaction]:
    """What an incident there says: who answered, that nobody does any more where somebody did, and who has it."""
    changed = read_time(incident.get("last_status_change_at")) or around.clock.now()
    told = Reaction(
        action="reassign", incident=page.incident, by=assigned(incident, around), via="pagerduty",
        at=assigned_at(incident) or changed, round=page.round, said={"there": number_of(incident)},
    )  # fmt: skip
    answered = reaction_of(page, incident, around)
    found = [answered] if answered is not None else []
    if page.acked_via == "pagerduty" and incident.get("status") == "triggered":
        found.append(replace(told, action="unack", by="PagerDuty", at=changed))
    return [*found, told] if told.by and incident.get("status") != "resolved" else found


def reaction_of(page: OpenPage, incident: Mapping[str, Any], around: Surroundings) -> Reaction | None:
    """What the incident's state says somebody did; None while it is only triggered."""
    action = {"acknowledged": "ack", "resolved": "resolve"}.get(str(incident.get("status")))
    if action is None:
        return None
    who, at = who_changed(incident)
    found = agent(who, around)
    return Reaction(
        action=action,
        incident=page.incident,
        by=found.name,
        via="pagerduty",
        at=read_time(at or incident.get("last_status_change_at")) or around.clock.now(),
        person=found.person,
        round=page.round,
        service=found.service,
        said={"there": number_of(incident)},
    )


def who_changed(incident: Mapping[str, Any]) -> tuple[Any, Any]:
    """Who acknowledged last, and when, a person before our own echo of them; else who changed the state last."""
    answers = listed(incident.get("acknowledgements"))
    if incident.get("status") == "acknowledged" and answers:
        people = [one for one in answers if str(_part(one, "acknowledger").get("type", "")).startswith("user")]
        last = (people or answers)[-1]
        return last.get("acknowledger"), last.get("at")
    return incident.get("last_status_change_by"), None


def _part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    return value if isinstance(value, Mapping) else {}


def told_of(page: OpenPage, entries: Any, incident: Mapping[str, Any], around: Surroundings) -> Reaction | None:
    """Whom of those who have it PagerDuty has notified, and when last, by the entries of its log; None when it says of
    none of them since it was given to them. Somebody whom it calls on several ways is named once.
    """
    given = assigned_at(incident) or 0
    holders = {str(_part(one, "assignee").get("id")) for one in listed(incident.get("assignments"))}
    found: list[tuple[int, str]] = []
    for one in listed(entries):
        at, user = read_time(one.get("created_at")), _part(one, "user")
        notified = str(one.get("type", "")).startswith("notify_log_entry") and str(user.get("id")) in holders
        if notified and at is not None and at >= given:
            found.append((at, agent(user, around).name))
    if not found:
        return None
    names = together([name for _, name in sorted(found)])
    newest = max(at for at, _ in found)
    return Reaction(action="told", incident=page.incident, by=names, via="pagerduty", at=newest, round=page.round)


def listed(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in a list, whatever else there is."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
