"""Sending to Slack: a post, its edits, its thread; a post of unknown outcome is looked for before it is repeated."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alerts.channels.kit import Surroundings, unsent
from alerts.channels.slack import blocks
from alerts.channels.slack.client import Refusal, call, make_client
from alerts.channels.slack.errors import CONTENT, GONE
from alerts.channels.slack.spec import Spec
from alerts.message import Finding, Message, Purpose, React, Receipt
from probes.words.errors import DeliveryError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = logging.getLogger("showup.alerts.slack")

EVENT = "showup_notification"  # metadata's type: how a post of ours is found again
BURST, REFILL = 2.0, 1.0  # messages a channel takes at once, and a second
EXPLAINED = 3.0  # seconds that what was seen may take: the page has arrived, and its receipt waits for this
SEEN = 100  # messages of a channel or thread that are looked through before a repeat
_ID = re.compile(r"[CDGUW][A-Z0-9]{6,20}\Z")


class SlackChannel:
    """One Slack app. One message stands for an incident, edited as it changes; everything else goes to its thread."""

    name = "slack"

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.spec = spec
        self.around = around
        self._ids: dict[str, str] = {}  # what Slack calls a channel that we know by name
        self._allowance: dict[str, tuple[float, float]] = {}

    async def send(self, message: Message) -> Receipt:
        """Post, edit or answer in the thread, as the purpose asks; raises DeliveryError."""
        client = make_client(self.spec, self.around)
        where = _place(message.receipt)
        if where is None and message.purpose is Purpose.REFRESH:
            return unsent(self.name, "there is no message to edit yet")
        if message.purpose is Purpose.NOTE and where:
            return await self._reply(client, message, where)
        if where is None:
            return await self._post(client, message)
        try:
            await self._edit(client, message, where)
        except Refusal as refused:
            if refused.code not in GONE or message.purpose is Purpose.REFRESH:
                raise
            return await self._post(client, message)  # somebody deleted it: the news is posted anew
        if message.purpose is Purpose.REFRESH:
            return self._receipt(*where)
        await self._reply(client, message, where)
        return self._receipt(*where)

    async def alive(self) -> None:
        """Slack takes the token; posts nothing. Raises DeliveryError."""
        await call(make_client(self.spec, self.around), "auth.test")

    async def _post(self, client: AsyncWebClient, message: Message) -> Receipt:
        """A new message; with `repeat`, only when the one of unknown outcome is not there."""
        target = message.target or self.spec.channel
        if message.repeat:
            found = await self._find(client, await self._id_of(client, target), message.marker)
            if found:
                return found
        arguments = {"channel": target, "metadata": _metadata(message), **_silent()}
        answer = await self._write(client, "chat.postMessage", message, arguments)
        channel, ts = str(answer.get("channel") or ""), str(answer.get("ts") or "")
        if not channel or not ts:
            raise DeliveryError("Slack took the message and did not say where it stands", unknown=True)
        self._learn(target, channel)
        await self._explain(client, message, channel, ts)
        return self._receipt(channel, ts)

    async def _explain(self, client: AsyncWebClient, message: Message, channel: str, ts: str) -> None:
        """What was seen, in the thread of a first page; the page has arrived, so a failure here fails nothing."""
        view = message.incident
        text = blocks.details(view) if view is not None and message.purpose is Purpose.PAGE else ""
        if not text:
            return
        try:
            async with asyncio.timeout(EXPLAINED):
                await call(client, "chat.postMessage", channel=channel, thread_ts=ts, text=text, **_silent())
        except (DeliveryError, TimeoutError) as error:
            log.warning("Slack: what was seen could not be put into the thread: %s", error)

    async def _edit(self, client: AsyncWebClient, message: Message, where: tuple[str, str]) -> None:
        channel, ts = where
        await self._write(client, "chat.update", message, {"channel": channel, "ts": ts})

    async def _write(
        self, client: AsyncWebClient, method: str, message: Message, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        """The message with its layout; should Slack refuse the layout, in plain words: no page is lost to looks."""
        await self._pace(method, str(arguments["channel"]))
        layout = blocks.layout(message, mentions=self._mentions())
        try:
            return await call(client, method, **arguments, text=blocks.notification(message), blocks=layout)
        except Refusal as refused:
            if refused.code not in CONTENT:
                raise
            log.warning("Slack refused the layout of a message (%s); sent in plain words", refused.code)
        return await call(client, method, **_without_metadata(arguments), text=blocks.plain(message), blocks=[])

    async def _reply(self, client: AsyncWebClient, message: Message, where: tuple[str, str]) -> Receipt:
        """A line in the incident's thread; a page also shows in the channel, so that it makes a sound."""
        channel, ts = where
        if message.repeat:
            found = await self._find(client, channel, message.marker, thread=ts)
            if found:
                return found
        await self._pace("chat.postMessage", channel)
        answer = await call(
            client,
            "chat.postMessage",
            channel=channel,
            thread_ts=ts,
            text=blocks.thread_line(message, mentions=self._mentions()),
            reply_broadcast=message.purpose is Purpose.PAGE,
            metadata=_metadata(message),
            **_silent(),
        )
        return self._receipt(channel, str(answer.get("ts") or ts), thread=ts)

    async def _find(
        self, client: AsyncWebClient, channel: str | None, marker: str, *, thread: str = ""
    ) -> Receipt | None:
        """Our message with that marker, if it stands there; None when it does not, or when we may not look."""
        if channel is None:
            return None
        method = "conversations.replies" if thread else "conversations.history"
        arguments: dict[str, Any] = {"channel": channel, "limit": SEEN, "include_all_metadata": True}
        try:
            answer = await call(client, method, **arguments, **({"ts": thread} if thread else {}))
        except Refusal as refused:
            if not refused.permanent:
                raise
            log.warning("Slack: cannot look whether a message arrived before repeating it: %s", refused)
            return None
        for message in answer.get("messages") or []:
            metadata = message.get("metadata") or {}
            if metadata.get("event_type") == EVENT and (metadata.get("event_payload") or {}).get("marker") == marker:
                return self._receipt(channel, str(message["ts"]), thread=thread)
        return None

    async def _id_of(self, client: AsyncWebClient, target: str) -> str | None:
        """Slack's own id of a channel or direct conversation; None when it cannot be found out."""
        if target in self._ids or (_ID.match(target) and target[0] not in "UW"):
            return self._ids.get(target, target)
        try:
            if _ID.match(target):
                answer = await call(client, "conversations.open", users=target)
                self._ids[target] = str(answer["channel"]["id"])
            else:
                await self._learn_ids(client)
        except Refusal as refused:
            if not refused.permanent:
                raise
            log.warning("Slack: cannot find out the id of a channel: %s", refused)
        return self._ids.get(target)

    async def _learn_ids(self, client: AsyncWebClient) -> None:
        cursor = ""
        for _ in range(20):  # pages of 1,000 channels
            answer = await call(client, "conversations.list", limit=1000, exclude_archived=True, cursor=cursor)
            self._ids |= {str(one["name"]): str(one["id"]) for one in answer.get("channels") or []}
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    def _learn(self, target: str, channel: str) -> None:
        """Slack's id for a target; what was counted under its name counts on."""
        if self._ids.get(target) != channel:
            counted = self._allowance.pop(f"chat.postMessage {target}", None)
            if counted is not None:
                self._allowance[f"chat.postMessage {channel}"] = counted
        self._ids[target] = channel

    async def _pace(self, method: str, channel: str) -> None:
        """Wait until the channel takes another post, or another edit: about one a second, a few at once."""
        counter = f"{method} {self._ids.get(channel, channel)}"
        now = self.around.clock.mono()
        left, then = self._allowance.get(counter, (BURST, now))
        left = min(BURST, left + max(0.0, now - then) * REFILL) - 1
        self._allowance[counter] = (left, now)
        if left < 0:
            await asyncio.sleep(-left / REFILL)

    def _mentions(self) -> Mapping[str, str]:
        return {person.name: person.slack for person in self.around.people().values() if person.slack}

    def _receipt(self, channel: str, ts: str, *, thread: str = "") -> Receipt:
        detail = {"channel": channel, "ts": ts} | ({"thread": thread} if thread else {})
        return Receipt(channel=self.name, id=f"{channel}/{ts}", detail=detail)

    async def listen(self, react: React) -> None:
        """Hear the buttons until cancelled; returns at once without an app token."""
        if self.spec.app_token is not None:
            from alerts.channels.slack.listen import hear

            await hear(self.spec, self.around, react)

    async def verify(self, key: str) -> dict[str, Any] | None:
        """Slack's `ok` with a ts is all there is to know."""
        return {"key": key}

    async def doctor(self) -> list[Finding]:
        """What works and what does not, each with what to do."""
        from alerts.channels.slack.doctor import examine

        return await examine(self.spec, self.around)

    async def strangers(self) -> dict[str, Finding]:
        """What is wrong with the ids of people there, by their key; raises DeliveryError when it cannot be asked."""
        from alerts.channels.slack.doctor import strangers

        return await strangers(self.spec, self.around)

    async def close(self) -> None:
        """Nothing is kept open between calls."""


def open_channel(spec: Spec, around: Surroundings) -> SlackChannel:
    """The Slack channel, ready to send."""
    return SlackChannel(spec, around)


def _place(receipt: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """(channel, ts) of the message to edit or answer; a reply's receipt leads to its parent."""
    if not receipt:
        return None
    inner = receipt.get("detail")
    detail = inner if isinstance(inner, Mapping) else receipt
    channel, ts = str(detail.get("channel") or ""), str(detail.get("thread") or detail.get("ts") or "")
    return (channel, ts) if channel and ts else None


def _metadata(message: Message) -> dict[str, Any]:
    return {"event_type": EVENT, "event_payload": {"marker": message.marker, "key": message.key}}


def _without_metadata(arguments: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in arguments.items() if key != "metadata"}


def _silent() -> dict[str, Any]:
    """No previews of links, and no names turned into mentions."""
    return {"unfurl_links": False, "unfurl_media": False, "link_names": False}
