"""How maintenance and mutes are drawn: what is held, until when, by whom and why, and what was held back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.cli.paper import at, hung, paper, plain

Found = Mapping[str, Any]


def _span(found: Found) -> str:
    return f"{at(found.get('from'))[:16]} – {at(found.get('until'))[:16]}"


def maintenance(found: Found) -> None:
    """What is announced, and what it means for pages."""
    said = f"Maintenance {found['id']} of {plain(found.get('subject'))}, {_span(found)}; pages are held until it ends."
    paper().print(f"{said}\nEnd it early: showup maintenance --end {found['id']}")


def ended(found: Found) -> None:
    """What became of it."""
    said = "was taken back" if found.get("planned") else "ended now; what it held back pages"
    paper().print(f"Maintenance {found['id']} of {plain(found.get('subject'))} {said}.")


def maintenances(found: Found) -> None:
    """Each window on a line, its reason under it."""
    out = paper()
    if not found["windows"]:
        out.print("No maintenance is announced.")
    for one in found["windows"]:
        head = f"{one['id']:>4}  "
        again = f", each time of {plain(one['recurring'], 40)}" if one["recurring"] else ""
        said = f"{plain(one['subject'], 80)} {one['state']}, {_span(one)}{again}"
        out.print("\n".join(hung(head, said, out.width)))
        out.print("\n".join(hung("      ", f"{plain(one['reason'], 200)} ({plain(one['author'], 60)})", out.width)))


def mute(found: Found) -> None:
    """What is held from now on."""
    what = plain(found["what"], 80)
    paper().print(
        f"Mute {found['id']}: pages of {what} are held, {_span(found)}; its time counts, and the page shows it.\n"
        f"End it early: showup unmute {found['id']}"
    )


def unmute(found: Found) -> None:
    """What it held back, which pages now."""
    held = f"held back: {plain(found['held'], 200)}" if found["held"] else "nothing was held back"
    paper().print(f"Mute {found['id']} of {plain(found['what'], 80)} is over; {held}.")


def mutes(found: Found) -> None:
    """Each mute, and what it held back."""
    out = paper()
    if not found["mutes"]:
        out.print("Nothing is muted.")
    for one in found["mutes"]:
        for line in lines(one, out.width):
            out.print(line)


def lines(one: Found, width: int) -> list[str]:
    """A mute, why, and the incidents that it held back."""
    drawn = hung(f"{one['id']:>4}  ", f"{plain(one['what'], 80)} {one['state']}, {_span(one)}", width)
    lifted = f", ended by {plain(one['lifted_by'], 60)}" if one["lifted_by"] else ""
    drawn += hung("      ", f"{plain(one['reason'], 200)} ({plain(one['author'], 60)}{lifted})", width)
    drawn += hung("      ", f"held back: {plain(one['held'], 200) or 'nothing'}", width)
    for each in one["incidents"]:
        over = " (over)" if each["over"] else ""
        said = f"{plain(each['title'], 60)}: {plain(each['sentence'], 120)}{over}"
        drawn += hung(f"      - {plain(each['id'], 20)} ", said, width)
    return drawn
