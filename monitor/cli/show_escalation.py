"""The escalation procedure on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.cli.paper import at, hung, paper, plain

Found = Mapping[str, Any]


def procedure(found: Found) -> None:
    """Each policy: when whom, who that is now, what if nobody answers, and when it was tested."""
    out = paper()
    for number, policy in enumerate(found["policies"]):
        if number:
            out.print()
        out.print(f"{plain(', '.join(policy['of']))} · policy {plain(policy['key'])}", style="bold")
        tested = policy["tested"]
        said = f"{tested['on']}, {tested['took']} (drill {tested['drill']})" if tested else "never: write showup drill"
        rows = [(level["when"], "; ".join(map(_whom, level["whom"]))) for level in policy["levels"]]
        if policy["fallback"]:
            rows.append(("if none works", "; ".join(map(_whom, policy["fallback"]))))
        rows += [("then", policy["rounds"]), ("an answer", f"holds for {policy['ack']}")]
        if policy["by_pagerduty"]:
            rows.append(("escalated by", "PagerDuty; showup takes over after 30 min without an answer"))
        if policy["warnings"]:
            rows.append(("warnings", "; ".join(map(_whom, policy["warnings"]))))
        for name, text in [*rows, ("tested", said)]:
            for line in hung(f"  {plain(name):<14}", plain(text, 400), out.width):
                out.print(line)
    if not found["policies"]:
        out.print("No policy is in use.")


def _whom(one: Found) -> str:
    now = f", now {one['now']}" if one.get("now") else ""
    until = f" until {at(one['until'])[:16]}" if one.get("until") and now else ""
    return f"{one.get('name') or one['role']}{now}{until}"
