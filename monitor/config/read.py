"""YAML to plain data, with the place of every key and value: YAML 1.2 scalars, no repeated key, nothing that runs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from probes.words.errors import Problem
from probes.words.text import clean

LARGEST = 1_000_000  # bytes of one file
DEEPEST = 40
ALIASES = 100

Place = tuple[str, int, int]
Path_ = tuple[str | int, ...]

_BOOL = re.compile(r"(?:true|false)\Z")
_NULL = re.compile(r"(?:~|null|)\Z")
_INT = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]+)?\Z")
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp", "merge", "value")
)


@dataclass(slots=True)
class Source:
    """One file as data. `places` maps a path to its (line, column), both from 1; `keys` the same for the key itself."""

    file: str
    data: dict[str, Any]
    places: dict[Path_, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path_, tuple[int, int]] = field(default_factory=dict)

    def place(self, path: Sequence[str | int], *, key: bool = False) -> tuple[int, int]:
        """Where a path stands, or its nearest known parent."""
        at = tuple(path)
        while at:
            found = (self.keys.get(at) if key else None) or self.places.get(at) or self.keys.get(at)
            if found:
                return found
            at, key = at[:-1], True
        return (1, 1)

    def problem(self, path: Sequence[str | int], what: str, write: str = "", *, key: bool = False) -> Problem:
        """A Problem at a path."""
        return Problem(self.file, *self.place(path, key=key), what, write)


def read_file(path: Path, name: str) -> tuple[Source, list[Problem]]:
    """A file as a Source and all that is wrong with its YAML; `name` is what problems call it."""
    empty = Source(name, {})
    try:
        if path.stat().st_size > LARGEST:
            return empty, [Problem(name, 1, 1, "larger than 1 MB", "split it into several files in a folder")]
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        return empty, [Problem(name, 1, 1, f"not UTF-8 text (byte {error.start})", "save it as UTF-8")]
    except OSError as error:
        return empty, [Problem(name, 0, 0, f"cannot be read: {error.strerror}", "check the path and its permissions")]
    return read_text(text, name)


def read_text(text: str, name: str) -> tuple[Source, list[Problem]]:
    """YAML text as a Source, with all Problems found; after a syntax error the data is empty."""
    source = Source(name, {})
    node, problems = _composed(text, name)
    if node is None:
        return source, problems or [Problem(name, 1, 1, "the file is empty", "write at least: workflows:")]
    builder = _Builder(source)
    data = builder.value(node, (), 0)
    if not isinstance(data, dict):
        builder.problems.append(
            source.problem((), "the top of the file is not a mapping", "write at least: workflows:")
        )
        return source, builder.problems
    source.data = data
    return source, builder.problems


def read_list(text: str, name: str) -> tuple[Source, list[Any], list[Problem]]:
    """YAML text whose top is a list: its entries, with a Source that knows their places, and all Problems found."""
    source = Source(name, {})
    node, problems = _composed(text, name)
    if node is None:
        return source, [], problems or [Problem(name, 1, 1, "the file is empty", "write a list: - {ask: …, expect: …}")]
    builder = _Builder(source)
    data = builder.value(node, (), 0)
    if not isinstance(data, list):
        problem = source.problem((), "the top of the file is not a list", "begin each case with a dash")
        return source, [], [*builder.problems, problem]
    return source, data, builder.problems


def _composed(text: str, name: str) -> tuple[yaml.Node | None, list[Problem]]:
    """The tree of a YAML text, None where it is empty or wrong, and what is wrong with it."""
    try:
        deep = _too_deep(text)
        node = None if deep else yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        return None, [_not_yaml(error, text, name)]
    except yaml.YAMLError as error:
        return None, [Problem(name, 1, 1, f"not YAML: {clean(str(error), 120)}", "remove control characters")]
    if deep:
        return None, [Problem(name, *deep, "nested too deeply", f"keep it within {DEEPEST} levels")]
    return node, []


def _too_deep(text: str) -> tuple[int, int] | None:
    """Where the text is nested too deeply. Asked before anything is composed, which overflows the stack of C there."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                mark: Any = event.start_mark
                return mark.line + 1, mark.column + 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return None


_WRITE: Mapping[str, str] = {
    "another document": "keep one document in a file; a folder may hold several files",
    "undefined alias": "write the value itself",
}


def _not_yaml(error: yaml.MarkedYAMLError, text: str, name: str) -> Problem:
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    if opened and "quoted scalar" in (error.context or "") and "end of stream" in (error.problem or ""):
        # The end of the file says nothing about where a quote was opened.
        return Problem(name, opened.line + 1, opened.column + 1, "not YAML: this quote is never closed", "close it")
    line, column = (mark.line, mark.column) if mark else (0, 0)
    what = clean(error.problem or "not YAML", 120).removeprefix("but ")
    lines = text.splitlines()
    if "\t" in (lines[line] if line < len(lines) else "")[: column + 1]:
        what, write = "a tab where spaces belong", "indent with spaces, never tabs"
    else:
        write = next((way for part, way in _WRITE.items() if part in what), "check quotes and indentation")
    return Problem(name, line + 1, column + 1, f"not YAML: {what}", write)


class _Builder:
    """Walks the node tree once: data, places and problems together."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self._seen: dict[int, int] = {}
        self._told: set[Problem] = set()

    def value(self, node: yaml.Node, path: Path_, depth: int) -> Any:
        self.source.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if depth > DEEPEST:
            return self._refuse(path, "nested too deeply", f"keep it within {DEEPEST} levels")
        times = self._seen[id(node)] = self._seen.get(id(node), 0) + 1
        if times > ALIASES:
            return self._refuse(path, "the same alias is used too often", "write the values out")
        if node.tag not in _TAGS:
            return self._refuse(path, f"the tag {clean(node.tag, 60)} means nothing here", "write the plain value")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(part, (*path, number), depth + 1) for number, part in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path_, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, part in node.value:
            mark = key_node.start_mark
            if not isinstance(key_node, yaml.ScalarNode):
                self._at(mark, "a key must be plain text", "write a word before the colon")
                continue
            key = key_node.value
            if key in found:
                first = self.source.keys[(*path, key)]
                self._at(mark, f"'{key}' stands here twice (first on line {first[0]})", "keep one of them")
                continue
            self.source.keys[(*path, key)] = (mark.line + 1, mark.column + 1)
            found[key] = self.value(part, (*path, key), depth + 1)
        return found

    @staticmethod
    def _scalar(node: yaml.Node) -> Any:
        text: str = node.value
        return text if isinstance(node, yaml.ScalarNode) and node.style else _plain(text)

    def _refuse(self, path: Path_, what: str, write: str) -> None:
        self._tell(self.source.problem(path, what, write))

    def _at(self, mark: Any, what: str, write: str) -> None:
        self._tell(Problem(self.source.file, mark.line + 1, mark.column + 1, what, write))

    def _tell(self, problem: Problem) -> None:
        """Once: an alias leads to the same place many times."""
        if problem not in self._told:
            self._told.add(problem)
            self.problems.append(problem)


def _plain(text: str) -> Any:
    """A plain scalar as YAML 1.2 reads it: `no`, `on`, `012`, `1:30` and dates are text."""
    if _BOOL.match(text):
        return text == "true"
    if _NULL.match(text):
        return None
    if _INT.match(text) and len(text) < 19:
        return int(text)
    if _FLOAT.match(text) and len(text) < 40:
        return float(text)
    return text
