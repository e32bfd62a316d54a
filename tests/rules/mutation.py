"""How many small changes to the deciding modules are noticed by their tests.

Each mutant is tried in a process of its own, against the tests that run the changed line, the quickest first, until one
fails. What survives is printed; what cannot be noticed by any test stands in equivalent.txt with its reason.
"""

from __future__ import annotations

import os
import pickle
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from tests.rules.forks import child
from tests.rules.mutants import Mutant, mutants
from tests.rules.progress import Figure, Progress
from tests.rules.trying import ANEW, HERE, Outcome, Try, Trying, path_of, run_tests

MODULES = ("decide", "ladder", "escalate", "outbox", "rotation", "shifts")
TESTS = tuple(
    f"tests/{name}.py"
    for name in (
        "pure/test_decide", "pure/test_decide_ladder", "pure/test_held", "pure/test_rotation",
        "pure/test_rotation_layers", "pure/test_oncall", "dst/test_dst", "rules/test_exhaustive", "story/test_alerts",
        "story/test_alerts_answers", "story/test_alerts_delivery", "story/test_alerts_emergency",
        "story/test_alerts_held", "story/test_alerts_spared", "story/test_alerts_storm", "story/test_edges",
        "story/test_escalate",
        "story/test_escalation", "story/test_escalation_levels",
        "story/test_incident_life", "story/test_mutes", "story/test_outbox", "story/test_phones",
    )
)  # fmt: skip
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
AIM, CONTROLS = 90.0, 2
LONGEST, MOST = 2.5, 20.0  # CPU seconds: a test that takes longer is not asked, nor more than these in all of a mutant


@dataclass(slots=True)
class Learnt:
    """What the tests are: which run a line (0 is any line of the module), and how long each takes."""

    lines: dict[tuple[str, int], set[str]] = field(default_factory=lambda: defaultdict(set))
    took: dict[str, float] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)

    def order(self, mutant: Mutant) -> list[str]:
        """The tests that are asked about a change, quickest first."""
        found = self.lines.get((mutant.module, mutant.line), set()) if mutant.function else set()
        found = {name for name in found or self.lines.get((mutant.module, 0), set()) if self._asked(name)}
        quickest = sorted(found, key=lambda name: (self.took[name], name))
        if mutant.line == 0:  # the module as it is: none of them may fail
            return quickest
        spent = accumulate(self.took[name] for name in quickest)
        return [name for name, cost in zip(quickest, spent, strict=True) if cost <= MOST]

    def _asked(self, name: str) -> bool:
        return self.took[name] <= LONGEST and name not in self.failing


class Watching:
    """A plugin that notes what each test runs of the modules, for how long, and which fail."""

    def __init__(self, tracer: Any, progress: Progress) -> None:
        self.tracer, self.progress = tracer, progress
        self.took: dict[str, float] = {}
        self.failing: set[str] = set()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.tracer.switch_context(nodeid)
        self.took[nodeid] = time.process_time()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failing.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.took[nodeid] = time.process_time() - self.took[nodeid]
        self.tracer.switch_context("")
        self.progress.say(f"{len(self.took)} tests are known")


def learn(modules: Iterable[str], progress: Progress) -> Learnt:
    """Run the tests once, as they are. Raises RuntimeError when they cannot be run."""
    files = {module: str(path_of(module)) for module in modules}

    def work(pipe: int) -> int:
        import coverage

        tracer = coverage.Coverage(data_file=None, include=list(files.values()), config_file=False)
        watching = Watching(tracer, progress)
        tracer.start()
        run_tests(TESTS, [watching])
        tracer.stop()
        data = tracer.get_data()
        lines = {module: data.contexts_by_lineno(file) for module, file in files.items()}
        with os.fdopen(pipe, "wb") as out:
            pickle.dump((lines, watching.took, watching.failing), out)
        return 0

    status, told = child(work, 1800.0)
    if status != 0:
        raise RuntimeError("the tests do not run without any mutant: run them, and mend that first")
    lines, took, failing = pickle.loads(told)  # noqa: S301 - our own child's
    learnt = Learnt(took=took, failing=failing)
    for module, known in lines.items():
        for line, names in known.items():
            learnt.lines[module, line] |= {name for name in names if name}
            learnt.lines[module, 0] |= {name for name in names if name}
    return learnt


