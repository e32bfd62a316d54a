"""Every probe that stands in YAML, held against its kind's model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.config import golden
from monitor.config.accuracy import golden_of
from monitor.config.build import Written
from monitor.config.check import Checked
from monitor.config.defaults import for_probe
from monitor.config.merged import Merged
from probes.kinds.golden.spec import GoldenSpec
from probes.spec import by_kind, keys_of, read
from probes.words.errors import Problem


def in_yaml(merged: Merged, checked: Checked, folder: Path) -> tuple[list[Written], list[Problem]]:
    """Every YAML probe that held, and what is wrong with the others; files that probes name lie in `folder`."""
    found, problems = list[Written](), list[Problem]()
    for key, name, value in _raw(merged):
        path = ("workflows", key, "probes", name)
        source = merged.source(path)
        if not isinstance(value, dict):
            problems.append(source.problem(path, f"{name} is not a mapping", "write get: / and check: under it"))
            continue
        if wrong := _kind(value):
            problems.append(source.problem((*path, "kind"), *wrong))
            continue
        whole = golden.opened(value, source, path, folder)
        if whole.problems:
            problems += whole.problems
            continue
        try:
            spec = read(for_probe(whole.value, checked.defaults))
        except ValidationError as error:
            problems.extend(whole.told(error, source, path, keys_of(value)))
            continue
        except ValueError as error:  # of a ${…} in a value that is no text of its own, such as a limit
            what, _, write = str(error).partition("; ")
            problems.append(source.problem(path, what, write or "write the value itself", key=True))
            continue
        if key in checked.all("workflows"):
            made = Written(key, name, spec, path, merged.place(path))
            problems += _promise(made, merged, value, folder)
            found.append(made)
    return found, problems


def _promise(made: Written, merged: Merged, value: Mapping[str, Any], folder: Path) -> list[Problem]:
    """A golden probe's promise, put into it; what is wrong with its baseline."""
    if not isinstance(made.spec, GoldenSpec):
        return []
    baseline, trouble = golden.baseline_of(value, made.name, folder)
    file = str(golden.baseline_file(value, made.name, folder))
    made.golden = golden_of(made.spec, baseline=baseline, file=file)
    write = f"make it: showup golden baseline {made.name}, or remove it"
    return [made.problem(merged, trouble, write, at=("baseline",))] if trouble else []


def _kind(value: Mapping[str, Any]) -> tuple[str, str] | None:
    """What is wrong with a probe's kind, and what to write: without a kind, its other keys cannot be judged."""
    kind = value.get("kind", "http")
    if kind == "script":
        return "a script is a Python function", "write it with @probe in a file of its own, journeys/NAME.py"
    if not isinstance(kind, str):
        return "kind is not text", "leave it out"
    try:
        by_kind(kind)
    except ValueError as error:
        what, _, write = str(error).partition("; ")
        return what, write
    return None


def _raw(merged: Merged) -> Iterable[tuple[str, str, Any]]:
    """(workflow, probe, value) of every probe that stands there, also under a workflow that did not hold."""
    for key, section in merged.data.get("workflows", {}).items():
        probes_of = section.get("probes") if isinstance(section, dict) else None
        if isinstance(probes_of, dict):
            for name, value in probes_of.items():
                yield key, name, value
