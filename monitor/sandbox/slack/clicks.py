"""A click on a button: finding it, what the app is sent, and the address at which the app may answer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from monitor.sandbox.slack.api import show
from monitor.sandbox.slack.blocks import find_buttons
from monitor.sandbox.slack.workspace import APP, TEAM, Message, Refusal, Workspace, is_true

URL_USES = 5  # of one response_url
URL_LASTS = 30 * 60 * 1_000_000  # µs
GONE = ("expired_url", "used_url")


class CannotPress(LookupError):
    """There is no such button on this message now."""


def find_button(message: Message, action_id: str, block_id: str = "") -> tuple[str, dict[str, Any]]:
    """The block and the button as they stand on the message now; a button that is gone cannot be pressed."""
    there = list(find_buttons(message.blocks))
    for name, button in there:
        if button.get("action_id") == action_id and block_id in ("", name):
            return name, button
    names = ", ".join(str(button.get("action_id")) for _, button in there) or "none"
    raise CannotPress(f"no button {action_id!r} is on this message now; there are: {names}")


def build_click(
    space: Workspace, message: Message, user: str, button: dict[str, Any], *, now: int, response_url: str
) -> dict[str, Any]:
    """The block_actions payload of one click."""
    channel, member = space.channels[message.channel], space.members[user].as_json()
    alone = bool(message.only_for)
    container = {"type": "message", "message_ts": message.ts, "channel_id": channel.id, "is_ephemeral": alone}
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    pressed = {k: v for k, v in button.items() if k in ("action_id", "value", "text", "style", "type")}
    return {
        "type": "block_actions",
        "user": {"id": user, "username": member["name"], "name": member["name"], "team_id": member["team_id"]},
        "api_app_id": APP,
        "team": {"id": TEAM, "domain": "sandbox"},
        "container": container,
        "trigger_id": secrets.token_hex(8),
        "channel": {"id": channel.id, "name": channel.name},
        **({} if alone else {"message": show(space, message)}),  # of what one person sees, no text is sent
        "response_url": response_url,
        "state": {"values": {}},
        "actions": [pressed | {"action_ts": space.make_ts(now)}],
    }


@dataclass(slots=True)
class _Address:
    message: Message
    user: str
    made: int
    used: int = 0


class ReplyAddresses:
    """The response URLs given out: each takes five answers within half an hour."""

    def __init__(self, space: Workspace) -> None:
        self._space = space
        self._made: dict[str, _Address] = {}

    def make(self, message: Message, user: str, now: int) -> str:
        """A new one, for this message and whoever clicked."""
        name = secrets.token_urlsafe(12)
        self._made[name] = _Address(message, user, now)
        return name

    def used(self, name: str) -> int:
        """How often it was answered at."""
        return self._made[name].used

    def respond(self, name: str, args: dict[str, Any], now: int) -> None:
        """Replace or delete the message, or add one; refuses what Slack refuses."""
        address = self._made.get(name)
        if address is None or now - address.made > URL_LASTS:
            raise Refusal("expired_url")
        if address.used >= URL_USES:
            raise Refusal("used_url")
        message, space = address.message, self._space
        if is_true(args.get("delete_original")):
            space.channels[message.channel].messages.pop(message.ts, None)
        elif is_true(args.get("replace_original")):
            space.update({**args, "channel": message.channel, "ts": message.ts}, now)
        elif args.get("response_type") == "in_channel":
            space.post({**args, "channel": message.channel}, now)
        else:
            space.whisper({**args, "channel": message.channel, "user": address.user}, now)
        address.used += 1
