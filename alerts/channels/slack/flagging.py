"""Saying in Slack that an answer was wrong: a message shortcut opens a form, a button says it at once. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alerts.channels.kit import Surroundings
from alerts.message import Reaction
from alerts.people import find_person
from probes.words.text import clean

FLAG = "showup.flag"  # callback of the shortcut and of its form, action of the button
LONGEST = 3_000  # characters that a field of Slack takes
MOST = 100  # workflows that a choice of Slack holds
FIELDS = {
    "asked": "What was asked",
    "answered": "What was answered",
    "expected": "What would have been right",
    "comment": "Anything else",
}
Payload = Mapping[str, Any]


def is_shortcut(payload: Payload) -> bool:
    """True when somebody chose ours among what can be done with a message."""
    return payload.get("type") == "message_action" and payload.get("callback_id") == FLAG


def form(payload: Payload, around: Surroundings) -> dict[str, Any]:
    """The form that a shortcut opens: which workflow, what was asked, answered and right."""
    where = {"channel": inner(payload, "channel", "id"), "ts": inner(payload, "message", "ts")}
    answered = clean(decoded(inner(payload, "message", "text")), LONGEST, lines=True)
    blocks = [which_workflow(around)]
    for name, label in FIELDS.items():
        element: dict[str, Any] = {"type": "plain_text_input", "action_id": "v", "multiline": True}
        given = {"initial_value": answered} if name == "answered" and answered else {}
        blocks.append(input_of(name, label, {**element, "max_length": LONGEST, **given}, optional=name != "answered"))
    return {
        "type": "modal",
        "callback_id": FLAG,
        "private_metadata": json.dumps(where),
        "title": plain_text("Wrong answer"),
        "submit": plain_text("Flag it"),
        "close": plain_text("Cancel"),
        "blocks": blocks,
    }


def which_workflow(around: Surroundings) -> dict[str, Any]:
    """The field of a form that asks for the workflow; where there is one alone, it is chosen."""
    choices = [
        {"text": plain_text(clean(title, 75) or subject), "value": subject}
        for subject, title in list(around.subjects().items())[:MOST]
    ]
    select = {"type": "static_select", "action_id": "v", "options": choices}
    first = {"initial_option": choices[0]} if len(choices) == 1 else {}
    return input_of("workflow", "Workflow", {**select, **first}, optional=False)


def input_of(name: str, label: str, element: dict[str, Any], *, optional: bool) -> dict[str, Any]:
    """One field of a form."""
    return {"type": "input", "block_id": name, "label": plain_text(label), "element": element, "optional": optional}


def plain_text(text: str) -> dict[str, Any]:
    """A text in which nothing is a mark or a mention."""
    return {"type": "plain_text", "text": text}


def flags(payload: Payload, around: Surroundings) -> list[Reaction]:
    """The flags in a payload, from the form or from buttons; never raises, whatever it is given."""
    if payload.get("type") == "view_submission":
        view = payload.get("view")
        return _of_form(payload, view, around) if isinstance(view, Mapping) and view.get("callback_id") == FLAG else []
    if payload.get("type") != "block_actions":
        return []
    actions = payload.get("actions")
    return [
        _of_button(payload, action, around)
        for action in (actions if isinstance(actions, list) else [])
        if isinstance(action, Mapping) and action.get("action_id") == FLAG and action.get("value")
    ]


def _of_form(payload: Payload, view: Mapping[str, Any], around: Surroundings) -> list[Reaction]:
    values = inner_map(inner_map(view, "state"), "values")
    chosen = inner_map(inner_map(inner_map(values, "workflow"), "v"), "selected_option")
    said = {name: str(inner_map(inner_map(values, name), "v").get("value") or "") for name in FIELDS}
    where = place_of(payload)
    return [_reaction(payload, str(chosen.get("value") or ""), said, where, around)]


def _of_button(payload: Payload, action: Mapping[str, Any], around: Surroundings) -> Reaction:
    """The message that the button stands on is the answer."""
    said = {"answered": decoded(inner(payload, "message", "text"))[:LONGEST]}
    return _reaction(payload, str(action.get("value")), said, place_of(payload), around)


def _reaction(
    payload: Payload, subject: str, said: dict[str, str], where: tuple[str, str], around: Surroundings
) -> Reaction:
    """One message is flagged once, whoever says it."""
    key = {"key": f"slack:{where[0]}:{where[1]}"} if all(where) else {}
    by, person = who(payload, around)
    return Reaction(
        action="flag", incident=clean(subject, 140), by=by, via="slack", at=around.clock.now(), person=person,
        said={**said, **key},
    )  # fmt: skip


def who(payload: Payload, around: Surroundings) -> tuple[str, str]:
    """(name, key of a known person or "") of whoever pressed."""
    user = inner_map(payload, "user")
    person = find_person(around.people(), slack=str(user.get("id") or ""))
    if person is not None:
        return person.name, person.key
    return clean(str(user.get("name") or user.get("username") or "somebody in Slack"), 80), ""


def place_of(payload: Payload) -> tuple[str, str]:
    """(channel, ts) of the message that is meant, "" for what is not known."""
    if payload.get("type") != "view_submission":
        return inner(payload, "channel", "id")[:40], inner(payload, "message", "ts")[:40]
    try:
        found = json.loads(inner(payload, "view", "private_metadata") or "{}")
    except (ValueError, RecursionError):
        found = {}
    found = found if isinstance(found, Mapping) else {}
    return str(found.get("channel") or "")[:40], str(found.get("ts") or "")[:40]


def decoded(text: str) -> str:
    """Slack's text as a person reads it."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def inner(payload: Payload, outer: str, key: str) -> str:
    """A text within a part of a payload, "" when either is not there."""
    return str(inner_map(payload, outer).get(key) or "")


def inner_map(payload: Payload, key: str) -> Mapping[str, Any]:
    """A part of a payload, {} when it is not there."""
    part = payload.get(key)
    return part if isinstance(part, Mapping) else {}
