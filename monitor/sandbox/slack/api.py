"""The methods of Slack's Web API that a pager needs: arguments in, JSON out, or Refusal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from monitor.sandbox.slack.forms import TRIGGER_LASTS, find_view_faults
from monitor.sandbox.slack.workspace import APP, BOT_USER, TEAM, Message, Refusal, Workspace, is_true

BOT = "B0SHOWUP"
Args = dict[str, Any]
Method = Callable[[Workspace, Args, int], Args]


def show(space: Workspace, message: Message, *, metadata: bool = True) -> Args:
    """A message as the API shows it."""
    shown: Args = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text, "team": TEAM}
    if message.user == BOT_USER:
        shown |= {"bot_id": BOT, "app_id": APP}
    if message.blocks:
        shown["blocks"] = message.blocks
    if message.metadata is not None and metadata:
        shown["metadata"] = message.metadata
    if message.edited_ts:
        shown["edited"] = {"user": message.user, "ts": message.edited_ts}
    if message.reactions:
        shown["reactions"] = [
            {"name": name, "count": len(users), "users": sorted(users)} for name, users in message.reactions.items()
        ]
    if message.thread_ts:
        shown["thread_ts"] = message.thread_ts
    replies = list_replies(space, message)
    if replies and not message.is_reply:
        shown |= {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}
    return shown


def list_replies(space: Workspace, parent: Message) -> list[Message]:
    """The replies in a thread, oldest first."""
    messages = space.channels[parent.channel].messages.values()
    return sorted((m for m in messages if m.is_reply and m.thread_ts == parent.ts), key=lambda m: m.ts)


def tell_identity(space: Workspace, _args: Args, _now: int) -> Args:
    """Who am I?"""
    return {"team": "Sandbox", "team_id": TEAM, "user": "showup", "user_id": BOT_USER, "bot_id": BOT}


def post_message(space: Workspace, args: Args, now: int) -> Args:
    """chat.postMessage"""
    message, warning = space.post(args, now)
    answer: Args = {"channel": message.channel, "ts": message.ts, "message": show(space, message)}
    return answer | ({"warning": warning, "response_metadata": {"warnings": [warning]}} if warning else {})


def update_message(space: Workspace, args: Args, now: int) -> Args:
    """chat.update"""
    message = space.update(args, now)
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": show(space, message)}


def post_ephemeral(space: Workspace, args: Args, now: int) -> Args:
    """chat.postEphemeral"""
    return {"message_ts": space.whisper(args, now).ts}


def open_conversation(space: Workspace, args: Args, _now: int) -> Args:
    """conversations.open, for one person"""
    users = [u.strip() for u in str(args.get("users") or "").split(",") if u.strip()]
    if args.get("channel"):
        return {"channel": {"id": space.find_channel(str(args["channel"])).id}}
    if len(users) != 1:
        raise Refusal("users_list_not_supplied" if not users else "not_enough_users")
    return {"channel": {"id": space.open_direct(users[0]).id}}


def read_history(space: Workspace, args: Args, _now: int) -> Args:
    """conversations.history: newest first, without replies that stayed in their thread"""
    channel = space.find_channel(str(args.get("channel") or ""))
    if not channel.bot_is_member:
        raise Refusal("not_in_channel")
    chosen = [m for m in channel.messages.values() if not m.is_reply or m.broadcast]
    return _pages(space, args, _within(chosen, args, newest_first=True), default=100)


def read_replies(space: Workspace, args: Args, _now: int) -> Args:
    """conversations.replies: the parent, then its replies, oldest first"""
    channel = space.find_channel(str(args.get("channel") or ""))
    if not channel.bot_is_member:
        raise Refusal("not_in_channel")
    found = channel.messages.get(str(args.get("ts") or ""))
    if found is None:
        raise Refusal("thread_not_found")
    parent = channel.messages.get(found.thread_ts, found) if found.is_reply else found
    return _pages(space, args, [parent, *_within(list_replies(space, parent), args)], default=1000)


def read_user(space: Workspace, args: Args, _now: int) -> Args:
    """users.info"""
    member = space.members.get(str(args.get("user") or ""))
    if member is None:
        raise Refusal("user_not_found")
    return {"user": member.as_json()}


def read_bot(_space: Workspace, args: Args, _now: int) -> Args:
    """bots.info"""
    if args.get("bot") != BOT:
        raise Refusal("bot_not_found")
    return {"bot": {"id": BOT, "app_id": APP, "name": "showup", "deleted": False, "user_id": BOT_USER}}


def list_conversations(space: Workspace, args: Args, _now: int) -> Args:
    """conversations.list: the channels that the app sees, without direct conversations"""
    kinds = str(args.get("types") or "public_channel").split(",")
    if "private_channel" in kinds and "groups:read" not in space.scopes:
        raise Refusal("missing_scope", needed="groups:read", provided=",".join(sorted(space.scopes)))
    seen = [
        {"id": c.id, "name": c.name, "is_archived": c.archived, "is_member": c.bot_is_member, "is_private": c.private}
        for c in space.channels.values()
        if not c.person
        and ("private_channel" in kinds and c.bot_is_member if c.private else "public_channel" in kinds)
        and not (c.archived and is_true(args.get("exclude_archived")))
    ]
    return _cut(args, seen, "channels", default=100)


def find_user(space: Workspace, args: Args, _now: int) -> Args:
    """users.lookupByEmail"""
    wanted = str(args.get("email") or "").lower()
    found = [m for m in space.members.values() if m.email.lower() == wanted and not m.deleted]
    if not found:
        raise Refusal("users_not_found")
    return {"user": found[0].as_json()}


def add_reaction(space: Workspace, args: Args, _now: int) -> Args:
    """reactions.add"""
    space.react(args)
    return {}


def open_view(space: Workspace, args: Args, now: int) -> Args:
    """views.open: a form, for whoever clicked within the last three seconds"""
    user, since = space.triggers.pop(str(args.get("trigger_id") or ""), ("", 0))
    if not user:
        raise Refusal("invalid_trigger_id" if args.get("trigger_id") else "invalid_arguments")
    if now - since > TRIGGER_LASTS:
        raise Refusal("expired_trigger_id")
    view = args.get("view")
    faults = find_view_faults(view)
    if faults or not isinstance(view, dict):
        raise Refusal("invalid_arguments", response_metadata={"messages": faults})
    space.views[user] = {**view, "id": f"V{space.make_ts(now).replace('.', '')}"}
    return {"view": space.views[user]}


METHODS: dict[str, tuple[Method, str]] = {
    "auth.test": (tell_identity, ""),
    "chat.postMessage": (post_message, "chat:write"),
    "chat.update": (update_message, "chat:write"),
    "chat.postEphemeral": (post_ephemeral, "chat:write"),
    "conversations.open": (open_conversation, "im:write"),
    "conversations.history": (read_history, "channels:history"),
    "conversations.replies": (read_replies, "channels:history"),
    "conversations.list": (list_conversations, "channels:read"),
    "users.info": (read_user, "users:read"),
    "bots.info": (read_bot, "users:read"),
    "users.lookupByEmail": (find_user, "users:read.email"),
    "reactions.add": (add_reaction, "reactions:write"),
    "views.open": (open_view, ""),
}


def _within(messages: Iterable[Message], args: Args, *, newest_first: bool = False) -> list[Message]:
    oldest, latest = str(args.get("oldest") or "0"), str(args.get("latest") or "")
    inclusive = is_true(args.get("inclusive"))

    def is_inside(message: Message) -> bool:
        ts, low, high = _number(message.ts), _number(oldest), _number(latest) if latest else float("inf")
        return low <= ts <= high if inclusive else low < ts < high

    return sorted(filter(is_inside, messages), key=lambda m: m.ts, reverse=newest_first)


def _number(ts: str) -> float:
    # microseconds of this century fit a float's 53 bits
    try:
        return float(ts)
    except ValueError:
        raise Refusal("invalid_ts_oldest") from None


def _pages(space: Workspace, args: Args, messages: list[Message], *, default: int) -> Args:
    metadata = is_true(args.get("include_all_metadata"))
    return {"has_more": False} | _cut(
        args, [show(space, m, metadata=metadata) for m in messages], "messages", default=default
    )


def _cut(args: Args, found: list[Args], name: str, *, default: int) -> Args:
    """One page of what was found, and where the next one begins."""
    limit, cursor = str(args.get("limit") or default), str(args.get("cursor") or "0")
    if not limit.isdecimal() or not 1 <= int(limit[:6]) <= 1000:
        raise Refusal("invalid_limit")
    if not cursor.isdecimal():
        raise Refusal("invalid_cursor")
    start, size = int(cursor[:9]), int(limit[:6])
    answer: Args = {name: found[start : start + size]}
    if len(found) > start + size:
        answer |= {"has_more": True, "response_metadata": {"next_cursor": str(start + size)}}
    return answer
