"""How flags are drawn: what was asked and answered, by whom, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.cli.paper import at, hung, paper, plain

Found = Mapping[str, Any]
_PARTS = (("asked", "asked"), ("answered", "answered"), ("expected", "right would be"), ("comment", "comment"))


def listed(found: Found) -> None:
    """Every flag with what was said."""
    out = paper()
    flags = found.get("flags") or []
    if not flags:
        out.print("No answer waits for a review." if found.get("state") == "open" else "There is no such flag.")
        return
    for one in flags:
        who = f" by {plain(one.get('author'), 80)}" if one.get("author") else ""
        review = f" · {plain(one['state'])} by {plain(one.get('reviewed_by'))}" if one.get("state") != "open" else ""
        head = f"{one.get('id')}  {plain(one.get('subject'))}  {at(one.get('at'))}  {plain(one.get('source'))}{who}"
        out.print(f"{head}{review}", style="bold")
        for name, word in _PARTS:
            for part in hung(f"  {word + ':':<15} ", plain(one[name], 600), out.width) if one.get(name) else ():
                out.print(part)
    if found.get("state") == "open":
        out.print(f"showup flags accept {flags[0].get('id')} --probe GOLDEN --expect …, or reject it with --reason …")


def flagged(found: Found) -> None:
    """That it counts."""
    again = "" if found.get("new") else "; it was flagged before, and counts once"
    paper().print(f"Flagged as wrong: number {found.get('flag')} of {plain(found.get('workflow'))}{again}.")


def reviewed(found: Found) -> None:
    """What became of it."""
    case = f", as a case of {plain(found['file'], 200)}; take it over: showup reload" if found.get("file") else ""
    paper().print(f"Flag {found.get('flag')} is {plain(found.get('state'))}{case}.")


def address(found: Found) -> None:
    """Where flags go, and how one is sent."""
    out = paper()
    out.print(plain(found.get("url")), soft_wrap=True)
    out.print('POST {"asked": "…", "answered": "…", "expected": "…", "comment": "…", "author": "…", "key": "…"} there.')
    said = f"More than {found.get('above')} within {plain(found.get('within'))} open an incident of"
    out.print(f"{said} {plain(found.get('workflow'))}.")
    out.print("The address is a secret: whoever knows it can flag.")
