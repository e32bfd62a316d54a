"""Saying in Slack that a customer noticed something: a shortcut on their message opens a form. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alerts.channels.kit import Surroundings
from alerts.channels.slack.flagging import (
    Payload,
    decoded,
    inner,
    inner_map,
    input_of,
    plain_text,
    which_workflow,
    who,
)
from alerts.message import Reaction
from probes.words.text import clean

REPORT = "showup.report"  # callback of the shortcut and of its form
LONGEST, WHEN = 1_000, 60  # characters of a report, and of its time


def is_shortcut(payload: Payload) -> bool:
    """True when somebody chose ours, on a message or anywhere."""
    return payload.get("type") in ("message_action", "shortcut") and payload.get("callback_id") == REPORT


def form(payload: Payload, around: Surroundings) -> dict[str, Any]:
    """The form that the shortcut opens: which workflow, and what is wrong, in the customer's words."""
    said = clean(decoded(inner(payload, "message", "text")), LONGEST, lines=True)
    element: dict[str, Any] = {"type": "plain_text_input", "action_id": "v", "multiline": True, "max_length": LONGEST}
    if said:
        element["initial_value"] = said
    since = {"type": "plain_text_input", "action_id": "v", "max_length": WHEN}
    return {
        "type": "modal",
        "callback_id": REPORT,
        "private_metadata": json.dumps({"channel": inner(payload, "channel", "id"), "ts": ""}),
        "title": plain_text("A customer reports"),
        "submit": plain_text("Page for it"),
        "close": plain_text("Cancel"),
        "blocks": [
            which_workflow(around),
            input_of("text", "What is wrong", element, optional=False),
            input_of("since", "Since when (20m ago, or 2026-11-23T09:40)", since, optional=True),
        ],
    }


def reports(payload: Payload, around: Surroundings) -> list[Reaction]:
    """The report in a payload; never raises, whatever it is given."""
    view = payload.get("view") if payload.get("type") == "view_submission" else None
    if not isinstance(view, Mapping) or view.get("callback_id") != REPORT:
        return []
    values = inner_map(inner_map(view, "state"), "values")
    chosen = inner_map(inner_map(inner_map(values, "workflow"), "v"), "selected_option")
    text = str(inner_map(inner_map(values, "text"), "v").get("value") or "")
    by, person = who(payload, around)
    since = clean(str(inner_map(inner_map(values, "since"), "v").get("value") or ""), WHEN).strip()
    said = {"text": clean(text, LONGEST), "from": "customer"} | ({"since": since} if since else {})
    return [
        Reaction(
            action="report",
            incident=clean(str(chosen.get("value") or ""), 140),
            by=by,
            via="slack",
            at=around.clock.now(),
            person=person,
            said=said,
        )
    ]
