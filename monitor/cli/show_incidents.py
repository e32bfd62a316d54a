"""Incidents on the screen: the list, and one with its timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monitor.cli.paper import at, paper, plain, row, table

Found = Mapping[str, Any]
ORDER = {"triggered": 0, "acknowledged": 1}


def incidents(found: Sequence[Found]) -> None:
    """Open incidents first, then those that ended."""
    out = paper()
    if not found:
        out.print("There is no incident.")
        return
    made = table("incident", "state", "began", "what", wide=3)
    for one in sorted(found, key=lambda each: ORDER.get(str(each.get("state")), 2)):
        row(made, one["public_id"], one.get("state"), at(one.get("began")), one.get("headline") or one.get("title"))
    out.print(made)


def incident(found: Found) -> None:
    """One incident: what, since when, who is told, who answered, and its timeline."""
    out = paper()
    out.print(f"{plain(found.get('public_id'))} · {plain(found.get('state'))} · {plain(found.get('severity'))}")
    out.print(plain(found.get("headline") or found.get("title")))
    blame = plain(found.get("blame"))
    suspected = " (suspected)" if found.get("suspected") else ""
    for name, text in (
        ("what", plain(found.get("sentence"))),
        ("sure", plain(found.get("sure"))),
        ("blame", blame and f"{blame}{suspected}"),
        ("failing", ", ".join(plain(one) for one in found.get("members") or ())),
        ("told now", plain(found.get("on_call"))),
        ("next", _next(found)),
        ("runbook", plain(found.get("runbook"))),
        ("run", plain(found.get("run"))),
    ):
        if text:
            out.print(f"  {name:<9} {text}")
    out.print("  " + _four_times(found))
    if found.get("nobody_reached"):
        out.print("  NOBODY WAS REACHED: the last level is told again every 15 minutes")
    for line in found.get("runbook_lines") or ():
        out.print(f"  > {plain(line)}")
    for event in found.get("events") or ():
        by = f" ({plain(event['by'], 60)})" if event.get("by") else ""
        out.print(f"  {at(event.get('at'))}  {plain(event.get('text'))}{by}")


def _next(found: Found) -> str:
    if not found.get("next_at"):
        return ""
    return f"{plain(found.get('next_on_call')) or 'the next level'} at {at(found['next_at'])}"


def _four_times(found: Found) -> str:
    """Noticed, paged, answered, recovered."""
    said = [f"noticed {at(found.get('opened'))}"]
    said.append(f"paged {at(found['paged_at'])}" if found.get("paged_at") else "not paged")
    who = f" by {plain(found['acked_by'], 60)}" if found.get("acked_by") else ""
    said.append(f"answered {at(found['acked_at'])}{who}" if found.get("acked_at") else "not answered")
    said.append(f"recovered {at(found['resolved_at'])}" if found.get("resolved_at") else "not recovered")
    return "\n  ".join(said)
