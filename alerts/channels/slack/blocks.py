"""How a page looks in Slack: Block Kit built from an incident, every foreign word encoded. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alerts import render
from alerts.message import ActionView, IncidentView, Message, Purpose
from alerts.signal import Severity
from probes.words.text import clean, for_mrkdwn

Block = dict[str, Any]

ACK, SNOOZE, RESOLVE = "showup.ack", "showup.snooze", "showup.resolve"
CHECK, RUNBOOK, MORE, ACT = "showup.check", "showup.runbook", "showup.more", "showup.act"
SEVERITY = "showup.severity"
RATED = (Severity.CRITICAL, Severity.ERROR, Severity.WARNING)  # what one may say it is
MORNING, TILL_MORNING = "08:00", "morning"
LENGTHS = (("2h", "2 h"), ("8h", "8 h"), (TILL_MORNING, f"till {MORNING}"))  # of further snoozes
TOLD = 12  # lines of the timeline that More shows
LINK = "showup.link"
_ICONS = {"triggered": "🔴", "acknowledged": "🟡", "resolved": "🟢"}
_SECTION = 2_900  # characters of a section, of 3,000
RUNBOOK_SHOWN = 11_000  # characters of a message that has no blocks, of 40,000; longer is read elsewhere


def layout(message: Message, *, mentions: Mapping[str, str]) -> list[Block]:
    """The blocks of one message. `mentions` maps names of people to their Slack ids; nobody else can be called."""
    view = message.incident
    if view is None:
        return [_section(f"*{_words(message.headline, 300)}*\n{for_mrkdwn(message.text, 2_400)}")]
    calls = " ".join(f"<@{user}>" for user in called(view, mentions))
    first = f"{_icon(view)} *{_words(render.headline(view), 300)}*" + (f"\n{calls}" if calls else "")
    facts = [words for line in (render.since(view), render.blame(view), *view.context) if (words := _words(line, 300))]
    turn = [words for line in (render.told(view), render.coming(view)) if (words := _words(line, 300))]
    found = [_section(first)]
    found += [_section("\n".join(part)) for part in (facts, turn) if part]
    if message.purpose is Purpose.PAGE and (more := for_mrkdwn(message.text, 1_500).strip()):
        found.append(_section(more))
    found += [_section(failing)] if (failing := _failing(view)) else []
    found += [_quote(view)] if view.runbook_lines and view.state != "resolved" else []
    found += [{"type": "actions", "elements": buttons}] if (buttons := _buttons(view)) else []
    return [*found, _footer(message, view)]


def notification(message: Message) -> str:
    """The text beside the blocks: what a lock screen shows, so the headline comes first."""
    return for_mrkdwn(render.subject_line(message), 300)


def notification_of(view: IncidentView) -> str:
    """The line beside what More shows."""
    return for_mrkdwn(render.headline(view), 300)


def plain(message: Message) -> str:
    """The whole message without blocks, for when Slack refuses them."""
    return for_mrkdwn(render.text(message), 3_000)


def called(view: IncidentView, mentions: Mapping[str, str]) -> list[str]:
    """Slack ids of those who are being told now, as long as nobody has answered."""
    if view.state != "triggered":
        return []
    names = [name.strip() for name in view.on_call.split(",")]
    return list(dict.fromkeys(mentions[name] for name in names if mentions.get(name)))


def thread_line(message: Message, *, mentions: Mapping[str, str]) -> str:
    """One line in the incident's thread; a page calls those who are told now."""
    view = message.incident
    if message.purpose is not Purpose.PAGE or view is None:
        return for_mrkdwn(message.text or render.subject_line(message), 2_500)
    calls = " ".join(f"<@{user}>" for user in called(view, mentions))
    said = message.text or " · ".join(line for line in (render.headline(view), render.coming(view)) if line)
    return f"{calls} {for_mrkdwn(said, 2_500)}".strip()


def _words(text: str, limit: int) -> str:
    return for_mrkdwn(clean(text, limit), limit)


def _icon(view: IncidentView) -> str:
    """Its state; what wakes nobody has another shape than what does, so that grey tells them apart too."""
    if view.state == "triggered" and view.drill:
        return "🧪"
    if view.state == "triggered" and view.severity in (Severity.WARNING, Severity.INFO):
        return "⚠️"
    return _ICONS.get(view.state, "🔴")


def _section(text: str) -> Block:
    # `verbatim` keeps Slack from turning bare names and addresses into links and mentions
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_SECTION], "verbatim": True}}


def _failing(view: IncidentView) -> str:
    names = [_words(member, 80) for member in view.members[:10]]
    more = f" and {len(view.members) - 10} more" if len(view.members) > 10 else ""
    return f"Failing: {', '.join(names)}{more}" if names else ""


def _quote(view: IncidentView) -> Block:
    said = [clean(line, 200) for line in view.runbook_lines[:5] if line.strip()]
    return {"type": "section", "text": {"type": "plain_text", "text": "Runbook: " + "\n".join(said or ["(empty)"])}}


