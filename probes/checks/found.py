"""The checks that a probe has, wherever its kind keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from probes.checks.judged import Judged
from probes.checks.written import Check

Place = tuple[str | int, ...]
Found = list[tuple[Place, Sequence[Check]]]


def checks_in(part: Any, where: Place = ()) -> Iterator[tuple[Place, Sequence[Check]]]:
    """(where, checks) of every list of checks in a section, by the keys of YAML. Only what was written is looked at."""
    if isinstance(part, BaseModel):
        fields = type(part).model_fields
        for name in part.model_fields_set:
            value = getattr(part, name, None)
            if isinstance(value, BaseModel | tuple | list | dict):
                yield from checks_in(value, (*where, str(fields[name].alias or name) if name in fields else name))
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from checks_in(value, (*where, str(key)))
    elif isinstance(part, list | tuple):
        if part and all(isinstance(one, Check) for one in part):
            yield where, part
            return
        for number, value in enumerate(part):
            yield from checks_in(value, (*where, number))


def judged_in(found: Iterable[tuple[Place, Sequence[Check]]]) -> Iterator[tuple[Place, Judged]]:
    """(where, what is asked) of every check that a judge is asked about."""
    for where, checks in found:
        for number, check in enumerate(checks):
            if check.judged is not None:
                yield (*where, number, check.judged.key), check.judged


def measured_in(found: Iterable[tuple[Place, Sequence[Check]]]) -> Iterator[tuple[Place, str]]:
    """(where, name) of every measured number that is checked."""
    for where, checks in found:
        for number, check in enumerate(checks):
            yield from (((*where, number), name) for name in _measured(check))


def _measured(check: Check) -> Iterator[str]:
    if check.value is not None:
        yield check.value
    for member in (check.any_of or ()) + (check.all_of or ()):
        yield from _measured(member)
