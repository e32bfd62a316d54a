"""The ntfy protocol without I/O: what may be published, how it is shown to subscribers, and how it is refused."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MESSAGE_LIMIT = 4096  # bytes; longer would become an attachment, which this server does not take
JSON_LIMIT = 2 * MESSAGE_LIMIT  # of everything, when it is published as JSON
EXPIRES = 12 * 3600  # seconds a message is kept for those who ask later
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
_PRIORITIES = {"min": 1, "low": 2, "default": 3, "high": 4, "max": 5, "urgent": 5} | {str(n): n for n in range(1, 6)}
_HEADERS = {
    "title": ("x-title", "title", "t"),
    "priority": ("x-priority", "priority", "prio", "p"),
    "tags": ("x-tags", "tags", "tag", "ta"),
    "click": ("x-click", "click"),
    "actions": ("x-actions", "actions", "action"),
    "message": ("x-message", "message", "m"),
}


class NtfyRefused(Exception):
    """ntfy refuses with an HTTP status and a finer code of its own."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "http": status, "error": message}


@dataclass(slots=True)
class Message:
    """One notification; `time` in s since the epoch, `cleared` once it was swiped away."""

    id: str
    time: int
    topic: str
    message: str
    title: str = ""
    priority: int = 3
    tags: list[str] = field(default_factory=list)
    click: str = ""
    actions: list[dict[str, Any]] = field(default_factory=list)
    cleared: bool = False

    def as_json(self) -> dict[str, Any]:
        """As publishers and subscribers get it: what was not given is left out."""
        shown: dict[str, Any] = {"id": self.id, "time": self.time, "expires": self.time + EXPIRES}
        shown |= {"event": "message", "topic": self.topic, "message": self.message}
        optional = {"title": self.title, "tags": self.tags, "click": self.click, "actions": self.actions}
        shown |= {name: value for name, value in optional.items() if value}
        return shown if self.priority == 3 else shown | {"priority": self.priority}


def read_json(raw: bytes, now: int) -> Message:
    """A message published as JSON to the server's root; `now` in s."""
    if len(raw) > JSON_LIMIT:
        raise NtfyRefused(413, 41303, "JSON body too large")
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise NtfyRefused(400, 40017, "invalid request: request body must be message JSON") from None
    if not isinstance(fields, dict):
        raise NtfyRefused(400, 40017, "invalid request: request body must be message JSON")
    for name, kind in (("message", str), ("title", str), ("click", str), ("tags", list), ("actions", list)):
        if not isinstance(fields.get(name) or kind(), kind):
            raise NtfyRefused(400, 40017, "invalid request: request body must be message JSON")
    priority = fields.get("priority") or 3
    if isinstance(priority, bool) or not isinstance(priority, int):
        raise NtfyRefused(400, 40017, "invalid request: request body must be message JSON")
    return _make(str(fields.get("topic") or ""), fields | {"priority": str(priority)}, now)


def read_plain(topic: str, raw: bytes, given: Mapping[str, str], now: int) -> Message:
    """A message published as a body with headers or query parameters."""
    try:
        fields: dict[str, Any] = {"message": raw.decode()}
    except UnicodeDecodeError:
        raise NtfyRefused(400, 40011, "invalid message: message must be UTF-8 encoded") from None
    lowered = {name.lower(): value for name, value in given.items()}
    for name, spellings in _HEADERS.items():
        found = next((lowered[s] for s in spellings if s in lowered), None)
        if found is not None:
            fields[name] = found
    fields["tags"] = [t.strip() for t in str(fields.get("tags", "")).split(",") if t.strip()]
    fields["actions"] = _read_actions(str(fields.get("actions", "")))
    return _make(topic, fields, now)


def is_topic(name: str) -> bool:
    """May a topic be called so?"""
    return _TOPIC.fullmatch(name) is not None


def make_event(event: str, topic: str, now: int) -> dict[str, Any]:
    """A line of a subscription that is no message: `open` or `keepalive`."""
    return {"id": secrets.token_urlsafe(9)[:12], "time": now, "event": event, "topic": topic}


def _make(topic: str, fields: dict[str, Any], now: int) -> Message:
    if not is_topic(topic):
        raise NtfyRefused(400, 40009, "invalid request: topic invalid")
    priority = _PRIORITIES.get(str(fields.get("priority") or "3").lower())
    if priority is None:
        raise NtfyRefused(400, 40007, "invalid priority parameter")
    text = str(fields.get("message") or "triggered")
    if len(text.encode("utf-8", "replace")) > MESSAGE_LIMIT:
        raise NtfyRefused(413, 41301, "attachment too large, or bandwidth limit reached")
    actions = [_check_action(a) for a in fields.get("actions") or []]
    if len(actions) > 3:
        raise NtfyRefused(400, 40018, "invalid request: actions invalid, only 3 actions allowed")
    name = secrets.token_hex(6)
    tags = [str(t) for t in fields.get("tags") or []]
    title, click = str(fields.get("title") or ""), str(fields.get("click") or "")
    return Message(name, now, topic, text, title, priority, tags, click, actions)


def _check_action(action: Any) -> dict[str, Any]:
    refused = NtfyRefused(400, 40018, "invalid request: actions invalid")
    if not isinstance(action, dict) or action.get("action") not in ("view", "http", "broadcast", "copy"):
        raise refused
    if not action.get("label") or not isinstance(action["label"], str):
        raise refused
    if action["action"] in ("view", "http") and not isinstance(action.get("url"), str):
        raise refused
    headers = action.get("headers") or {}
    if not isinstance(headers, dict) or not all(isinstance(v, str) for v in headers.values()):
        raise refused
    return {"id": secrets.token_hex(5)} | action


def _read_actions(text: str) -> list[Any]:
    """The header's form: JSON, or `http, Acknowledge, https://…, method=POST, clear=true; …`."""
    if not text:
        return []
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise NtfyRefused(400, 40018, "invalid request: actions invalid") from None
        return list(found)
    actions: list[Any] = []
    for one in text.split(";"):
        plain, named = [], {}
        for part in (p.strip() for p in one.split(",")):
            name, equals, value = part.partition("=")
            if equals and name in ("method", "body", "clear", "action", "label", "url"):
                named[name] = value == "true" if name == "clear" else value
            else:
                plain.append(part)
        actions.append(dict(zip(("action", "label", "url"), plain, strict=False)) | named)
    return actions
