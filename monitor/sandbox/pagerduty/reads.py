"""The paths of the REST API, and which question each of them asks."""

from __future__ import annotations

from typing import Any, TypeVar

from aiohttp import web

from monitor.sandbox.pagerduty.account import Refused
from monitor.sandbox.pagerduty.rest import Rest

PATHS = {
    "list_incidents": ("GET", "/incidents"),
    "get_incident": ("GET", "/incidents/{id}"),
    "put_incident": ("PUT", "/incidents/{id}"),
    "put_incidents": ("PUT", "/incidents"),
    "list_log_entries": ("GET", "/incidents/{id}/log_entries"),
    "list_oncalls": ("GET", "/oncalls"),
    "list_schedules": ("GET", "/schedules"),
    "get_schedule": ("GET", "/schedules/{id}"),
    "list_schedule_users": ("GET", "/schedules/{id}/users"),
    "list_users": ("GET", "/users"),
    "get_user": ("GET", "/users/{id}"),
    "list_services": ("GET", "/services"),
    "get_service": ("GET", "/services/{id}"),
    "list_escalation_policies": ("GET", "/escalation_policies"),
    "get_escalation_policy": ("GET", "/escalation_policies/{id}"),
}
Json = dict[str, Any]
T = TypeVar("T")


class Reads:
    """One method for each name in PATHS: request, body and time in, JSON out, or Refused."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    def answer(self, name: str, request: web.Request, body: Any, now: int) -> Json:
        """Ask the question called `name`."""
        found: Json = getattr(self, name)(request, body, now)
        return found

    def list_incidents(self, request: web.Request, _body: Any, now: int) -> Json:
        """Filtered by status, key, service and time."""
        return self.rest.list_of("incidents", self.rest.find_incidents(request.query, now), request.query)

    def get_incident(self, request: web.Request, _body: Any, now: int) -> Json:
        """One, by id or number."""
        return {"incident": self.rest.show_incident(self.rest.get_incident(request.match_info["id"], now))}

    def put_incident(self, request: web.Request, body: Any, now: int) -> Json:
        """Acknowledge or resolve one."""
        incident = self.rest.get_incident(request.match_info["id"], now)
        change = body.get("incident") if isinstance(body, dict) else None
        return {"incident": self.rest.change_incident(incident, change, request.headers.get("From"), now)}

    def put_incidents(self, request: web.Request, body: Any, now: int) -> Json:
        """Acknowledge or resolve several."""
        changes = body.get("incidents") if isinstance(body, dict) else None
        if not isinstance(changes, list) or not all(isinstance(c, dict) for c in changes):
            raise Refused(400, 2001, "Invalid Input Provided", "Incidents must be a list")
        sender = request.headers.get("From")
        found = [(self.rest.get_incident(str(c.get("id")), now), c) for c in changes]
        return {"incidents": [self.rest.change_incident(i, c, sender, now) for i, c in found]}

    def list_log_entries(self, request: web.Request, _body: Any, now: int) -> Json:
        """What happened to one incident."""
        incident = self.rest.get_incident(request.match_info["id"], now)
        return self.rest.list_of("log_entries", self.rest.list_log(incident, request.query), request.query)

    def list_oncalls(self, request: web.Request, _body: Any, now: int) -> Json:
        """Who is on call."""
        return self.rest.list_of("oncalls", self.rest.list_oncalls(request.query, now), request.query)

    def list_schedules(self, request: web.Request, _body: Any, now: int) -> Json:
        """All schedules."""
        shown = [self.rest.show_schedule(s, request.query, now) for s in self.rest.account.schedules.values()]
        return self.rest.list_of("schedules", shown, request.query)

    def get_schedule(self, request: web.Request, _body: Any, now: int) -> Json:
        """One schedule, rendered when a range is given."""
        schedule = _find(self.rest.account.schedules, request)
        return {"schedule": self.rest.show_schedule(schedule, request.query, now)}

    def list_schedule_users(self, request: web.Request, _body: Any, now: int) -> Json:
        """Who is on call in one schedule at any moment of a range."""
        return self.rest.list_on_schedule(_find(self.rest.account.schedules, request), request.query, now)

    def list_users(self, request: web.Request, _body: Any, _now: int) -> Json:
        """All users."""
        shown = [self.rest.show_user(u) for u in self.rest.account.users.values()]
        return self.rest.list_of("users", shown, request.query)

    def get_user(self, request: web.Request, _body: Any, _now: int) -> Json:
        """One user."""
        return {"user": self.rest.show_user(_find(self.rest.account.users, request))}

    def list_services(self, request: web.Request, _body: Any, now: int) -> Json:
        """All services."""
        shown = [self.rest.show_service(s, now) for s in self.rest.account.services.values()]
        return self.rest.list_of("services", shown, request.query)

    def get_service(self, request: web.Request, _body: Any, now: int) -> Json:
        """One service with its timeouts."""
        return {"service": self.rest.show_service(_find(self.rest.account.services, request), now)}

    def list_escalation_policies(self, request: web.Request, _body: Any, _now: int) -> Json:
        """All escalation policies."""
        shown = [self.rest.show_policy(p) for p in self.rest.account.policies.values()]
        return self.rest.list_of("escalation_policies", shown, request.query)

    def get_escalation_policy(self, request: web.Request, _body: Any, _now: int) -> Json:
        """One escalation policy with its levels."""
        return {"escalation_policy": self.rest.show_policy(_find(self.rest.account.policies, request))}


def _find(things: dict[str, T], request: web.Request) -> T:
    thing = things.get(request.match_info["id"])
    if thing is None:
        raise Refused(404, 2100, "Not Found")
    return thing
