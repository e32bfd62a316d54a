"""What a probe says of others: its name among them, the name it had, where it runs, whom it tells, what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from monitor.config.build import Built, Written
from monitor.config.check import Checked
from monitor.config.merged import Merged
from monitor.config.references import Refer
from probes.words.errors import Problem
from probes.words.names import is_key, nearest, slug


def claims(
    merged: Merged, checked: Checked, built: Built, found: Sequence[Written], *, known: Callable[[str], bool]
) -> list[Problem]:
    """All that is wrong with what probes say of others. `known` tells whether there is a secret of a name."""
    refer, problems = Refer(merged, checked), list[Problem]()
    for probe in found:
        if not is_key(probe.name):
            where = f'name="{slug(probe.name)}"' if probe.script else slug(probe.name)
            problems.append(probe.problem(merged, f"{probe.name!r} cannot be a name", f"write {where}"))
        problems += _environments(merged, built, probe)
        if probe.spec.policy and refer.named("policies", probe.spec.policy, ()):
            problems.append(probe.problem(merged, *refer.lost("policies", probe.spec.policy), at=("policy",)))
        for number, name in enumerate(probe.spec.depends_on or ()):
            if refer.named("providers", name, ()):
                lost = refer.lost("providers", name)
                problems.append(probe.problem(merged, *lost, at=("depends_on", number)))
        if probe.script:
            problems += _secrets(merged, probe, known)
    return problems + _twice(merged, found) + _renamed(merged, found)


def _environments(merged: Merged, built: Built, probe: Written) -> list[Problem]:
    there = built.workflows[probe.workflow].environments
    problems = []
    for number, name in enumerate(probe.spec.environments or ()):
        if there and name not in there:
            near = nearest(name, there)
            write = f"did you mean {near}?" if near else f"write {' or '.join(there)}"
            what = f"{probe.workflow} has no environment {name!r}"
            problems.append(probe.problem(merged, what, write, at=("environments", number)))
    return problems


def _secrets(merged: Merged, probe: Written, known: Callable[[str], bool]) -> list[Problem]:
    return [
        probe.problem(
            merged,
            f"the secret {name} is not set",
            f"set {name} in the environment, in .env or as a systemd credential",
        )
        for name in sorted(probe.spec.secret_names())
        if not known(name)
    ]


def _twice(merged: Merged, found: Iterable[Written]) -> list[Problem]:
    first: dict[tuple[str, str], Written] = {}
    problems = []
    for probe in found:
        other = first.setdefault((probe.workflow, probe.name), probe)
        if other is not probe:
            what = f"{probe.workflow} has a probe {probe.name!r} at {other.place} too"
            problems.append(probe.problem(merged, what, "give one of them another name"))
    return problems


def _renamed(merged: Merged, found: Iterable[Written]) -> list[Problem]:
    """Histories that two probes would share."""
    names = {(probe.workflow, probe.name): probe for probe in found}
    heirs: dict[tuple[str, str], Written] = {}
    problems = []
    for probe in found:
        was = probe.spec.was
        if was is None:
            continue
        there, heir = names.get((probe.workflow, was)), heirs.setdefault((probe.workflow, was), probe)
        if there is probe:
            problems.append(probe.problem(merged, f"{probe.name} was never called otherwise", "remove it", at=("was",)))
        elif there is not None:
            what = f"{was} is still there, at {there.place}, and keeps its history"
            problems.append(probe.problem(merged, what, "write a name that no probe has now", at=("was",)))
        elif heir is not probe:
            what = f"{heir.name} says that it was {was} too, at {heir.place}"
            problems.append(probe.problem(merged, what, "keep one of them", at=("was",)))
    return problems
