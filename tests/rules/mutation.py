"""How many small changes to the deciding modules are noticed by their tests: `python -m tests.rules.mutation`.

Each mutant is tried in a process of its own, forked from one that has the libraries loaded: the tests that run the
changed line, the quickest first, until one fails. What survives is printed; what cannot be noticed by any test stands
in equivalent.txt with its reason.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib.machinery
import os
import pickle
import select
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.rules.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("decide", "escalate", "outbox", "rotation", "shifts")
TESTS = (
    "tests/pure/test_decide.py", "tests/pure/test_decide_ladder.py", "tests/pure/test_held.py",
    "tests/pure/test_rotation.py", "tests/pure/test_rotation_layers.py", "tests/pure/test_oncall.py",
    "tests/rules/test_exhaustive.py", "tests/rules/test_survivors.py", "tests/story/test_alerts.py",
    "tests/story/test_alerts_answers.py", "tests/story/test_alerts_delivery.py", "tests/story/test_alerts_emergency.py",
    "tests/story/test_alerts_held.py", "tests/story/test_alerts_storm.py", "tests/story/test_phones.py",
)  # fmt: skip
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
PATIENCE = 15.0  # seconds over three times what the tests take with the module as it is
AT_ONCE = (
    "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header", "-o", "addopts=",
    "--import-mode=importlib", "-W", "ignore",
)  # fmt: skip


@dataclass(slots=True)
class Learnt:
    """What the tests are: which run a line (0 is any line of the module), and how long each takes."""

    lines: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    took: dict[str, float] = field(default_factory=dict)

    def order(self, module: str, line: int, *, inside: bool) -> list[str]:
        """The tests that may notice a change at this line, quickest first."""
        found = self.lines.get((module, line), set()) if inside else set()
        return sorted(found or self.lines.get((module, 0), set()), key=lambda name: (self.took.get(name, 0.0), name))


def _path(module: str) -> Path:
    return ROOT / "alerts" / f"{module}.py"


# -- in a child --------------------------------------------------------------------------------------------------------


def _child(work: Any, timeout: float) -> tuple[int, bytes]:
    """Run `work(pipe)` in a fork; its exit status (-1: it took too long) and what it wrote."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        os.setpgid(0, 0)
        status = 1
        try:
            null = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(null, number)
            status = work(write)
        finally:
            os._exit(status)
    os.close(write)
    return _await(pid, read, timeout)


def _await(pid: int, read: int, timeout: float) -> tuple[int, bytes]:
    end, found = time.monotonic() + timeout, b""
    while True:
        ready, _, _ = select.select([read], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(read)
            return -1, found
        part = os.read(read, 1 << 16)
        if not part:
            break
        found += part
    os.close(read)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), found


def _pytest(names: Sequence[str], plugins: Sequence[object] = ()) -> int:
    import pytest

    os.chdir(ROOT)
    return int(pytest.main([*AT_ONCE, *names], plugins=list(plugins)))


