"""The clinic as a server: chat, booking API, calendar, pages, and the switch that breaks it."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
from aiohttp import web

from monitor.sandbox.clinic import page
from monitor.sandbox.clinic.agent import MODEL_WITHIN, Agent, Elsewhere, ModelFailed, Turn
from monitor.sandbox.clinic.calendar import Calendar, Taken
from monitor.sandbox.clinic.language import receptionist
from monitor.sandbox.clinic.polite import say_politely
from monitor.sandbox.faults import WIRE, Fault, UnknownFault, build_fault
from monitor.sandbox.models.answers import GARBAGE
from monitor.sandbox.models.server import ModelServer
from monitor.sandbox.record import read_body
from monitor.sandbox.server import Server
from probes.words.clock import Clock, moment

MESSAGE_LIMIT = 4000  # characters
SLOW = 6.0  # seconds; longer than a patient's patience, shorter than a timeout
EVERYWHERE = ("down", "drop", "server-error", "rate-limited")  # other faults concern the chat, unless told otherwise


class Clinic(Server):
    """A patient writes to `POST /chat`, is understood, booked and answered; `calendar` is what really was booked.

    `models` is the provider it talks to (one of its own unless given); `break_it` and `repair` are the drill's
    switch, and `POST /fault` with the control token the same from outside. `api_token` closes chat and bookings.
    A `resilient` clinic has a sentence for the patient when its model has none; a naive one passes on what it gets.
    """

    name: ClassVar[str] = "clinic"
    kinds: ClassVar[dict[str, str]] = {
        "down": "every page answers 500",
        "wrong-time": "books twelve hours off, and says what was asked for",
        "no-booking": "says that it booked, and did not",
        "empty": "answers without a word",
        "garbage": "answers mojibake",
        "refuse": "the receptionist declines to help",
    }

    def __init__(
        self,
        *,
        port: int = 0,
        record: Path | str | None = None,
        clock: Clock | None = None,
        models: ModelServer | Elsewhere | None = None,
        resilient: bool = False,
        chairs: int = 4,
        api_token: str | None = None,
        utc_offset: timedelta = timedelta(0),
    ) -> None:
        super().__init__(port=port, record=record, clock=clock)
        self._own_models = ModelServer(rule=receptionist, clock=clock) if models is None else None
        self.models: ModelServer | Elsewhere = models or self._own_models or Elsewhere()
        self.resilient = resilient
        self.calendar = Calendar(chairs=chairs)
        self.api_token = api_token
        self._offset = utc_offset
        self._http: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """The model first, then the doors."""
        if self._own_models is not None:
            await self._own_models.start()
        self._http = httpx.AsyncClient(trust_env=False, timeout=MODEL_WITHIN)
        await super().start()

    async def stop(self) -> None:
        """The doors first."""
        self.closing.set()
        if self._own_models is not None:
            await self._own_models.stop()  # whoever waits for the model is let go
        await super().stop()
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    # --- breaking and repairing ---------------------------------------------------------------------------------------

    def break_it(self, kind: str, **options: Any) -> Fault:
        """Make something go wrong: a fault of the clinic's own, or `model-…`, which happens at the model provider."""
        if kind.startswith("model-"):
            wanted = kind.removeprefix("model-")
            return self.models.faults.set("overloaded" if wanted == "down" else wanted, **options)
        options.setdefault("where", "*" if kind in EVERYWHERE else "chat*")
        if kind == "slow":
            options.setdefault("seconds", SLOW)
        return self.faults.set(kind, **options)

    def repair(self) -> None:
        """Everything works again, the model included."""
        self.faults.clear()
        self.models.faults.clear()

    @property
    def broken(self) -> list[str]:
        """What is wrong at the moment."""
        return [f.kind for f in self.faults] + [f"model-{f.kind}" for f in self.models.faults]

    # --- the wire ---------------------------------------------------------------------------------------------------

    def routes(self) -> Iterable[web.RouteDef]:
        """What patients, the booking API's users and the operator see."""
        return [
            web.get("/", self._show_home),
            web.get("/healthz", self._tell_health),
            web.post("/chat", self._chat),
            web.post("/chat/stream", self._chat_stream),
            web.get("/calendar", self._show_calendar),
            web.get("/appointments", self._show_calendar),
            web.post("/appointments", self._book),
            web.get("/appointments/{id}", self._show_appointment),
            web.delete("/appointments/{id}", self._cancel),
            web.delete("/appointments", self._cancel_all),
            web.get("/break", self._show_breaker),
            web.post("/fault", self._take_fault),
        ]

    def label(self, request: web.Request) -> str | None:
        """`home`, `healthz`, `chat`, `chat.stream`, `calendar`, `appointments`; the operator's pages have no faults."""
        first, _, second = request.path.strip("/").partition("/")
        if first in ("break", "fault"):
            return None
        return "chat.stream" if (first, second) == ("chat", "stream") else first[:40] or "home"

    def tokens(self) -> dict[str, str]:
        """The operator's token; the booking token when one is asked for."""
        return {"fault_token": self.control_token} | ({"api_token": self.api_token} if self.api_token else {})

    async def refuse(self, request: web.Request, label: str) -> web.StreamResponse | None:
        """500 when all is down, 401 to who has no token."""
        if self.meet(label, among=("down",)) is not None:
            return web.Response(status=500, text="Internal Server Error")
        if self.api_token is None or label in ("home", "healthz"):
            return None
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), self.api_token.encode()):
            return None
        return web.json_response({"error": "send the token: Authorization: Bearer …"}, status=401)

    # --- chat -------------------------------------------------------------------------------------------------------

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        """One message, one answer; a browser's form is answered with a page."""
        is_form = request.content_type == "application/x-www-form-urlencoded"
        fault, message = self.meet("chat", among=CHAT), await _read_message(request)
        if not message:
            return web.json_response({"error": "send JSON with a message"}, status=400)
        try:
            turn = await self._act(request, message, fault)
            reply = "".join([word async for word in self._words(message, turn, fault)])
        except (ModelFailed, httpx.HTTPError) as failed:
            return web.json_response({"error": str(failed)}, status=502)
        if is_form:
            return page.show_reply(message, reply, turn.booking_id)
        return web.json_response({"intent": turn.intent, "reply": reply, "booking_id": turn.booking_id})

    async def _chat_stream(self, request: web.Request) -> web.StreamResponse:
        """The same as events: `data: {"text": …}` for each word, and `event: done` with the whole."""
        fault, message = self.meet("chat.stream", among=CHAT), await _read_message(request)
        if not message:
            return web.json_response({"error": "send JSON with a message"}, status=400)
        response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
        response.content_type, response.charset = "text/event-stream", "utf-8"
        try:
            turn, reply = await self._act(request, message, fault), ""
            await response.prepare(request)
            async for word in self._words(message, turn, fault):
                reply += word
                await response.write(_event("", {"text": word}))
            done = {"intent": turn.intent, "reply": reply, "booking_id": turn.booking_id}
            await response.write(_event("done", done))
        except ConnectionError:
            pass  # the patient left
        except (ModelFailed, httpx.HTTPError) as failed:
            if not response.prepared:
                return web.json_response({"error": str(failed)}, status=502)
            await response.write(_event("error", {"error": str(failed)}))
        return response

    async def _act(self, request: web.Request, message: str, fault: Fault | None) -> Turn:
        passed_on = {k: v for k, v in request.headers.items() if k.lower() in ("authorization", "traceparent")}
        today = moment(self.now()) + self._offset
        return await self._agent().act(message, today.date(), fault, passed_on)

    async def _words(self, message: str, turn: Turn, fault: Fault | None) -> Any:
        kind = fault.kind if fault else ""
        instead = {"garbage": GARBAGE["mojibake"], "refuse": "I'm sorry, but I can't help with that."}
        agent = self._agent()
        said = say_politely(agent, message, turn) if self.resilient else agent.say(message, turn)
        async for word in said:
            if kind not in ("empty", *instead):
                yield word
        if kind in instead:
            yield instead[kind]

    def _agent(self) -> Agent:
        if self._http is None:
            raise ModelFailed("the clinic is closed")
        return Agent(
            self._http,
            bookings=f"{self.url}/appointments",
            model_url=f"{self.models.base_url}/chat/completions",
            key=self.models.key,
            model=self.models.models[0],
        )

    # --- bookings ---------------------------------------------------------------------------------------------------

    async def _book(self, request: web.Request) -> web.StreamResponse:
        try:
            made = self.calendar.book(await read_body(request))
        except ValueError as wrong:
            return web.json_response({"error": str(wrong)}, status=400)
        except Taken as taken:
            return web.json_response({"error": str(taken)}, status=409)
        return web.json_response(made.as_json(), status=201, headers={"Location": f"/appointments/{made.id}"})

    async def _show_appointment(self, request: web.Request) -> web.StreamResponse:
        found = self.calendar.get(request.match_info["id"])
        if found is None:
            return web.json_response({"error": "there is no such appointment"}, status=404)
        return web.json_response(found.as_json())

    async def _show_calendar(self, request: web.Request) -> web.StreamResponse:
        found = self.calendar.find(request.query.get("name"))
        return web.json_response({"appointments": [a.as_json() for a in found]})

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        if not self.calendar.cancel(request.match_info["id"]):
            return web.json_response({"error": "there is no such appointment"}, status=404)
        return web.Response(status=204)

    async def _cancel_all(self, request: web.Request) -> web.StreamResponse:
        name = request.query.get("name", "")
        if not name:
            return web.json_response({"error": "say whose: ?name="}, status=400)
        return web.json_response({"deleted": self.calendar.cancel_all(name)})

    # --- pages and the operator ---------------------------------------------------------------------------------------

    async def _show_home(self, _request: web.Request) -> web.StreamResponse:
        return page.show_home()

    async def _tell_health(self, _request: web.Request) -> web.StreamResponse:
        # the process is alive: it says nothing about the chat, which is why chats are probed
        return web.json_response({"ok": True})

    async def _show_breaker(self, request: web.Request) -> web.StreamResponse:
        if not self.is_operator(request.query.get("token")):
            return web.Response(status=403, text="open this page with ?token=…; the server printed it when it started")
        model = {"model-down": "the model provider is overloaded", "model-empty": "the model says nothing"}
        wire = {"hang": "the chat says nothing for ten minutes", "drop": WIRE["drop"]}
        wire["slow"] = f"the chat answers, {SLOW:g} seconds late"
        return page.show_breaker({**self.kinds, **wire, **model}, self.broken, self.control_token)

    async def _take_fault(self, request: web.Request) -> web.StreamResponse:
        """{"kind": …} breaks, {"kind": "repair"} repairs; the token in the header or in the form."""
        body = await read_body(request)
        fields = dict(body) if isinstance(body, dict) else {}
        given = fields.pop("token", None) or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not self.is_operator(str(given)):
            return web.json_response({"error": "send the fault token: Authorization: Bearer …"}, status=401)
        kind = str(fields.get("kind", ""))
        try:
            if kind == "repair":
                self.repair()
            else:
                fault = build_fault(fields)
                chosen = {k: v for k in ("seconds", "times", "status", "text") if (v := getattr(fault, k)) is not None}
                self.break_it(kind, **chosen, **({"where": fault.where} if fields.get("where") else {}))
        except UnknownFault as error:
            return web.json_response({"error": str(error)}, status=400)
        if request.content_type == "application/x-www-form-urlencoded":
            raise web.HTTPSeeOther(f"/break?token={self.control_token}")
        return web.json_response({"broken": self.broken})


CHAT = frozenset(Clinic.kinds) - {"down"}


async def _read_message(request: web.Request) -> str:
    body = await read_body(request)
    message = body.get("message") if isinstance(body, dict) else None
    return message[:MESSAGE_LIMIT].strip() if isinstance(message, str) else ""


def _event(name: str, data: dict[str, Any]) -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()
