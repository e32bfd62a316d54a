"""The Pushover protocol without I/O: messages, and emergencies that ring until somebody acknowledges."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

MESSAGE_LIMIT, TITLE_LIMIT, URL_LIMIT = 1024, 250, 512  # characters
A_MONTH = 10_000  # messages of one application
RETRY_LEAST, EXPIRE_MOST = 30, 10_800  # seconds
POLL_LEAST = 5  # seconds between two looks at one receipt
KEPT = 7 * 86_400  # seconds a receipt can be read


class PushoverRefused(Exception):
    """Pushover answers 400; `field` is what is wrong."""

    def __init__(self, field: str, error: str, *, status: int = 400) -> None:
        super().__init__(error)
        self.status = status
        self.body = {field: "invalid", "errors": [error], "status": 0, "request": secrets.token_hex(16)}


@dataclass(slots=True)
class Receipt:
    """One message as it rings; times in s since the epoch, 0 for never. `id` is empty below an emergency."""

    id: str
    user: str
    title: str
    message: str
    priority: int
    sent: int
    retry: int = 0
    expires: int = 0
    acknowledged: int = 0
    acknowledged_by: str = ""
    cancelled: int = 0
    looked: int = 0
    tags: tuple[str, ...] = ()

    def rings(self, now: int) -> list[int]:
        """When it rang, up to now."""
        if not self.retry:
            return [self.sent]
        ends = [t for t in (self.expires, self.acknowledged, self.cancelled) if t]
        return list(range(self.sent, min(now + 1, *ends), self.retry)) or [self.sent]

    def as_json(self, now: int) -> dict[str, Any]:
        """The receipt as Pushover shows it."""
        over = now >= self.expires or bool(self.cancelled)
        return {
            "status": 1,
            "acknowledged": int(bool(self.acknowledged)),
            "acknowledged_at": self.acknowledged,
            "acknowledged_by": self.acknowledged_by,
            "acknowledged_by_device": "phone" if self.acknowledged else "",
            "last_delivered_at": self.rings(now)[-1],
            "expired": int(over and not self.acknowledged),
            "expires_at": self.expires,
            "called_back": 0,
            "called_back_at": 0,
            "request": secrets.token_hex(16),
        }


class Pushover:
    """One application and the people it may reach: user key to name. `hasty` counts looks at a receipt within 5 s,
    `left` the messages that may be sent this month."""

    def __init__(self, token: str, users: dict[str, str]) -> None:
        self.token, self.users = token, users
        self.messages: list[Receipt] = []
        self.hasty = 0
        self.left = A_MONTH

    def send(self, fields: dict[str, Any], now: int) -> dict[str, Any]:
        """Take a message, or refuse it as Pushover does."""
        self.check_token(fields)
        user, text, title = (str(fields.get(n) or "") for n in ("user", "message", "title"))
        if user not in self.users:
            raise PushoverRefused("user", "user identifier is not a valid user, group, or subscribed user key")
        if not text.strip():
            raise PushoverRefused("message", "message cannot be blank")
        if len(text) > MESSAGE_LIMIT:
            raise PushoverRefused("message", f"message has {len(text)} characters, {MESSAGE_LIMIT} are allowed")
        if len(title) > TITLE_LIMIT:
            raise PushoverRefused("title", f"title has {len(title)} characters, {TITLE_LIMIT} are allowed")
        if len(str(fields.get("url") or "")) > URL_LIMIT:
            raise PushoverRefused("url", f"url is longer than {URL_LIMIT} characters")
        if self.left < 1:
            raise PushoverRefused("message", "application is over its message limit for this month", status=429)
        self.left -= 1
        priority = _number(fields, "priority", 0, -2, 2)
        receipt = Receipt("", user, title, text, priority, now)
        answer: dict[str, Any] = {"status": 1, "request": secrets.token_hex(16)}
        if priority == 2:
            receipt.retry = _number(fields, "retry", 0, RETRY_LEAST, EXPIRE_MOST)
            receipt.expires = now + _number(fields, "expire", 0, 1, EXPIRE_MOST)
            receipt.id = answer["receipt"] = secrets.token_hex(15)
            receipt.tags = tuple(tag for tag in str(fields.get("tags") or "").split(",") if tag)
        self.messages.append(receipt)
        return answer

    def look(self, name: str, fields: dict[str, Any], now: int) -> dict[str, Any]:
        """Read a receipt; who looks more often than every 5 s is counted."""
        self.check_token(fields)
        receipt = self.find(name)
        if now - receipt.sent > KEPT:
            raise PushoverRefused("receipt", "receipt not found; may be invalid or expired", status=404)
        self.hasty += bool(receipt.looked and now - receipt.looked < POLL_LEAST)
        receipt.looked = now
        return receipt.as_json(now)

    def cancel(self, name: str, fields: dict[str, Any], now: int) -> dict[str, Any]:
        """Stop the ringing, because it is over."""
        self.check_token(fields)
        receipt = self.find(name)
        receipt.cancelled = receipt.cancelled or now
        return {"status": 1, "request": secrets.token_hex(16)}

    def cancel_tag(self, tag: str, fields: dict[str, Any], now: int) -> dict[str, Any]:
        """Stop all the ringing that has this tag."""
        self.check_token(fields)
        found = [m for m in self.messages if tag in m.tags and not (m.cancelled or m.acknowledged) and now < m.expires]
        for receipt in found:
            receipt.cancelled = now
        return {"canceled": len(found), "status": 1, "request": secrets.token_hex(16)}

    def limits(self, fields: dict[str, Any], now: int) -> dict[str, Any]:
        """How many messages the application has left."""
        self.check_token(fields)
        return {"limit": A_MONTH, "remaining": self.left, "reset": now + 86_400, "status": 1}

    def acknowledge(self, receipt: Receipt, now: int) -> None:
        """The person takes it: it rings no more."""
        if not receipt.acknowledged and not receipt.cancelled and now < receipt.expires:
            receipt.acknowledged, receipt.acknowledged_by = now, receipt.user

    def find(self, name: str) -> Receipt:
        """The emergency of that receipt."""
        found = next((m for m in self.messages if m.id and m.id == name), None)
        if found is None:
            raise PushoverRefused("receipt", "receipt not found; may be invalid or expired", status=404)
        return found

    def check_token(self, fields: dict[str, Any]) -> None:
        """Only this application may ask."""
        if not secrets.compare_digest(str(fields.get("token") or "").encode(), self.token.encode()):
            raise PushoverRefused("token", "application token is invalid")


def _number(fields: dict[str, Any], name: str, otherwise: int, least: int, most: int) -> int:
    try:
        value = int(str(fields.get(name, otherwise)))
    except ValueError:
        raise PushoverRefused(name, f"{name} is not a number") from None
    if not least <= value <= most:
        raise PushoverRefused(name, f"{name} must be between {least} and {most}")
    return value
