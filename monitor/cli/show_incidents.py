"""Incidents on the screen: the list, and one with its timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from monitor.cli.paper import at, hung, paper, plain, row, table
from probes.words.text import clean

if TYPE_CHECKING:
    from rich.console import Console

Found = Mapping[str, Any]
WAS = 120  # characters of what an incident that is over was about
ORDER = {"triggered": 0, "acknowledged": 1}


def incidents(found: Sequence[Found]) -> None:
    """Open incidents first, then those that ended."""
    out = paper()
    if not found:
        out.print("There is no incident.")
        return
    made = table("incident", "state", "began", "what", wide=3)
    for one in sorted(found, key=lambda each: ORDER.get(str(each.get("state")), 2)):
        row(made, one["public_id"], one.get("state"), at(one.get("began")), _what(one))
    out.print(made)


def _what(one: Found) -> str:
    """The headline; of what is over also what it was."""
    said, was = str(one.get("headline") or one.get("title") or ""), str(one.get("sentence") or "")
    return f"{said}: {clean(was, WAS)}" if one.get("resolved_at") and was and was not in said else said


def incident(found: Found) -> None:
    """One incident: what, since when, who is told, who answered, and its timeline."""
    out = paper()
    out.print(f"{plain(found.get('public_id'))} · {plain(found.get('state'))} · {plain(found.get('severity'))}")
    out.print(plain(found.get("headline") or found.get("title")))
    blame = plain(found.get("blame"))
    suspected = " (suspected)" if found.get("suspected") else ""
    told = plain(found.get("sentence"))
    for name, text in (
        ("what", "" if told and told in plain(found.get("headline")) else told),
        ("sure", plain(found.get("sure"))),
        ("blame", blame and f"{blame}{suspected}"),
        ("meanwhile", "; ".join(plain(one) for one in found.get("context") or ())),
        ("failing", ", ".join(plain(one) for one in found.get("members") or ())),
        ("left to", plain(found.get("left_to"))),
        ("told now", plain(found.get("on_call"))),
        ("next", _next(found)),
        ("runbook", plain(found.get("runbook"))),
        ("run", plain(found.get("run"))),
    ):
        if text:
            _hang(out, f"  {name:<9} ", text)
    for name, text in _four_times(found):
        out.print(f"  {name:<9} {text}")
    if found.get("nobody_reached"):
        out.print("  NOBODY WAS REACHED: the last level is told again every 15 minutes")
    for line in found.get("runbook_lines") or ():
        out.print(f"  > {plain(line)}")
    for event in found.get("events") or ():
        text, by = plain(event.get("text")), plain(event.get("by"), 60)
        _hang(out, f"  {at(event.get('at'))}  ", text if not by or by in text else f"{text} ({by})")


def _hang(out: Console, head: str, text: str) -> None:
    for line in hung(head, text, out.width):
        out.print(line)


def _next(found: Found) -> str:
    if not found.get("next_at"):
        return ""
    return f"{plain(found.get('next_on_call')) or 'the next level'} at {at(found['next_at'])}"


def _four_times(found: Found) -> list[tuple[str, str]]:
    """Noticed, paged, answered, recovered, or not yet."""
    who = f" by {plain(found['acked_by'], 60)}" if found.get("acked_by") else ""
    keys = {"noticed": "opened", "paged": "paged_at", "answered": "acked_at", "recovered": "resolved_at"}
    said = {name: at(found[key]) if found.get(key) else "not yet" for name, key in keys.items()}
    return [(name, text + (who if name == "answered" else "")) for name, text in said.items()]
