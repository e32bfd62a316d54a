"""Each section against its model: everything that is wrong with any of them, at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import ValidationError

from alerts.channel_table import CHANNELS, spec_of
from alerts.people import PersonSpec
from alerts.policy import PolicySpec
from alerts.rotation import RotationSpec
from monitor.config.defaults import for_workflow, read_defaults
from monitor.config.merged import Merged
from monitor.config.problems import of_errors, unknown_key
from monitor.config.sections import NAMED, SINGLE
from probes.words.errors import Problem
from probes.words.names import is_key, slug
from probes.words.section import Section

S = TypeVar("S", bound=Section)
_PEOPLE: Mapping[str, type[Section]] = {"people": PersonSpec, "rotations": RotationSpec, "policies": PolicySpec}


@dataclass(slots=True)
class Checked:
    """Every section that held, by name; probes are still plain data, as their kind decides their model."""

    single: dict[str, Section] = field(default_factory=dict)
    named: dict[str, dict[str, Any]] = field(default_factory=dict)
    channels: dict[str, Section] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: set[tuple[str, str]] = field(default_factory=set)  # (section, name) that stand there and did not hold

    def one(self, model: type[S], section: str) -> S | None:
        """The section that stands once, or None when it is absent or broken."""
        found = self.single.get(section)
        return found if isinstance(found, model) else None

    def all(self, section: str) -> dict[str, Any]:
        """A named section's members that held."""
        return self.named.get(section, {})

    def exists(self, section: str, name: str) -> bool:
        """True when the name is written down, whether or not it held: a broken one is reported once."""
        there = self.channels if section == "channels" else self.all(section)
        return name in there or (section, name) in self.broken


def check(merged: Merged) -> Checked:
    """Hold each section against its model."""
    checked = Checked()
    checked.defaults, checked.problems = read_defaults(merged)
    for section, model in SINGLE.items():
        if section in merged.data:
            found = _hold(checked, merged, model, (section,), merged.data[section])
            if found is not None:
                checked.single[section] = found
    for section, model in {**_PEOPLE, **NAMED}.items():
        members = checked.named[section] = {}
        for name, value in merged.data.get(section, {}).items():
            if not is_key(name):
                checked.problems.append(
                    merged.problem((section, name), f"{name!r} cannot be a name", f"write {slug(name)}", key=True)
                )
            value = {} if value is None else value
            if section == "workflows":
                value = for_workflow(value, checked.defaults)
            found = _hold(checked, merged, model, (section, name), value)
            if found is None:
                checked.broken.add((section, name))
            else:
                members[name] = found
    _channels(checked, merged)
    return checked


def _channels(checked: Checked, merged: Merged) -> None:
    for name, value in merged.data.get("channels", {}).items():
        if name not in CHANNELS:
            source = merged.source(("channels", name))
            checked.problems.append(unknown_key(source, ("channels", name), name, CHANNELS))
            continue
        found = _hold(checked, merged, spec_of(name), ("channels", name), {} if value is None else value)
        if found is None:
            checked.broken.add(("channels", name))
        else:
            checked.channels[name] = found


def _hold(checked: Checked, merged: Merged, model: type[S], path: tuple[str, ...], value: Any) -> S | None:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        keys = tuple(model.model_fields)
        checked.problems.extend(of_errors(error, merged.source(path), path, keys=keys, model=model))
        return None
