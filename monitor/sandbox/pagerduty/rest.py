"""The REST API: JSON out of the account's state, filters, pages of results, and changes made by a named user."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from multidict import MultiMapping

from monitor.sandbox.pagerduty.account import Account, Incident, Refused
from monitor.sandbox.pagerduty.people import Policy, Schedule, Service, User
from probes.words.clock import micros, moment

Query = MultiMapping[str]
DAY = 86_400_000_000  # µs


class Rest:
    """Read and change an account; `url` tells what links in the answers begin with."""

    def __init__(self, account: Account, url: Callable[[], str]) -> None:
        self.account, self._url = account, url

    # --- answers ----------------------------------------------------------------------------------------------------

    def list_of(self, name: str, items: Sequence[dict[str, Any]], query: Query) -> dict[str, Any]:
        """One page of results in classic pagination."""
        limit, offset = _number(query.get("limit"), 25, 100), _number(query.get("offset"), 0, 10_000)
        if offset + limit > 10_000:
            raise Refused(400, 2001, "Invalid Input Provided", "Offset plus limit cannot exceed 10000.")
        total = len(items) if query.get("total") == "true" else None
        page = items[offset : offset + limit]
        more = len(items) > offset + limit
        return {name: page, "limit": limit, "offset": offset, "more": more, "total": total}

    def refer(self, thing: User | Schedule | Policy | Service | Incident) -> dict[str, Any]:
        """A reference: id, type, summary, links."""
        kind = "escalation_policy" if isinstance(thing, Policy) else type(thing).__name__.lower()
        places = {"escalation_policy": "escalation_policies"}
        place = f"{places.get(kind, kind + 's')}/{thing.id}"
        summary = f"[#{thing.number}] {thing.title}" if isinstance(thing, Incident) else thing.name
        return {
            "id": thing.id,
            "type": f"{kind}_reference",
            "summary": summary,
            "self": f"{self._url()}/{place}",
            "html_url": f"{self._url()}/ui#{thing.id}",
        }

    def agent(self, name: str) -> dict[str, Any]:
        """Whoever did something: a user, or the service itself."""
        thing = self.account.users.get(name) or self.account.services.get(name)
        return self.refer(thing) if thing is not None else {"id": name, "type": "user_reference", "summary": name}

    def show_incident(self, incident: Incident) -> dict[str, Any]:
        """An incident, with the fields that are relied on."""
        assignments = [{"at": stamp(a), "assignee": self.agent(w)} for a, w in incident.assigned]
        return self.refer(incident) | {
            "type": "incident",
            "incident_number": incident.number,
            "title": incident.title,
            "status": incident.status,
            "incident_key": incident.key,
            "created_at": stamp(incident.created),
            "updated_at": stamp(incident.changed),
            "resolved_at": stamp(incident.resolved) if incident.resolved else None,
            "last_status_change_at": stamp(incident.changed),
            "last_status_change_by": self.agent(incident.changed_by),
            "acknowledgements": [{"at": stamp(a), "acknowledger": self.agent(w)} for a, w in incident.acknowledged],
            "assignments": assignments if incident.is_open else [],
            "assigned_via": incident.via,
            "priority": {"id": incident.priority, "summary": incident.priority} if incident.priority else None,
            "escalation_policy": self.refer(self.account.policies[incident.service.policy]),
            "service": self.refer(incident.service),
            "urgency": incident.urgency,
            "pending_actions": [{"type": n, "at": stamp(a)} for n, a in sorted(incident.due.items())],
        }

    def show_user(self, user: User) -> dict[str, Any]:
        """A user."""
        return self.refer(user) | {"type": "user", "name": user.name, "email": user.email, "time_zone": "Etc/UTC"}

    def show_service(self, service: Service, now: int) -> dict[str, Any]:
        """A service with its timeouts, its urgency and its integration."""
        return self.refer(service) | {
            "type": "service",
            "name": service.name,
            "status": service.state(now),
            "acknowledgement_timeout": service.ack_timeout,
            "auto_resolve_timeout": service.auto_resolve,
            "incident_urgency_rule": service.urgency,
            "support_hours": service.hours,
            "alert_creation": "create_alerts_and_incidents",
            "alert_grouping_parameters": {"type": service.grouping, "config": None},
            "integrations": [{"id": f"I{service.id}", "type": service.integration, "summary": "showup",
                              "integration_key": service.routing_key}],
            "escalation_policy": self.refer(self.account.policies[service.policy]),
        }  # fmt: skip

    def show_policy(self, policy: Policy) -> dict[str, Any]:
        """An escalation policy with its rules."""
        rules = [
            {
                "id": f"{policy.id}R{number}",
                "escalation_delay_in_minutes": rule.delay_minutes,
                "targets": [self.target(t) for t in rule.targets],
            }
            for number, rule in enumerate(policy.rules, 1)
        ]
        return self.refer(policy) | {
            "type": "escalation_policy",
            "name": policy.name,
            "escalation_rules": rules,
            "num_loops": policy.loops,
        }

    def target(self, name: str) -> dict[str, Any]:
        """A target of a rule: a schedule or a user."""
        schedule = self.account.schedules.get(name)
        return self.refer(schedule) if schedule else self.agent(name)

    def show_schedule(self, schedule: Schedule, query: Query, now: int) -> dict[str, Any]:
        """A schedule; its shifts are rendered only for a range that was asked for."""
        shown = self.refer(schedule) | {"type": "schedule", "name": schedule.name, "time_zone": "Etc/UTC"}
        shown["users"] = [self.agent(u) for u in schedule.users]
        if "since" in query or "until" in query:
            entries = [
                {"start": stamp(low), "end": stamp(high), "user": self.agent(user)}
                for low, high, user in schedule.shifts(*_span(query, now))
            ]
            shown["final_schedule"] = {"name": "Final Schedule", "rendered_schedule_entries": entries}
        return shown

    # --- lists ------------------------------------------------------------------------------------------------------

    def find_incidents(self, query: Query, now: int) -> list[dict[str, Any]]:
        """Incidents that have appeared by now and fit the filters, oldest first unless asked otherwise."""
        statuses, services = query.getall("statuses[]", []), query.getall("service_ids[]", [])
        if set(statuses) - {"triggered", "acknowledged", "resolved"}:
            raise Refused(400, 2001, "Invalid Input Provided", "statuses[] is invalid")
        low, high = now - 30 * DAY, now + 1
        if query.get("date_range") == "all":
            low = 0
        elif "since" in query or "until" in query:
            low, high = _span(query, now)
        key = query.get("incident_key")
        found = [
            i
            for i in self.account.incidents.values()
            if i.visible <= now
            and low <= i.created < high
            and (not statuses or i.status in statuses)
            and (not services or i.service.id in services)
            and (key is None or key in i.keys)
        ]
        newest_first = query.get("sort_by", "").endswith(":desc")
        return [self.show_incident(i) for i in sorted(found, key=lambda i: i.number, reverse=newest_first)]

    def get_incident(self, name: str, now: int) -> Incident:
        """By id or number, once it has appeared."""
        for incident in self.account.incidents.values():
            if name in (incident.id, str(incident.number)) and incident.visible <= now:
                return incident
        raise Refused(404, 2100, "Not Found")

    def sender(self, address: str | None) -> str:
        """The id of the user whose address stands in From; Refused for a stranger."""
        found = next((u.id for u in self.account.users.values() if u.email == address), None)
        if found is None:
            raise Refused(400, 2001, "Invalid Input Provided", "Requester User Not Found")
        return found

    def change_incident(self, incident: Incident, change: Any, sender: str | None, now: int) -> dict[str, Any]:
        """Acknowledge, take back, resolve or reassign as the user whose address stands in From."""
        user = self.sender(sender)
        change = change if isinstance(change, dict) else {}
        status, given = change.get("status"), change.get("assignments")
        if status is None and isinstance(given, list):
            users = [one["assignee"]["id"] for one in given if isinstance(one, dict) and _names(one.get("assignee"))]
            if not users or set(users) - self.account.users.keys():
                raise Refused(400, 2001, "Invalid Input Provided", "Assignee not found")
            self.account.reassign(incident, users, user, now)
        elif status == "acknowledged":
            self.account.acknowledge(incident, user, now)
        elif status == "triggered":
            self.account.expire_ack(incident, now, user)
        elif status == "resolved":
            self.account.resolve(incident, user, now)
        elif isinstance(change.get("priority"), dict):
            self.account.prioritise(incident, str(change["priority"].get("id"))[:20], user, now)
        else:
            raise Refused(400, 2001, "Invalid Input Provided", "Status must be acknowledged, triggered or resolved")
        return self.show_incident(incident)

    def list_log(self, incident: Incident, query: Query) -> list[dict[str, Any]]:
        """What happened to it, newest first; `is_overview` leaves out who was notified."""
        entries = [
            {
                "id": f"R{incident.number:05d}{number:04d}",
                "type": kind,
                "summary": words,
                "created_at": stamp(at),
                "agent": self.agent(agent),
                "channel": {"type": "api" if agent in self.account.services else "website"},
                "incident": self.refer(incident),
                **({"user": self.agent(agent)} if kind == "notify_log_entry" else {}),
            }
            for number, (at, kind, agent, words) in enumerate(incident.log)
            if not (query.get("is_overview") == "true" and kind == "notify_log_entry")
        ]
        return entries[::-1]

    def list_oncalls(self, query: Query, now: int) -> list[dict[str, Any]]:
        """Who is on call, for each policy, level and schedule; several entries may name one person."""
        start, end = _span(query, now)
        rows = [row for policy in self.account.policies.values() for row in self._oncalls_of(policy, start, end)]
        for field in ("escalation_policy", "schedule", "user"):
            wanted = query.getall(f"{field}_ids[]", [])
            # the word `null` asks for people who are targets themselves, without a schedule
            rows = [row for row in rows if not wanted or (row[field] or {"id": "null"})["id"] in wanted]
        if query.get("earliest") != "true":
            return rows
        first: dict[tuple[str, int, str], dict[str, Any]] = {}
        for row in rows:
            first.setdefault((row["escalation_policy"]["id"], row["escalation_level"], row["user"]["id"]), row)
        return list(first.values())

    def _oncalls_of(self, policy: Policy, start: int, end: int) -> Iterable[dict[str, Any]]:
        for level, rule in enumerate(policy.rules, 1):
            for target in rule.targets:
                schedule = self.account.schedules.get(target)
                shifts: list[tuple[int | None, int | None, str]] = [(None, None, target)]
                if schedule is not None:
                    shifts = list(schedule.shifts(start, end))
                for low, high, user in shifts:
                    yield {
                        "user": self.agent(user),
                        "schedule": self.refer(schedule) if schedule else None,
                        "escalation_policy": self.refer(policy),
                        "escalation_level": level,
                        "start": None if low is None else stamp(low),
                        "end": None if high is None else stamp(high),
                    }

    def list_on_schedule(self, schedule: Schedule, query: Query, now: int) -> dict[str, Any]:
        """The users on call at any moment of the range."""
        names = dict.fromkeys(user for _, _, user in schedule.shifts(*_span(query, now)))
        return {"users": [self.show_user(self.account.users[n]) for n in names if n in self.account.users]}


def stamp(at: int) -> str:
    """ISO 8601 in UTC, to the second."""
    return moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def _span(query: Query, now: int) -> tuple[int, int]:
    low, high = _read_time(query.get("since"), now), _read_time(query.get("until"), now)
    if "since" in query and "until" not in query:
        high = max(high, low)
    if high < low:
        raise Refused(400, 2001, "Invalid Input Provided", "until must be after since")
    if high - low > 180 * DAY:
        raise Refused(400, 2001, "Invalid Input Provided", "the range is longer than six months")
    return low, high


def _read_time(text: str | None, otherwise: int) -> int:
    if text is None:
        return otherwise
    try:
        at = datetime.fromisoformat(text)
        return micros(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise Refused(400, 2001, "Invalid Input Provided", "a time must be ISO 8601") from None


def _number(text: str | None, otherwise: int, most: int) -> int:
    if text is None:
        return otherwise
    if not text.isdecimal() or len(text) > 9:
        raise Refused(400, 2001, "Invalid Input Provided", "limit and offset must be numbers")
    return min(int(text), most) if most == 100 else int(text)


def _names(reference: Any) -> bool:
    return isinstance(reference, dict) and isinstance(reference.get("id"), str)
