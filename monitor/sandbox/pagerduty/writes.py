"""What is set up through the REST API: notes, services, maintenance windows, webhook subscriptions."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from monitor.sandbox.pagerduty.account import Refused
from monitor.sandbox.pagerduty.people import Service, Window
from monitor.sandbox.pagerduty.rest import Rest, stamp
from monitor.sandbox.pagerduty.webhooks import EVENTS, Subscription
from probes.words.clock import micros

PATHS = {
    "create_note": ("POST", "/incidents/{id}/notes"),
    "put_service": ("PUT", "/services/{id}"),
    "list_windows": ("GET", "/maintenance_windows"),
    "create_window": ("POST", "/maintenance_windows"),
    "list_subscriptions": ("GET", "/webhook_subscriptions"),
    "create_subscription": ("POST", "/webhook_subscriptions"),
}
CHANGEABLE: dict[str, tuple[str, tuple[type, ...]]] = {
    "status": ("status", (str,)),
    "acknowledgement_timeout": ("ack_timeout", (int, type(None))),
    "auto_resolve_timeout": ("auto_resolve", (int, type(None))),
    "incident_urgency_rule": ("urgency", (dict,)),
    "support_hours": ("hours", (dict, type(None))),
}
Json = dict[str, Any]


class Writes:
    """One method for each name in PATHS: request, body and time in, JSON out, or Refused."""

    def __init__(
        self, rest: Rest, subscriptions: Callable[[], Sequence[Subscription]], subscribe: Callable[..., Subscription]
    ) -> None:
        self.rest, self._subscriptions, self._subscribe = rest, subscriptions, subscribe

    def answer(self, name: str, request: web.Request, body: Any, now: int) -> Json:
        """Do what is called `name`."""
        found: Json = getattr(self, name)(request, body if isinstance(body, dict) else {}, now)
        return found

    def create_note(self, request: web.Request, body: Json, now: int) -> Json:
        """A person writes a note."""
        incident, user = self.rest.get_incident(request.match_info["id"], now), self._sender(request)
        text = str(_part(body, "note").get("content") or "")[:25_000]
        if not text:
            raise Refused(400, 2001, "Invalid Input Provided", "Content cannot be empty.")
        self.rest.account.annotate(incident, text, user, now)
        return {"note": {"id": secrets.token_hex(7).upper(), "content": text, "user": self.rest.agent(user)}}

    def put_service(self, request: web.Request, body: Json, now: int) -> Json:
        """Switch a service off, or change its timeouts and urgency."""
        service = self.rest.account.services.get(request.match_info["id"])
        if service is None:
            raise Refused(404, 2100, "Not Found")
        for name, value in _part(body, "service").items():
            attribute, kinds = CHANGEABLE.get(name, ("", ()))
            if attribute and not isinstance(value, kinds):
                raise Refused(400, 2001, "Invalid Input Provided", f"{name} is invalid")
            if attribute:
                setattr(service, attribute, value)
        return {"service": self.rest.show_service(service, now)}

    def list_windows(self, request: web.Request, _body: Json, now: int) -> Json:
        """The maintenance windows of the services asked for: `filter` is past, future, ongoing or open."""
        wanted, which = request.query.getall("service_ids[]", []), request.query.get("filter", "all")
        fits: dict[str, Callable[[Window], bool]] = {
            "all": lambda one: True,
            "past": lambda one: one.end <= now,
            "future": lambda one: one.start > now,
            "ongoing": lambda one: one.start <= now < one.end,
            "open": lambda one: now < one.end,
        }
        if which not in fits:
            raise Refused(400, 2001, "Invalid Input Provided", "filter is invalid")
        services = [one for one in self.rest.account.services.values() if not wanted or one.id in wanted]
        found = [self._window(one, window) for one in services for window in one.windows if fits[which](window)]
        return self.rest.list_of("maintenance_windows", found, request.query)

    def create_window(self, request: web.Request, body: Json, now: int) -> Json:
        """No incidents from then till then."""
        self._sender(request)
        given = _part(body, "maintenance_window")
        named = [str(one.get("id")) for one in given.get("services") or () if isinstance(one, dict)]
        services = [self.rest.account.services[name] for name in named if name in self.rest.account.services]
        try:
            start, end = (micros(datetime.fromisoformat(str(given.get(name)))) for name in ("start_time", "end_time"))
        except (ValueError, TypeError, OverflowError):
            raise Refused(400, 2001, "Invalid Input Provided", "start_time and end_time must be ISO 8601") from None
        if not services or not max(start, now) < end:
            raise Refused(400, 2001, "Invalid Input Provided", "Services cannot be empty; end_time must be later")
        window = Window(f"PW{len(services[0].windows):05d}", start, end, str(given.get("description") or "")[:200])
        for service in services:
            service.windows.append(window)
        return {"maintenance_window": self._window(services[0], window)}

    def _window(self, service: Service, window: Window) -> Json:
        return {
            "id": window.id,
            "type": "maintenance_window",
            "start_time": stamp(window.start),
            "end_time": stamp(window.end),
            "description": window.description,
            "services": [self.rest.refer(service)],
        }

    def list_subscriptions(self, request: web.Request, _body: Json, _now: int) -> Json:
        """All webhook subscriptions, without their secrets."""
        found = [_shown(one) for one in self._subscriptions()]
        return self.rest.list_of("webhook_subscriptions", found, request.query)

    def create_subscription(self, request: web.Request, body: Json, _now: int) -> Json:
        """A new one; its secret is told now and never again."""
        given = _part(body, "webhook_subscription")
        url = str(_part(given, "delivery_method").get("url") or "")
        try:
            made = self._subscribe(url, secrets.token_hex(24), events=tuple(given.get("events") or EVENTS))
        except (ValueError, TypeError) as error:
            raise Refused(400, 2001, "Invalid Input Provided", str(error)) from None
        shown = _shown(made)
        shown["delivery_method"]["secret"] = made.secret
        return {"webhook_subscription": shown}

    def _sender(self, request: web.Request) -> str:
        return self.rest.sender(request.headers.get("From"))


def _shown(one: Subscription) -> Json:
    method = {"type": "http_delivery_method", "url": one.url, "secret": None, "temporarily_disabled": one.disabled}
    return {
        "id": one.id,
        "type": "webhook_subscription",
        "active": one.active,
        "delivery_method": method,
        "events": list(one.events),
        "filter": {"type": "account_reference"},
    }


def _part(body: Json, name: str) -> Json:
    found = body.get(name)
    return found if isinstance(found, dict) else {}
