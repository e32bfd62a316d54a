"""The PagerDuty server: Events API v2 and REST API over TLS, limits and faults, and what people do by hand."""

from __future__ import annotations

import contextlib
import hmac
import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from monitor.sandbox.faults import Fault
from monitor.sandbox.pagerduty import page, reads, writes
from monitor.sandbox.pagerduty.account import SECOND, Account, Incident, Refused, Woken
from monitor.sandbox.pagerduty.events import read_event
from monitor.sandbox.pagerduty.people import Policy, Rule, Schedule, Service, User
from monitor.sandbox.pagerduty.reads import Reads
from monitor.sandbox.pagerduty.rest import Rest
from monitor.sandbox.pagerduty.webhooks import EVENTS, Subscription
from monitor.sandbox.pagerduty.writes import Writes
from monitor.sandbox.record import read_body
from monitor.sandbox.server import Server
from probes.words.clock import Clock, moment

ROUTING_KEY = "R0SANDBOX".ljust(32, "0")
USERS = (
    User("PFIRST1", "First Responder", "first@example.com"),
    User("PSECND2", "Second Responder", "second@example.com"),
)
SCHEDULES = (Schedule("PSCHED1", "Front line", ("PFIRST1",)),)
POLICIES = (Policy("PPOLCY1", "Wake us", (Rule(("PSCHED1",), 5), Rule(("PSECND2",), 15)), loops=1),)
SERVICES = (Service("PSERVC1", "AI workflows", ROUTING_KEY, "PPOLCY1"),)
REST_LIMIT = 960  # requests a minute for one key
WINDOW = 60 * SECOND


