"""Random sequences of a machine in several processes, for so long at most."""

from __future__ import annotations

import os
import pickle
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import hypothesis
import pytest
from hypothesis.stateful import invariant

from tests.rules.forks import child
from tests.rules.progress import Figure, Progress
from tests.rules.test_alert_rules import Nights
from tests.rules.test_engine_rules import Lives, hasten
from tests.rules.watched import tell

SLACK = 900.0  # seconds that one sequence may take beyond the limit
MACHINES: dict[str, type[Nights | Lives]] = {"nights": Nights, "lives": Lives}


@dataclass(slots=True)
class Ran:
    """Sequences that were told to their end, the steps in them, and what broke a rule."""

    sequences: int = 0
    steps: int = 0
    broken: str = ""


class Enough(KeyboardInterrupt):
    """The time is over: hypothesis lets this through, and does not take it for a failure."""


def _counted(kind: str, ran: Ran, until: float, progress: Progress, aim: int) -> type[Nights | Lives]:
    machine = MACHINES[kind]

    class Counted(machine):  # type: ignore[misc,valid-type]
        """Counts what it is told, and ends with its time."""

        @invariant()  # type: ignore[untyped-decorator]
        def it_is_counted(self) -> None:
            ran.steps += 1

        def teardown(self) -> None:
            super().teardown()
            ran.sequences += 1
            progress.say(f"{ran.sequences} of {aim} in this process, {ran.steps} steps")
            if time.monotonic() >= until:
                raise Enough

    return Counted


def _tell(kind: str, number: int, steps: int, *, seed: int, until: float, progress: Progress) -> Ran:
    """One process's part of the sequences."""
    ran = Ran()
    machine = hypothesis.seed(seed)(_counted(kind, ran, until, progress, number))
    with pytest.MonkeyPatch.context() as patch:
        if kind == "lives":
            hasten(patch)
        try:
            tell(machine, number, steps)
        except Enough:
            pass
        except Exception:
            told = traceback.format_exc().splitlines(keepends=True)
            ran.broken = "".join(line for line in told if "it_is_counted" not in line)
    return ran


def run(kind: str, number: int, steps: int, *, jobs: int, seed: int, seconds: float) -> Iterator[Figure]:
    """So many sequences over the alerting half ("nights") or over the whole keeper ("lives")."""
    until, progress = time.monotonic() + seconds, Progress(kind)

    def job(part: int) -> Ran:
        share = number // jobs + (part < number % jobs)

        def work(pipe: int) -> int:
            ran = _tell(kind, share, steps, seed=seed * 1000 + part, until=until, progress=progress)
            with os.fdopen(pipe, "wb") as out:
                pickle.dump(ran, out)
            return 0

        status, told = child(work, seconds + SLACK)
        found: Ran = pickle.loads(told) if status == 0 else Ran(broken=f"a process ended with {status}\n")  # noqa: S301
        return found

    with ThreadPoolExecutor(jobs) as pool:
        parts = list(pool.map(job, range(min(jobs, number))))
    progress.end()
    for part in parts:
        print(part.broken, end="", file=sys.stderr)
    broken, told = sum(bool(part.broken) for part in parts), sum(part.sequences for part in parts)
    yield Figure(f"{kind}_told", str(told), f">={number}", told >= number)
    yield Figure(f"{kind}_steps", str(sum(part.steps for part in parts)))
    yield Figure(f"{kind}_that_broke_a_rule", str(broken), "0", not broken)
