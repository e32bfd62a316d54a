"""How jobs are drawn: those that report by themselves, and those that wait for a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.cli.paper import at, hung, paper, plain, took
from probes.words.units import SECOND

Found = Mapping[str, Any]


def heartbeats(found: Found) -> None:
    """Every job with its address, which whoever knows it can report by."""
    out = paper()
    jobs = found.get("jobs") or []
    if not jobs:
        out.print("There is no job; write one under probes: nightly-export: {heartbeat: 24h, grace: 1h}")
        return
    for one in jobs:
        out.print(f"{plain(one.get('probe'))}  {plain(one.get('state'))}", style="bold")
        for line in (*_said(one), _where(one)):
            for part in hung("  ", line, out.width) if " " in line else [f"  {line}"]:
                out.print(part, soft_wrap=True)
    if found.get("by_name"):
        out.print(f"By name: {plain(found['by_name'])}", soft_wrap=True)
    out.print("An address is a secret: whoever knows it can report for the job.")


def hooks(found: Found) -> None:
    """Every job that waits for a webhook, with its address in one piece, to be copied."""
    out = paper()
    if not found["hooks"]:
        out.print("No probe waits for a webhook: add webhook: true to a stage of a job, see docs/jobs.md.")
    for one in found["hooks"]:
        out.print(plain(one["probe"]))
        out.print(f"  {plain(one['url'])}", soft_wrap=True)


def _said(one: Found) -> list[str]:
    rhythm = plain(one.get("rhythm")) or f"every {took(float(one.get('every_seconds') or 0) * SECOND)}"
    lines = [f"{rhythm}, grace {took(float(one.get('grace_seconds') or 0) * SECOND)}"]
    lines += [plain(one["why"])] if one.get("why") else []
    last = one.get("last")
    if last:
        status = f" {last['status']}" if last.get("status") is not None else ""
        lines.append(f"last word: {plain(last.get('said'))}{status} at {at(last.get('at'))}")
    if one.get("running_since"):
        lines.append(f"running since {at(one['running_since'])}")
    if one.get("deadline"):
        lines.append(f"next report expected {at(one.get('expected'))}, missed from {at(one['deadline'])} on")
    return lines


def _where(one: Found) -> str:
    return plain(one.get("url")) or "no address: web: {listen: …} is off; use showup heartbeat run on this machine"
