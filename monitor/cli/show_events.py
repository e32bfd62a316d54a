"""How event windows are drawn: what was announced and costs, the list, and the presenter's screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from monitor.cli.paper import at, count, hung, paper, plain, took

Found = Mapping[str, Any]
EVERY = 2.0  # seconds between two looks
LOOKS = {"GO": ("●", "bold green"), "CAREFUL": ("▲", "bold yellow"), "STOP": ("■", "bold white on red")}


def _span(found: Found) -> str:
    return f"{at(found.get('from'))[:16]} – {at(found.get('until'))[:16]}"


def added(found: Found) -> None:
    """What will happen, what it costs, and where the presenter looks."""
    out = paper()
    names = ", ".join(plain(one, 80) for one in found["workflows"])
    out.print(f"Event {found['id']}: {plain(found['title'], 80)}, {_span(found)}")
    lines = [
        f"{names}: a run every 15 s, a page on the first confirmed failure, also to {plain(found['name'], 60)}.",
        f"In all {_costs(found['costs'])}.",
        "No maintenance and no mute is taken in that time. It is tried an hour before, and ten minutes before.",
    ]
    if not found["plan_b"]:
        lines.append("There is no plan B: say it with --plan-b, and the screen shows it when something breaks.")
    for line in lines:
        out.print("\n".join(hung("  ", line, out.width)))
    out.print(f"  The screen: {plain(found['address']) or 'no address, as web: {listen: …} is off'}", soft_wrap=True)
    out.print(f"  Here: showup event watch {found['id']}")


def _costs(found: Found) -> str:
    parts = [count(int(found["runs"]), "run")]
    parts += [f"{found[unit]:,.0f} {unit}" for unit in ("tokens", "records") if found.get(unit)]
    parts += [f"{found['usd']:,.2f} USD"] if found.get("usd") else []
    said = ", ".join(parts)
    if found["unknown"]:
        said += f", and what nobody can tell before of {', '.join(plain(one, 80) for one in found['unknown'])}"
    return f"{said}; the limits of spend hold as ever"


def listed(found: Found) -> None:
    """Each event, and what its newest preflight found."""
    out = paper()
    if not found["events"]:
        out.print("No event is announced; write: showup event add 'Thu 14:00' --for 3h --workflows W --tell PERSON")
    for one in found["events"]:
        out.print(
            "\n".join(hung(f"{one['id']:>4}  ", f"{plain(one['title'], 80)} {one['state']}, {_span(one)}", out.width))
        )
        names = ", ".join(plain(name, 80) for name in one["workflows"])
        out.print("\n".join(hung("      ", f"{names}; {plain(one['name'], 60)} presents", out.width)))
        if one["go"] is not None:
            out.print(f"      {'GO' if one['go'] else 'NO-GO'} at {at(one['checked'])}")
            for line in _reasons(one["report"]):
                out.print("\n".join(hung("      - ", line, out.width)))
        if one["state"] != "over" and one["address"]:
            out.print(f"      {plain(one['address'])}", soft_wrap=True)


def _reasons(report: Found) -> list[str]:
    if not report:
        return []
    newest = max(report.values(), key=lambda one: float(one["at"]))
    bad = [one for one in newest["probes"] if one["passed"] < one["made"] or not one["made"]]
    return [f"{plain(one['probe'], 80)} {one['passed']}/{one['made']}: {plain(one['why'], 160)}" for one in bad]


def ended(found: Found) -> None:
    """That it is over."""
    paper().print(f"Event {found['id']}, {plain(found['title'], 80)}, is over: probes and pages are as usual again.")


def screen(found: Found) -> None:
    """The word, why, how old the last run is, how long it goes on, and plan B when it is broken."""
    out = paper()
    word = str(found["word"])
    shape, style = LOOKS.get(word, ("○", "bold"))
    out.print(plain(found["title"], 80))
    out.print(f"\n  {shape} {word}  \n", style=style)
    out.print("\n".join(hung("", plain(found["why"], 200), out.width)))
    if found["plan_b"] and word in ("STOP", "CAREFUL"):
        out.print("\n".join(hung("PLAN B: ", plain(found["plan_b"], 500), out.width)), style="bold")
    age = "not run yet" if found["age_seconds"] is None else f"last run {found['age_seconds']} s ago"
    left = {"planned": "it begins in ", "now": "left: "}.get(str(found["state"]), "")
    out.print(f"{age} · {left}{took(float(found['left_seconds']) * 1e6)}" if left else age)


def watched(look: Callable[[], Found]) -> None:
    """The screen again and again, until Ctrl-C."""
    out = paper()
    try:
        while True:
            found = look()
            out.clear()
            screen(found)
            time.sleep(EVERY)
    except KeyboardInterrupt:
        return
