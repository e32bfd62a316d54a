"""What only shows when sections are seen together: names that lead nowhere, and promises that cannot be kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from alerts.channel_table import CHANNELS, IMPLIED
from alerts.people import PersonSpec
from alerts.policy import ALONE, PolicySpec, parse_target
from alerts.rotation import RotationSpec
from monitor.config.build import PRODUCTION, Built
from monitor.config.catalog import Probe, Workflow
from monitor.config.check import Checked
from monitor.config.merged import Merged
from monitor.config.sections import SloSection, WorkflowSection
from monitor.ledger.burn import why_never
from monitor.ledger.slo import Slo as Objective
from monitor.ledger.slo import check_slo
from probes.words.errors import Problem
from probes.words.names import nearest
from probes.words.secret import REFERENCE, names_in
from probes.words.text import clean
from probes.words.units import micros_of, say_duration
from probes.words.waiting import waits

Path = tuple[str | int, ...]
_MEANT = re.compile(r"\$\{\s*secrets?\b[^}]*\}?", re.IGNORECASE)
IMPLIED_POLICY = "console"  # pages are lines on the console where nobody is named
_ASKED = 'add chat: {post: /chat, send: {message: "${ask}"}, reply: $.reply}, or {dialect: openai, model: NAME}, to it'
_REACHES = "name a person, on-call:ROTATION or pagerduty"


@dataclass(frozen=True, slots=True)
class Refer:
    """Finds names across sections, and says which one was probably meant."""

    merged: Merged
    checked: Checked

    def named(self, section: str, name: str | None, path: Path) -> list[Problem]:
        """Nothing, or the one problem of a name that is not under `section`."""
        if not name or self.checked.exists(section, name) or (section, name) == ("policies", IMPLIED_POLICY):
            return []
        return [self.merged.problem(path, *self.lost(section, name))]

    def lost(self, section: str, name: str) -> tuple[str, str]:
        """What is wrong with a name that is not under `section`, and what to write instead."""
        near = nearest(name, self.checked.all(section))
        return f"{name!r} is not among {section}", f"did you mean {near}?" if near else f"add it under {section}:"

    def target(self, text: str, path: Path) -> list[Problem]:
        """Nothing, or the problem of a target that means nobody."""
        meant = parse_target(text)
        if meant.kind in ("on-call", "next"):
            return self.named("rotations", meant.name, path)
        if meant.kind == "person":
            return self._person(meant.name, path)
        if meant.kind in IMPLIED or self.checked.exists("channels", meant.kind):
            return []
        return [
            self.merged.problem(path, f"the channel {meant.kind} is not set up", f"add {meant.kind}: under channels:")
        ]

    def _person(self, name: str, path: Path) -> list[Problem]:
        if self.checked.exists("people", name):
            return []
        rotations = {f"on-call:{rotation}": rotation for rotation in self.checked.all("rotations")}
        if name in CHANNELS:
            write = f'write "{name}:…" under phone: of a person, and name that person here'
            return [self.merged.problem(path, f"{name} rings somebody's phone, and is no target by itself", write)]
        near = nearest(name, [*self.checked.all("people"), *rotations, *rotations.values(), *sorted(ALONE)])
        meant = f"on-call:{near}" if near in rotations.values() else near
        write = f"did you mean {meant}?" if near else "add it under people:"
        return [self.merged.problem(path, f"{name!r} is no person and no channel", write)]


def people(merged: Merged, checked: Checked) -> list[Problem]:
    """Rotations that name nobody, policies that reach nobody."""
    refer, found = Refer(merged, checked), list[Problem]()
    for key, rotation in checked.all("rotations").items():
        spec: RotationSpec = rotation
        for number, person in enumerate(spec.people):
            found += refer.named("people", person, ("rotations", key, "people", number))
        for depth, layer in enumerate(spec.layers):
            for number, person in enumerate(layer.people):
                found += refer.named("people", person, ("rotations", key, "layers", depth, "people", number))
        if spec.reads_pagerduty and not checked.exists("channels", "pagerduty"):
            what = "this rotation is read from PagerDuty, which is not set up"
            found.append(
                merged.problem(("rotations", key), what, "add pagerduty: with api_key: under channels:", key=True)
            )
    for key, policy in checked.all("policies").items():
        found += _policy(refer, key, policy)
    return found


def _policy(refer: Refer, key: str, policy: PolicySpec) -> list[Problem]:
    found = list[Problem]()
    only_console = all(target == "console" for level in policy.levels for target in level.notify)
    for number, level in enumerate(policy.levels):
        path: Path = ("policies", key, "levels", number)
        wrong = [
            problem for at, target in enumerate(level.notify) for problem in refer.target(target, (*path, "notify", at))
        ]
        found += wrong
        if not wrong and not only_console and not any(_reaches(refer.checked, target) for target in level.notify):
            found.append(refer.merged.problem(path, f"level {number + 1} of {key} reaches no person", _REACHES))
    for at, target in enumerate(policy.warnings):
        found += refer.target(target, ("policies", key, "warnings", at))
    if policy.fallback:
        found += refer.target(policy.fallback, ("policies", key, "fallback"))
    return found


def _reaches(checked: Checked, target: str) -> bool:
    meant = parse_target(target)
    if meant.kind == "person":
        person = checked.all("people").get(meant.name)
        return not isinstance(person, PersonSpec) or bool(person.phone or person.slack)
    return meant.kind in ("on-call", "next", "pagerduty")


def workflows(
    merged: Merged, checked: Checked, built: Mapping[str, Workflow], probes: Mapping[str, Probe]
) -> list[Problem]:
    """Workflows whose names lead nowhere, or that nothing critical watches."""
    refer, found = Refer(merged, checked), list[Problem]()
    for key, workflow in built.items():
        section: WorkflowSection = checked.all("workflows")[key]
        path: Path = ("workflows", key)
        found += refer.named("clients", workflow.client, (*path, "client"))
        found += refer.named("people", workflow.owner or None, (*path, "owner"))
        found += refer.named("policies", section.policy, (*path, "policy"))
        for name, environment in section.environments.items():
            found += refer.named("policies", environment.policy, (*path, "environments", name, "policy"))
        for number, provider in enumerate(section.depends_on):
            found += refer.named("providers", provider, (*path, "depends_on", number))
        mine = [probe for probe in probes.values() if probe.workflow == key]
        found += _watched(merged, path, workflow, mine, written=section.probes)
        if section.slo is not None:
            found += _slo(merged, path, section.slo, mine)
    return found


def _watched(
    merged: Merged, path: Path, workflow: Workflow, probes: list[Probe], *, written: Mapping[str, Any]
) -> list[Problem]:
    if not workflow.environments:
        return [merged.problem(path, f"{workflow.key} has no address", "add url: https://…", key=True)]
    if not written and not probes:
        return [merged.problem(path, f"{workflow.key} has no probe", "add probes: with at least one", key=True)]
    for name, environment in workflow.environments.items():
        here = [probe for probe in probes if probe.environment == name]
        if environment.scheduled and here and not any(probe.critical for probe in here):
            what = f"no probe of {workflow.key} in {name} is critical, so nothing could take it down"
            return [merged.problem(path, what, "write affects: down in at least one probe", key=True)]
    return []


def _slo(merged: Merged, path: Path, slo: SloSection, probes: Iterable[Probe]) -> list[Problem]:
    tried = [probe for probe in probes if probe.critical and probe.heartbeat is None]  # a late job may report still
    periods = [micros_of(probe.every) for probe in tried if probe.every is not None]
    longest, objective = max(periods, default=60_000_000), Objective(int(slo.target * 1000), micros_of(slo.window))
    reason = check_slo(objective.target_thousandths, longest, objective.window_us)
    if reason:
        return [merged.problem((*path, "slo", "target"), *_split(reason))]
    own = () if isinstance(slo.burn, bool) else slo.burn
    never = [(number, why_never(one.rule(), objective, longest)) for number, one in enumerate(own)]
    return [merged.problem((*path, "slo", "burn", number), *_split(why)) for number, why in never if why]


def _split(text: str) -> tuple[str, str]:
    what, _, write = text.rpartition(": ")
    return (what, write) if what else (text, "")


def worst_run(probe: Probe) -> int:
    """The longest a run can take, µs: every attempt its timeout, every wait its longest, and the clean-up."""
    return probe.attempts * micros_of(probe.timeout) + waits(probe.attempts) + micros_of(probe.cleanup)


def fits(merged: Merged, built: Built, periods: Mapping[str, int]) -> list[Problem]:
    """Probes whose worst run is longer than their period: the next run would find them still going."""
    found = list[Problem]()
    told = set[int]()
    for key, period in periods.items():
        probe, origin = built.probes[key], built.origins[key]
        if worst_run(probe) <= period or id(origin) in told or not probe.scheduled or probe.heartbeat is not None:
            continue
        told.add(id(origin))
        longest = (period - waits(probe.attempts) - micros_of(probe.cleanup)) // max(1, probe.attempts)
        sum_up = (
            f"{probe.attempts} x {say_duration(probe.timeout)} + waits {say_duration(waits(probe.attempts))} + "
            f"clean-up {say_duration(probe.cleanup)} = {say_duration(worst_run(probe))}"
        )
        in_stages = "timeout" in origin.spec.own_defaults  # its time is made of deadlines of its own
        way = f"timeout: {say_duration(longest // 100_000 * 100_000)} or " if longest > 1_000_000 else ""
        way = "shorter deadlines, " if in_stages else way
        where = "" if probe.environment == PRODUCTION else f" in {probe.environment}"
        what = f"the longest run of {probe.name} ({sum_up}) is longer than its period of {say_duration(period)}{where}"
        fewer = " or fewer attempts:" if probe.attempts > 1 else ""
        found.append(origin.problem(merged, what, f"write {way}a longer every:{fewer}"))
    return found


def talks(merged: Merged, built: Built) -> list[Problem]:
    """Probes that ask where nothing says how one asks."""
    found, told = list[Problem](), set[int]()
    for key, probe in built.probes.items():
        origin, target = built.origins[key], built.workflows[probe.workflow].environments[probe.environment].target
        if any(origin.spec.talks) and not target.get("chat") and id(origin) not in told:
            told.add(id(origin))
            found.append(origin.problem(merged, f"{probe.workflow} does not say how it is asked", _ASKED))
        keys = getattr(origin.spec, "model_keys", ())
        if keys and "post" in (target.get("chat") or {}) and id(origin) not in told:
            told.add(id(origin))
            what = f"{keys[0]} is for a model, and {probe.workflow} is asked at an endpoint of its own"
            found.append(origin.problem(merged, what, "write a dialect under chat, or leave it out"))
    return found


def secrets(merged: Merged, known: Callable[[str], bool]) -> list[Problem]:
    """Secrets that are referred to and are nowhere, each at its first place, and references that are none."""
    found, told = list[Problem](), set[str]()
    for path, text in _texts(merged.data, ()):
        if "${" not in text:
            continue
        for reference in _MEANT.findall(text):
            if not REFERENCE.fullmatch(reference):
                what = f"{clean(reference, 60)!r} is no reference to a secret"
                found.append(merged.problem(path, what, "write ${secret:NAME}, with a-z, A-Z, 0-9 and _ in its name"))
        for name in sorted(names_in(text) - told):
            told.add(name)
            if not known(name):
                write = f"set {name} in the environment, in .env or as a systemd credential"
                found.append(merged.problem(path, f"the secret {name} is not set", write))
    return found


def _texts(value: Any, path: Path) -> Iterable[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _texts(part, (*path, number))
