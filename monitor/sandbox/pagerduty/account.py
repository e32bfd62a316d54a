"""The account as plain state that the clock moves on: events make incidents, incidents wake people. No I/O.

Rules kept here, as the real service has them: a trigger on an open key only adds a log entry and wakes nobody; an
acknowledge or resolve for a key that is not open is dropped; after a resolve a trigger makes a new incident; an
acknowledgement runs out and wakes again; what stays open long enough is resolved by the service itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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

    @property
    def is_open(self) -> bool:
        """Triggered or acknowledged."""
        return self.status != "resolved"


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
        self.told: Callable[[str, Incident, str], None] = lambda what, incident, agent: None

    # --- events -----------------------------------------------------------------------------------------------------

    def find_service(self, routing_key: str) -> Service | None:
        """The service behind an integration key."""
        return next((s for s in self.services.values() if s.routing_key == routing_key), None)

    def find_open(self, service: Service, key: str) -> Incident | None:
        """The open incident of a key, in this service."""
        return next((i for i in self.incidents.values() if i.is_open and i.key == key and i.service is service), None)

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
        self.resolve(incident, service.id, now)
        return "resolved"

    def _create(self, service: Service, key: str, event: dict[str, Any], now: int, appears: int) -> str:
        levels = range(1, self._levels(service) + 1)
        if service.status != "active" or not any(self._people(service, level, now) for level in levels):
            return "dropped"  # 202 all the same: nobody is told that nobody is told
        number = len(self.incidents) + 1
        title = str(event["payload"]["summary"])
        incident = Incident(f"Q{number:06d}", number, key, title, service, now, appears, event, changed=now)
        incident.changed_by = service.id
        incident.log.append((now, "trigger_log_entry", service.id, "triggered"))
        if service.auto_resolve:
            incident.due["resolve"] = now + service.auto_resolve * SECOND
        self.incidents[incident.id] = incident
        self.told("incident.triggered", incident, "")
        self._escalate(incident, now, "triggered")
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

    def expire_ack(self, incident: Incident, now: int) -> None:
        """The acknowledgement runs out: triggered again, and whoever is on call at this level is woken again."""
        if incident.status != "acknowledged":
            raise Refused(400, 2001, "Invalid Input Provided", "the incident is not acknowledged")
        incident.status, incident.changed, incident.changed_by = "triggered", now, incident.service.id
        incident.acknowledged = []
        incident.due.pop("unacknowledge", None)
        incident.log.append((now, "unacknowledge_log_entry", incident.service.id, "acknowledgement ran out"))
        self.told("incident.unacknowledged", incident, "")
        incident.level -= 1
        self._escalate(incident, now, "unacknowledged")

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
        incident.assigned = [(now, user) for user in people]
        for user in people:
            self.woken.append(Woken(now, user, incident.id, why))
            incident.log.append((now, "notify_log_entry", user, f"notified ({why})"))
        if incident.level < len(policy.rules) or incident.loops < policy.loops:
            incident.due["escalate"] = now + policy.rules[incident.level - 1].delay_minutes * 60 * SECOND

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
