"""Maintenance that comes again: its windows by a cron expression, and what cannot be right about it."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from monitor.config.build import Built
from monitor.config.check import Checked
from monitor.config.crons import next_fire, shortest_gap
from monitor.config.maintenance_section import MaintenanceSection
from monitor.config.merged import Merged
from monitor.config.references import Refer
from monitor.config.sections import SiteSection
from probes.words.clock import micros, moment
from probes.words.errors import Problem
from probes.words.names import nearest
from probes.words.units import micros_of, say_duration


@dataclass(frozen=True, slots=True)
class Recurring:
    """One of them. `places` are `workflow/environment`, `length` is in µs."""

    name: str
    places: tuple[str, ...]
    cron: str
    timezone: str
    length: int
    reason: str

    def starts(self, after: int, until: int) -> list[int]:
        """Every beginning in (after, until], µs: the same wall-clock time on both sides of a clock change."""
        found, at = list[int](), after
        while (at := micros(next_fire(self.cron, ZoneInfo(self.timezone), moment(at)))) <= until:
            found.append(at)
        return found


def problems(merged: Merged, checked: Checked, built: Built) -> list[Problem]:
    """Maintenance of what is not there, at times that never come, or that would never end."""
    refer, found = Refer(merged, checked), list[Problem]()
    for name, part in checked.all("maintenance").items():
        section: MaintenanceSection = part
        path = ("maintenance", name)
        for number, workflow in enumerate(section.workflows):
            found += _place(merged, built, refer, workflow, (*path, "workflows", number))
        try:
            gap = shortest_gap(section.cron, section.timezone or "UTC")
        except ValueError as error:
            what, _, write = str(error).partition("; ")
            found.append(merged.problem((*path, "cron"), f"{section.cron[:60]!r} is {what}", write))
            continue
        if micros_of(section.length) >= gap:
            what = f"{name} lasts as long as from one to the next, so it would never end"
            found.append(merged.problem((*path, "for"), what, f"write less than {say_duration(gap)}"))
    return found


def _place(merged: Merged, built: Built, refer: Refer, text: str, path: tuple[str | int, ...]) -> list[Problem]:
    key, _, environment = text.partition("/")
    workflow = built.workflows.get(key)
    if workflow is None:
        return refer.named("workflows", key, path)
    if not environment or environment in workflow.environments:
        return []
    near = nearest(environment, workflow.environments)
    write = f"did you mean {near}?" if near else f"write one of {', '.join(workflow.environments)}"
    return [merged.problem(path, f"{key} has no environment {environment!r}", write)]


def recurring(checked: Checked) -> dict[str, Recurring]:
    """Every maintenance that comes again, by name."""
    zone = (checked.one(SiteSection, "site") or SiteSection()).timezone
    found = {}
    for name, part in checked.all("maintenance").items():
        one: MaintenanceSection = part
        places = tuple(text if "/" in text else f"{text}/production" for text in one.workflows)
        found[name] = Recurring(name, places, one.cron, one.timezone or zone, micros_of(one.length), one.reason)
    return found
