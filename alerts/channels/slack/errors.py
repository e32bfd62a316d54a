"""What Slack's refusals and a broken wire mean for a message. Pure but for the types it looks at."""

from __future__ import annotations

from typing import Any

from alerts.channels.kit import wait_of
from probes.words.errors import DeliveryError
from probes.words.text import for_log

CONTENT = frozenset(
    {"no_text", "msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format"}
    | {"too_many_attachments", "invalid_arguments", "invalid_metadata_format", "metadata_too_large"}
)
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"})
BUSY = frozenset({"ratelimited", "rate_limited", "rate_limited_dm"})
TROUBLED = frozenset({"internal_error", "fatal_error", "request_timeout", "service_unavailable"})

WHAT_TO_DO = {
    "invalid_auth": "the token is wrong: copy the Bot User OAuth Token (xoxb-…) of the app again",
    "not_authed": "no token arrived: set the secret that `token` names",
    "account_inactive": "the app was removed from the workspace: install it again",
    "token_revoked": "the token was revoked: install the app again and copy the new one",
    "token_expired": "the token has expired: switch token rotation off, or copy a new one",
    "missing_scope": "the app may not do this: add the scope, then reinstall the app",
    "channel_not_found": "there is no such channel, or it is private: write /invite @showup in it",
    "not_in_channel": "the app is not in the channel: write /invite @showup there",
    "is_archived": "the channel is archived: choose another",
    "restricted_action": "the workspace does not let the app post there",
    "not_allowed_token_type": "this is the other token: app_token begins with xapp-, token with xoxb-",
}


def code_of(error: Any) -> str:
    """Slack's own word for the refusal; "" when the answer held none."""
    data = getattr(error.response, "data", None)
    if data is None and hasattr(error.response, "get"):
        data = error.response
    code = data.get("error") if isinstance(data, dict) else None
    return for_log(str(code), 80) if code else ""


def refusal(error: Any) -> DeliveryError:
    """The DeliveryError that a SlackApiError means."""
    code, status = code_of(error), int(getattr(error.response, "status_code", None) or 0)
    if status == 429 or code in BUSY:
        headers = getattr(error.response, "headers", None) or {}
        wait = wait_of(headers.get("Retry-After"), otherwise=1.0)
        return DeliveryError("Slack: too many messages", retry_after=wait)
    if code in TROUBLED or status >= 500 or not code:
        return DeliveryError(f"Slack: {code or f'HTTP {status}'}", unknown=True)
    data = getattr(error.response, "data", None) or {}
    needed = for_log(str(data.get("needed", "")), 80) if code == "missing_scope" and isinstance(data, dict) else ""
    hint = WHAT_TO_DO.get(code, "")
    said = f"Slack: {code}" + (f" ({needed})" if needed else "") + (f": {hint}" if hint else "")
    return DeliveryError(said, permanent=True)


def broken_wire(error: BaseException) -> DeliveryError:
    """The DeliveryError of a network error: what never connected has not arrived, of all else nobody knows."""
    import aiohttp

    never = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
    name = type(error).__name__
    if isinstance(error, never):
        return DeliveryError(f"Slack cannot be reached ({name})")
    return DeliveryError(f"Slack did not answer ({name})", unknown=True)
