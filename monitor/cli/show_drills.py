"""Drills on the screen: the list, and one with its times."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.cli.paper import at, hung, paper, plain, row, table

if TYPE_CHECKING:
    from rich.console import Console

Found = Mapping[str, Any]
WORDS = {"passed": "PASSED", "failed": "FAILED", "stopped": "CALLED OFF", "running": "GOES ON"}


def listed(found: Found) -> None:
    """The newest drills with their seconds, then what was rehearsed when, and what comes."""
    out = paper()
    if found["drills"]:
        heads = ("drill", "workflow", "began", "outcome", "noticed", "paged", "answered")
        made = table(*heads, right=(4, 5, 6), whole=(0,))
        for one in found["drills"]:
            seconds = [_seconds(one["seconds"].get(name)) for name in ("detected", "paged", "acknowledged")]
            subject = one["subject"].removesuffix("/production")
            row(made, one["id"], subject, at(one["began"])[:16], one["outcome"], *seconds)
        out.print(made)
    else:
        out.print("There was no drill yet. Write: showup drill WORKFLOW")
    for one in found["rehearsed"]:
        when = at(one["at"])[:10] if one["at"] else "never rehearsed"
        runbook = "" if one["runbook"] else ", no runbook"
        due = "; its runbook should be: showup drill " + one["workflow"] if one["due"] else ""
        _line(out, f"{plain(one['title'], 40)}: ", f"{when}{runbook}{due}")
    for one in found["planned"]:
        _line(out, f"{plain(one['name'], 40)}: ", f"planned for {plain(one['workflow'])}, next {at(one['next'])[:16]}")


def _seconds(value: Any) -> str:
    return "–" if value is None else f"{value:.1f} s"


def stopped(found: Found) -> None:
    """A drill was called off."""
    paper().print(f"The drill {plain(found['id'])} is called off; what was staged is healed.")


def report(found: Found, output: Path | None = None, *, names: bool = True, brief: bool = False) -> None:
    """One drill: its stages with their seconds, each page with its proof, what it proves and what not."""
    from monitor.status import drill_page

    out, page = paper(), drill_page.model(found, names=names)
    out.print(f"{WORDS.get(page.outcome, page.outcome)}: {plain(page.headline)}", style="bold")
    _line(out, "", f"{plain(page.why[:1].upper() + page.why[1:])}.")
    if not brief:
        out.print(f"drill {plain(page.id)} of {plain(page.title)}, {plain(page.began)}, by {plain(page.author)}")
    made = table("", "took", "at", "", right=(1,), wide=3)
    for lane in page.lanes:
        when = at(int(found["began"]) + lane.end)[11:] if lane.end is not None else ""
        row(made, lane.label, lane.took, when, lane.detail)
    out.print(made)
    if page.pages:
        made = table("page to", "through", "level", "after noticed", "proof", right=(2, 3), wide=4)
        for one in page.pages:
            row(made, one.to, one.channel, one.level, one.after, one.proof)
        out.print(made)
    if page.rule and not brief:
        _line(out, "", page.rule)
    if not brief:
        for head, lines in (("It went the real way", page.exercised), ("It says nothing about", page.left_out)):
            out.print(f"{head}:")
            for line in lines:
                _line(out, "  · ", line)
    if output is not None:
        out.print(f"The report: {output}")
    elif page.outcome != "running" and not page.sandbox:
        out.print(f"The report as a page: showup drill report {plain(page.id)} -o drill.html")


def _line(out: Console, head: str, text: str) -> None:
    for line in hung(head, plain(text), out.width):
        out.print(line)
