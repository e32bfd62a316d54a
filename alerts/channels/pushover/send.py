"""Sending to Pushover: a page rings until somebody takes it, which is polled and passed on as an acknowledgement."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Any

from alerts import render
from alerts.channels.http import Http
from alerts.channels.kit import OpenPage, Surroundings, fill_in, unsent
from alerts.channels.pushover.spec import Spec
from alerts.message import Finding, Message, Purpose, React, Reaction, Receipt
from alerts.people import find_phone, split_phone
from probes.words.errors import DeliveryError
from probes.words.text import clean

log = logging.getLogger("showup.alerts.pushover")

TITLE, BODY = 250, 1_024  # characters
POLL = 6.0  # seconds between looks at a receipt; Pushover allows one in five
TEST_RINGS = 120  # seconds
RINGING = frozenset({Purpose.PAGE, Purpose.EMERGENCY, Purpose.TEST})
QUIET, NORMAL, EMERGENCY = -1, 0, 2
_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}\Z")
HINTS = {400: "is the secret a user key, with channels.pushover.token, or USER@TOKEN?", 404: "the receipt is gone"}


class PushoverChannel:
    """One Pushover application."""

    name = "pushover"

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.spec = spec
        self.around = around
        self.http = Http(who="Pushover", timeout=spec.timeout, ca_file=spec.ca_file, hints=HINTS)
        self._ringing: dict[tuple[str, str], set[str]] = {}  # (incident, target) → receipts
        self._passed_on: set[str] = set()

    async def send(self, message: Message) -> Receipt:
        """Ring, or stop ringing and say why; raises DeliveryError."""
        if message.purpose is Purpose.REFRESH:
            return unsent(self.name, "a phone shows no edits")
        user, token = self._address(message.target)
        if message.purpose in (Purpose.ACK, Purpose.RESOLVE):
            await self._hush(message, token)
        reply = await self.http.send("POST", self._url("messages.json"), data=self._fields(message, user, token))
        said = reply.json()
        if said.get("status") != 1:
            raise DeliveryError("Pushover answered without taking the message", permanent=True)
        receipt = clean(str(said.get("receipt") or ""), 80)
        if self._rings(message) and not receipt:
            raise DeliveryError("Pushover took the page without a receipt, so it does not ring", permanent=True)
        if receipt and message.incident:
            self._ringing.setdefault((message.incident.public_id, message.target), set()).add(receipt)
        detail = {"receipt": receipt, "target": message.target} if receipt else {}
        return Receipt(
            channel=self.name, id=receipt or clean(str(said.get("request") or message.marker), 80), detail=detail
        )

    def _url(self, path: str) -> str:
        root = fill_in(self.spec.url, self.around, what="Pushover's url").rstrip("/")
        return f"{root}/1/{path}"

    def _address(self, target: str) -> tuple[str, str]:
        """(user key, application token) of a person's phone."""
        entry = find_phone(target, self.around.people())
        if entry is None or split_phone(entry)[0] != "pushover":
            raise DeliveryError(f"{clean(target, 80)} is no longer a phone", permanent=True)
        user, _, own = fill_in(split_phone(entry)[1], self.around, what=f"the phone {target}").partition("@")
        token = own or (fill_in(self.spec.token, self.around, what="Pushover's token") if self.spec.token else "")
        if not _KEY.match(user) or not _KEY.match(token):
            what = f"the secret of {target} is no user key with channels.pushover.token, and not USER@TOKEN"
            raise DeliveryError(what, permanent=True)
        return user, token

    @staticmethod
    def _rings(message: Message) -> bool:
        """True for what rings until somebody takes it; a drill of low urgency does not."""
        return message.purpose in RINGING and (message.incident is None or message.incident.urgent)

    def _fields(self, message: Message, user: str, token: str) -> dict[str, str]:
        fields: dict[str, Any] = {
            "user": user,
            "token": token,
            "title": clean(render.subject_line(message), TITLE),
            "message": render.body(message)[:BODY] or clean(message.headline, BODY) or "showup",
            "priority": NORMAL if message.purpose in (Purpose.WARNING, Purpose.RESOLVE) else QUIET,
        }
        if self._rings(message):
            rings = TEST_RINGS if message.purpose is Purpose.TEST else int(self.spec.expire.total_seconds())
            fields |= {"priority": EMERGENCY, "retry": int(self.spec.retry.total_seconds()), "expire": rings}
        links = render.addresses(message.incident) if message.incident else []
        if links:
            fields |= {"url_title": links[0][0], "url": links[0][1]}
        return {key: str(value) for key, value in fields.items()}

    async def _hush(self, message: Message, token: str) -> None:
        """Stop every ringing about this incident on this phone; what cannot be stopped ends by itself."""
        incident = message.incident.public_id if message.incident else ""
        receipts = self._ringing.pop((incident, message.target), set())
        known = (message.receipt or {}).get("receipt")
        for receipt in receipts | ({str(known)} if known else set()):
            try:
                await self.http.send("POST", self._url(f"receipts/{_path(receipt)}/cancel.json"), data={"token": token})
            except DeliveryError as error:
                log.warning("Pushover keeps ringing until it expires: %s", error)

    async def listen(self, react: React) -> None:
        """Look at the receipts of open pages every 6 s and pass on who took one, until cancelled."""
        while True:
            await asyncio.sleep(POLL)
            await self.ask(await self.around.open_pages(self.name), react)

    async def ask(self, pages: Sequence[OpenPage], react: React) -> int:
        """Look at these receipts now and pass on what is new; how much was. What cannot be read waits."""
        new = 0
        for page in pages:
            receipt, target = str(page.receipt.get("receipt") or ""), str(page.receipt.get("target") or "")
            if not receipt or receipt in self._passed_on:
                continue
            try:
                said = await self._look(receipt, target)
            except DeliveryError as error:
                log.warning("Pushover cannot be asked who answered: %s", error)
                continue
            if said.get("acknowledged") != 1:
                continue
            await react(self._reaction(page, said))
            self._passed_on.add(receipt)
            new += 1
        return new

    async def _look(self, receipt: str, target: str) -> dict[str, Any]:
        _, token = self._address(target)
        url = self._url(f"receipts/{_path(receipt)}.json")
        return (await self.http.send("GET", url, params={"token": token})).json()

    def _reaction(self, page: OpenPage, said: dict[str, Any]) -> Reaction:
        person = self.around.people().get(page.person)
        at = said.get("acknowledged_at")
        return Reaction(
            action="ack",
            incident=page.incident,
            by=person.name if person else "somebody with Pushover",
            via="pushover",
            at=at * 1_000_000 if isinstance(at, int) and at > 0 else self.around.clock.now(),
            person=page.person,
            round=page.round,
        )

    async def verify(self, key: str) -> dict[str, Any] | None:
        """Pushover's receipt is all there is to know."""
        return {"key": key}

    async def alive(self) -> None:
        """Each person's key is one that the application may ring; rings nobody. Raises DeliveryError."""
        for person in self.around.people().values():
            for number, entry in enumerate(person.phone):
                if entry.startswith("pushover:"):
                    user, token = self._address(f"{person.key}/phone/{number}")
                    url = self._url("users/validate.json")
                    await self.http.send("POST", url, data={"user": user, "token": token})

    async def doctor(self) -> list[Finding]:
        """Is each person's key one that the application may ring? Rings nobody."""
        found = []
        for person in self.around.people().values():
            for number, entry in enumerate(person.phone):
                if entry.startswith("pushover:"):
                    found.append(await self._examine(f"{person.key}/phone/{number}"))
        return found or [Finding(level="ok", what="Pushover: nobody is rung through it")]

    async def _examine(self, target: str) -> Finding:
        try:
            user, token = self._address(target)
            await self.http.send("POST", self._url("users/validate.json"), data={"user": user, "token": token})
        except DeliveryError as error:
            write = "copy the user key from the app, and the application's token, into their secrets"
            return Finding(level="fault" if error.permanent else "warning", what=f"{target}: {error}", write=write)
        return Finding(level="ok", what=f"Pushover: {target} can ring")

    async def close(self) -> None:
        """Nothing is kept open between calls."""


def open_channel(spec: Spec, around: Surroundings) -> PushoverChannel:
    """The Pushover channel, ready to send."""
    return PushoverChannel(spec, around)


def _path(receipt: str) -> str:
    """A receipt as one part of a path, and nothing else."""
    return re.sub(r"[^A-Za-z0-9_-]", "", receipt) or "none"
