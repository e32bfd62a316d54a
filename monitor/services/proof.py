"""What a drill exercises and what it does not, in words that stand in its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.tables import Drill
from monitor.config.catalog import Catalog, Probe
from monitor.engine.cadence import cadence_of
from monitor.engine.signals import title_of
from probes.words.units import say_duration


def described(catalog: Catalog, row: Drill) -> dict[str, Any]:
    """Who and what a drill is about, as the configuration says it now: kept with the report."""
    workflow, _, environment = row.subject.partition("/")
    there, probe = catalog.workflows.get(workflow), catalog.probes.get(str(row.report.get("probe", "")))
    return {
        "title": title_of(there, environment) if there is not None else workflow,
        "promise": there.promise if there is not None else "",
        "site": catalog.site.title,
        "zone": catalog.site.timezone,
        "rule": rule(probe) if probe is not None else {},
    }


def rule(probe: Probe) -> dict[str, Any]:
    """How a failure of a probe is noticed."""
    return {
        "name": probe.name,
        "title": probe.title,
        "kind": probe.kind,
        "period": cadence_of(probe).period if probe.heartbeat is None else 0,
        "attempts": probe.attempts,
        "confirm": list(probe.confirm),
        "recover": probe.recover,
    }


def exercised(report: Mapping[str, Any]) -> list[str]:
    """What really happened, as in a real failure."""
    how, times = report.get("rule") or {}, report.get("times") or {}
    name, found = how.get("name", "the probe"), list[str]()
    if times.get("detected"):
        when = "a run made at once" if report.get("now") else "its scheduled run"
        tries = int(how.get("attempts", 1))
        k, n = how.get("confirm") or (1, 1)
        found.append(f"{name} was run for real, by a probe host: {when}, and it is recorded as it was")
        found.append(
            f"its rule: {tries} attempt{'s' if tries != 1 else ''} with their waits, {k} of {n} runs, as configured"
        )
        found.append(f"the incident, its policy {report.get('policy', '')}, and who was on call at that moment")
    for channel in sorted({page["channel"] for page in report.get("pages") or () if page["accepted"]}):
        found.append(f"the page through {channel}: committed, sent, and its receipt kept")
    answer = report.get("answer") or {}
    if answer:
        found.append(f"the answer, as it came in through {answer.get('via') or 'showup'}")
    if times.get("resolved"):
        found.append("the resolve, at everybody who was told")
    return found


def left_out(report: Mapping[str, Any], *, urgent: bool) -> list[str]:
    """What this drill proves nothing about."""
    how, found = report.get("rule") or {}, list[str]()
    found.append("a wrong answer of the workflow: the answer was replaced by a failure after it had come")
    if int(how.get("attempts", 1)) > 1:
        found.append("requests of the further attempts: they took their time, and asked nobody")
    if report.get("now"):
        period = say_duration(int(how.get("period") or 0))
        found.append(f"the wait for a scheduled run: up to {period} more in a real failure")
    if not urgent:
        found.append("the loudest ring: this drill was of low urgency (--urgent rings as a real page does)")
    if (report.get("times") or {}).get("resolved"):
        found.append(f"recovery by {how.get('recover', 2)} good runs: the drill was healed at once")
    return found
