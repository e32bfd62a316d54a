"""A Slack workspace as plain state: channels, people, messages, and what it refuses. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from monitor.sandbox.slack.blocks import MAX_TOTAL, count_text, find_faults, name_blocks

SCOPES = frozenset(
    {"commands", "chat:write", "chat:write.public", "im:write", "channels:history", "im:history"}
    | {"channels:read", "groups:read", "users:read", "users:read.email", "reactions:write"}
)
TEXT_LIMIT = 40_000  # characters; beyond it a post is cut with a warning
TEAM = "T0SANDBOX"
APP = "A0SANDBOX"
BOT_USER = "U0SHOWUP"


class Refusal(Exception):
    """Slack said `ok: false`; `error` is its word for why, `more` what comes with it."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.error = error
        self.more = more


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the workspace."""

    id: str
    name: str
    email: str
    tz: str = "Etc/UTC"
    deleted: bool = False
    team: str = TEAM  # another one of a person who came in through a shared channel
    guest: bool = False

    def as_json(self) -> dict[str, Any]:
        """The user object, as far as it is relied on."""
        profile = {"real_name": self.name, "display_name": self.name, "email": self.email}
        return {
            "id": self.id,
            "team_id": self.team,
            "is_restricted": self.guest,
            "name": self.email.partition("@")[0],
            "real_name": self.name,
            "deleted": self.deleted,
            "is_bot": False,
            "tz": self.tz,
            "tz_offset": 0,
            "profile": profile,
        }


@dataclass(slots=True)
class Message:
    """One message as it is now; (channel, ts) names it. `edits` counts its changes."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[dict[str, Any]] = field(default_factory=list)
    thread_ts: str = ""
    metadata: dict[str, Any] | None = None
    broadcast: bool = False
    only_for: str = ""  # an ephemeral message: nobody else sees it
    edits: int = 0
    edited_ts: str = ""
    reactions: dict[str, set[str]] = field(default_factory=dict)

    @property
    def is_reply(self) -> bool:
        """Stands in a thread, and is not the one that began it."""
        return bool(self.thread_ts) and self.thread_ts != self.ts


@dataclass(slots=True)
class Channel:
    """A channel or a direct conversation."""

    id: str
    name: str
    bot_is_member: bool = True
    archived: bool = False
    person: str = ""  # whose direct conversation this is
    private: bool = False
    messages: dict[str, Message] = field(default_factory=dict)
    ephemeral: list[Message] = field(default_factory=list)