class PagerDutyServer(Server):
    """An account with one service, unless told otherwise. `woken` lists everybody who was notified, and why.

    `limit_per_minute` (120 is the real service's) turns on the limit for each routing key; `appear_after` s is how
    much later than the 202 an incident can be read; `acknowledge`, `resolve`, `expire_ack` are what people do.
    """

    name: ClassVar[str] = "pagerduty"
    tls: ClassVar[bool] = True
    kinds: ClassVar[dict[str, str]] = {
        "no-incident": "202, and no incident is made of it",
        "late-incident": "202, and the incident appears in the REST API `seconds` (5) later",
        "invalid-event": "400, whatever was sent",
        "plan-lacks": "402 from the REST API: the account's plan lacks what was asked",
    }

    def __init__(
        self,
        *,
        port: int = 0,
        record: Path | str | None = None,
        clock: Clock | None = None,
        api_key: str = "u+sandbox-rest-key",
        users: Iterable[User] = USERS,
        schedules: Iterable[Schedule] = SCHEDULES,
        policies: Iterable[Policy] = POLICIES,
        services: Iterable[Service] = SERVICES,
    ) -> None:
        super().__init__(port=port, record=record, clock=clock)
        self.api_key = api_key
        # services and schedules change while it runs: each server has its own
        self.account = Account(
            users=users,
            schedules=[replace(s, overrides=list(s.overrides)) for s in schedules],
            policies=policies,
            services=[replace(s, windows=list(s.windows), urgency=dict(s.urgency)) for s in services],
        )
        self.account.told = self._tell
        self.reads = Reads(Rest(self.account, lambda: self.url))
        self.limit_per_minute: int | None = None
        self.appear_after = 0.0
        self.subscriptions: list[Subscription] = []
        self.writes = Writes(self.reads.rest, lambda: self.subscriptions, self.subscribe)
        self._calls: dict[str, deque[int]] = {}

    # --- reading and acting, for tests and drills --------------------------------------------------------------------

    @property
    def routing_key(self) -> str:
        """The key of the first service."""
        return next(iter(self.account.services.values())).routing_key

    @property
    def service(self) -> Service:
        """The first service; its status and timeouts may be changed."""
        return next(iter(self.account.services.values()))

    @property
    def incidents(self) -> list[Incident]:
        """All incidents as they are by now, oldest first."""
        self.account.advance(self.now())
        return list(self.account.incidents.values())

    @property
    def open_keys(self) -> list[str]:
        """The dedup keys of what is open now."""
        return [i.key for i in self.incidents if i.is_open]

    @property
    def woken(self) -> list[Woken]:
        """Everybody who was notified by now, in order."""
        self.account.advance(self.now())
        return list(self.account.woken)

    def acknowledge(self, incident: Incident, user: str = "PFIRST1") -> None:
        """A person takes it, as in the app on their phone."""
        self.account.advance(self.now())
        self.account.acknowledge(incident, user, self.now())
        self.keep("acknowledged", body={"incident": incident.id, "user": user})

    def resolve(self, incident: Incident, user: str = "PFIRST1") -> None:
        """A person closes it."""
        self.account.advance(self.now())
        self.account.resolve(incident, user, self.now())
        self.keep("resolved", body={"incident": incident.id, "user": user})

    def expire_ack(self, incident: Incident, user: str = "") -> None:
        """The acknowledgement runs out now, or a person takes it back."""
        self.account.advance(self.now())
        self.account.expire_ack(incident, self.now(), user)

    def reassign(self, incident: Incident, to: str, user: str = "PFIRST1") -> None:
        """A person gives it to another one."""
        self.account.advance(self.now())
        self.account.reassign(incident, [to], user, self.now())
        self.keep("reassigned", body={"incident": incident.id, "user": user, "to": to})

    def subscribe(self, url: str, secret: str, *, events: tuple[str, ...] = EVENTS) -> Subscription:
        """Send webhooks v3 about every change to this address on this machine."""
        subscription = Subscription(url, secret, self._keep_webhook, events=events)
        self.subscriptions.append(subscription)
        return subscription

    def _keep_webhook(self, body: Any, accepted: bool) -> None:
        self.keep("webhook", body=body, accepted=accepted)

    def _tell(self, what: str, incident: Incident, agent: str, data: dict[str, Any] | None = None) -> None:
        if not self.subscriptions:
            return
        shown = self.reads.rest.show_incident(incident)
        by = self.reads.rest.agent(agent) if agent in self.account.users else None
        at = moment(self.now()).isoformat(timespec="milliseconds")
        for subscription in self.subscriptions:
            subscription.send(what, shown, by, at=at, more=data)

    # --- the wire ---------------------------------------------------------------------------------------------------

    def routes(self) -> Iterable[web.RouteDef]:
        """Events, REST, and the page."""
        return [
            web.post("/v2/enqueue", self._enqueue),
            *(web.route(method, path, self._answer, name=name) for name, (method, path) in reads.PATHS.items()),
            *(web.route(method, path, self._answer, name=name) for name, (method, path) in writes.PATHS.items()),
            web.get("/", self._show_page),
            web.get("/ui", self._show_page),
            web.post("/ui", self._act_from_page),
        ]

    def label(self, request: web.Request) -> str | None:
        """`enqueue`; `rest.incidents` and so on for the REST API."""
        if request.path in ("/", "/ui"):
            return None
        return "enqueue" if request.path == "/v2/enqueue" else "rest." + request.path.split("/")[1][:40]

    def tokens(self) -> dict[str, str]:
        """The first service's routing key and the REST key."""
        return {"routing_key": self.routing_key, "api_key": self.api_key}

    def rate_limited(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """429 as both APIs send it."""
        body = {"error": {"message": "Rate Limit Exceeded", "code": 2020}}
        return web.json_response(body, status=429, headers={"ratelimit-reset": str(int(fault.lasts(30)))})

    async def _enqueue(self, request: web.Request) -> web.StreamResponse:
        """202 or 400; what becomes of a 202 is told to nobody."""
        now, account = self.now(), self.account
        event, errors = read_event(await request.read(), lambda key: account.find_service(key) is not None)
        fault = self.meet("enqueue", among=[kind for kind in self.kinds if kind != "plan-lacks"])
        if fault is not None and fault.kind == "invalid-event":
            errors = [*errors, "the sandbox was told to refuse this event"]
        if errors:
            body = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            return web.json_response(body, status=400)
        service = account.find_service(event["routing_key"])
        if service is None or self._count(service.routing_key, self.limit_per_minute or 1 << 30) < 0:
            return self.rate_limited(Fault("rate-limited"), request)
        key = event.get("dedup_key") or secrets.token_hex(16)
        appears, came_of_it = now + int(self.appear_after * SECOND), "dropped"
        if fault is not None and fault.kind == "late-incident":
            appears = now + int(fault.lasts(5) * SECOND)
        if fault is None or fault.kind != "no-incident":
            came_of_it = account.receive(service, event["event_action"], key, event, now=now, appears=appears)
        answer = {"status": "success", "message": "Event processed", "dedup_key": key}
        await self.note(request, accepted=True, status=202, answer=answer | {"came_of_it": came_of_it})
        return web.json_response(answer, status=202)

    def _count(self, key: str, limit: int) -> int:
        """Calls left in the sliding minute after this one; negative when this one is too many (and not counted)."""
        now, calls = self.now(), self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - WINDOW:
            calls.popleft()
        if len(calls) >= limit:
            return -1
        calls.append(now)
        return limit - len(calls)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """The REST API: who asks, how often, and what for."""
        given = request.headers.get("Authorization", "")
        given = given.removeprefix("Token token=").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(given.encode(), self.api_key.encode()):
            return _refuse(Refused(401, 2006, "Authentication failed"))
        left = self._count(self.api_key, REST_LIMIT)
        if left < 0:
            return self.rate_limited(Fault("rate-limited", seconds=60), request)
        self.account.advance(self.now())
        if self.meet(self.label(request) or "", among=("plan-lacks",)) is not None:
            return _refuse(Refused(402, 2012, "Account does not have the abilities to perform the action"))
        name = request.match_info.route.name or ""
        try:
            body = await read_body(request)
            asked = self.writes if name in writes.PATHS else self.reads
            found = asked.answer(name, request, body, self.now())
            response: web.Response = web.json_response(found, status=201 if request.method == "POST" else 200)
        except Refused as refusal:
            response = _refuse(refusal)
        limits = {"limit": REST_LIMIT, "remaining": left, "reset": 60}
        response.headers.update({f"ratelimit-{name}": str(value) for name, value in limits.items()})
        return response

    # --- the human view ---------------------------------------------------------------------------------------------

    async def _show_page(self, request: web.Request) -> web.Response:
        return page.show_account(self.account, now=self.now(), token=self.control_token, incidents=self.incidents)

    async def _act_from_page(self, request: web.Request) -> web.StreamResponse:
        form = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
        if not self.is_operator(form.get("token")):
            return web.Response(status=403, text="This form is from an older run: load the page again.")
        incident, user = self.account.incidents.get(form.get("incident", "")), form.get("user", "")
        acts = {"acknowledge": self.acknowledge, "resolve": self.resolve, "undo": self.expire_ack}
        act, to = acts.get(form.get("act", "")), form.get("to", "")
        if to in self.account.users and form.get("act") == "reassign":
            act = partial(self.reassign, to=to)
        if incident is None or act is None or user not in self.account.users:
            return web.Response(status=400, text="There is no such incident, person or action.")
        with contextlib.suppress(Refused):  # somebody was faster; the page shows it
            act(incident, user=user)
        raise web.HTTPSeeOther("/ui")

    async def stop(self) -> None:
        """Stop the webhooks first."""
        for subscription in self.subscriptions:
            await subscription.stop()
        self.subscriptions.clear()
        await super().stop()


def _refuse(refusal: Refused) -> web.Response:
    error = {"message": refusal.message, "code": refusal.code, "errors": list(refusal.errors)}
    return web.json_response({"error": error}, status=refusal.status)
