"""A page as PagerDuty takes it: limits kept here, as its library checks none. Pure."""

from __future__ import annotations

import json
from typing import Any

from alerts import render
from alerts.message import IncidentView, Message, Purpose
from probes.words.clock import moment
from probes.words.text import clean

SUMMARY, BODY = 1_024, 500_000  # characters of the title; bytes of a request, of 512,000 that are taken
SEVERITIES = frozenset({"critical", "error", "warning", "info"})
ACTIONS = {
    Purpose.PAGE: "trigger",
    Purpose.EMERGENCY: "trigger",
    Purpose.WARNING: "trigger",
    Purpose.TEST: "trigger",
    Purpose.ACK: "acknowledge",
    Purpose.RESOLVE: "resolve",
}
_WITHOUT_INCIDENT = {Purpose.WARNING: "warning", Purpose.TEST: "info"}


def trigger(message: Message) -> dict[str, Any]:
    """The fields of a trigger event beside action, key and routing key."""
    view = message.incident
    fields: dict[str, Any] = {"payload": _payload(message, view), "client": "showup"}
    if view is None:
        return fields
    page_url = render.public(view.page_url)
    if page_url:
        fields["client_url"] = page_url
    links = [{"href": url, "text": label} for label, url in render.addresses(view)]
    return (fields | {"links": links}) if links else fields


def _payload(message: Message, view: IncidentView | None) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "summary": clean(render.subject_line(message), SUMMARY),
        "source": clean(view.subject if view else "showup", 200) or "showup",
        "severity": _severity(message, view),
        "custom_details": _details(message, view),
    }
    if view is not None:
        payload |= {"component": clean(view.title, 200), "class": clean(view.failure, 80)}
        if view.began:
            payload["timestamp"] = moment(view.began).isoformat(timespec="milliseconds")
    if len(json.dumps(payload)) > BODY:
        payload["custom_details"] = {"left out": "the details were longer than PagerDuty takes"}
    return payload


def _severity(message: Message, view: IncidentView | None) -> str:
    if view is None:
        return _WITHOUT_INCIDENT.get(message.purpose, "critical")
    if not view.urgent:
        return "info"  # a service whose urgency follows the severity wakes nobody for it
    return view.severity if view.severity in SEVERITIES else "critical"


def _details(message: Message, view: IncidentView | None) -> dict[str, Any]:
    """What a responder reads in the incident; no secret and no address of this machine."""
    if view is None:
        return {"text": clean(message.text, 4_000, lines=True)}
    found: dict[str, Any] = {
        "what": clean(view.sentence, 1_000),
        "sure": clean(view.sure, 200),
        "blame": render.blame(view),
        "meanwhile": [clean(line, 300) for line in view.context],
        "since": render.when(view.began, view.zone) if view.began else "",
        "failing": [clean(member, 80) for member in view.members[:50]],
        "on call": clean(view.on_call, 200),
        "next": render.coming(view),
        "runbook": [clean(line, 300) for line in view.runbook_lines[:10]],
        "incident": clean(view.public_id, 40),
        "round": view.round,
        "run": clean(view.run, 80),
        "drill": view.drill,
    }
    return {key: value for key, value in found.items() if value}
