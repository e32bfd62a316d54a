"""From a path to a Catalog: find, read, check, build, cross-check; every problem at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from alerts.policy import Level, PolicySpec
from monitor.config import beside, build, contracts, escalating, golden, judging, plans, recurring, references
from monitor.config.book import book_of
from monitor.config.canaries import canaries, provider_of
from monitor.config.catalog import Catalog, Client, Keep, Probe, Publish, Site, Web
from monitor.config.check import Checked, check
from monitor.config.claims import claims
from monitor.config.doubts import doubts
from monitor.config.keys import keys, keys_of
from monitor.config.merged import Merged, merge
from monitor.config.places import places
from monitor.config.read import Source, read_file, read_text
from monitor.config.scripts import Discover, discover, scripts
from monitor.config.secrets import Secrets
from monitor.config.sections import (
    ClientSection,
    KeepSection,
    MonitorSection,
    PublishSection,
    SiteSection,
    WebSection,
)
from monitor.config.yaml_probes import in_yaml
from probes.words.errors import ConfigError, Problem
from probes.words.units import micros_of

PLACES = ("showup.yaml", "showup.yml", "showup.d")
SYSTEM = Path("/etc/showup")
ROOT = Path("/")  # where a service stands: from here every path would look like a relative one


def find(path: Path | None, *, environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> Path:
    """The file or folder that is meant: as given, $SHOWUP_CONFIG, here, /etc/showup; raises ConfigError."""
    try:
        return _find(path, environ, folder or Path.cwd())
    except PermissionError as error:
        what = Problem(str(error.filename), 0, 0, "you may not look at this", "run it as root: sudo showup …")
        raise ConfigError([what]) from None


def _find(path: Path | None, environ: Mapping[str, str], here: Path) -> Path:
    given = path or (Path(environ["SHOWUP_CONFIG"]) if environ.get("SHOWUP_CONFIG") else None)
    if given is not None:
        if given.exists():
            return given
        raise ConfigError([Problem(str(given), 0, 0, "there is no such file or folder", "run: showup init")])
    for place in [*(here / name for name in PLACES), *(SYSTEM / name for name in PLACES), SYSTEM]:
        if place.is_file() or (place.is_dir() and any(place.glob("*.y*ml"))):
            return place
    looked = f"{here / PLACES[0]} and {SYSTEM / PLACES[0]}"
    raise ConfigError([Problem("showup", 0, 0, f"no configuration found (looked for {looked})", "run: showup init")])


def load(path: Path | None = None, *, secrets: Secrets | None = None, find_scripts: Discover = discover) -> Catalog:
    """The whole configuration at `path` (see `find`); raises ConfigError with all its problems."""
    place = find(path)
    folder = (place if place.is_dir() else place.parent).resolve()
    files = sorted([*place.glob("*.yaml"), *place.glob("*.yml")]) if place.is_dir() else [place]
    if not files:
        raise ConfigError([Problem(str(place), 0, 0, "there is no *.yaml file in this folder", "run: showup init")])
    sources, problems = list[Source](), list[Problem]()
    for file in files:
        source, found = read_file(file, _shown(file))
        sources.append(source)
        problems += found
    if problems:
        raise ConfigError(problems)
    secrets = secrets or Secrets.from_environment(folder, os.environ)
    return assemble(sources, secrets=secrets, folder=folder, files=tuple(files), find_scripts=find_scripts)


def _shown(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here)) if here != ROOT and file.is_relative_to(here) else str(file)


def load_text(text: str, *, secrets: Mapping[str, str] | None = None, folder: Path | None = None) -> Catalog:
    """A configuration from text, for tests and for trying out; raises ConfigError."""
    source, problems = read_text(text, "showup.yaml")
    if problems:
        raise ConfigError(problems)
    return assemble([source], secrets=Secrets(secrets or {}), folder=folder or Path.cwd(), files=())


def assemble(
    sources: Sequence[Source],
    *,
    secrets: Secrets,
    folder: Path,
    files: tuple[Path, ...],
    find_scripts: Discover = discover,
) -> Catalog:
    """The Catalog of these sources; raises ConfigError."""
    merged, problems = merge(sources)
    checked = check(merged)
    problems += checked.problems
    if not any(source.data.get("workflows") for source in sources):
        problems.append(merged.problem(("workflows",), "there is no workflow", "add workflows: with at least one"))
    built = build.workflows(merged, checked, folder)
    from_yaml, found = in_yaml(merged, checked, folder)
    problems += found
    in_python, found = scripts(merged, checked, folder, find_scripts=find_scripts)
    problems += found
    written = [*from_yaml, *in_python]
    built.warnings += contracts.baselines(from_yaml, folder)
    problems += beside.files(merged, written, folder)
    problems += judging.judges(merged, checked, written)
    build.probes(built, written, checked)
    problems += judging.priceless(merged, built)
    problems += built.problems
    problems += references.people(merged, checked) + escalating.problems(merged, checked)
    problems += references.workflows(merged, checked, built.workflows, built.probes)
    problems += claims(merged, checked, built, written, known=lambda name: secrets.get(name) is not None)
    problems += canaries(merged, checked, built)
    built.warnings += doubts(merged, checked, built) + escalating.doubts(merged, checked)
    periods, found = _periods(merged, built)
    problems += found + references.fits(merged, built, periods) + references.talks(merged, built)
    problems += golden.provable(merged, built, periods)
    problems += references.secrets(merged, lambda name: secrets.get(name) is not None)
    problems += keys(merged, checked, secrets.get) + places(merged, built) + plans.problems(merged, checked, built)
    problems += recurring.problems(merged, checked, built)
    problems += _store(merged) + beside.hooks(merged, built, checked.one(WebSection, "web"))
    policies, monitor_policy, found = _policies(merged, checked, built)
    problems += found
    if problems:
        unused = [Problem(".env", 0, 0, warning) for warning in secrets.warnings]  # why a secret may not be set
        raise ConfigError(list(dict.fromkeys([*unused, *problems])))
    return _catalog(
        merged, checked, built, folder=folder, files=files, secrets=secrets, policies=policies, own=monitor_policy
    )


def _store(merged: Merged) -> list[Problem]:
    store = merged.data.get("store", "")
    write = "write sqlite:////path/showup.db or postgresql://user@host/name"
    if not isinstance(store, str) or (store and not store.startswith(("sqlite:", "postgresql:", "postgresql+"))):
        return [merged.problem(("store",), "this is no address of a database", write)]
    if ":" in store.partition("://")[2].rpartition("@")[0]:
        what = "the address of the database holds a password"
        return [merged.problem(("store",), what, "write it without, and set PGPASSWORD or PGPASSFILE")]
    return []


def _periods(merged: Merged, built: build.Built) -> tuple[dict[str, int], list[Problem]]:
    """µs between the two nearest runs of each probe, and the cadences that have none."""
    from monitor.config.crons import shortest_gap

    periods, problems = dict[str, int](), list[Problem]()
    for key, probe in built.probes.items():
        if probe.every is not None:
            periods[key] = micros_of(probe.every)
            continue
        try:
            periods[key] = shortest_gap(probe.cron or "", probe.timezone)
        except ValueError as error:
            what, _, write = str(error).partition("; ")
            problems.append(built.origins[key].problem(merged, f"{probe.cron!r} is {what}", write, at=("cron",)))
    return periods, problems


def _policies(merged: Merged, checked: Checked, built: build.Built) -> tuple[dict[str, PolicySpec], str, list[Problem]]:
    """Every policy, whose policy the monitor's own troubles follow, and what is missing."""
    refer = references.Refer(merged, checked)
    policies: dict[str, PolicySpec] = dict(checked.all("policies"))
    monitor = checked.one(MonitorSection, "monitor")
    problems = list[Problem]()
    if monitor is not None:
        problems += refer.named("policies", monitor.policy, ("monitor", "policy"))
    elif policies and "monitor" not in merged.data:
        what = "nobody hears about showup's own troubles"
        near = next(iter(policies))
        problems.append(merged.problem(("policies",), what, f"add monitor: {{policy: {near}}}", key=True))
    problems += refer.named("policies", checked.defaults.get("policy"), ("defaults", "policy"))
    own = monitor.policy if monitor else references.IMPLIED_POLICY
    policies.setdefault(
        references.IMPLIED_POLICY, PolicySpec(levels=(Level(notify=("console",)),), warnings=("console",))
    )
    policies.update(plans.policies(checked))
    for key, workflow in built.workflows.items():
        if not workflow.policy and checked.all("policies"):
            what = f"{key} has no policy, so nobody would be told"
            near = next(iter(checked.all("policies")))
            problems.append(merged.problem(("workflows", key), what, f"add policy: {near}", key=True))
    return policies, own, problems


