"""Plans against the rest of the configuration: drills of workflows that are there, a canary page that can leave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from alerts.policy import Level, PolicySpec
from monitor.config.build import Built
from monitor.config.canary_page_section import POLICY
from monitor.config.check import Checked
from monitor.config.crons import shortest_gap
from monitor.config.drill_section import PlannedDrillSection
from monitor.config.merged import Merged
from monitor.config.planned import CanaryPage, PlannedDrill
from monitor.config.references import Refer
from monitor.config.sections import MonitorSection, SiteSection
from probes.words.errors import Problem
from probes.words.names import nearest
from probes.words.units import micros_of


def problems(merged: Merged, checked: Checked, built: Built) -> list[Problem]:
    """Drills of what is not there, at times that never come; a canary page to nobody."""
    refer, found = Refer(merged, checked), list[Problem]()
    for name, part in checked.all("drills").items():
        section: PlannedDrillSection = part
        path = ("drills", name)
        found += refer.named("workflows", section.workflow, (*path, "workflow"))
        found += _place(merged, built, section, path)
        try:
            shortest_gap(section.cron, section.timezone or "UTC")
        except ValueError as error:
            what, _, write = str(error).partition("; ")
            found.append(merged.problem((*path, "cron"), f"{section.cron[:60]!r} is {what}", write))
    monitor = checked.one(MonitorSection, "monitor")
    if monitor is not None and monitor.canary_page is not None:
        found += refer.target(monitor.canary_page.through, ("monitor", "canary_page"))
    return found


def _place(merged: Merged, built: Built, section: PlannedDrillSection, path: tuple[str, ...]) -> list[Problem]:
    workflow = built.workflows.get(section.workflow)
    if workflow is None:
        return []
    if section.environment not in workflow.environments:
        near = nearest(section.environment, workflow.environments)
        what = f"{section.workflow} has no environment {section.environment!r}"
        write = f"did you mean {near}?" if near else f"write one of {', '.join(workflow.environments)}"
        return [merged.problem((*path, "environment"), what, write)]
    mine = {
        one.name for one in built.probes.values()
        if (one.workflow, one.environment) == (section.workflow, section.environment)
    }  # fmt: skip
    if section.probe and section.probe not in mine:
        near = nearest(section.probe, mine)
        what = f"{section.workflow} has no probe {section.probe!r}"
        return [merged.problem((*path, "probe"), what, f"did you mean {near}?" if near else "leave it out")]
    return []


def drills(checked: Checked) -> dict[str, PlannedDrill]:
    """Every planned drill, by name."""
    zone = (checked.one(SiteSection, "site") or SiteSection()).timezone
    found = {}
    for name, part in checked.all("drills").items():
        one: PlannedDrillSection = part
        limit = micros_of(one.limit)
        found[name] = PlannedDrill(
            name, one.workflow, one.environment, one.probe, one.cron, one.timezone or zone, one.urgent, limit
        )
    return found


def canary_page(checked: Checked) -> CanaryPage | None:
    """The daily canary page, None for none."""
    monitor = checked.one(MonitorSection, "monitor")
    zone = (checked.one(SiteSection, "site") or SiteSection()).timezone
    wanted = monitor.canary_page if monitor is not None else None
    return wanted.planned(zone) if wanted is not None else None


def policies(checked: Checked) -> Mapping[str, PolicySpec]:
    """The policy of the canary page, which tells its one target and nobody after it."""
    page = canary_page(checked)
    if page is None:
        return {}
    return {POLICY: PolicySpec(levels=(Level(notify=(page.through,)),), repeat=1, every=timedelta(hours=1))}
