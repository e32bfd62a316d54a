"""What was done, in a sentence: taking over, announcing, correcting, pausing, publishing, reading again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.cli.paper import at, count, paper, plain

Found = Mapping[str, Any]


def _span(found: Found) -> str:
    return f"{at(found.get('from'))} – {at(found.get('until'))}"


def correct(found: Found) -> None:
    """What counts as what from now on, and what stands beside it."""
    of = ", ".join(plain(name, 80) for name in found.get("probes") or ())
    said = f"{plain(found.get('workflow'))} counts as {plain(found.get('state'))}, {_span(found)}, for {of}."
    paper().print(f"{said}\nShown beside it: {plain(found.get('reason'))} ({plain(found.get('author'))})")


def pause(found: Found) -> None:
    """Everything that is paused now."""
    names = [plain(name, 120) for name in found.get("paused") or ()]
    paper().print(f"Paused, and unknown meanwhile: {', '.join(names)}." if names else "Nothing is paused.")


def publish(found: Found) -> None:
    """What was made, where it lies, and what went wrong with sending it on."""
    made, new = count(int(found.get("files") or 0), "file"), found.get("changed") or 0
    out = paper()
    out.print(f"Made {made}, {plain(new)} of them changed, in {plain(found.get('folder'))}.")
    if found.get("trouble"):
        out.print(f"✗ not published: {plain(found['trouble'])}")


def reload(found: Found) -> None:
    """Whether the new configuration is in force; else its problems, one a line."""
    out = paper()
    if found.get("taken"):
        out.print("The new configuration is in force.")
        return
    out.print("Not taken over, the old configuration stays in force:")
    for problem in str(found.get("trouble") or "").splitlines():
        out.print(plain(problem), soft_wrap=True)


def pressed(found: Found) -> None:
    """What came of a press, or what there is to press."""
    out = paper()
    if found.get("text"):
        out.print(plain(found["text"], 400), soft_wrap=True)
    for one in found.get("actions") or ():
        out.print(f"  {plain(one['action'], 60)}  {plain(one['title'], 80)}")
    if not found.get("text") and not found.get("actions"):
        out.print("Its workflow declares no action.")
