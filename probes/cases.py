"""One case of a golden set: a step whose failure makes the case wrong, and not the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from probes.checks import Note, Said
from probes.journal import Journal, is_hard
from probes.records import ANSWERED, Captured, Finding, Shown, Step, Stop, rule
from probes.words.failure import FACTS, Failure
from probes.words.text import clean

RIGHT, WRONG, UNSCORED = "right", "wrong", "unscored"
TEXT = 200  # characters kept of what was expected and of what came
FIELDS = 60  # fields of one case whose verdicts are kept
_EXPECTED = rule("expected", "is {}", "be {}")


class Case:
    """A case that wants to be entered: `async with ctx.case("cancel", data) as case:`.

    What it captures is its own. `failed` are the hard failures seen in it; `answered` says that an answer came at all.
    """

    def __init__(self, journal: Journal, name: str, data: Mapping[str, Any], *, budget: float | None = None) -> None:
        self.name = name
        self.captured = Captured({"case": data})
        self.failed: list[Finding] = []
        self.answered = False
        self._journal, self._budget = journal, budget
        self._step: Step | None = None
        self._mark = 0

    async def __aenter__(self) -> Case:
        journal = self._journal
        self._mark = len(journal.findings)
        journal.captured = self.captured
        journal.enter(self.name, budget=self._budget)
        self._step = journal.steps[-1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        journal = self._journal
        with suppress(Stop):
            journal.leave(broken=error is not None)
        found = journal.findings[self._mark :]
        self.failed = [finding for finding in found if is_hard(finding)]
        self.answered = self._step is not None and not _is_silent(self._step)
        journal.findings[self._mark :] = [finding for finding in found if not is_hard(finding)]
        journal.stopped = False
        return kind is not None and issubclass(kind, Stop)

    def score(self, verdict: str, expected: str = "", got: str = "", fields: Mapping[str, bool] | None = None) -> None:
        """Write down how it came out, also among the checks of its step."""
        self._journal.checked = True
        if got and self._step is not None:
            shown, came = Shown(clean(expected, TEXT)), Said(clean(got, TEXT))
            note = Note(_EXPECTED, (shown,), ok=verdict == RIGHT, got=came, source=f"{self.name}: the answer")
            self._step.notes.append(note)
        entry: dict[str, Any] = {"case": self.name, "verdict": verdict}
        said = {"expected": clean(expected, TEXT), "got": clean(got, TEXT)}
        if self.failed:
            said |= {"failure": self.failed[0].failure.value, "why": clean(self.failed[0].sentence, TEXT)}
        entry |= {name: text for name, text in said.items() if text}
        if fields:
            entry["fields"] = {clean(name, 80): held for name, held in list(fields.items())[:FIELDS]}
        self._journal.scores.append(entry)

    @property
    def is_ours(self) -> bool:
        """True when what failed is our own fault, or could not be judged: such a case counts neither way."""
        return any(FACTS[finding.failure].state == "unknown" for finding in self.failed)


def _is_silent(step: Step) -> bool:
    """True when no answer came that could be judged: the call failed, or its status says that it did."""
    return step.broken or any(not note.ok and note.name == ANSWERED.name for note in step.notes)


def conclude(journal: Journal, cases: Sequence[Case]) -> None:
    """End a golden set: without a single answer the run fails by what its cases failed by; without a single score it
    says that nothing could be scored."""
    if not cases:
        return
    if not any(case.answered for case in cases):
        journal.findings += [finding for case in cases for finding in case.failed]
        journal.scores.clear()
    elif all(score["verdict"] == UNSCORED for score in journal.scores):
        why = next((case.failed[0].sentence for case in cases if case.failed), "no case could be scored")
        journal.findings.append(Finding(Failure.UNSCORED, clean(why, 300), journal.fallback))
        journal.scores.clear()
