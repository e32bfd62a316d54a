"""Hearing Slack's buttons, shortcuts and forms over Socket Mode: acknowledged at once, done afterwards, answered to the
one who pressed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from alerts.channels.kit import Surroundings, fill_in
from alerts.channels.slack import blocks, flagging, reporting
from alerts.channels.slack.blocks import ACK, ACT, CHECK, MORE, RESOLVE, RUNBOOK, SEVERITY, SNOOZE
from alerts.channels.slack.client import call, make_client, quiet
from alerts.channels.slack.guests import is_outsider
from alerts.channels.slack.spec import Spec
from alerts.channels.slack.wire import socket_address
from alerts.message import Answer, React, Reaction
from probes.words.errors import DeliveryError, ShowupError
from probes.words.text import clean, for_mrkdwn

if TYPE_CHECKING:
    from slack_sdk.socket_mode.aiohttp import SocketModeClient
    from slack_sdk.socket_mode.request import SocketModeRequest
    from slack_sdk.web.async_client import AsyncWebClient

log = logging.getLogger("showup.alerts.slack")

CONNECT = 20.0  # seconds: the library itself would try for ever without a word
LOST = 60.0  # seconds without a connection after which it is built anew
LOOK = 5.0  # seconds between looks at the connection
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between attempts to connect
Form = Callable[[Mapping[str, Any], Surroundings], dict[str, Any]]
ACTIONS = frozenset({ACK, SNOOZE, RESOLVE, CHECK, ACT, SEVERITY})
# what only people we know may do
PRESSED = frozenset({"ack", "snooze", "resolve", "check", "act", "severity", "report"})
STRANGER = (
    "I do not know you, so this was not done. Whoever keeps showup can add your Slack member id to you under people: "
    "(profile, three dots, Copy member ID)."
)


async def hear(spec: Spec, around: Surroundings, react: React) -> None:
    """Connect, hear and connect again, until cancelled; a wrong token is tried each minute, as somebody may mend it."""
    wait = FIRST_WAIT
    while True:
        began = around.clock.mono()
        try:
            await _hear_once(spec, around, react)
        except DeliveryError as error:
            log.warning("Slack's buttons are not heard: %s", error)
            wait = LONGEST_WAIT if error.permanent else wait
        wait = FIRST_WAIT if around.clock.mono() - began > LOST else wait
        await asyncio.sleep(wait)
        wait = min(LONGEST_WAIT, wait * 2)


async def _hear_once(spec: Spec, around: Surroundings, react: React) -> None:
    """One client from its connection until it has been without one for a minute."""
    from slack_sdk.socket_mode.aiohttp import SocketModeClient

    web = make_client(spec, around)
    app_token = fill_in(spec.app_token or "", around, what="Slack's app_token")
    await socket_address(web, app_token)  # the library would try a wrong token for ever, without a word
    client = SocketModeClient(app_token, web_client=web, logger=quiet, ping_interval=LOOK)
    client.proxy = web.proxy
    client.socket_mode_request_listeners.append(Ear(web, around, react, anyone=spec.anyone).heard)
    try:
        async with asyncio.timeout(CONNECT):
            await client.connect()  # type: ignore[no-untyped-call]
        log.info("Slack's buttons are heard")
        await _watch(client)
    except TimeoutError:
        raise DeliveryError(f"no connection within {CONNECT:g} s") from None
    finally:
        await client.close()  # type: ignore[no-untyped-call]


async def _watch(client: SocketModeClient) -> None:
    """Return when there was no connection for a minute: the library mends most losses itself, and not all."""
    missing = 0.0
    while missing < LOST:
        await asyncio.sleep(LOOK)
        missing = 0.0 if await client.is_connected() else missing + LOOK


class Ear:
    """Turns what people press into reactions, and tells the one who pressed what came of it.

    `seen(incident)` is the incident as it is now, for those who ask for more of it.
    """

    def __init__(self, web: AsyncWebClient, around: Surroundings, react: React, *, anyone: bool = False) -> None:
        self.web = web
        self.around = around
        self.react = react
        self.anyone = anyone

    async def heard(self, client: Any, request: SocketModeRequest) -> None:
        """Acknowledge within Slack's three seconds, before any work; then act on each button."""
        from slack_sdk.socket_mode.response import SocketModeResponse

        await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        if request.type == "interactive" and isinstance(request.payload, dict):
            await self.act(request.payload)

    async def act(self, payload: Mapping[str, Any]) -> None:
        """Do what was pressed, chosen or filled in, whichever way it came."""
        for kind in (flagging, reporting):
            if kind.is_shortcut(payload):
                await self._open_form(payload, kind.form)
        for reaction in _all(payload, self.around):
            if reaction.action in PRESSED and not await self._may(payload, reaction):
                await self._tell(payload, STRANGER)
                continue
            answer = await self._reacted(reaction)
            await self._tell(payload, answer.text)
            if not answer.accepted and payload.get("type") == "block_actions":
                await self._retire(payload, reaction.incident)
        for asked in looks(payload):
            await self._show(payload, *asked)

    async def _may(self, payload: Mapping[str, Any], reaction: Reaction) -> bool:
        """Those under `people` may press; with `anyone`, the members of our own workspace too."""
        if reaction.person or not self.anyone:
            return bool(reaction.person)
        return not await is_outsider(self.web, flagging.inner(payload, "user", "id"))

    async def _reacted(self, reaction: Reaction) -> Answer:
        """What came of it; whoever pressed never takes silence for an acknowledgement."""
        try:
            return await self.react(reaction)
        except ShowupError as error:
            log.warning("Slack: what was pressed could not be done: %s", error)
            return Answer(accepted=False, text="This could not be kept. Press again in a moment, or call somebody.")

    async def _retire(self, payload: Mapping[str, Any], incident: str) -> None:
        """Take the buttons off a message whose incident is over or unknown, so that nobody presses them again."""
        view = await self.around.seen(incident)
        if view is not None and (view.state != "resolved" or view.public_id != incident):
            return
        channel, ts = flagging.place_of(payload)
        if not ts or flagging.inner_map(payload, "container").get("is_ephemeral"):
            return
        text, layout = blocks.retired(flagging.inner_map(payload, "message"), view)
        try:
            await call(self.web, "chat.update", channel=channel, ts=ts, text=text, blocks=layout)
        except DeliveryError as error:
            log.warning("Slack: an old message keeps its buttons: %s", error)

    async def _show(self, payload: Mapping[str, Any], what: str, incident: str) -> None:
        """The runbook, or more of an incident, to the one who asked."""
        view = await self.around.seen(incident)
        if view is None:
            await self._tell(payload, "There is no such incident any more.")
        elif what == RUNBOOK:
            await self._tell(payload, blocks.runbook(view), encoded=True)
        else:
            await self._tell(payload, blocks.notification_of(view), blocks=blocks.more(view))

    async def _open_form(self, payload: Mapping[str, Any], form_of: Form) -> None:
        """Slack opens it within three seconds of the click, or not at all."""
        if not self.around.subjects():
            await self._tell(payload, "There is no workflow that this could be about.")
            return
        form = form_of(payload, self.around)
        try:
            await call(self.web, "views.open", trigger_id=str(payload.get("trigger_id") or ""), view=form)
        except DeliveryError as error:
            log.warning("Slack: the form of a shortcut could not be opened: %s", error)

    async def _tell(self, payload: Mapping[str, Any], words: str, *, encoded: bool = False, **more: Any) -> None:
        """Only the one who pressed sees it."""
        channel, user = flagging.place_of(payload)[0], flagging.inner(payload, "user", "id")
        text = words if encoded else for_mrkdwn(words, 500)
        try:
            await call(self.web, "chat.postEphemeral", channel=channel, user=user, text=text, **more)
        except DeliveryError as error:
            if payload.get("type") == "block_actions":
                log.warning("Slack: the answer to a button could not be shown: %s", error)
                return
            await self._tell_alone(user, text)

    async def _tell_alone(self, user: str, text: str) -> None:
        """A shortcut works where the app is no member: there the answer is a direct message."""
        try:
            await call(self.web, "chat.postMessage", channel=user, text=text)
        except DeliveryError as error:
            log.warning("Slack: the answer to a flag could not be shown: %s", error)


