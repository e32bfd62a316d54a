"""`showup expiries`: what ends, the soonest first, in words and colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.cli.paper import at, count, paper, plain, table

Found = Mapping[str, Any]
WORDS = (("ended", -1), ("today", 0), ("within a week", 7), ("within a month", 30))
STYLES = {"ended": "bold red", "today": "bold red", "within a week": "yellow", "within a month": "cyan"}


def expiries(found: Found) -> None:
    """A line for each thing that ends."""
    out = paper()
    listed = found.get("expiries") or []
    if not listed:
        out.print("Nothing is known to end: no certificate was seen yet, and no key is written down.")
        return
    made = table("what", "ends", "days left", "", "serves", right=(3,))
    for one in listed:
        days = int(one["days_left"])
        word, left = word_of(days), str(days) if days >= 0 else f"{-days - 1} ago"
        serves = ", ".join(one.get("serves") or ()) or "nobody"
        cells = (f"{one['kind']} {one['name']}", at(one["ends"])[:10], left, word, serves)
        made.add_row(*map(plain, cells), style=STYLES.get(word, ""))
    out.print(made)
    for one in listed:
        if one.get("renew") and one.get("told"):
            out.print(f"renew {plain(one['kind'])} {plain(one['name'])}: {plain(one['renew'])}")
    told = sum(bool(one.get("told")) for one in listed)
    out.print(f"{count(len(listed), 'end')} known, {told} so near that people were told.")


def word_of(days: int) -> str:
    """How soon, in a word."""
    if days < 0:
        return "ended"
    return next((word for word, most in WORDS if days <= most), "")