# -- all of them -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Score:
    """What became of a module's mutants. `fooled`: the module as it is was called changed."""

    noticed: int = 0
    by_time: int = 0
    equivalent: int = 0
    untried: int = 0
    controls: int = 0
    fooled: bool = False
    survived: list[Mutant] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many were."""
        return self.noticed + len(self.survived)

    @property
    def percent(self) -> float:
        """Of those that were tried."""
        return 100 * self.noticed / self.tried if self.tried else 0.0

    def add(self, each: Try, mutant: Mutant, outcome: Outcome) -> None:
        """One more was tried."""
        if each.number < 0:
            self.controls += 1
            self.fooled |= outcome is not Outcome.SURVIVED
            return
        self.untried -= 1
        self.noticed += outcome is not Outcome.SURVIVED
        self.by_time += outcome is Outcome.BY_TIME
        self.survived += [mutant] if outcome is Outcome.SURVIVED else []


def equivalents() -> dict[str, str]:
    """What no test can notice, by name, and why."""
    found = {}
    for line in EQUIVALENT.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, reason = line.partition("  | ")
            found[name.strip()] = reason.strip()
    return found


Tried = list[tuple[Try, Mutant, Outcome]]


def attempt(part: Sequence[Try], learnt: Learnt, until: float, progress: Progress) -> Tried:
    """Try these in this process; what came of each."""
    found: Tried = []

    def keep(each: Try, mutant: Mutant, outcome: Outcome) -> None:
        found.append((each, mutant, outcome))
        survived = sum(each.number >= 0 and outcome is Outcome.SURVIVED for each, _, outcome in found)
        progress.say(f"{len(found)} of {len(part)} tried, {survived} survived, at {mutant.module}:{mutant.line}")

    def cost(names: Sequence[str]) -> float:
        return sum(learnt.took.get(name, 1.0) for name in names)

    trying = Trying(part, learnt.order, cost, keep, until)
    run_tests(TESTS, [trying])
    if not trying.collected:
        raise RuntimeError("the tests could not be collected")
    return found


def scores(modules: Sequence[str], learnt: Learnt, *, jobs: int, until: float, progress: Progress) -> dict[str, Score]:
    """The score of each module, with so many processes side by side. None is tried after `until` (monotonic)."""
    total, known, wanted = {module: Score() for module in modules}, equivalents(), []
    for module in modules:
        for number, (mutant, _) in enumerate(mutants(path_of(module).read_text(), module)):
            if mutant.name in known:
                total[module].equivalent += 1
            else:
                total[module].untried += 1
                wanted.append(Try(module, number))
    random.Random(0).shuffle(wanted)  # those that the limit leaves untried are like those that were tried
    wanted = [Try(module, number) for module in modules for number in (HERE, ANEW)] + wanted

    def job(number: int) -> tuple[int, bytes]:
        def work(pipe: int) -> int:
            found = attempt(wanted[number::jobs], learnt, until, progress)
            with os.fdopen(pipe, "wb") as out:
                pickle.dump(found, out)
            return 0

        return child(work, 12 * 3600.0)

    with ThreadPoolExecutor(jobs) as pool:
        parts = list(pool.map(job, range(jobs)))
    for status, told in parts:
        if status != 0:
            raise RuntimeError("a part of the mutants could not be tried")
        found: Tried = pickle.loads(told)  # noqa: S301 - our own child's
        for each, mutant, outcome in found:
            total[mutant.module].add(each, mutant, outcome)
    return total


def figures(found: dict[str, Score], *, aim: float = AIM) -> Iterator[Figure]:
    """Each module's score, what it covers and whether it can be believed."""
    for module, score in found.items():
        tried = f"{score.noticed}/{score.tried}"
        yield Figure(f"mutation_score_{module}", f"{score.percent:.1f}", f">={aim:g}", score.percent >= aim)
        yield Figure(f"mutants_noticed_{module}", f"{tried} ({score.by_time} by time, {score.equivalent} equivalent)")
        yield Figure(f"mutants_not_tried_{module}", str(score.untried), "0", score.untried == 0)
        control = "changed" if score.fooled else "unchanged" if score.controls == CONTROLS else "not tried"
        yield Figure(f"unchanged_{module}_called", control, "unchanged", control == "unchanged")


def run(modules: Sequence[str], *, jobs: int, seconds: float) -> list[Figure]:
    """Measure for so long at most; what survived is told at once."""
    until, progress = time.monotonic() + seconds, Progress("mutants")
    learnt = learn(modules, progress)
    for name in sorted(learnt.failing):
        print(f"fails without any mutant, and is not asked: {name}", file=sys.stderr)
    found = scores(modules, learnt, jobs=jobs, until=until, progress=progress)
    progress.end()
    for module, score in found.items():
        for mutant in sorted(score.survived, key=lambda each: each.line):
            print(f"survived: alerts/{module}.py:{mutant.line} {mutant.name}", file=sys.stderr)
    failing = len(learnt.failing)
    return [Figure("tests_failing_unchanged", str(failing), "0", not failing), *figures(found)]