def _buttons(view: IncidentView) -> list[Block]:
    """What can be done now: a button that would do nothing is not shown."""
    value = f"{view.public_id}|{view.round}"[:2_000]
    found: list[Block] = []
    if view.state == "triggered":
        found.append(_button("Acknowledge", ACK, value=value, style="primary"))
        found.append(_button("Snooze 30 min", SNOOZE, value=value))
    if view.state != "resolved":
        found.append(_button("Check now", CHECK, value=value))
        if view.runbook_lines and not render.public(view.runbook):
            found.append(_button("Runbook", RUNBOOK, value=value))
        found.append(_button("More", MORE, value=value))
    for number, (label, url) in enumerate(render.addresses(view)):
        found.append(_button(label, f"{LINK}.{number}", url=url))
    return found


def more(view: IncidentView) -> list[Block]:
    """What More shows to the one who pressed: the timeline, longer snoozes, resolve, another severity, and the
    workflow's actions."""
    value = f"{view.public_id}|{view.round}"[:2_000]
    lines = [f"• {_words(render.timeline(event, zone=view.zone), 200)}" for event in view.events[-TOLD:]]
    found = [_section("\n".join(lines) or "Nothing has happened yet.")]
    if view.state == "resolved":
        return found
    buttons = [_button(f"Snooze {said}", f"{SNOOZE}.{length}", value=value) for length, said in LENGTHS]
    buttons.append(_button("Resolve", RESOLVE, value=value))
    found.append({"type": "actions", "elements": buttons})
    others = [
        _button(f"It is {each}", f"{SEVERITY}.{each}", value=value, confirm=_agree(f"It is {each}", _rated(view, each)))
        for each in RATED
        if each != view.severity
    ]
    found.append({"type": "actions", "elements": others})
    acts = [
        _button(clean(one.title, 60), f"{ACT}.{one.key}"[:255], value=value, confirm=_confirm(one))
        for one in view.beside.actions[:10]
    ]
    return [*found, {"type": "actions", "elements": acts}] if acts else found


def _rated(view: IncidentView, severity: Severity) -> str:
    """What follows when somebody says so."""
    if not severity.pages:
        return "Nobody is woken for it any more, until it fails otherwise or another probe fails too."
    if severity.rank > Severity(view.severity).rank:
        return "Whoever is told goes on being told; nobody is paged anew for that."
    return "Whoever is on call is paged, even if somebody has acknowledged it as something milder."


def _confirm(one: ActionView) -> Block:
    said = clean(one.confirm, 280) or "It is done at once, and stands on the timeline with your name."
    return _agree(clean(one.title, 90) or "Do it?", said)


def _agree(title: str, said: str) -> Block:
    return {
        "title": {"type": "plain_text", "text": title},
        "text": {"type": "plain_text", "text": said},
        "confirm": {"type": "plain_text", "text": "Do it"},
        "deny": {"type": "plain_text", "text": "Cancel"},
    }


def runbook(view: IncidentView) -> str:
    """The runbook for the one who pressed; it is a file here, with no address to open."""
    said = "\n".join(clean(line, 300) for line in view.runbook_lines)
    return for_mrkdwn(f"Runbook of {clean(view.title, 80)}:\n{said or '(empty)'}", RUNBOOK_SHOWN)


def retired(old: Mapping[str, Any], view: IncidentView | None) -> tuple[str, list[Block]]:
    """(text, blocks) of a message whose buttons do nothing any more: the incident as it ended; of one that nobody knows
    what stood there, without its buttons."""
    if view is not None:
        shown = Message(purpose=Purpose.REFRESH, channel="slack", target="", key="", marker="",
                        headline=view.headline, text="", incident=view)  # fmt: skip
        return notification(shown), layout(shown, mentions={})
    stood = old.get("blocks")
    kept = [one for one in (stood if isinstance(stood, list) else []) if isinstance(one, dict)]
    return str(old.get("text") or "-")[:_SECTION], [one for one in kept if one.get("type") != "actions"]


def details(view: IncidentView) -> str:
    """What stands below the first page, where no page of ours could be opened: seen, last good, runbook."""
    parts = []
    if view.beside.excerpt:
        parts.append(f"Seen: {view.beside.excerpt}")
    if view.beside.good:
        at = f" at {render.when(view.beside.good_at, view.zone)}" if view.beside.good_at is not None else ""
        parts.append(f"Last good answer{at}: {view.beside.good}")
    if view.beside.exposed:
        parts.append(view.beside.exposed)
    if parts and view.runbook_lines:
        parts.append("Runbook: " + "\n".join(view.runbook_lines))
    if parts and view.beside.rehearsed:
        parts.append(view.beside.rehearsed)
    return for_mrkdwn("\n".join(parts), 2_900) if parts else ""


def _button(label: str, action: str, **more: Any) -> Block:
    return {"type": "button", "action_id": action, "text": {"type": "plain_text", "text": label[:75]}, **more}


def _footer(message: Message, view: IncidentView) -> Block:
    parts: Sequence[str] = (
        f"Incident {clean(view.public_id, 40)}",
        render.state_word(view),
        clean(view.severity, 20),
        f"round {view.round}" if view.round > 1 else "",
        f"run {clean(view.run, 60)}" if view.run else "",
    )
    return {"type": "context", "elements": [{"type": "plain_text", "text": " · ".join(part for part in parts if part)}]}
