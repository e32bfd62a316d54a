"""What the file's `defaults` say for every workflow and probe that says nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from monitor.config.merged import Merged
from monitor.config.problems import of_errors, unknown_key
from monitor.config.sections import WorkflowSection
from probes.spec import KINDS, Spec, by_kind, kind_of
from probes.words.errors import Problem
from probes.words.section import Section

OWN = frozenset({"probes", "environments", "title", "promise", "url", "kind", "was", "partner", "costs"})
"""Keys that only mean something where they stand."""

SHARED = frozenset({*Spec.model_fields, *WorkflowSection.model_fields} - OWN)
"""Keys that `defaults` may have."""

_WORKFLOWS = frozenset({"policy", "depends_on"})  # a probe has its workflow's


def read_defaults(merged: Merged) -> tuple[dict[str, Any], list[Problem]]:
    """The defaults that hold, and what is wrong with the others: told once, where they stand."""
    given = merged.data.get("defaults")
    if given is None:
        return {}, []
    if not isinstance(given, dict):
        return {}, [merged.problem(("defaults",), "defaults is not a mapping", "write keys and values under it")]
    source = merged.source(("defaults",))
    problems = [unknown_key(source, ("defaults", name), name, SHARED) for name in given if name not in SHARED]
    broken = {name for name in given if name not in SHARED}
    for model in (Spec, WorkflowSection):
        found, wrong = _held(model, {name: value for name, value in given.items() if name not in broken}, merged)
        problems += found
        broken |= wrong
    return {name: value for name, value in given.items() if name not in broken}, list(dict.fromkeys(problems))


def _held(model: type[Section], given: Mapping[str, Any], merged: Merged) -> tuple[list[Problem], set[str]]:
    mine = {name: value for name, value in given.items() if name in model.model_fields}
    try:
        model.model_validate(mine)
    except ValidationError as error:
        wrong = {str(detail["loc"][0]) for detail in error.errors(include_url=False) if detail["loc"]}
        return of_errors(error, merged.source(("defaults",)), ("defaults",), model=model), wrong or set(mine)
    return [], set()


def for_workflow(value: Any, defaults: Mapping[str, Any]) -> Any:
    """A workflow's keys, with the defaults where it says nothing."""
    if not isinstance(value, dict):
        return value
    return {**{name: part for name, part in defaults.items() if name in WorkflowSection.model_fields}, **value}


def for_probe(value: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """A probe's keys, with the defaults where it says nothing; `every` and `cron` stand for each other.

    The policy comes from the workflow, which may have one of its own.
    """
    shared = {name: part for name, part in defaults.items() if name in Spec.model_fields and name not in _WORKFLOWS}
    for one, other in (("cron", "every"), ("every", "cron")):
        if one in value:
            shared.pop(other, None)
    kind = kind_of(value)
    own = by_kind(kind).own_defaults if kind in KINDS else frozenset()
    shared = {name: part for name, part in shared.items() if name not in own}
    return {**shared, **value}
