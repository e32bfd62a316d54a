"""Sending to Pushover: a page rings until somebody takes it, which is polled and passed on as an acknowledgement."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import Any

from alerts import render
from alerts.channels.http import Http, Reply
from alerts.channels.kit import OpenPage, Surroundings, fill_in, unsent
from alerts.channels.pushover.receipts import Receipts
from alerts.channels.pushover.spec import Spec
from alerts.message import Finding, Message, Purpose, React, Receipt
from alerts.people import find_phone, split_phone
from probes.words.errors import DeliveryError
from probes.words.text import clean

log = logging.getLogger("showup.alerts.pushover")

TITLE, BODY, LINK = 250, 1_024, 512  # characters; a longer address is refused, and the page with it
LOW = 200  # messages that are left of a month's: about one bad night
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
        self.receipts = Receipts(around, self._read)

    async def send(self, message: Message) -> Receipt:
        """Ring, or stop ringing and say why; raises DeliveryError."""
        if message.purpose is Purpose.REFRESH:
            return unsent(self.name, "a phone shows no edits")
        user, token = self._address(message.target)
        if message.purpose in (Purpose.ACK, Purpose.RESOLVE):
            await self._hush(message, token)
        said = (await self._call("POST", "messages.json", data=self._fields(message, user, token))).json()
        if said.get("status") != 1:
            raise DeliveryError("Pushover answered without taking the message", permanent=True)
        receipt = clean(str(said.get("receipt") or ""), 80)
        if self._rings(message) and not receipt:
            raise DeliveryError("Pushover took the page without a receipt, so it does not ring", permanent=True)
        detail = {"receipt": receipt, "target": message.target} if receipt else {}
        return Receipt(
            channel=self.name, id=receipt or clean(str(said.get("request") or message.marker), 80), detail=detail
        )

    async def _call(self, method: str, path: str, **options: Any) -> Reply:
        """The answer; raises DeliveryError. A month that is used up is no haste that passes: the next way is taken."""
        root = fill_in(self.spec.url, self.around, what="Pushover's url").rstrip("/")
        reply = await self.http.request(method, f"{root}/1/{path}", **options)
        if 200 <= reply.status < 300:
            return reply
        if reply.status == 429 and reply.headers.get("X-Limit-App-Remaining") == "0":
            raise DeliveryError("Pushover: the application has used up its messages of this month", permanent=True)
        raise self.http.refusal(reply)

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
            fields |= {"tags": _tag(message)} if message.incident else {}
        links = render.addresses(message.incident) if message.incident else []
        for label, url in links:
            if len(url) <= LINK:
                fields |= {"url_title": label, "url": url}
                break
        return {key: str(value) for key, value in fields.items()}

    async def _hush(self, message: Message, token: str) -> None:
        """Stop every ringing about this incident on this phone; what cannot be stopped ends by itself.

        By its tag, which also stops what rang and whose receipt was lost on the way.
        """
        known = str((message.receipt or {}).get("receipt") or "")
        paths = [f"receipts/{_path(known)}/cancel.json"] if known else []
        if message.incident is not None:
            paths.append(f"receipts/cancel_by_tag/{_tag(message)}.json")
        for path in paths:
            try:
                await self._call("POST", path, data={"token": token})
            except DeliveryError as error:
                log.warning("Pushover keeps ringing until it expires: %s", error)

    async def listen(self, react: React) -> None:
        """Look at the receipts of open pages every 6 s and pass on who took one, until cancelled."""
        while True:
            await asyncio.sleep(POLL)
            try:
                await self.ask(await self.around.open_pages(self.name), react)
            except DeliveryError as error:
                log.warning("%s", error)

    async def ask(self, pages: Sequence[OpenPage], react: React, *, seconds: float = 60.0) -> int:
        """Look at these receipts now and pass on what is new; how much was. Raises DeliveryError after `seconds`."""
        return await self.receipts.ask(pages, react, seconds=seconds)

    async def _read(self, receipt: str, target: str) -> dict[str, Any]:
        _, token = self._address(target)
        return (await self._call("GET", f"receipts/{_path(receipt)}.json", params={"token": token})).json()

    async def verify(self, key: str) -> dict[str, Any] | None:
        """Pushover's receipt is all there is to know."""
        return {"key": key}

    async def alive(self) -> None:
        """Each person's key is one that the application may ring; rings nobody. Raises DeliveryError."""
        for person in self.around.people().values():
            for number, entry in enumerate(person.phone):
                if entry.startswith("pushover:"):
                    user, token = self._address(f"{person.key}/phone/{number}")
                    await self._call("POST", "users/validate.json", data={"user": user, "token": token})

    async def doctor(self) -> list[Finding]:
        """Is each person's key one that the application may ring, and are there messages left? Rings nobody."""
        found, tokens = [], dict[str, str]()
        for person in self.around.people().values():
            for number, entry in enumerate(person.phone):
                if entry.startswith("pushover:"):
                    found.append(await self._examine(f"{person.key}/phone/{number}", tokens))
        found += [await self._left(token, target) for token, target in tokens.items()]
        return found or [Finding(level="ok", what="Pushover: nobody is rung through it")]

    async def _examine(self, target: str, tokens: dict[str, str]) -> Finding:
        try:
            user, token = self._address(target)
            await self._call("POST", "users/validate.json", data={"user": user, "token": token})
        except DeliveryError as error:
            write = "copy the user key from the app, and the application's token, into their secrets"
            return Finding(level="fault" if error.permanent else "warning", what=f"{target}: {error}", write=write)
        tokens.setdefault(token, target)
        return Finding(level="ok", what=f"Pushover: {target} can ring")

    async def _left(self, token: str, target: str) -> Finding:
        """How many messages an application may still send this month."""
        try:
            said = (await self._call("GET", "apps/limits.json", params={"token": token})).json()
        except DeliveryError as error:
            return Finding(level="warning", what=f"{target}: {error}")
        left = said.get("remaining")
        if not isinstance(left, int) or isinstance(left, bool):
            return Finding(level="ok", what=f"Pushover: its limit is not said for {target}")
        what = f"Pushover: {max(0, left):,} messages are left this month to the application of {target}"
        level = "ok" if left >= LOW else "warning" if left > 0 else "fault"
        return Finding(level=level, what=what, write="" if left >= LOW else "buy more at pushover.net for it")

    async def close(self) -> None:
        """Nothing is kept open between calls."""


def open_channel(spec: Spec, around: Surroundings) -> PushoverChannel:
    """The Pushover channel, ready to send."""
    return PushoverChannel(spec, around)


def _path(receipt: str) -> str:
    """A receipt as one part of a path, and nothing else."""
    return re.sub(r"[^A-Za-z0-9_-]", "", receipt) or "none"


def _tag(message: Message) -> str:
    """What all the ringing about an incident on one phone is stopped by."""
    incident = message.incident.public_id if message.incident else ""
    return _path(f"{incident}-{message.target}".replace("/", "-").replace(".", "-"))[:80]
