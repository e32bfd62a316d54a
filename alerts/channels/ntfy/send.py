"""Sending to ntfy: JSON to the server's root, loud for a page, with a button where a public address exists."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from alerts import render
from alerts.channels.http import Http
from alerts.channels.kit import Surroundings, fill_in, unsent
from alerts.channels.ntfy.spec import Spec
from alerts.message import Finding, Message, Purpose, React, Receipt
from alerts.people import find_phone, split_phone
from probes.words.errors import DeliveryError
from probes.words.text import clean

TITLE, LINK = 250, 512  # characters
BODY = 3_500  # bytes as JSON: ntfy takes 4,096 of message and 8,192 of everything; what is over becomes an attachment
PRIORITY = {Purpose.PAGE: 5, Purpose.EMERGENCY: 5, Purpose.TEST: 5, Purpose.WARNING: 3, Purpose.RESOLVE: 3}
QUIET = 2
TAGS = {"triggered": "rotating_light", "acknowledged": "eyes", "resolved": "white_check_mark"}
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
HINTS = {
    401: "the token is wrong",
    403: "the topic is protected: set channels.ntfy.token",
    404: "is channels.ntfy.url the root of an ntfy server?",
    413: "the message is longer than the server takes",
}


class NtfyChannel:
    """Phones that follow a topic. ntfy deduplicates nothing: a repeat rings again, which a page may."""

    name = "ntfy"

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.spec = spec
        self.around = around
        self.http = Http(who="ntfy", timeout=spec.timeout, ca_file=spec.ca_file, hints=HINTS)

    async def send(self, message: Message) -> Receipt:
        """Publish; raises DeliveryError. An edit is not sent: nothing on a phone can be changed."""
        if message.purpose is Purpose.REFRESH:
            return unsent(self.name, "a phone shows no edits")
        base, topic = self._address(message)
        reply = await self.http.send("POST", base, json=self._publication(message, topic), headers=self._headers(base))
        number = reply.json().get("id")
        if not isinstance(number, str) or not number:
            raise DeliveryError("ntfy answered without an id: is channels.ntfy.url an ntfy server?", permanent=True)
        return Receipt(channel=self.name, id=clean(number, 80))

    def _address(self, message: Message) -> tuple[str, str]:
        """(server's root, topic) of a phone or of a plain topic; the secret goes no further than the request."""
        root = fill_in(self.spec.url, self.around, what="ntfy's url").rstrip("/")
        if "/" not in message.target:
            return root, message.target
        entry = find_phone(message.target, self.around.people())
        if entry is None or split_phone(entry)[0] != "ntfy":
            raise DeliveryError(f"{clean(message.target, 80)} is no longer a phone", permanent=True)
        address = fill_in(split_phone(entry)[1], self.around, what=f"the phone {message.target}")
        if "://" in address:
            root, _, address = address.rstrip("/").rpartition("/")
        if not _TOPIC.match(address) or not root.startswith(("https://", "http://")) or urlsplit(root).username:
            what = f"the secret of {message.target} is neither a topic nor https://host/topic"
            raise DeliveryError(what, permanent=True)
        return root, address

    def _headers(self, base: str) -> dict[str, str]:
        """The access token, for its own server only."""
        if self.spec.token is None or base != fill_in(self.spec.url, self.around, what="ntfy's url").rstrip("/"):
            return {}
        token = fill_in(self.spec.token, self.around, what="ntfy's token")
        return {"Authorization": f"Bearer {token}"}

    def _publication(self, message: Message, topic: str) -> dict[str, Any]:
        view = message.incident
        found: dict[str, Any] = {
            "topic": topic,
            "title": clean(render.subject_line(message), TITLE),
            "message": _fit(render.body(message) or clean(message.headline, BODY)),
            "priority": PRIORITY.get(message.purpose, QUIET) if _loud(message) else QUIET,
        }
        if view is None:
            return found
        found["tags"] = [TAGS.get(view.state, "rotating_light")]
        links = [(label, url) for label, url in render.addresses(view) if len(url) <= LINK]
        if links:
            found["click"] = links[-1][1]
        actions: list[dict[str, Any]] = [{"action": "view", "label": label, "url": url} for label, url in links]
        ack = render.public(self.around.ack_url(view.public_id, view.round, message.person))
        if ack and view.state == "triggered" and message.purpose is not Purpose.EMERGENCY:  # that has nothing to answer
            press = {"action": "http", "label": "Acknowledge", "url": ack, "method": "POST", "clear": True}
            actions = [press, *actions]
        return found | ({"actions": actions[:3]} if actions else {})

    async def listen(self, react: React) -> None:
        """The button comes back through the web address, not through ntfy."""

    async def verify(self, key: str) -> dict[str, Any] | None:
        """ntfy's id is all there is to know."""
        return {"key": key}

    async def alive(self) -> None:
        """Every server that a phone is told through is well; publishes nothing. Raises DeliveryError."""
        own = fill_in(self.spec.url, self.around, what="ntfy's url").rstrip("/")
        phones = [entry for person in self.around.people().values() for entry in person.phone]
        mine = [split_phone(entry)[1] for entry in phones if entry.startswith("ntfy:")]
        addresses = [fill_in(address, self.around, what="a phone's address") for address in mine]
        roots = [one.rstrip("/").rpartition("/")[0] if "://" in one else own for one in addresses]
        for root in dict.fromkeys(roots or [own]):
            reply = await self.http.send("GET", f"{root}/v1/health", headers=self._headers(root))
            if reply.json().get("healthy") is not True:
                raise DeliveryError("the ntfy server is not well")

    async def doctor(self) -> list[Finding]:
        """Is there an ntfy server at the address? Publishes nothing."""
        try:
            root = fill_in(self.spec.url, self.around, what="ntfy's url").rstrip("/")
            reply = await self.http.send("GET", f"{root}/v1/health", headers=self._headers(root))
        except DeliveryError as error:
            level = "fault" if error.permanent else "warning"
            return [Finding(level=level, what=str(error), write="look at channels.ntfy.url and channels.ntfy.token")]
        if reply.json().get("healthy") is not True:
            write = "set channels.ntfy.url to the root of an ntfy server"
            return [Finding(level="fault", what="ntfy: no ntfy server answers there", write=write)]
        return [Finding(level="ok", what="ntfy: the server is well")]

    async def close(self) -> None:
        """Nothing is kept open between calls."""


def _fit(text: str) -> str:
    """As much of a text as ntfy shows as one: in bytes, with all that JSON adds."""
    while len(json.dumps(text, ensure_ascii=False).encode("utf-8", "replace")) > BODY:
        text = text[: len(text) * 9 // 10]
    return text


def _loud(message: Message) -> bool:
    """False for what is about a drill or a canary page that should wake nobody."""
    return message.incident is None or message.incident.urgent


def open_channel(spec: Spec, around: Surroundings) -> NtfyChannel:
    """The ntfy channel, ready to send."""
    return NtfyChannel(spec, around)
