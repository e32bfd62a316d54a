"""Python probes in users' files: `python -I -m probes.discover FILE…` loads them and prints what it found as JSON.

Loading a file runs it, so this happens in a process of its own, never in the keeper.
"""

from __future__ import annotations

import ast
import contextlib
import json
import re
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from probes.author import Probe
from probes.kinds.script.run import load
from probes.trouble import cause_of
from probes.words.errors import ProbeBug, Problem
from probes.words.units import say_duration

_LINE = re.compile(r":(\d+)\Z")


@dataclass(frozen=True, slots=True)
class Found:
    """One probe in a file. `options` are what `@probe(…)` was given, with the secrets and steps that its source
    shows.
    """

    file: str
    line: int
    function: str
    options: Mapping[str, Any]
    docstring: str


@dataclass(slots=True)
class Discovery:
    """What was found, and what is wrong with the files."""

    found: list[Found] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def find(paths: Iterable[str | Path]) -> Discovery:
    """The probes in these files. What is wrong with a file is a problem with its line and never keeps the others
    from loading.
    """
    discovery = Discovery()
    for path in paths:
        file = str(Path(path).resolve())
        try:
            tree = ast.parse(Path(file).read_bytes(), file)
            module = load(file)
        except BaseException as error:  # a user's file may raise anything when it is loaded
            discovery.problems.append(_problem(file, error))
            continue
        source = _Source(tree)
        discovery.problems += source.problems(file)
        for value in vars(module).values():
            if isinstance(value, Probe) and value.file == file:
                discovery.found.append(_found(value, source, discovery.problems))
    return discovery


def shown_steps(probe: Probe) -> list[str]:
    """The names of a probe's steps, as far as its source can be read and shows them."""
    try:
        return _Source(ast.parse(Path(probe.file).read_bytes(), probe.file)).steps(probe.function)
    except (OSError, SyntaxError, ValueError):
        return []


def _found(probe: Probe, source: _Source, problems: list[Problem]) -> Found:
    options = {key: _plain(value) for key, value in probe.options.items()}
    declared = options.get("secrets", [])
    shown, hidden = source.secrets(probe.function)
    if hidden and not declared:
        write = '@probe(…, secrets=["NAME"])'
        problems.append(
            Problem(probe.file, hidden, 1, "the name of a secret is worked out at run time", f"declare it: {write}")
        )
    if secrets := sorted({*declared, *shown}):
        options["secrets"] = secrets
    if steps := source.steps(probe.function):
        options["step_names"] = steps
    return Found(probe.file, source.line(probe.function) or probe.line, probe.function, options, probe.docstring)


def _plain(value: Any) -> Any:
    if isinstance(value, timedelta):
        return say_duration(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    return value


def _problem(file: str, error: BaseException) -> Problem:
    if isinstance(error, ProbeBug):
        line = _LINE.search(error.where)
        return Problem(file, int(line[1]) if line else 1, 1, str(error), error.hint)
    if isinstance(error, SyntaxError):
        return Problem(file, error.lineno or 1, error.offset or 1, f"not Python: {error.msg}", "mend the line")
    if isinstance(error, OSError) and error.filename == file:
        return Problem(file, 1, 1, f"the file cannot be read: {error.strerror}", "")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line_number = frames[-1].lineno if frames else 1
    what = f"loading the file failed: {cause_of(error, file)}"
    return Problem(file, line_number or 1, 1, what, "a file only defines probes; move work into them")


class _Source:
    """What a file's text shows without running it."""

    def __init__(self, tree: ast.Module) -> None:
        self._functions: dict[str, ast.AsyncFunctionDef | ast.FunctionDef] = {}
        self._twice: list[tuple[int, str]] = []
        self._rest: list[ast.AST] = []
        for node in tree.body:
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef) and _is_probe(node):
                if node.name in self._functions:
                    self._twice.append((node.lineno, node.name))
                self._functions[node.name] = node
            else:
                self._rest.append(node)

    def problems(self, file: str) -> list[Problem]:
        """Probes that hide each other."""
        return [
            Problem(file, line, 1, f"two probes are called {name}", "write another name") for line, name in self._twice
        ]

    def line(self, function: str) -> int:
        """Where the function begins, 0 when its text does not show it."""
        node = self._functions.get(function)
        return node.lineno if node else 0

    def steps(self, function: str) -> list[str]:
        """The names of the steps of a probe, as far as they are written out."""
        named = (_text(call) for call in self._calls(function, "step", with_rest=False))
        return list(dict.fromkeys(name for name in named if name))

    def secrets(self, function: str) -> tuple[set[str], int]:
        """(the names of the secrets that the probe and its helpers read, the line of one whose name is not
        written out).
        """
        calls = list(self._calls(function, "secret", with_rest=True))
        hidden = next((call.lineno for call in calls if call.args and not _text(call)), 0)
        return {name for name in map(_text, calls) if name}, hidden

    def _calls(self, function: str, method: str, *, with_rest: bool) -> list[ast.Call]:
        places: list[ast.AST] = [self._functions[function]] if function in self._functions else []
        found = [node for place in places + (self._rest if with_rest else []) for node in ast.walk(place)]
        return sorted(
            (
                node
                for node in found
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method
            ),
            key=lambda node: node.lineno,
        )


def _is_probe(node: ast.AsyncFunctionDef | ast.FunctionDef) -> bool:
    names = [part.func if isinstance(part, ast.Call) else part for part in node.decorator_list]
    return any(getattr(name, "id", getattr(name, "attr", "")) == "probe" for name in names)


def _text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""


def main(files: Sequence[str]) -> int:
    """Print {"found": […], "problems": […]}; whatever the files print themselves goes to standard error."""
    with contextlib.redirect_stdout(sys.stderr):
        discovery = find(files)
    answer = {
        "found": [asdict(each) for each in discovery.found],
        "problems": [asdict(each) for each in discovery.problems],
    }
    sys.stdout.write(json.dumps(answer, default=str) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
