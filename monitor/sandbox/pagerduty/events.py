"""Events API v2: what is accepted, and each thing that is wrong with what is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

SIZE_LIMIT = 512 * 1024  # bytes of the whole body
KEY_LIMIT = 255
SUMMARY_LIMIT = 1024
SEVERITIES = ("critical", "error", "warning", "info")
ACTIONS = ("trigger", "acknowledge", "resolve")


def read_event(raw: bytes, is_known: Callable[[str], bool]) -> tuple[dict[str, Any], list[str]]:
    """The event and what is wrong with it; nothing wrong: it is accepted."""
    if len(raw) > SIZE_LIMIT:
        return {}, [f"Event is too large: {len(raw)} bytes, the limit is {SIZE_LIMIT}"]
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError):
        return {}, ["Invalid JSON"]
    if not isinstance(event, dict):
        return {}, ["Event must be a JSON object"]
    return event, [*_check_key(event, is_known), *_check_event(event)]


def _check_key(event: dict[str, Any], is_known: Callable[[str], bool]) -> list[str]:
    key = event.get("routing_key")
    if not isinstance(key, str) or len(key) != 32:
        return ["'routing_key' is missing, or is not 32 characters"]
    return [] if is_known(key) else ["Invalid routing key"]


def _check_event(event: dict[str, Any]) -> list[str]:
    action, key = event.get("event_action"), event.get("dedup_key")
    if action not in ACTIONS:
        return [f"'event_action' is missing or is not one of {', '.join(ACTIONS)}"]
    found: list[str] = []
    if key is not None and not isinstance(key, str):
        found.append("'dedup_key' is not a string")
    elif isinstance(key, str) and len(key) > KEY_LIMIT:
        found.append(f"Length of 'dedup_key' is {len(key)}, the limit is {KEY_LIMIT}")
    elif not key and action != "trigger":
        found.append(f"'dedup_key' is missing, and {action} needs one")
    if action == "trigger":
        found += _check_payload(event.get("payload"))
        found += _check_links(event.get("links"), "links") + _check_links(event.get("images"), "images")
    return found


def _check_payload(payload: Any) -> list[str]:
    if not isinstance(payload, dict):
        return ["'payload' is missing or blank"]
    found: list[str] = []
    for name in ("summary", "source"):
        if not isinstance(payload.get(name), str) or not payload[name].strip():
            found.append(f"'payload.{name}' is missing or blank")
    summary = payload.get("summary")
    if isinstance(summary, str) and len(summary) > SUMMARY_LIMIT:
        found.append(f"Length of 'payload.summary' is {len(summary)}, the limit is {SUMMARY_LIMIT}")
    if payload.get("severity") not in SEVERITIES:
        found.append(f"'payload.severity' is invalid (must be one of: {', '.join(SEVERITIES)})")
    if not isinstance(payload.get("custom_details", {}), dict | str):
        found.append("'payload.custom_details' is not an object")
    return found


def _check_links(items: Any, name: str) -> list[str]:
    if items is None:
        return []
    field = "href" if name == "links" else "src"
    if not isinstance(items, list) or not all(isinstance(i, dict) and isinstance(i.get(field), str) for i in items):
        return [f"'{name}' must be a list of objects with '{field}'"]
    if name == "images" and not all(i["src"].startswith("https://") for i in items):
        return ["'images.src' must be an https address"]
    return []
