"""Several files as one: a folder's sections together, each value still knowing which file it came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitor.config.problems import unknown_key
from monitor.config.read import Source
from monitor.config.sections import SINGLE, TOP
from probes.words.errors import Problem

_LISTS = frozenset({"journeys"})
_WHOLE = frozenset({*SINGLE, "store", "defaults", *_LISTS})  # sections that stand in one file as a whole


@dataclass(slots=True)
class Merged:
    """The data of all files, and where each section, or each name within a section, was written."""

    data: dict[str, Any] = field(default_factory=dict)
    origin: dict[tuple[str, ...], Source] = field(default_factory=dict)
    first: Source = field(default_factory=lambda: Source("showup.yaml", {}))

    def source(self, path: Sequence[str | int]) -> Source:
        """The file in which a path stands."""
        words = tuple(str(part) for part in path[:2])
        return self.origin.get(words) or self.origin.get(words[:1]) or self.first

    def problem(self, path: Sequence[str | int], what: str, write: str = "", *, key: bool = False) -> Problem:
        """A Problem at a path, in the right file; where `defaults` speak for a workflow or probe, there."""
        path = self._said(tuple(path))
        return self.source(path).problem(path, what, write, key=key)

    def _said(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        head = 4 if path[2:3] == ("probes",) else 2
        shared = ("defaults", *path[head:])
        if path[:1] != ("workflows",) or len(path) <= head or path[: head + 1] in self.source(path).places:
            return path
        return shared if shared in self.source(shared).places else path

    def place(self, path: Sequence[str | int]) -> str:
        """`file:line:column` of a path's key."""
        file, line, column = self.position(path)
        return f"{file}:{line}:{column}"

    def position(self, path: Sequence[str | int]) -> tuple[str, int, int]:
        """File, line and column of a path's key."""
        source = self.source(path)
        return (source.file, *source.place(path, key=True))


def merge(sources: Iterable[Source]) -> tuple[Merged, list[Problem]]:
    """All files together; the same name in two files is a problem, as nobody could say which one counts."""
    merged, problems = Merged(), list[Problem]()
    for number, source in enumerate(sources):
        if number == 0:
            merged.first = source
        for section, value in source.data.items():
            if section not in TOP:
                problems.append(unknown_key(source, (section,), section, TOP))
            elif value is None:
                continue
            elif section in _WHOLE:
                problems.extend(_whole(merged, source, section, value))
            elif not isinstance(value, dict):
                problems.append(
                    source.problem((section,), f"{section} is not a mapping", "write names and values under it")
                )
            else:
                problems.extend(_named(merged, source, section, value))
    return merged, problems


def _whole(merged: Merged, source: Source, section: str, value: Any) -> list[Problem]:
    if section in merged.data:
        other = merged.source((section,)).file
        return [source.problem((section,), f"'{section}' stands in {other} too", "keep one of them", key=True)]
    merged.data[section], merged.origin[(section,)] = value, source
    return []


def _named(merged: Merged, source: Source, section: str, value: dict[str, Any]) -> list[Problem]:
    problems = []
    there = merged.data.setdefault(section, {})
    merged.origin.setdefault((section,), source)
    for name, part in value.items():
        if name in there:
            other = merged.source((section, name)).place((section, name), key=True)[0]
            what = f"{section}: '{name}' stands in {merged.source((section, name)).file}:{other} too"
            problems.append(source.problem((section, name), what, "keep one of them", key=True))
            continue
        there[name], merged.origin[(section, name)] = part, source
    return problems
