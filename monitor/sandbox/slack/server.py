"""The Slack server: tokens, limits and faults around the workspace, Socket Mode, response URLs, and the human view."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from aiohttp import web

from monitor.sandbox.faults import Fault
from monitor.sandbox.record import read_body
from monitor.sandbox.server import Server
from monitor.sandbox.slack import page
from monitor.sandbox.slack.api import METHODS, show
from monitor.sandbox.slack.clicks import GONE, CannotPress, ReplyAddresses, build_click, find_button
from monitor.sandbox.slack.forms import CannotFill, choose_shortcut, fill_in
from monitor.sandbox.slack.interactivity import Interactivity
from monitor.sandbox.slack.sockets import Ack, Press, Sockets
from monitor.sandbox.slack.workspace import APP, SCOPES, TEAM, Channel, Member, Message, Refusal, Workspace
from probes.words.clock import Clock

PEOPLE = (
    Member("U012AB3CD", "First Responder", "first@example.com"),
    Member("U045EF6GH", "Second Responder", "second@example.com"),
)
OPENS = 150  # looks, 20 ms apart, for the form that an app opens within three seconds
BURST = 3  # messages a channel takes at once before one a second counts


class SlackServer(Server):
    """A workspace with one app in it. `limit_messages` turns on about one message a second for each channel.

    `press()` clicks a button as a person would; `message()`, `messages()` read what the channel shows now.
    """

    name: ClassVar[str] = "slack"
    kinds: ClassVar[dict[str, str]] = {
        "refused": "ok: false; `text` names the error (internal_error); nothing was done",
        "refused-but-done": "ok: false, although it was done; `text` names the error (internal_error)",
    }

    def __init__(
        self,
        *,
        port: int = 0,
        record: Path | str | None = None,
        clock: Clock | None = None,
        token: str = "xoxb-sandbox",  # noqa: S107  # no secret: it opens nothing but this sandbox
        app_token: str = "xapp-sandbox",  # noqa: S107
        channels: Iterable[str | Channel] = ("ops-alerts",),
        members: Iterable[Member] = PEOPLE,
        scopes: Iterable[str] = SCOPES,
        interactivity: Interactivity | None = None,
    ) -> None:
        super().__init__(port=port, record=record, clock=clock)
        self.token, self.app_token = token, app_token
        made = [Channel(f"C{n:08d}", c) if isinstance(c, str) else c for n, c in enumerate(channels, 1)]
        self.space = Workspace(channels=made, members=members, scopes=scopes)
        self.sockets = Sockets(self._keep_frame)
        self.interactivity = interactivity  # where payloads are posted, signed, instead of the socket
        self.limit_messages = False
        self._allowance: dict[str, tuple[float, int]] = {}
        self.addresses = ReplyAddresses(self.space)

    # --- reading and clicking, for tests and drills -----------------------------------------------------------------

    @property
    def api_url(self) -> str:
        """What a client takes as its base_url."""
        return f"{self.url}/api/"

    client_url = api_url

    def messages(self, channel: str = "ops-alerts", *, thread: str | None = None) -> list[Message]:
        """What stands in a channel (by name, id or person) now, oldest first; with `thread`, its replies only."""
        found = self.space.find_channel(channel, by_name=True)
        chosen = [m for m in found.messages.values() if m.is_reply == (thread is not None)]
        return sorted((m for m in chosen if thread in (None, m.thread_ts)), key=lambda m: m.ts)

    async def press(
        self, message: Message, action_id: str, *, user: str = "U012AB3CD", block_id: str = "", wait: float = 0.0
    ) -> Press:
        """Click a button that is on the message now; wait 3 s for the acknowledgement, then `wait` s for a change."""
        if user not in self.space.members:
            raise CannotPress(f"nobody in this workspace is {user!r}")
        now = self.space.channels[message.channel].messages.get(message.ts, message)
        block, button = find_button(now, action_id, block_id)
        before, address = now.edits, self.addresses.make(now, user, self.now())
        reply_to = f"{self.url}/response/{address}"
        click = build_click(self.space, now, user, button, now=self.now(), response_url=reply_to)
        click["actions"][0]["block_id"] = block
        ack = await self._deliver(click)
        changed = await self._see_change(now, before, address, wait if ack.acknowledged else 0.0)
        self.keep("press", body={"user": user, "action_id": action_id, "ts": now.ts}, accepted=ack.acknowledged)
        return Press(ack.acknowledged, ack.seconds, ack.payload, ack.error, changed, now)

    async def shortcut(self, message: Message, callback: str, *, user: str = "U012AB3CD") -> Ack:
        """Choose one of the app's shortcuts on a message; the form that it opens is in `space.views`."""
        url, shown = f"{self.url}/response/{self.addresses.make(message, user, self.now())}", show(self.space, message)
        payload = choose_shortcut(self.space, message, user, callback, now=self.now(), shown=shown, url=url)
        return await self._deliver(payload)

    async def submit(self, values: Mapping[str, str], *, user: str = "U012AB3CD") -> Ack:
        """Fill in the form that this person has open, and send it."""
        return await self._deliver(fill_in(self.space, user, values), takes_reply=True)

    async def _deliver(self, payload: dict[str, Any], *, takes_reply: bool = False) -> Ack:
        """To the app's request URL where it has one, else over its socket."""
        if self.interactivity is not None:
            return await self.interactivity.send(payload, now=self.now())
        return await self.sockets.send("interactive", payload, takes_reply=takes_reply)

    async def say(self, text: str, *, user: str = "U012AB3CD", channel: str = "ops-alerts", thread: str = "") -> Ack:
        """A person writes in the channel: the app gets an event, and the message stands there."""
        place = self.space.find_channel(channel, by_name=True)
        message = Message(place.id, self.space.make_ts(self.now()), user, text, thread_ts=thread)
        place.messages[message.ts] = message
        event = show(self.space, message) | {"channel": place.id, "channel_type": "im" if place.person else "channel"}
        payload = {"type": "event_callback", "team_id": TEAM, "api_app_id": APP, "event_id": "Ev" + message.ts}
        return await self.sockets.send("events_api", payload | {"event": event})

    def _keep_frame(self, what: str, body: Any, accepted: bool) -> None:
        self.keep(what, body=body, accepted=accepted)

    async def _see_change(self, message: Message, before: int, address: str, wait: float) -> bool:
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        while True:
            if message.edits != before or self.addresses.used(address):
                return True
            if loop.time() >= end:
                return False
            await asyncio.sleep(0.01)

    # --- the wire ---------------------------------------------------------------------------------------------------

    def routes(self) -> Iterable[web.RouteDef]:
        """The Web API, the socket, response URLs, and the page."""
        return [
            web.post("/api/{method}", self._call),
            web.get("/api/{method}", self._call),
            web.get("/socket", self.sockets.serve),
            web.post("/response/{address}", self._respond),
            web.get("/", self._show_page),
            web.post("/press", self._press_from_page),
            web.post("/shortcut", self._shortcut_from_page),
            web.post("/submit", self._submit_from_page),
        ]

    def label(self, request: web.Request) -> str | None:
        """The API method's own name; `response_url` for a response URL."""
        if request.path.startswith("/response/"):
            return "response_url"
        return request.match_info.get("method")

    def tokens(self) -> dict[str, str]:
        """The bot's token, the app's token, and the first channel's name."""
        channel = next(iter(self.space.channels.values()))
        return {"token": self.token, "app_token": self.app_token, "channel": channel.name}

    def rate_limited(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """429 with Retry-After in whole seconds."""
        return _too_many(fault.lasts(1))

    def accepted(self, response: web.StreamResponse) -> bool:
        """Slack's `ok`."""
        body = response.body if isinstance(response, web.Response) else None
        return response.status == 200 and isinstance(body, bytes) and json.loads(body).get("ok") is True

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        args = dict(request.query) | _read_args(await read_body(request))
        fault = self.meet(method)
        if fault is not None and fault.kind == "refused":
            return web.json_response({"ok": False, "error": fault.text or "internal_error"})
        try:
            wait = self._check_rate(method, args)
            if wait:
                return _too_many(wait)
            answer = self._do(request, method, args)
        except Refusal as refusal:
            return web.json_response({"ok": False, "error": refusal.error, **refusal.more})
        if fault is not None:
            await self.note(request, accepted=True, status=200, answer=answer)
            return web.json_response({"ok": False, "error": fault.text or "internal_error"})
        scopes = {"X-OAuth-Scopes": ",".join(sorted(self.space.scopes))}
        return web.json_response({"ok": True, **answer}, headers=scopes)

    def _do(self, request: web.Request, method: str, args: dict[str, Any]) -> dict[str, Any]:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or str(args.get("token") or "")
        if not token:
            raise Refusal("not_authed")
        if method == "apps.connections.open":
            if token.startswith("xoxb-"):
                raise Refusal("not_allowed_token_type")
            _check_token(token, self.app_token)
            address = f"{self.url}/socket?ticket={self.sockets.make_ticket()}"
            return {"url": address.replace("http://", "ws://", 1)}
        _check_token(token, self.token)
        if method not in METHODS:
            raise Refusal("unknown_method", req_method=method)
        act, scope = METHODS[method]
        if scope and scope not in self.space.scopes:
            raise Refusal("missing_scope", needed=scope, provided=",".join(sorted(self.space.scopes)))
        return act(self.space, args, self.now())

    def _check_rate(self, method: str, args: dict[str, Any]) -> float:
        """Seconds until this channel takes another message; 0 when it takes this one."""
        if not self.limit_messages or method not in ("chat.postMessage", "chat.postEphemeral"):
            return 0.0
        now, channel = self.now(), str(args.get("channel") or "")
        left, since = self._allowance.get(channel, (float(BURST), now))
        left = min(float(BURST), left + (now - since) / 1e6)
        if left < 1:
            self._allowance[channel] = (left, now)
            return 1 - left
        self._allowance[channel] = (left - 1, now)
        return 0.0

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        """A response URL: replace or delete the message, or add one, up to five times in half an hour."""
        try:
            self.addresses.respond(request.match_info["address"], _read_args(await read_body(request)), self.now())
        except Refusal as refusal:
            status = 404 if refusal.error in GONE else 400
            return web.json_response({"ok": False, "error": refusal.error, **refusal.more}, status=status)
        return web.json_response({"ok": True})

    # --- the human view ---------------------------------------------------------------------------------------------

    async def _show_page(self, request: web.Request) -> web.Response:
        return page.show_channel(
            self.space,
            channel=request.query.get("channel", ""),
            user=request.query.get("as", ""),
            told=request.query.get("told", ""),
            token=self.control_token,
            connected=len(self.sockets.open) + (self.interactivity is not None),
        )

    async def _press_from_page(self, request: web.Request) -> web.StreamResponse:
        form = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
        if not self.is_operator(form.get("token")):
            return web.Response(status=403, text="This form is from an older run: load the page again.")
        channel, user = form.get("channel", ""), form.get("as", "")
        try:
            message = self.space.find_shown(channel, form.get("ts", ""), user)
            _, button = find_button(message, form.get("action_id", ""), form.get("block_id", ""))
            if "confirm" in button and form.get("sure") != "yes":
                return page.ask_first(button["confirm"], form, back=page.make_address(channel, user))
            pressed = await self.press(
                message, form.get("action_id", ""), user=user, block_id=form.get("block_id", ""), wait=1.0
            )
            told = self._told(pressed.acknowledged)
        except (CannotPress, Refusal):
            told = "gone"
        raise web.HTTPSeeOther(page.make_address(channel, user, told))

    def _told(self, acknowledged: bool) -> str:
        there = self.sockets.open or self.interactivity is not None
        return "done" if acknowledged else "unanswered" if there else "nobody"

    async def _shortcut_from_page(self, request: web.Request) -> web.StreamResponse:
        form = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
        if not self.is_operator(form.get("token")):
            return web.Response(status=403, text="This form is from an older run: load the page again.")
        channel, user = form.get("channel", ""), form.get("as", "")
        try:
            message = self.space.find_message(channel, form.get("ts", ""))
            self.space.views.pop(user, None)
            ack = await self.shortcut(message, form.get("callback", ""), user=user)
        except (KeyError, Refusal):
            raise web.HTTPSeeOther(page.make_address(channel, user, "gone")) from None
        for _ in range(OPENS if ack.acknowledged else 0):
            if user in self.space.views:
                break
            await asyncio.sleep(0.02)
        raise web.HTTPSeeOther(page.make_address(channel, user, "" if ack.acknowledged else self._told(False)))

    async def _submit_from_page(self, request: web.Request) -> web.StreamResponse:
        form = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
        if not self.is_operator(form.get("token")):
            return web.Response(status=403, text="This form is from an older run: load the page again.")
        channel, user = form.get("channel", ""), form.get("as", "")
        given = {k.removeprefix("field:"): v for k, v in form.items() if k.startswith("field:") and v}
        if form.get("close"):
            self.space.views.pop(user, None)
            raise web.HTTPSeeOther(page.make_address(channel, user))
        try:
            told = self._told((await self.submit(given, user=user)).acknowledged)
        except CannotFill:
            told = "unfilled"
        raise web.HTTPSeeOther(page.make_address(channel, user, told))

    async def stop(self) -> None:
        """Close the sockets first: they would hold up the rest."""
        await self.sockets.close()
        await super().stop()


def _too_many(seconds: float) -> web.Response:
    wait = str(max(1, int(seconds + 0.999)))
    return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": wait})


def _check_token(given: str, expected: str) -> None:
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise Refusal("invalid_auth")


def _read_args(body: Any) -> dict[str, Any]:
    """Arguments from JSON or from a form, where blocks and metadata are JSON inside a field."""
    if not isinstance(body, dict):
        return {}
    args: dict[str, Any] = {}
    for key, value in body.items():
        args[key] = value
        if key in ("blocks", "metadata", "attachments") and isinstance(value, str):
            try:
                args[key] = json.loads(value)
            except (ValueError, RecursionError):
                args[key] = value
    return args
