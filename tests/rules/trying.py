"""Trying mutants in one pytest process: the tests are collected once, and each mutant lives in a fork of it.

A mutant inside a function takes the place of that function's code, so that whoever imported it has it too. One outside
of every function (a constant, a query, a default) needs its module imported anew: that takes a process of its own.
"""

from __future__ import annotations

import ast
import importlib.machinery
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.rules.forks import child
from tests.rules.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
USUAL = (
    "-q", "-n", "0", "-p", "no:cacheprovider", "--no-header", "-o", "addopts=", "--import-mode=importlib",
    "-W", "ignore",
)  # fmt: skip
NO_TESTS = (int(pytest.ExitCode.USAGE_ERROR), int(pytest.ExitCode.NO_TESTS_COLLECTED))
CPU, WALL = 15.0, 120.0  # seconds over three times, and over ten times, what the tests take as it is


def path_of(module: str) -> Path:
    """The file of a module of alerts."""
    return ROOT / "alerts" / f"{module}.py"


def run_tests(names: Sequence[str], plugins: Sequence[object] = ()) -> int:
    """pytest's exit status for these tests, and options."""
    os.chdir(ROOT)
    return int(pytest.main([*USUAL, *names], plugins=list(plugins)))


class Outcome(StrEnum):
    """What the tests said of a mutant."""

    NOTICED = "noticed"
    BY_TIME = "noticed by time"  # a test took several times as long as it does: a loop without an end
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Try:
    """One mutant by its number in its module; ANEW and HERE are the module as it is, in either way of trying."""

    module: str
    number: int


ANEW, HERE = -1, -2
Keep = Callable[[Try, Mutant, Outcome], None]


class Trying:
    """A plugin that runs no test as it is, but each mutant against those that may notice.

    `order(mutant)` names the tests, quickest first; `cost(names)` is the CPU seconds that they take as it is; `keep` is
    told what came of each. None is begun after `until` (monotonic).
    """

    def __init__(
        self,
        wanted: Sequence[Try],
        order: Callable[[Mutant], Sequence[str]],
        cost: Callable[[Sequence[str]], float],
        keep: Keep,
        until: float,
    ) -> None:
        self.wanted, self.order, self.cost, self.keep, self.until = wanted, order, cost, keep, until
        self.collected = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        self.collected = True
        sources = {each.module: path_of(each.module).read_text() for each in self.wanted}
        made = {module: mutants(source, module) for module, source in sources.items()}
        for each in self.wanted:
            if time.monotonic() >= self.until:
                break
            if each.number < 0:
                mutant, tree = Mutant(each.module, "", 0, "it", "it"), ast.parse(sources[each.module])
            else:
                mutant, tree = made[each.module][each.number]
            names = [name for name in self.order(mutant) if name in items]
            self.keep(each, mutant, self._try(each, mutant, tree, [items[name] for name in names]))
        return True

    def _try(self, each: Try, mutant: Mutant, tree: ast.Module, items: Sequence[pytest.Item]) -> Outcome:
        if not items:
            return Outcome.SURVIVED
        names = [item.nodeid for item in items]
        took = self.cost(names)
        patch = _patch(mutant, tree) if each.number >= 0 else None

        def work(pipe: int) -> int:
            limit = int(3 * took + CPU)
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            if patch is None and each.number != HERE:
                return _anew(mutant.module, tree, names)
            if patch is not None:
                patch[0].__code__ = patch[1]
            return int(any(_fails(item) for item in items))

        status = child(work, 10 * took + WALL)[0]
        if status in NO_TESTS:  # names that are not there any more: no test has said anything
            return Outcome.SURVIVED
        return Outcome.BY_TIME if status < 0 else Outcome.NOTICED if status else Outcome.SURVIVED


def _fails(item: pytest.Item) -> bool:
    from _pytest.runner import runtestprotocol

    return any(report.failed for report in runtestprotocol(item, log=False, nextitem=None))


def _anew(module: str, tree: ast.Module, names: Sequence[str]) -> int:
    """In a new process of Python, whose modules are all imported with this one changed."""
    script = "import sys; from tests.rules.trying import changed; sys.exit(changed(*sys.argv[1:]))"
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-c", script, module, ast.unparse(tree), *names])  # noqa: S606 - this Python


def changed(module: str, source: str, *names: str) -> int:
    """Run tests while a module's source is another."""
    file, as_it_is = str(path_of(module)), importlib.machinery.SourceFileLoader.get_code

    def get_code(loader: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
        return compile(source, file, "exec") if loader.path == file else as_it_is(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    return run_tests(["-x", *names])


# -- the code of one function ------------------------------------------------------------------------------------------


def _patch(mutant: Mutant, tree: ast.Module) -> tuple[FunctionType, CodeType] | None:
    """The function that a mutant changes and its code then; None when it changes something else."""
    live: Any = sys.modules[f"alerts.{mutant.module}"]
    code: CodeType | None = compile(tree, str(path_of(mutant.module)), "exec")
    for name in mutant.function.split("."):
        code = next((each for each in _codes(code) if each.co_name == name), None) if code is not None else None
        live = _member(live, name)
        if live is None or code is None:
            return None
        if isinstance(live, FunctionType):
            same = live.__code__ == code or live.__code__.co_freevars != code.co_freevars
            return None if same else (live, code)
    return None


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of what is defined directly within."""
    return (each for each in code.co_consts if isinstance(each, CodeType))


def _member(live: ModuleType | type, name: str) -> Any:
    """A class, or the function behind whatever decorates it."""
    found = vars(live).get(name)
    for wrapper in ("fget", "__func__", "func", "__wrapped__"):
        found = getattr(found, wrapper, found) if not isinstance(found, FunctionType | type) else found
    while isinstance(found, FunctionType) and hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found
