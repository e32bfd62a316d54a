"""Incidents on the screen: the list, and one with its timeline."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.cli.paper import at, hung, paper, plain, row, table
from probes.words.errors import Refused
from probes.words.text import clean, for_terminal

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
    told, over = plain(found.get("sentence")), found.get("state") == "resolved"
    for name, text in (
        ("what", "" if told and told in plain(found.get("headline")) else told),
        ("sure", plain(found.get("sure"))),
        ("blame", blame and f"{blame}{suspected}"),
        ("meanwhile", "; ".join(plain(one) for one in found.get("context") or ())),
        ("failed" if over else "failing", ", ".join(plain(one) for one in found.get("members") or ())),
        ("left to", plain(found.get("left_to") or found.get("merged_into"))),
        ("exposed", _exposed(found)),
        ("first by", _first(found)),
        ("told" if over else "told now", plain(found.get("on_call"))),
        ("next", _next(found)),
        ("runbook", plain(found.get("runbook"))),
        ("rehearsed", plain((found.get("beside") or {}).get("rehearsed"))),
        ("run", plain(found.get("run"))),
        ("actions", _actions(found)),
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


def _exposed(found: Found) -> str:
    """From when to when what passed through may have gone wrong unseen."""
    if not found.get("last_good") or found["last_good"] >= str(found.get("began")):
        return ""
    more = plain((found.get("beside") or {}).get("exposed"), 160)
    said = f"last good {at(found['last_good'])}, first bad {at(found.get('began'))}"
    return f"{said}: {more}" if more else said


def _actions(found: Found) -> str:
    """What may be done, and how."""
    keys = [plain(one.get("key"), 60) for one in (found.get("beside") or {}).get("actions") or ()]
    return f"{', '.join(keys)} (showup act {plain(found.get('public_id'), 40)} {keys[0]})" if keys else ""


def _first(found: Found) -> str:
    """Who noticed first, where that was not showup alone."""
    first = plain(found.get("noticed_by"), 60)
    if first and first != "showup":
        return f"{'a customer' if first == 'customer' else first} noticed first"
    return f"showup; a customer reported it {at(found['reported_at'])}" if found.get("reported_at") else ""


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


def opened(found: Found) -> None:
    """What was opened by what somebody noticed."""
    out = paper()
    out.print(f"Incident {plain(found.get('incident'))} of {plain(found.get('subject'))}: {plain(found.get('told'))}.")


def noted(found: Found) -> None:
    """A note stands on the timeline."""
    paper().print(f"Noted on {plain(found.get('public_id'))}; the public page does not show it.")


def updated(found: Found) -> None:
    """An update stands on the page."""
    paper().print(f"The status page says so beside {plain(found.get('public_id'))} from its next making on.")


def link(found: Found) -> None:
    """An address for customers."""
    out = paper()
    out.print(plain(found.get("url"), 400), soft_wrap=True)
    if not found.get("outside"):
        out.print("This leads to this machine alone: set web: {url: …}, where people reach showup.")


def reported(found: Found, place: Path | None) -> None:
    """The report, on the terminal or in a file."""
    text = str(found.get("markdown", ""))
    if place is None:
        sys.stdout.write(for_terminal(text, 200_000) + "\n")
        return
    try:
        place.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{place} cannot be written: {error.strerror}") from None
    paper().print(f"Wrote {plain(place)}.")


def times(found: Sequence[Found]) -> None:
    """Month by month: how many, who noticed first, and how long each step took, in the middle and at worst."""
    out = paper()
    if not found:
        out.print("There was no incident that paged.")
        return
    made = table("month", "n", "ours", "detect", "page", "acknowledge", "recover", right=(1, 2, 3, 4, 5, 6), whole=(0,))
    for one in found:
        cells = [_median(one.get(name)) for name in ("detect", "page", "acknowledge", "recover")]
        row(made, one["month"], one["incidents"], one["noticed_first"], *cells)
    out.print(made)
    out.print("The middle of each time, and the worst; ours: how many showup noticed first.")
    out.print("Detect and recover count from the first failure, the others from the opening.")
    out.print("Drills are left out.")


def _median(one: Any) -> str:
    if not one:
        return "–"
    return f"{_brief(one['median'])} ({_brief(one['worst'])})"


def _brief(seconds: float) -> str:
    """A length in at most six characters, so that four pairs of them stand in 80 columns: 0.2s, 41s, 12m, 5h, 3d."""
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{word}"
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.1f}s"
