"""From checked sections to workflows and probes: defaults filled in, every probe once in each of its environments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from alerts.signal import Severity
from monitor.config import actions
from monitor.config.accuracy import Golden
from monitor.config.catalog import Environment, Flags, Heartbeat, Probe, Slo, Workflow
from monitor.config.check import Checked
from monitor.config.costs import costs_of, with_judges
from monitor.config.judging import asks_cost
from monitor.config.merged import Merged
from monitor.config.provider_section import ProviderSection
from monitor.config.sections import EnvironmentSection, SiteSection, SloSection, TargetSection, WorkflowSection
from probes.kinds.heartbeat.spec import HeartbeatSpec
from probes.signs import forced
from probes.spec import Spec, kind_of
from probes.spend import Allowance
from probes.words.errors import Problem
from probes.words.names import is_key, slug
from probes.words.secret import names_in

PRODUCTION = "production"
_NOT_SCHEDULED = "name an environment production, or write every: in one"
RUNBOOK_LINES = 3  # carried in every page
RUNBOOK_LARGEST = 200_000  # bytes read for them


@dataclass(slots=True)
class Written:
    """A probe as it was written: in YAML under `path`, or in Python at `place` (its `spec` came from a host)."""

    workflow: str
    name: str
    spec: Spec
    path: tuple[str, ...]
    place: str
    script: Mapping[str, Any] | None = None
    brings: Mapping[str, Any] = field(default_factory=dict)  # what its job holds beside what was written
    golden: Golden | None = None
    judging: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # what judging costs, by provider
    costly: tuple[str | int, ...] | None = None  # where a check asks what it cost

    def problem(self, merged: Merged, what: str, write: str = "", *, at: tuple[str | int, ...] = ()) -> Problem:
        """A Problem of this probe, at one of its keys where it stands in YAML, else at its function."""
        if self.script is None:
            return merged.problem((*self.path, *at), what, write, key=not at)
        file, line, column = self.place.rsplit(":", 2)
        return Problem(file, int(line), int(column), what, write)


@dataclass(slots=True)
class Built:
    """Workflows and probes, and what was wrong on the way."""

    workflows: dict[str, Workflow] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    origins: dict[str, Written] = field(default_factory=dict)  # by Probe.id
    problems: list[Problem] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def workflows(merged: Merged, checked: Checked, folder: Path) -> Built:
    """Every workflow that held, in catalog form."""
    built = Built()
    for key, section in checked.all("workflows").items():
        path = ("workflows", key)
        lines = _runbook(built, merged, path, section, folder)
        environments = _environments(built, merged, path, section)
        built.workflows[key] = Workflow(
            key=key,
            title=section.title or in_words(key),
            promise=section.promise,
            client=section.client,
            owner=section.owner or "",
            policy=section.policy or "",
            environments=environments,
            slo=_slo(section.slo) if section.slo else None,
            runbook=section.runbook or "",
            runbook_lines=lines,
            depends_on=section.depends_on,
            place=merged.place(path),
            flags=Flags(section.flags.above, section.flags.within, Severity(section.flags.severity)),
            expiry=section.expiry,
            headroom=float(section.headroom) / 100,
            polite=section.drill.written(),
            reports=section.reports,
            actions=actions.actions_of(section),
            items=actions.items_of(section),
        )
        urls = {name: environment.url for name, environment in environments.items()}
        built.problems += actions.problems(merged, path, section, urls)
    return built


def _slo(section: SloSection) -> Slo:
    burn = section.burn
    rules = (None if burn else ()) if isinstance(burn, bool) else tuple(one.rule() for one in burn)
    return Slo(section.target, section.window, section.hours, rules)


def in_words(key: str) -> str:
    """A key as a person reads it: `northside-intake` is Northside intake."""
    text = key.replace("-", " ")
    return text[:1].upper() + text[1:]


def _environments(
    built: Built, merged: Merged, path: tuple[str, ...], section: WorkflowSection
) -> dict[str, Environment]:
    written_down = dict(section.environments)
    if section.url is not None:
        if PRODUCTION in written_down:
            built.problems.append(
                merged.problem(
                    (*path, "url"), "url stands beside environments.production", "keep one of them", key=True
                )
            )
        written_down.setdefault(PRODUCTION, EnvironmentSection(url=section.url))
    reports = _only_reports(section)
    if reports and not written_down:
        written_down[PRODUCTION] = EnvironmentSection()
    found = {}
    for name, environment in written_down.items():
        at = (*path, "environments", name)
        if not is_key(name):
            built.problems.append(merged.problem(at, f"{name!r} cannot be a name", f"write {slug(name)}", key=True))
        if environment.url is None and not reports:
            built.problems.append(merged.problem(at, f"{name} has no url", "add url: https://…", key=True))
            continue
        production = name == PRODUCTION
        found[name] = Environment(
            name=name,
            url=environment.url or "",
            target=target_of(section, environment),
            scheduled=production or environment.every is not None or environment.policy is not None,
            policy=environment.policy,
            production=production,
        )
    return found


def _only_reports(section: WorkflowSection) -> bool:
    """True when all its probes are jobs that report by themselves: nothing is asked, so it needs no address."""
    raw = list(section.probes.values())
    return bool(raw) and all(isinstance(one, dict) and kind_of(one) == "heartbeat" for one in raw)


def target_of(section: WorkflowSection, environment: EnvironmentSection) -> dict[str, Any]:
    """Where requests go and how they introduce themselves: the environment's word first, then the workflow's."""
    found: dict[str, Any] = {}
    for layer in (section, environment):
        given = layer.model_dump(
            mode="json",
            include=set(TargetSection.model_fields) & layer.model_fields_set,
            exclude_unset=True,
            by_alias=True,
        )
        headers = {**found.get("headers", {}), **(given.get("headers") or {})}
        found |= given
        if headers:
            found["headers"] = headers
    found["url"] = environment.url or ""
    return found


def _runbook(
    built: Built, merged: Merged, path: tuple[str, ...], section: WorkflowSection, folder: Path
) -> tuple[str, ...]:
    if not section.runbook or "://" in section.runbook:
        return ()
    try:
        text = (folder / section.runbook).read_text(encoding="utf-8")[:RUNBOOK_LARGEST]
    except (OSError, ValueError):  # not there, not text, or no name of a file at all
        line = merged.problem((*path, "runbook"), f"the runbook {section.runbook} is not there", "write it")
        built.warnings.append(str(line))
        return ()
    lines = [line.strip().lstrip("#").strip() for line in text.splitlines()]
    return tuple(line for line in lines if line)[:RUNBOOK_LINES]


def probes(built: Built, found: Iterable[Written], checked: Checked) -> None:
    """Every probe in each of its environments, into `built`."""
    zone = (checked.one(SiteSection, "site") or SiteSection()).timezone
    for probe in found:
        workflow = built.workflows[probe.workflow]
        section: WorkflowSection = checked.all("workflows")[probe.workflow]
        there = checked.all("providers")
        for environment in workflow.environments.values():
            if probe.spec.environments and environment.name not in probe.spec.environments:
                continue
            providers = {name: there[name] for name in _asked(probe.spec, section) if name in there}
            made = of_written(probe, workflow, environment, section, providers=providers, zone=zone)
            built.probes[made.id], built.origins[made.id] = made, probe
    running = {(probe.workflow, probe.environment) for probe in built.probes.values()}
    for key, workflow in built.workflows.items():
        watched = [one for one in workflow.environments.values() if one.scheduled and (key, one.name) in running]
        if workflow.environments and not watched:
            built.warnings.append(f"{workflow.place}: nothing of {key} is scheduled; {_NOT_SCHEDULED}")


def of_written(
    probe: Written,
    workflow: Workflow,
    environment: Environment,
    section: WorkflowSection,
    *,
    providers: Mapping[str, ProviderSection],
    zone: str = "UTC",
) -> Probe:
    """A probe in one of its environments. `zone` is the site's, in which times are told of a job without a clock."""
    spec = probe.spec
    override = section.environments.get(environment.name)
    beat = Heartbeat(spec.patience, spec.budget) if isinstance(spec, HeartbeatSpec) else None
    every = override.every if override is not None and override.every is not None and not beat else spec.every
    costs = with_judges(costs_of(spec, environment.target.get("chat") or {}, providers), probe.judging)
    job = _job(probe, environment, section)
    if costs.provider and asks_cost(probe) and (price := providers[costs.provider].price) is not None:
        job["price"] = [float(price.input), float(price.output)]
    body = json.dumps(job, sort_keys=True, separators=(",", ":"), default=str)
    policy = spec.policy or environment.policy or workflow.policy
    return Probe(
        workflow=workflow.key,
        environment=environment.name,
        name=probe.name,
        kind=job["kind"],
        title=spec.title or in_words(probe.name),
        every=None if spec.cron else every,
        cron=spec.cron,
        timezone=spec.timezone or section.timezone or (zone if beat and not spec.cron else "UTC"),
        timeout=beat.grace if beat else spec.total_timeout,
        cleanup=spec.cleanup,
        attempts=1 if beat else spec.attempts,
        confirm=spec.confirm,
        recover=spec.recover,
        severity=Severity(spec.severity),
        affects=spec.affects,
        policy=policy,
        enabled=spec.enabled,
        idempotent=spec.idempotent,
        was=spec.was,
        job=job,
        job_id=blake2b(body.encode(), digest_size=12).hexdigest(),
        secrets=tuple(sorted(names_in(job) | spec.secret_names())),
        scheduled=environment.scheduled and spec.enabled,
        place=probe.place,
        partner=spec.partner or "",
        golden=probe.golden,
        weighed=spec.weighed,
        costs=costs,
        limits=spec.spend.limits() if spec.spend else Allowance(),
        heartbeat=beat,
        canary_of=workflow.provider,
        depends_on=_depends_on(spec, workflow),
    )


