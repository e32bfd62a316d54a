"""The canary of each provider: a probe of a workflow of its own, which no page shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from monitor.config import build
from monitor.config.canary_section import CanarySection
from monitor.config.catalog import Environment, Provider, Workflow
from monitor.config.check import Checked
from monitor.config.merged import Merged
from monitor.config.provider_section import ProviderSection
from monitor.config.references import Refer
from monitor.config.sections import MonitorSection, WorkflowSection
from probes.spec import Spec, read
from probes.words.dialects import HEADERS, models_path
from probes.words.errors import Problem

PREFIX = "provider:"  # how the names of their workflows and incidents begin
NAME = "canary"
TIMEOUT = "10s"
USUAL = {
    "openai": "https://api.openai.com",
    "openai-responses": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
    "ollama": "http://localhost:11434",
}
"""Where each dialect's maker serves it."""

STATUS_PAGES = {"openai": "https://status.openai.com", "anthropic": "https://status.claude.com"}
"""Where the makers of the dialects say how they are, for `status_page: true`."""

TOKENS_UNPRICED = 500_000  # a day, of a provider whose price nobody wrote down
_KEYLESS = frozenset({"ollama"})
_TITLES = {"openai": "OpenAI"}
_SETTINGS = {"dialect", "url", "key", "model", "headers", "ca_file", "allow_private"}


def canaries(merged: Merged, checked: Checked, built: build.Built) -> list[Problem]:
    """Add to `built` the canary of every provider that has one; what is wrong with them."""
    wanted = {name for workflow in built.workflows.values() for name in workflow.depends_on}
    wanted |= {name for probe in built.probes.values() for name in probe.depends_on}
    problems = list[Problem]()
    for name, section in checked.all("providers").items():
        path = ("providers", name)
        problems += Refer(merged, checked).named("policies", section.policy, (*path, "policy"))
        spec = section.canary if section.canary is not None else CanarySection()
        if not spec.enabled or (section.canary is None and not (name in wanted and _is_complete(section))):
            continue
        if wrong := _lacks(section, spec):
            problems.append(merged.problem((*path, "canary"), *wrong))
            continue
        if section.status_page is True and not status_page_of(section):
            what = f"no status page of {section.dialect} is known"
            problems.append(merged.problem((*path, "status_page"), what, "write its address"))
        try:
            _add(merged, checked, built, name, section=section, spec=spec)
        except ValidationError as error:
            what = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
            problems.append(merged.problem((*path, "canary"), *_apart(what)))
    return problems


def title_of(name: str, section: ProviderSection) -> str:
    """What people call a provider."""
    return section.title or _TITLES.get(name) or build.in_words(name)


def url_of(section: ProviderSection) -> str:
    """Where it is."""
    return section.url or USUAL[section.dialect]


def provider_of(key: str, section: ProviderSection) -> Provider:
    """A provider in catalog form."""
    settings = section.model_dump(mode="json", include=_SETTINGS, exclude_unset=True)
    price = (float(section.price.input), float(section.price.output)) if section.price else None
    limits = section.spend.limits()
    if price is None and limits.tokens is None:  # money that nobody can count limits nothing
        limits = replace(limits, tokens=TOKENS_UNPRICED)
    return Provider(
        key=key,
        title=title_of(key, section),
        dialect=section.dialect,
        model=section.model,
        limits=limits,
        price=price,
        settings=settings,
        status_page=status_page_of(section),
        components=section.components,
    )


def status_page_of(section: ProviderSection) -> str:
    """The address of its status page, "" for none."""
    if isinstance(section.status_page, str):
        return section.status_page
    return STATUS_PAGES.get(section.dialect.partition("-")[0], "") if section.status_page else ""


def _apart(text: str) -> tuple[str, str]:
    what, _, write = text.partition("; ")
    return what, write


def _is_complete(section: ProviderSection) -> bool:
    return bool(section.model and (section.key or section.dialect in _KEYLESS))


def _lacks(section: ProviderSection, spec: CanarySection) -> tuple[str, str] | None:
    if not section.model and not spec.models:
        return "a canary asks a model, and none is named", "write model: NAME beside it, or canary: models"
    return None


def _add(
    merged: Merged, checked: Checked, built: build.Built, name: str, *, section: ProviderSection, spec: CanarySection
) -> None:
    key, path = f"{PREFIX}{name}", ("providers", name)
    monitor = checked.one(MonitorSection, "monitor")
    policy = section.policy or checked.defaults.get("policy") or (monitor.policy if monitor else "")
    target = _target(section, spec)
    production = Environment(build.PRODUCTION, str(target["url"]), target, True, None, True)
    title = title_of(name, section)
    workflow = Workflow(
        key=key,
        title=title,
        promise=f"{title} answers",
        client=None,
        owner="",
        policy=policy,
        environments={production.name: production},
        slo=None,
        runbook="",
        runbook_lines=(),
        depends_on=(),
        place=merged.place(path),
        headroom=float(section.headroom) / 100,
        provider=name,
    )
    written = build.Written(key, NAME, _spec(section, spec), (*path, "canary"), merged.place(path))
    probe = build.of_written(written, workflow, production, WorkflowSection(), providers={name: section})
    built.workflows[key] = workflow
    built.probes[probe.id], built.origins[probe.id] = probe, written


def _target(section: ProviderSection, spec: CanarySection) -> dict[str, Any]:
    target: dict[str, Any] = {"url": url_of(section)}
    if section.key is not None:
        anthropic = section.dialect == "anthropic"
        target["auth"] = {"header": {"x-api-key": section.key}} if anthropic else {"bearer": section.key}
    for name in ("headers", "ca_file", "allow_private"):
        if value := getattr(section, name):
            target[name] = value
    if not spec.models:
        target["chat"] = {"dialect": section.dialect, "model": section.model, "max_tokens": spec.max_tokens}
    return target


def _spec(section: ProviderSection, spec: CanarySection) -> Spec:
    every = spec.model_dump(mode="json", include={"every", "attempts", "confirm", "recover", "severity"})
    limits: Any = spec.model_dump(mode="json", include={"timeout"})["timeout"] or {}
    found: dict[str, Any] = {**every, "timeout": {"total": TIMEOUT, **limits}, "idempotent": True}
    if spec.models:
        path = models_path(section.dialect, url_of(section))
        act: dict[str, Any] = {"get": path, "check": [{"status": 200}]}
        if headers := HEADERS.get(section.dialect):
            act["headers"] = headers
        return read({**found, **act})
    return read({**found, "ask": spec.ask, "check": [{"non-empty": True}, {"readable": True}]})
