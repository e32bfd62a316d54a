"""The account as plain state that the clock moves on: events make incidents, incidents wake people. No I/O.

Rules kept here, as the real service has them: a trigger on an open key only adds a log entry and wakes nobody; an
acknowledge or resolve for a key that is not open is dropped; after a resolve a trigger makes a new incident; an
acknowledgement runs out and wakes again; what stays open long enough is resolved by the service itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from monitor.sandbox.pagerduty.people import Policy, Schedule, Service, User

SECOND = 1_000_000  # µs


class Woken(NamedTuple):
    """Somebody was notified: when (µs), who (user id), for which incident (id), and why."""

    at: int
    user: str
    incident: str
    why: str


@dataclass(slots=True)
class Incident:
    """One incident; `due` holds its timers by name (escalate, unacknowledge, resolve), µs."""

    id: str
    number: int
    key: str
    title: str
    service: Service
    created: int
    visible: int  # from when on the REST API shows it
    payload: dict[str, Any]
    urgency: str = "high"
    status: str = "triggered"
    changed: int = 0
    changed_by: str = ""  # a user's id, or the service's
    acknowledged: list[tuple[int, str]] = field(default_factory=list)
    resolved: int = 0
    level: int = 0
    loops: int = 0
    assigned: list[tuple[int, str]] = field(default_factory=list)
    due: dict[str, int] = field(default_factory=dict)
    log: list[tuple[int, str, str, str]] = field(default_factory=list)  # at, type, agent, words
    keys: list[str] = field(default_factory=list)  # of all its alerts; those in `over` were resolved
    over: set[str] = field(default_factory=set)
    via: str = "escalation_policy"
    priority: str = ""

    @property
    def is_open(self) -> bool:
        """Triggered or acknowledged."""
        return self.status != "resolved"


class Told(Protocol):
    """Hears of every change: its kind, the incident, who did it ("" for nobody), and what else is told of it."""

    def __call__(self, what: str, incident: Incident, agent: str, data: dict[str, Any] | None = None) -> None: ...


class Refused(Exception):
    """The REST API refuses; `code` is PagerDuty's."""

    def __init__(self, status: int, code: int, message: str, *errors: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.errors = status, code, message, errors


class Account:
    """Users, schedules, policies, services, incidents, and everybody who was woken."""

    def __init__(
        self,
        *,
        users: Iterable[User],
        schedules: Iterable[Schedule],
        policies: Iterable[Policy],
        services: Iterable[Service],
    ) -> None:
        self.users = {u.id: u for u in users}
        self.schedules = {s.id: s for s in schedules}
        self.policies = {p.id: p for p in policies}
        self.services = {s.id: s for s in services}
        self.incidents: dict[str, Incident] = {}
        self.woken: list[Woken] = []
        self.told: Told = lambda what, incident, agent, data=None: None

    # --- events -----------------------------------------------------------------------------------------------------

    def find_service(self, routing_key: str) -> Service | None:
        """The service behind an integration key."""
        return next((s for s in self.services.values() if s.routing_key == routing_key), None)

    def find_open(self, service: Service, key: str) -> Incident | None:
        """The open incident of a key, in this service."""
        mine = (i for i in self.incidents.values() if i.is_open and i.service is service)
        return next((i for i in mine if key in i.keys and key not in i.over), None)

    def receive(self, service: Service, action: str, key: str, event: dict[str, Any], *, now: int, appears: int) -> str:
        """Take an event that was accepted; says what came of it: created, logged, acknowledged, resolved or dropped."""
        self.advance(now)
        incident = self.find_open(service, key)
        if action == "trigger":
            if incident is not None:
                incident.log.append((now, "trigger_log_entry", service.id, "triggered again"))
                return "logged"
            return self._create(service, key, event, now, appears)
        if incident is None:
            return "dropped"
        if action == "acknowledge":
            self.acknowledge(incident, service.id, now)
            return "acknowledged"
        incident.over.add(key)
        if set(incident.keys) - incident.over:
            incident.log.append((now, "resolve_alert_log_entry", service.id, "one of its alerts was resolved"))
            return "alert resolved"
        self.resolve(incident, service.id, now)
        return "resolved"

    def _create(self, service: Service, key: str, event: dict[str, Any], now: int, appears: int) -> str:
        levels = range(1, self._levels(service) + 1)
        if service.state(now) != "active" or not any(self._people(service, level, now) for level in levels):
            return "dropped"  # 202 all the same: nobody is told that nobody is told
        joined = next((i for i in self.incidents.values() if i.is_open and i.service is service), None)
        if service.grouping and joined is not None:
            joined.keys.append(key)
            joined.log.append((now, "trigger_log_entry", service.id, "another alert joined it"))
            return "grouped"
        number = len(self.incidents) + 1
        title = str(event["payload"]["summary"])
        incident = Incident(f"Q{number:06d}", number, key, title, service, now, appears, event, changed=now)
        incident.changed_by, incident.keys = service.id, [key]
        incident.urgency = service.urgency_of(str(event["payload"]["severity"]), now)
        incident.log.append((now, "trigger_log_entry", service.id, "triggered"))
        if service.auto_resolve:
            incident.due["resolve"] = now + service.auto_resolve * SECOND
        self.incidents[incident.id] = incident
        self._escalate(incident, now, "triggered")
        self.told("incident.triggered", incident, "")
        return "created"

    # --- what people and the clock do ---------------------------------------------------------------------------------

    def acknowledge(self, incident: Incident, agent: str, now: int) -> None:
        """Somebody (or an event) takes it: nobody else is woken until the acknowledgement runs out."""
        self._check_open(incident)
        incident.status, incident.changed, incident.changed_by = "acknowledged", now, agent
        incident.acknowledged.append((now, agent))
        incident.due.pop("escalate", None)
        if incident.service.ack_timeout:
            incident.due["unacknowledge"] = now + incident.service.ack_timeout * SECOND
        incident.log.append((now, "acknowledge_log_entry", agent, "acknowledged"))
        self.told("incident.acknowledged", incident, agent)

    def resolve(self, incident: Incident, agent: str, now: int) -> None:
        """It is over; the next trigger with its key makes a new one."""
        self._check_open(incident)
        incident.status, incident.changed, incident.changed_by = "resolved", now, agent
        incident.resolved, incident.acknowledged = now, []
        incident.due.clear()
        incident.log.append((now, "resolve_log_entry", agent, "resolved"))
        self.told("incident.resolved", incident, agent)

    def expire_ack(self, incident: Incident, now: int, agent: str = "") -> None:
        """The acknowledgement runs out, or `agent` takes it back: triggered again, and whoever is on call at this level
        is woken again.
        """
        if incident.status != "acknowledged":
            raise Refused(400, 2001, "Invalid Input Provided", "the incident is not acknowledged")
        by = agent or incident.service.id
        incident.status, incident.changed, incident.changed_by = "triggered", now, by
        incident.acknowledged = []
        incident.due.pop("unacknowledge", None)
        words = "acknowledgement taken back" if agent else "acknowledgement ran out"
        incident.log.append((now, "unacknowledge_log_entry", by, words))
        self.told("incident.unacknowledged", incident, agent)
        if incident.via == "direct_assignment":
            self._give(incident, [user for _, user in incident.assigned], now, "unacknowledged")
            return
        incident.level -= 1
        self._escalate(incident, now, "unacknowledged")

    def reassign(self, incident: Incident, users: list[str], agent: str, now: int) -> None:
        """Give it to these people: they are woken, nobody has answered any more, and no level follows by itself."""
        self._check_open(incident)
        was, incident.via = incident.status, "direct_assignment"
        incident.due.pop("escalate", None)
        if was == "acknowledged":
            incident.status, incident.changed, incident.changed_by = "triggered", now, agent
            incident.acknowledged = []
            incident.due.pop("unacknowledge", None)
        incident.log.append((now, "assign_log_entry", agent, "reassigned"))
        self._give(incident, users, now, "reassigned")
        self.told("incident.reassigned", incident, agent)

    def annotate(self, incident: Incident, text: str, agent: str, now: int) -> None:
        """A person writes a note."""
        incident.log.append((now, "annotate_log_entry", agent, text))
        self.told("incident.annotated", incident, agent, {"type": "incident_note", "content": text, "trimmed": False})

    def prioritise(self, incident: Incident, priority: str, agent: str, now: int) -> None:
        """A person gives it a priority."""
        incident.priority = priority
        incident.log.append((now, "priority_change_log_entry", agent, priority))
        self.told("incident.priority_updated", incident, agent)

    def advance(self, now: int) -> None:
        """Let every timer that is due by now take effect, in order, at its own time."""
        while True:
            timers = [(at, name, i) for i in self.incidents.values() for name, at in i.due.items() if at <= now]
            if not timers:
                return
            at, name, incident = min(timers, key=lambda t: (t[0], t[2].number, t[1]))
            if name == "resolve":
                self.resolve(incident, incident.service.id, at)
            elif name == "unacknowledge":
                self.expire_ack(incident, at)
            else:
                self._escalate(incident, at, "escalated")
                self.told("incident.escalated", incident, "")

    def _escalate(self, incident: Incident, now: int, why: str) -> None:
        """Tell the next level that has anybody on call; start again from the first while loops are left."""
        policy = self.policies[incident.service.policy]
        incident.due.pop("escalate", None)
        for _ in range(self._levels(incident.service) * (policy.loops + 1)):
            incident.level += 1
            if incident.level > len(policy.rules):
                if incident.loops >= policy.loops:
                    incident.level = len(policy.rules)
                    return
                incident.loops, incident.level = incident.loops + 1, 1
            people = self._people(incident.service, incident.level, now)
            if people:
                break
        else:
            return
        self._give(incident, people, now, why)
        if incident.level < len(policy.rules) or incident.loops < policy.loops:
            incident.due["escalate"] = now + policy.rules[incident.level - 1].delay_minutes * 60 * SECOND

    def _give(self, incident: Incident, people: list[str], now: int, why: str) -> None:
        """These have it from now on, and are notified; what has low urgency wakes nobody."""
        incident.assigned = [(now, user) for user in people]
        for user in people:
            if incident.urgency == "high":
                self.woken.append(Woken(now, user, incident.id, why))
            incident.log.append((now, "notify_log_entry", user, f"notified ({why})"))

    def _levels(self, service: Service) -> int:
        return len(self.policies[service.policy].rules)

    def _people(self, service: Service, level: int, now: int) -> list[str]:
        found: list[str] = []
        for target in self.policies[service.policy].rules[level - 1].targets:
            user = self.schedules[target].on_call(now) if target in self.schedules else target
            if user is not None and user in self.users and user not in found:
                found.append(user)
        return found

    @staticmethod
    def _check_open(incident: Incident) -> None:
        if not incident.is_open:
            raise Refused(400, 1001, "Incident Already Resolved")
