"""Who is of another workspace, or a guest in ours: they see our messages, and may not press what only we may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.channels.slack.client import Refusal, call
from probes.words.errors import DeliveryError

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

UNSEEN = ("user_not_found", "user_not_visible")
GUEST = ("is_restricted", "is_ultra_restricted", "is_stranger", "is_bot", "deleted")


async def is_outsider(web: AsyncWebClient, user: str) -> bool:
    """True for guests, bots and people of other workspaces. Where Slack does not say who it is, False: whoever lets
    anyone press has chosen that a page is answered rather than that every name is known."""
    try:
        home = str((await call(web, "auth.test")).get("team_id") or "")
        found = (await call(web, "users.info", user=user)).get("user") or {}
    except Refusal as refused:
        return refused.code in UNSEEN
    except DeliveryError:
        return False
    theirs = str(found.get("team_id") or "")
    return any(found.get(mark) for mark in GUEST) or bool(home and theirs and home != theirs)