class Workspace:
    """Everything Slack knows; each method is what one API method does, or raises Refusal."""

    def __init__(self, *, channels: Iterable[Channel], members: Iterable[Member], scopes: Iterable[str]) -> None:
        self.channels = {c.id: c for c in channels}
        self.members = {m.id: m for m in members}
        self.scopes = set(scopes)
        self.triggers: dict[str, tuple[str, int]] = {}  # who may be shown a form, and when that was given out
        self.views: dict[str, dict[str, Any]] = {}  # the form that a person has open
        self._last = 0

    def make_ts(self, now: int) -> str:
        """A message's name: its time in s with six digits, unique and rising whatever the clock does."""
        self._last = max(now, self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    # --- finding ----------------------------------------------------------------------------------------------------

    def find_channel(self, name: str, *, by_name: bool = False) -> Channel:
        """A channel by id; by name and by person only where Slack allows it."""
        found = self.channels.get(name)
        if found is None and by_name:
            wanted = name.removeprefix("#")
            found = next((c for c in self.channels.values() if c.name == wanted and not c.person), None)
            if found is None and name in self.members:
                found = self.open_direct(name)
        if found is None or (found.private and not found.bot_is_member):
            raise Refusal("channel_not_found")
        return found

    def find_shown(self, channel: str, ts: str, user: str) -> Message:
        """A message by its name as this person sees it, what only they see among it."""
        place = self.find_channel(channel)
        alone = next((m for m in place.ephemeral if m.ts == ts and m.only_for == user), None)
        return alone or self.find_message(channel, ts)

    def find_message(self, channel: str, ts: str) -> Message:
        """A message by its name."""
        message = self.find_channel(channel).messages.get(ts)
        if message is None:
            raise Refusal("message_not_found")
        return message

    def open_direct(self, user: str) -> Channel:
        """The direct conversation with a person."""
        member = self.members.get(user)
        if member is None:
            raise Refusal("user_not_found")
        if member.deleted:
            raise Refusal("user_disabled")
        name = "D" + user[1:]
        return self.channels.setdefault(name, Channel(name, f"direct-{member.name}", person=user))

    # --- writing ----------------------------------------------------------------------------------------------------

    def compose(self, args: dict[str, Any]) -> tuple[str, list[dict[str, Any]], str]:
        """Text, blocks and a warning out of a request's arguments; refuses what Slack refuses."""
        text, blocks = args.get("text") or "", args.get("blocks") or []
        text = text if isinstance(text, str) else str(text)
        faults = find_faults(blocks)
        if faults:
            raise Refusal("invalid_blocks", errors=faults, response_metadata={"messages": faults})
        if not text.strip() and not blocks and not args.get("attachments"):
            raise Refusal("no_text")
        if count_text(blocks) > MAX_TOTAL:
            raise Refusal("msg_blocks_too_long")
        attachments = args.get("attachments")
        if isinstance(attachments, list) and len(attachments) > 100:
            raise Refusal("too_many_attachments")
        warning = "message_truncated" if len(text) > TEXT_LIMIT else ""
        return text[:TEXT_LIMIT], blocks, warning

    def post(self, args: dict[str, Any], now: int) -> tuple[Message, str]:
        """Post a message; returns it with a warning (or none). A thread's parent must exist and be no reply itself."""
        channel = self.find_channel(str(args.get("channel") or ""), by_name=True)
        self.check_open(channel)
        text, blocks, warning = self.compose(args)
        thread = str(args.get("thread_ts") or "")
        if thread and (thread not in channel.messages or channel.messages[thread].is_reply):
            raise Refusal("cannot_reply_to_message")
        ts = self.make_ts(now)
        message = Message(channel.id, ts, BOT_USER, text, name_blocks(blocks, f"b{ts[-6:]}."), thread)
        message.metadata = _read_metadata(args.get("metadata"))
        message.broadcast = bool(thread) and is_true(args.get("reply_broadcast"))
        channel.messages[ts] = message
        return message, warning

    def update(self, args: dict[str, Any], now: int) -> Message:
        """Change a message of ours; without `blocks` the old ones stay, with an empty list they go."""
        message = self.find_message(str(args.get("channel") or ""), str(args.get("ts") or ""))
        if message.user != BOT_USER:
            raise Refusal("cant_update_message")
        if len(str(args.get("text") or "")) > TEXT_LIMIT:
            raise Refusal("msg_too_long")
        blocks = args.get("blocks")
        text, _, _ = self.compose({**args, "blocks": message.blocks if blocks is None else blocks})
        message.text = text or message.text
        if blocks is not None:
            message.blocks = name_blocks(blocks, f"b{message.ts[-6:]}.")
        if args.get("metadata") is not None:
            message.metadata = _read_metadata(args["metadata"])
        message.edits += 1
        message.edited_ts = self.make_ts(now)
        return message

    def whisper(self, args: dict[str, Any], now: int) -> Message:
        """Post what only one person sees."""
        channel = self.find_channel(str(args.get("channel") or ""), by_name=True)
        self.check_open(channel)
        user = str(args.get("user") or "")
        if user not in self.members:
            raise Refusal("user_not_in_channel")
        text, blocks, _ = self.compose(args)
        message = Message(channel.id, self.make_ts(now), BOT_USER, text, name_blocks(blocks, "e"), only_for=user)
        message.thread_ts = str(args.get("thread_ts") or "")
        channel.ephemeral.append(message)
        return message

    def react(self, args: dict[str, Any], user: str = BOT_USER) -> None:
        """Add one emoji to a message."""
        message = self.find_message(str(args.get("channel") or ""), str(args.get("timestamp") or ""))
        name = str(args.get("name") or "").strip(":")
        if not name or not name.replace("_", "").replace("-", "").replace("+", "").isalnum():
            raise Refusal("invalid_name")
        if user in message.reactions.get(name, ()):
            raise Refusal("already_reacted")
        message.reactions.setdefault(name, set()).add(user)

    def check_open(self, channel: Channel) -> None:
        """May the app post here?"""
        if channel.archived:
            raise Refusal("is_archived")
        if not channel.bot_is_member and "chat:write.public" not in self.scopes:
            raise Refusal("not_in_channel")


def _read_metadata(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("event_type"), str):
        raise Refusal("invalid_metadata_format")
    if not isinstance(value.get("event_payload"), dict):
        raise Refusal("invalid_metadata_format")
    return value


def is_true(value: Any) -> bool:
    """A flag as JSON or as a form field."""
    return value is True or str(value).lower() in ("true", "1")
