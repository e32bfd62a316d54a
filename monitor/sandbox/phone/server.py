"""The phone server: ntfy and Pushover on one port, buttons that can be pressed, and the lock screen."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from monitor.sandbox.faults import Fault
from monitor.sandbox.phone import ntfy, page
from monitor.sandbox.phone.buttons import CannotPress, Pressed, call
from monitor.sandbox.phone.ntfy import Message, NtfyRefused
from monitor.sandbox.phone.pushover import Pushover, PushoverRefused, Receipt
from monitor.sandbox.record import read_body
from monitor.sandbox.server import Server
from probes.words.clock import Clock

KEEPALIVE = 45.0  # seconds between two signs of life on a subscription


class PhoneServer(Server):
    """A phone that is reached through ntfy (any topic) and Pushover (`pushover_users`: key to name).

    `access_token` makes ntfy ask for it; `messages` and `pushover.messages` are what rang, `press` pushes a button.
    """

    name: ClassVar[str] = "phone"
    kinds: ClassVar[dict[str, str]] = {"not-delivered": "accepted, and it never reaches the phone"}

    def __init__(
        self,
        *,
        port: int = 0,
        record: Path | str | None = None,
        clock: Clock | None = None,
        access_token: str | None = None,
        pushover_token: str = "sandbox-application",  # noqa: S107  # opens nothing but this sandbox
        pushover_users: dict[str, str] | None = None,
    ) -> None:
        super().__init__(port=port, record=record, clock=clock)
        self.access_token = access_token
        self.pushover = Pushover(pushover_token, pushover_users or {"sandbox-user": "First Responder"})
        self.messages: list[Message] = []
        self._news = asyncio.Condition()

    def seconds(self) -> int:
        """Protocol time in whole seconds."""
        return self.now() // 1_000_000

    async def press(self, message: Message, action_index: int = 0) -> Pressed:
        """Push a button: an http action makes its request as the phone would, to this machine only."""
        if message.cleared or not 0 <= action_index < len(message.actions):
            raise CannotPress(f"this notification has no button {action_index} now; it has {len(message.actions)}")
        action = message.actions[action_index]
        pressed = await call(action)
        if pressed.worked and action.get("clear"):
            message.cleared = True
        body = {"message": message.id, "label": action["label"], "status": pressed.status}
        self.keep("press", body=body, accepted=pressed.worked)
        return pressed

    def acknowledge(self, receipt: Receipt) -> None:
        """Take a Pushover emergency: it stops ringing."""
        self.pushover.acknowledge(receipt, self.seconds())
        self.keep("acknowledge", body={"receipt": receipt.id}, accepted=bool(receipt.acknowledged))

    # --- the wire ---------------------------------------------------------------------------------------------------

    def routes(self) -> Iterable[web.RouteDef]:
        """ntfy at the root, Pushover under /1, and the lock screen."""
        return [
            web.get("/", self._show_page),
            web.post("/_sandbox/press", self._press_from_page),
            web.post("/", self._publish_json),
            web.put("/", self._publish_json),
            web.get("/v1/health", self._answer_health),
            web.post("/1/messages.json", self._pushover),
            web.post("/1/users/validate.json", self._pushover),
            web.get("/1/receipts/{receipt}.json", self._pushover),
            web.post("/1/receipts/{receipt}/cancel.json", self._pushover),
            web.post("/1/receipts/cancel_by_tag/{tag}.json", self._pushover),
            web.get("/1/apps/limits.json", self._pushover),
            web.post("/{topic}", self._publish_plain),
            web.put("/{topic}", self._publish_plain),
            web.get("/{topic}/json", self._subscribe),
        ]

    def label(self, request: web.Request) -> str | None:
        """`publish`, `subscribe`, `health`, `pushover.messages`, `pushover.receipts`, `pushover.users`,
        `pushover.apps`."""
        if request.path.startswith("/1/"):
            return "pushover." + request.path.split("/")[2].split(".")[0]
        if request.method == "GET":
            known = {"/": None, "/v1/health": "health"}
            return known.get(request.path, "subscribe")
        return "publish"

    def tokens(self) -> dict[str, str]:
        """A topic, Pushover's application token and a user key; ntfy's token when it asks for one."""
        user = next(iter(self.pushover.users))
        given = {"topic": "ops", "pushover_token": self.pushover.token, "pushover_user": user}
        return given | ({"access_token": self.access_token} if self.access_token else {})

    def rate_limited(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """429 as ntfy sends it; Pushover's clients look at the status only."""
        body = {"code": 42901, "http": 429, "error": "limit reached: too many requests"}
        return web.json_response(body, status=429, headers={"Retry-After": str(int(fault.lasts(1)))})

    def server_error(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """ntfy's own words for its own trouble."""
        status = fault.status or 500
        return web.json_response({"code": 50001, "http": status, "error": "internal server error"}, status=status)

    async def _publish_json(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        return await self._publish(request, lambda: ntfy.read_json(raw, self.seconds()))

    async def _publish_plain(self, request: web.Request) -> web.StreamResponse:
        raw, given = await request.read(), {**request.query, **request.headers}
        topic = request.match_info["topic"]
        return await self._publish(request, lambda: ntfy.read_plain(topic, raw, given, self.seconds()))

    async def _publish(self, request: web.Request, read: Any) -> web.StreamResponse:
        try:
            self._check_access(request)
            message: Message = read()
        except NtfyRefused as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        if self.meet("publish") is None:
            self.messages.append(message)
            async with self._news:
                self._news.notify_all()
        return web.json_response(message.as_json())

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        """Messages as lines of JSON while the connection lasts; with `poll=1` only those that are there."""
        topics = request.match_info["topic"].split(",")
        try:
            self._check_access(request)
            if not all(map(ntfy.is_topic, topics)):
                raise NtfyRefused(404, 40401, "page not found")
            seen = self._find_start(request.query.get("since", "all" if "poll" in request.query else "none"))
        except NtfyRefused as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        await self.note(request, accepted=True, status=200)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson; charset=utf-8"})
        await response.prepare(request)
        try:
            if not request.query.get("poll"):
                await _write(response, ntfy.make_event("open", ",".join(topics), self.seconds()))
            while not self.closing.is_set():
                for message in [m for m in self.messages[seen:] if m.topic in topics]:
                    await _write(response, message.as_json())
                seen = len(self.messages)
                if request.query.get("poll"):
                    break
                if not await self._wait_for_news(seen):
                    await _write(response, ntfy.make_event("keepalive", ",".join(topics), self.seconds()))
        except ConnectionError:
            pass  # the subscriber is gone
        return response

    async def _wait_for_news(self, seen: int) -> bool:
        """Wait until there is more than was seen; False when a sign of life is due instead."""
        try:
            async with asyncio.timeout(KEEPALIVE), self._news:
                await self._news.wait_for(lambda: len(self.messages) > seen or self.closing.is_set())
        except TimeoutError:
            return False
        return True

    def _find_start(self, since: str) -> int:
        if since in ("all", ""):
            return 0
        if since == "none":
            return len(self.messages)
        for place, message in enumerate(self.messages):
            if message.id == since:
                return place + 1
        if not since.isdecimal() or len(since) > 12:
            raise NtfyRefused(400, 40008, "invalid since parameter")
        return sum(m.time < int(since) for m in self.messages)

    def _check_access(self, request: web.Request) -> None:
        if self.access_token is None:
            return
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except ValueError:
                given = ""
        if not given:
            raise NtfyRefused(403, 40301, "forbidden")
        if given != self.access_token:
            raise NtfyRefused(401, 40101, "unauthorized")

    async def _pushover(self, request: web.Request) -> web.StreamResponse:
        body = await read_body(request)
        fields = dict(request.query) | (body if isinstance(body, dict) else {})
        now, name = self.seconds(), request.match_info.get("receipt", "")
        try:
            if "tag" in request.match_info:
                answer = self.pushover.cancel_tag(request.match_info["tag"], fields, now)
            elif request.path.endswith("/limits.json"):
                answer = self.pushover.limits(fields, now)
            elif request.path.endswith("/cancel.json"):
                answer = self.pushover.cancel(name, fields, now)
            elif name:
                answer = self.pushover.look(name, fields, now)
            elif request.path.endswith("/validate.json"):
                answer = self._validate(fields)
            elif self.meet("pushover.messages") is not None:
                answer = {"status": 1, "request": "0" * 32}
            else:
                answer = self.pushover.send(fields, now)
        except PushoverRefused as refusal:
            left = {"X-Limit-App-Remaining": str(self.pushover.left)}
            return web.json_response(refusal.body, status=refusal.status, headers=left)
        return web.json_response(answer)

    def _validate(self, fields: dict[str, Any]) -> dict[str, Any]:
        self.pushover.check_token(fields)
        if str(fields.get("user")) not in self.pushover.users:
            raise PushoverRefused("user", "user key is invalid")
        return {"status": 1, "group": 0, "devices": ["phone"], "request": "0" * 32}

    async def _answer_health(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"healthy": True})

    # --- the human view ---------------------------------------------------------------------------------------------

    async def _show_page(self, request: web.Request) -> web.Response:
        return page.show_screen(
            self.messages,
            self.pushover.messages,
            now=self.now(),
            token=self.control_token,
            told=request.query.get("told", ""),
        )

    async def _press_from_page(self, request: web.Request) -> web.StreamResponse:
        form = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
        if not self.is_operator(form.get("token")):
            return web.Response(status=403, text="This form is from an older run: load the page again.")
        told = "gone"
        receipt = next((m for m in self.pushover.messages if m.id and m.id == form.get("receipt")), None)
        message = next((m for m in self.messages if m.id == form.get("message")), None)
        index = form.get("action", "0")
        if receipt is not None:
            self.acknowledge(receipt)
            told = "done" if receipt.acknowledged else "gone"
        elif message is not None and index.isdecimal():
            try:
                told = "done" if (await self.press(message, int(index[:4]))).worked else "failed"
            except CannotPress:
                told = "gone"
        raise web.HTTPSeeOther(f"/?told={told}")

    async def stop(self) -> None:
        """Wake the subscriptions, so that they end."""
        self.closing.set()
        async with self._news:
            self._news.notify_all()
        await super().stop()


async def _write(response: web.StreamResponse, line: dict[str, Any]) -> None:
    await response.write(json.dumps(line).encode() + b"\n")