def _all(payload: Mapping[str, Any], around: Surroundings) -> list[Reaction]:
    """Everything a payload says, whichever way it was said."""
    return [*reactions(payload, around), *flagging.flags(payload, around), *reporting.reports(payload, around)]


def reactions(payload: Mapping[str, Any], around: Surroundings) -> list[Reaction]:
    """What the pressed buttons mean; links and what is not ours mean nothing. Never raises, whatever it is given."""
    by, person = flagging.who(payload, around)
    found = []
    for name, incident, number in _pressed(payload):
        kind, _, more = name.removeprefix("showup.").partition(".")
        if f"showup.{kind}" not in ACTIONS:
            continue
        found.append(
            Reaction(
                action=kind,
                incident=incident,
                by=by,
                via="slack",
                at=around.clock.now(),
                person=person,
                round=number,
                said=_said(kind, more),
            )
        )
    return found


def _said(kind: str, more: str) -> dict[str, str]:
    """What stands behind the name of a button: how long, until when, which action, how severe."""
    if kind == "snooze" and more:
        return {"until": blocks.MORNING} if more == blocks.TILL_MORNING else {"for": more}
    names = {"act": "action", "severity": "severity"}
    return {names[kind]: more} if kind in names else {}


def looks(payload: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(what, incident) of those who only want to see more."""
    return [(name, incident) for name, incident, _ in _pressed(payload) if name in (RUNBOOK, MORE)]


def _pressed(payload: Mapping[str, Any]) -> list[tuple[str, str, int | None]]:
    """(action, incident, round) of each pressed button of ours."""
    actions = payload.get("actions") if payload.get("type") == "block_actions" else None
    found = []
    for action in actions if isinstance(actions, list) else []:
        name = str(action.get("action_id") or "") if isinstance(action, Mapping) else ""
        incident, _, number = str(action.get("value") or "").partition("|") if name else ("", "", "")
        if name.startswith("showup.") and incident:
            known = int(number) if number.isdecimal() and len(number) < 9 else None
            found.append((clean(name, 255), clean(incident, 80), known))
    return found