def _asked(spec: Spec, section: WorkflowSection) -> tuple[str, ...]:
    """The providers whose models a run may ask. Whoever only reads asks none: what is spent there, or held back, is
    nothing to it.
    """
    if spec.depends_on is not None:
        return spec.depends_on
    return () if spec.only_reads or spec.partner else section.depends_on


def _depends_on(spec: Spec, workflow: Workflow) -> tuple[str, ...]:
    """What it says itself, else the workflow's, unless it only reads, as a page is there without a model, looks at a
    partner's system, or has the primary forced off."""
    if spec.depends_on is not None:
        return spec.depends_on
    return () if spec.only_reads or spec.partner or spec.fallback else workflow.depends_on


def _job(probe: Written, environment: Environment, section: WorkflowSection) -> dict[str, Any]:
    head = {"workflow": probe.workflow, "environment": environment.name, "probe": probe.name}
    body = probe.spec.model_dump(mode="json", exclude_unset=True, by_alias=True)
    if section.version is not None and probe.spec.version is None and not probe.spec.only_reads:
        body["version"] = section.version.model_dump(mode="json", exclude_unset=True, by_alias=True)
    target = forced(environment.target, probe.spec.fallback) if probe.spec.fallback else dict(environment.target)
    own = {**probe.brings, **(probe.script or {})}
    return {**own, "kind": probe.spec.kind, **head, "spec": body, "target": target}
