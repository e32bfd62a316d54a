"""The records that a journal is made of: steps, findings, clean-ups, and what an attempt came to."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import Any

from probes.checks import Note, Rule
from probes.words.failure import Failure
from probes.words.outcome import State


def _never(*_: object) -> bool:
    return False


def rule(name: str, holds: str, should: str) -> Rule:
    """A rule that the journal itself applies, not an author."""
    return Rule(name, name, "", holds, should, "", (), False, False, None, _never)


ANSWERED = rule("status", "has a status below 400", "have a status below 400")
BUDGET = rule("budget", "stays within {}", "stay within {}")
CAPTURE = rule("capture", "is there to be captured", "be there to be captured")
USED = rule("exists", "exists", "exist")


class Stop(BaseException):
    """Ends the run after an observed failure; no Exception, so that no `except Exception` of a script holds it up."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An argument that is said as it stands."""

    shown: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was wrong, as it will be said."""

    failure: Failure
    sentence: str
    step: str
    soft: bool = False
    phase: str = ""
    retry_after: float | None = None
    witness: str = ""


class Step:
    """The record of one step. Times are monotonic seconds; `took` is µs, -1 while it runs."""

    __slots__ = (
        "apart",
        "began",
        "broken",
        "budget",
        "captured",
        "exchanges",
        "hard",
        "mark",
        "name",
        "notes",
        "reached",
        "silent",
        "took",
    )

    def __init__(
        self, name: str, began: float, *, budget: float | None = None, hard: bool = False, reached: bool = True
    ) -> None:
        self.name = name
        self.began = began
        self.budget = budget
        self.hard = hard
        self.reached = reached
        self.took = -1
        self.apart = 0  # µs of it that were not the workflow's: a judge was asked
        self.mark = 0  # how many findings there were before it
        self.broken = False
        self.exchanges: list[Any] = []
        self.notes: list[Note] = []
        self.captured: dict[str, Any] = {}
        self.silent: list[Any] = []  # replies of status 400 and more whose status nobody checked yet

    @property
    def ok(self) -> bool:
        """True when it was reached, nothing broke and every hard check held."""
        return self.reached and not self.broken and all(note.ok or note.soft for note in self.notes)

    def end(self) -> None:
        """Stop its watch."""
        self.took = max(0, since(self.began) - self.apart)


class CleanUp(Step):
    """The record of one clean-up: `trouble` says why it failed, `skipped` why it was not needed."""

    __slots__ = ("skipped", "trouble")

    def __init__(self, name: str, began: float) -> None:
        super().__init__(name, began)
        self.trouble = ""
        self.skipped = ""

    @property
    def ok(self) -> bool:
        """True when it did its work or had none."""
        return not self.trouble


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What a journal came to. `findings` are all failures seen, the one that names the attempt first."""

    state: State
    failure: Failure | None = None
    sentence: str = ""
    phase: str = ""
    step: str = ""
    retry_after: float | None = None
    witness: str = ""
    findings: tuple[Finding, ...] = ()


PASSED = AttemptResult(State.UP)


def since(began: float) -> int:
    """µs since a monotonic moment."""
    return max(0, int((monotonic() - began) * 1e6))


class NotCaptured(LookupError):
    """A value was asked for that this attempt did not capture; `name` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(f"nothing was captured as {name}")
        self.name = name


class Captured(dict[str, Any]):
    """Captured values by name; one that is not there raises NotCaptured."""

    def __missing__(self, name: str) -> Any:
        raise NotCaptured(name)