def _catalog(
    merged: Merged,
    checked: Checked,
    built: build.Built,
    *,
    folder: Path,
    files: tuple[Path, ...],
    secrets: Secrets,
    policies: Mapping[str, PolicySpec],
    own: str,
) -> Catalog:
    site = checked.one(SiteSection, "site") or SiteSection()
    monitor = checked.one(MonitorSection, "monitor") or MonitorSection(policy=own)
    publish = checked.one(PublishSection, "publish") or PublishSection()
    keep = checked.one(KeepSection, "keep") or KeepSection()
    web = checked.one(WebSection, "web") or WebSection()
    store = merged.data.get("store")
    scripts_hash = "".join(sorted(probe.job_id for probe in built.probes.values()))
    whole = json.dumps(merged.data, sort_keys=True, default=str) + scripts_hash
    return Catalog(
        site=Site(site.title, site.url or "", site.timezone),
        workflows={key: _with_policy(workflow) for key, workflow in built.workflows.items()},
        probes={key: _probe_with_policy(probe) for key, probe in built.probes.items()},
        clients=_clients(checked, secrets),
        providers={key: provider_of(key, part) for key, part in checked.all("providers").items()},
        book=book_of(merged, checked, policies),
        monitor_policy=own,
        publish=Publish(publish.to, publish.run, publish.at_most_every, publish.escalation or ""),
        keep=Keep(keep.runs, keep.evidence, keep.disk),
        web=Web(web.listen, web.url or ""),
        store=store if isinstance(store, str) else "",
        dead_man=monitor.dead_man or "",
        stale_after=monitor.stale_after,
        references=monitor.references,
        folder=folder,
        files=files,
        fingerprint=blake2b(whole.encode(), digest_size=12).hexdigest(),
        warnings=(*built.warnings, *secrets.warnings),
        keys=keys_of(checked),
        maintenance=recurring.recurring(checked),
        drills=plans.drills(checked),
        canary_page=plans.canary_page(checked),
    )


def _with_policy(workflow: Any) -> Any:
    return workflow if workflow.policy else replace(workflow, policy=references.IMPLIED_POLICY)


def _probe_with_policy(probe: Probe) -> Probe:
    return probe if probe.policy else replace(probe, policy=references.IMPLIED_POLICY)


def _clients(checked: Checked, secrets: Secrets) -> dict[str, Client]:
    found = {}
    for key, part in checked.all("clients").items():
        section: ClientSection = part
        found[key] = Client(key, section.name, section.live_since, section.public, "")
    return found
