"""What people read about an incident, in plain words; each channel lays it out in its own folder. Pure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from alerts.message import REMOVED, EventView, IncidentView, Message, Purpose
from probes.words.clock import moment
from probes.words.failure import Blame, Failure, notice
from probes.words.text import clean
from probes.words.units import say_duration

LOCK_SCREEN = 80  # characters of a message that a locked phone shows
_LIMIT = 250
_BLAME = {
    "workflow": "the workflow",
    "provider": "the model provider",
    "partner": "a partner system",
    "network": "the network",
    "us": "showup itself",
}
_STATES = {"triggered": "open", "acknowledged": "acknowledged", "resolved": "resolved"}


def headline(view: IncidentView) -> str:
    """One line whose first 80 characters say workflow and failure, whatever the lengths of title and sentence."""
    mark = "[drill] " if view.drill else "[simulated] " if view.simulated else ""
    if view.state == "resolved":
        word = "Closed: " if view.resolved_by == REMOVED else "Recovered: "
        return mark + _fit(word, view.title, LOCK_SCREEN - len(mark))
    noticed = clean(view.notice, 60) or _notice(view.failure, view.blame)
    start = _fit("", view.title, LOCK_SCREEN - len(mark) - len(noticed) - 1)
    told = clean(_news(view.sentence, noticed), _LIMIT)
    return clean(f"{mark}{start} {noticed}" + (f": {told}" if told else ""), _LIMIT)


def _news(sentence: str, noticed: str) -> str:
    """A sentence without its beginning, where the headline says that already."""
    begins, colon, rest = sentence.partition(": ")
    return rest if colon and begins.replace("answered", "answers", 1) == noticed else sentence


def _fit(before: str, title: str, room: int) -> str:
    return before + clean(title, max(12, room - len(before)))


def _notice(failure: str, blame: str = "") -> str:
    """What a customer notices, in a few words."""
    if failure in set(Failure):
        return notice(Failure(failure), Blame(blame) if blame in set(Blame) else None)
    return "needs attention" if not failure else clean(f"failed ({failure})", 40)


def subject_line(message: Message) -> str:
    """The first line of a message: the incident as it is now, else what the message says."""
    view = message.incident
    if view is None:
        return clean(message.headline, _LIMIT)
    if message.purpose is Purpose.ACK and view.state == "acknowledged":
        # whoever was woken reads that they may sleep on, not the same page again
        return clean(f"{view.acked_by or 'Somebody'} is on it:", 60) + " " + _fit("", view.title, 40)
    return headline(view)


def lines(view: IncidentView) -> list[str]:
    """Since when and how sure, who is blamed, who is told, who is next, how the runbook begins; one fact a line."""
    found = [since(view), exposed(view), blame(view), told(view), coming(view)]
    if view.members:
        names = ", ".join(clean(member, 60) for member in view.members[:8])
        more = f" and {len(view.members) - 8} more" if len(view.members) > 8 else ""
        found.append(f"Failing: {names}{more}")
    found += [clean(line, 200) for line in view.context]
    found += [clean(line, 200) for line in view.runbook_lines[:5] if line.strip() and view.state != "resolved"]
    return [line for line in found if line]


def since(view: IncidentView) -> str:
    """When it began, when it ended, and how sure we are."""
    if not view.began:
        return clean(view.sure, 120)
    text = f"Since {when(view.began, view.zone)}"
    if view.resolved_at:
        text += f" until {when(view.resolved_at, view.zone)} ({_rough(view.resolved_at - view.began)})"
    return text + (f" · {clean(view.sure, 120)}" if view.sure else "")


def exposed(view: IncidentView) -> str:
    """The time in which what passed through may have gone wrong unseen: from the last run that was good on."""
    if view.last_good is None or not view.began or view.last_good >= view.began:
        return ""
    said = f"Last good {when(view.last_good, view.zone)}, first bad {when(view.began, view.zone)}"
    return clean(f"{said}: {view.beside.exposed}" if view.beside.exposed else said, 200)


def blame(view: IncidentView) -> str:
    """Who broke it, as far as is known; without a second witness it says suspected."""
    who = _BLAME.get(view.blame, "")
    return f"{'Suspected' if view.suspected else 'Blame'}: {who}" if who else ""


def told(view: IncidentView) -> str:
    """Who has it, or who is being told now."""
    if view.state == "resolved":
        return f"Resolved by {clean(view.resolved_by, 80)}" if view.resolved_by else ""
    if view.acked_by:
        at = f" at {when(view.acked_at, view.zone)}" if view.acked_at else ""
        return f"Acknowledged by {clean(view.acked_by, 80)}{at}"
    if view.nobody_reached:
        return "Nobody has answered yet"
    return f"On call: {clean(view.on_call, 120)}" if view.on_call else ""


def coming(view: IncidentView) -> str:
    """Who is woken next, and when, unless somebody answers."""
    if view.state != "triggered" or view.next_at is None:
        return ""
    who = clean(view.next_on_call, 120)
    at = when(view.next_at, view.zone)
    return f"Next: {who} at {at}, unless somebody answers" if who else f"Next step at {at}, unless somebody answers"


def when(at: int, zone: str) -> str:
    """A moment as `Mon 23 Nov 03:12 EST`."""
    try:
        there = moment(at).astimezone(ZoneInfo(zone))
    except (OSError, ValueError, KeyError):
        there = moment(at)
    return f"{there:%a} {there.day} {there:%b %H:%M %Z}"


def _rough(micros: int) -> str:
    """A length to the second, and to the minute from an hour on."""
    seconds = max(0, micros) // 1_000_000
    return say_duration((seconds if seconds < 3600 else seconds // 60 * 60) * 1_000_000)


def timeline(event: EventView, *, zone: str) -> str:
    """One line of the timeline."""
    by = f" ({clean(event.by, 80)})" if event.by and event.by not in event.text else ""
    return f"{when(event.at, zone)}  {clean(event.text, 300)}{by}"


def text(message: Message) -> str:
    """Plain lines for channels without layout: the headline, the facts, where to look."""
    view = message.incident
    first = subject_line(message)
    if view is None:
        return "\n".join([first, clean(message.text, 2_000, lines=True)]).strip()
    said = body(message)
    links = [f"{label}: {url}" for label, url in addresses(view)]
    return "\n".join([first, *([said] if said else []), *links, f"Incident {clean(view.public_id, 40)}"])


def body(message: Message) -> str:
    """The lines below the headline."""
    if message.incident is None:
        return clean(message.text, 2_000, lines=True)
    extra = clean(message.text, 500, lines=True).strip()
    own = lines(message.incident)
    if message.purpose in (Purpose.PAGE, Purpose.NOTE, Purpose.ACK) and extra:
        own = [extra, *own]
    return "\n".join(own)


def addresses(view: IncidentView) -> list[tuple[str, str]]:
    """Links that lead somewhere from a phone: (label, address)."""
    found = [("Runbook", public(view.runbook)), ("Evidence", public(view.page_url))]
    return [(label, url) for label, url in found if url]


def state_word(view: IncidentView) -> str:
    """The state in one word: open, acknowledged, resolved."""
    return _STATES.get(view.state, "open")


_PLAIN_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]+|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]+|[0-9]+)){0,3}\Z")


def public(url: str) -> str:
    """The address when it can be opened from another machine, else "": no link ever leads to localhost."""
    if any(ord(mark) <= 32 or ord(mark) == 127 or mark in "<>|\"'`\\" for mark in url) or len(url) > 2_000:
        return ""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        _ = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        return ""
    return "" if _is_here(host) else url


def _is_here(host: str) -> bool:
    """True for every way to write this machine, and for numbers that only browsers read as addresses."""
    if host == "localhost" or host.endswith((".localhost", ".localdomain")) or host.startswith("localhost."):
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return _PLAIN_NUMBER.match(host) is not None
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified or mapped.is_link_local)
