"""Waiting for a daemon that was just started, until it has shown that it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.service.host import Host
from probes.words.clock import micros
from probes.words.errors import ShowupError
from probes.words.text import for_terminal

UP = 90  # seconds until the daemon answers and is well
GOOD = 180  # seconds until a probe has passed
GOOD_STATES = ("up", "degraded")


@dataclass(frozen=True, slots=True)
class Readiness:
    """What came of it: `up` the daemon answers and is well, `good` a probe has passed since."""

    up: bool
    good: bool
    sentence: str


def judge(found: Mapping[str, Any], *, since: int) -> Readiness:
    """What a status means; `since` (µs) is the instant before which runs do not count."""
    health = [str(reason) for reason in found.get("health", [])]
    if health:
        return Readiness(False, False, for_terminal(f"the daemon answers and is not well: {'; '.join(health)}"))
    probes = [probe for workflow in found.get("workflows", []) for probe in workflow.get("probes", [])]
    runs = [probe["last"] for probe in probes if probe.get("last")]
    runs = [run for run in runs if micros(datetime.fromisoformat(run["started"])) >= since]
    if any(run["state"] in GOOD_STATES for run in runs):
        return Readiness(True, True, "showup watches, and a first run was good; look: sudo showup status")
    why = "no run has passed yet: the workflows fail, or their probes are wrong" if runs else "no run has ended yet"
    return Readiness(True, False, f"showup watches, but {why}; look: sudo showup status")


def wait_until_ready(host: Host, *, good: int = GOOD) -> Readiness:
    """Ask for the status every second: 90 s for the daemon to be well, then `good` seconds for a run that passed."""
    last = Readiness(False, False, "the daemon does not answer; look: journalctl -u showup")
    since = host.now()
    for second in range(UP + good):
        try:
            found = host.ask("status")
        except ShowupError:
            last = Readiness(False, False, "the daemon does not answer; look: journalctl -u showup")
        else:
            last = judge(found, since=since)
        if last.good or (second >= UP and not last.up) or (last.up and not good):
            break
        host.wait(1.0)
    return last