class Watching:
    """A plugin that notes what each test runs of the modules, and for how long."""

    def __init__(self, tracer: Any) -> None:
        self.tracer = tracer
        self.took: dict[str, float] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.tracer.switch_context(nodeid)
        self.took[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.took[nodeid] = time.monotonic() - self.took[nodeid]
        self.tracer.switch_context("")


def learn(modules: Iterable[str]) -> Learnt:
    """Run the tests once, as they are. Raises RuntimeError when one fails."""
    files = {module: str(_path(module)) for module in modules}

    def work(pipe: int) -> int:
        import coverage

        tracer = coverage.Coverage(data_file=None, include=list(files.values()), config_file=False)
        watching = Watching(tracer)
        tracer.start()
        status = _pytest([name for name in TESTS if (ROOT / name).exists()], [watching])
        tracer.stop()
        data = tracer.get_data()
        lines = {module: data.contexts_by_lineno(file) for module, file in files.items()}
        with os.fdopen(pipe, "wb") as out:
            pickle.dump((lines, watching.took), out)
        return status

    status, told = _child(work, 1800.0)
    if status != 0:
        raise RuntimeError("the tests fail without any mutant: run them, and mend that first")
    lines, took = pickle.loads(told)  # noqa: S301 - our own child's
    learnt = Learnt(took=took)
    for module, known in lines.items():
        for line, names in known.items():
            learnt.lines[module, line] |= {name for name in names if name}
            learnt.lines[module, 0] |= {name for name in names if name}
    return learnt


def is_noticed(module: str, tree: ast.Module, names: Sequence[str], took: float) -> bool:
    """True when one of these tests fails, or never ends, with the changed module."""

    def work(pipe: int) -> int:
        file = str(_path(module))
        compile_as_it_is = importlib.machinery.SourceFileLoader.get_code

        def get_code(loader: importlib.machinery.SourceFileLoader, name: str) -> Any:
            if loader.path == file:
                return compile(tree, file, "exec")
            return compile_as_it_is(loader, name)

        importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
        return _pytest(names)

    status, _ = _child(work, 3 * took + PATIENCE)
    return status != 0


# -- all of them -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Score:
    """What became of a module's mutants."""

    noticed: int = 0
    equivalent: int = 0
    survived: list[Mutant] = field(default_factory=list)

    @property
    def percent(self) -> float:
        """Of those that can be noticed."""
        known = self.noticed + len(self.survived)
        return 100 * self.noticed / known if known else 100.0


def equivalents() -> dict[str, str]:
    """What no test can notice, by name, and why."""
    found = {}
    for line in EQUIVALENT.read_text().splitlines() if EQUIVALENT.exists() else ():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition("  | ")
            found[name.strip()] = reason.strip()
    return found


def measure(module: str, learnt: Learnt, *, part: tuple[int, int] = (0, 1), say: Any = None) -> Score:
    """Try every mutant of a module, or each n-th."""
    score, known = Score(), equivalents()
    for number, (mutant, tree) in enumerate(mutants(_path(module).read_text(), module)):
        if number % part[1] != part[0]:
            continue
        if mutant.name in known:
            score.equivalent += 1
            continue
        names = learnt.order(module, mutant.line, inside=bool(mutant.function))
        if names and is_noticed(module, tree, names, sum(learnt.took.get(name, 1.0) for name in names)):
            score.noticed += 1
        else:
            score.survived.append(mutant)
            if say is not None:
                say(mutant)
    return score


def _preload() -> None:
    """What every child needs and no mutant changes."""
    import hypothesis
    import pydantic
    import pytest
    import pytest_asyncio
    import sqlmodel

    assert all((hypothesis, pydantic, pytest, pytest_asyncio, sqlmodel))
    assert not any(name.partition(".")[0] in ("alerts", "monitor") for name in sys.modules)


def scores(modules: Sequence[str], *, jobs: int, say: Any = None) -> dict[str, Score]:
    """The score of each module, with so many processes side by side."""
    _preload()
    learnt = learn(modules)

    def job(number: int) -> Any:
        def work(pipe: int) -> int:
            found = {module: measure(module, learnt, part=(number, jobs)) for module in modules}
            with os.fdopen(pipe, "wb") as out:
                pickle.dump(found, out)
            return 0

        return work

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(jobs) as pool:
        parts = list(pool.map(lambda number: _child(job(number), 6 * 3600.0), range(jobs)))
    total = {module: Score() for module in modules}
    for status, told in parts:
        if status != 0:
            raise RuntimeError("a part of the mutants could not be tried")
        for module, score in pickle.loads(told).items():  # noqa: S301 - our own child's
            total[module].noticed += score.noticed
            total[module].equivalent += score.equivalent
            total[module].survived += score.survived
    return total


def report(found: dict[str, Score], *, aim: float = 90.0) -> bool:
    """Print each score with its aim, and what survived; True when all are met."""
    well = True
    for module, score in found.items():
        for mutant in sorted(score.survived, key=lambda each: each.line):
            print(f"survived: alerts/{module}.py:{mutant.line} {mutant.name}", file=sys.stderr)
        tried = score.noticed + len(score.survived)
        well &= score.percent >= aim
        print(f"mutation_score_{module} {score.percent:.1f} >={aim:g}")
        print(f"mutants_{module} {score.noticed}/{tried} -")
        print(f"mutants_equivalent_{module} {score.equivalent} -", flush=True)
    return well


def main() -> int:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(prog="python -m tests.rules.mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(MODULES), help=", ".join(MODULES))
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    return 0 if report(scores(given.modules, jobs=given.jobs)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
