"""Forms: what Slack takes for one, what a click on a message tells the app, and what is sent when one is filled in."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from monitor.sandbox.slack.workspace import APP, TEAM, Message, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIGGER_LASTS = 3 * 1_000_000  # µs
_TITLE, _LABEL, _OPTION, _VALUE, _METADATA, _OPTIONS = 24, 2_000, 75, 150, 3_000, 100


class CannotFill(LookupError):
    """There is no such form, or no such field on it."""


def find_view_faults(view: Any) -> list[str]:
    """What Slack would refuse of a form."""
    return list(_faults(view)) if isinstance(view, dict) else ["view is no object"]


def _faults(view: dict[str, Any]) -> Iterator[str]:
    if view.get("type") != "modal":
        yield "type is not modal"
    for name in ("title", "submit", "close"):
        text = view.get(name)
        if not isinstance(text, dict) or text.get("type") != "plain_text" or not 0 < len(str(text["text"])) <= _TITLE:
            yield f"{name} is no plain text of 1 to {_TITLE} characters"
    if len(str(view.get("private_metadata") or "")) > _METADATA:
        yield "private_metadata is too long"
    blocks = view.get("blocks")
    if not isinstance(blocks, list) or not blocks:
        yield "there are no blocks"
        return
    for block in blocks:
        yield from _block_faults(block)


def _block_faults(block: Any) -> Iterator[str]:
    element = block.get("element") if isinstance(block, dict) else None
    if not isinstance(element, dict) or block.get("type") != "input" or not element.get("action_id"):
        yield "a block is no input"
        return
    name = block.get("block_id")
    if len(str(block["label"]["text"])) > _LABEL:
        yield f"{name}: the label is too long"
    if element["type"] == "static_select":
        options = element.get("options") or []
        if not 1 <= len(options) <= _OPTIONS:
            yield f"{name}: 1 to {_OPTIONS} options are taken"
        for one in options:
            if not 0 < len(one["text"]["text"]) <= _OPTION or not 0 < len(one["value"]) <= _VALUE:
                yield f"{name}: an option is empty or too long"
    elif element["type"] == "plain_text_input":
        if len(element.get("initial_value", "")) > element.get("max_length", 3_000):
            yield f"{name}: initial_value is longer than max_length"
    else:
        yield f"{name}: {element['type']} is not known here"


def _head(space: Workspace, kind: str, user: str) -> dict[str, Any]:
    member = space.members[user].as_json()
    who = {"id": user, "username": member["name"], "name": member["name"], "team_id": TEAM}
    return {"type": kind, "user": who, "api_app_id": APP, "team": {"id": TEAM, "domain": "sandbox"}}


def choose_shortcut(
    space: Workspace, message: Message, user: str, callback: str, *, now: int, shown: Mapping[str, Any], url: str
) -> dict[str, Any]:
    """The payload of a message shortcut; its trigger opens one form, within three seconds."""
    trigger = secrets.token_hex(8)
    space.triggers[trigger] = (user, now)
    channel = space.channels[message.channel]
    return _head(space, "message_action", user) | {
        "callback_id": callback,
        "trigger_id": trigger,
        "channel": {"id": channel.id, "name": channel.name},
        "message_ts": message.ts,
        "message": dict(shown),
        "response_url": url,
        "action_ts": space.make_ts(now),
    }


def fill_in(space: Workspace, user: str, values: Mapping[str, str]) -> dict[str, Any]:
    """The payload of the form that this person has open, filled in by block; what is not named stays as it was."""
    view = space.views.pop(user, None)
    if view is None:
        raise CannotFill(f"{user} has no form open")
    unknown = set(values) - {block["block_id"] for block in view["blocks"]}
    if unknown:
        raise CannotFill(f"the form has no field {sorted(unknown)[0]}")
    state = {block["block_id"]: _value(block, values.get(block["block_id"])) for block in view["blocks"]}
    return _head(space, "view_submission", user) | {"view": {**view, "state": {"values": state}}}


def _value(block: dict[str, Any], given: str | None) -> dict[str, Any]:
    element = block["element"]
    if element["type"] == "static_select":
        options = {one["value"]: one for one in element["options"]}
        chosen = options.get(given) if given is not None else element.get("initial_option")
        if chosen is None and not block.get("optional"):
            raise CannotFill(f"{block['block_id']}: nothing is chosen")
        found: dict[str, Any] = {"selected_option": chosen}
    else:
        text = given if given is not None else element.get("initial_value")
        if not text and not block.get("optional"):
            raise CannotFill(f"{block['block_id']} is empty")
        found = {"value": text}
    return {element["action_id"]: {"type": element["type"], **found}}
