"""The journal of one attempt: steps, requests, checks, captures and clean-ups, and what they come to."""

from __future__ import annotations

from time import monotonic
from typing import Any, NoReturn, Protocol

from probes.checks import Absent, Note, Said
from probes.records import (
    ANSWERED,
    BUDGET,
    CAPTURE,
    PASSED,
    USED,
    AttemptResult,
    Captured,
    CleanUp,
    Finding,
    Shown,
    Step,
    Stop,
)
from probes.words.failure import FACTS, Failure, first
from probes.words.outcome import State
from probes.words.text import clean
from probes.words.units import say_duration

SENTENCE = 300  # characters
LOOKS = 64  # values whose origin is remembered


class Gathering(Protocol):
    """A group of checks that counts as one."""

    notes: list[Note]

    def note(self) -> Note: ...


class Journal:
    """What happens in one attempt. `planned` are the names of the steps to come, as far as they are known."""

    def __init__(self, *, started: float, planned: tuple[str, ...] = (), fallback: str = "") -> None:
        self.started = started
        self.apart = 0.0  # seconds that went into what is no part of the run
        self.planned = planned
        self.fallback = fallback  # the name of what happens outside of steps
        self.steps: list[Step] = []
        self.clean_ups: list[CleanUp] = []
        self.findings: list[Finding] = []
        self.bugs: list[str] = []
        self.captured = Captured()
        self.open: list[Any] = []  # subjects without a matcher yet, calls not awaited, steps not entered
        self.texts: list[str] = []
        self.values: dict[str, float] = {}
        self.versions: dict[str, str] = {}
        self.spent: dict[str, float] = {}
        self.phases: dict[str, int] = {}
        self.looks: list[tuple[Any, str, str, Any]] = []  # (value, source, unit, reply), newest last
        self.learned: dict[str, Any] = {}
        self.scores: list[dict[str, Any]] = []  # how the cases of a golden set came out (see probes.cases)
        self.checked = False
        self.stopped = False
        self.cleaning: CleanUp | None = None
        self._explicit: Step | None = None
        self._groups: list[Gathering] = []

    def spend(self, **amounts: float) -> None:
        """Count what was spent: `asks`, and `counted` of them with usage, `tokens_in`, `tokens_out`."""
        for name, amount in amounts.items():
            self.spent[name] = self.spent.get(name, 0.0) + amount

    # steps

    @property
    def step(self) -> Step:
        """The step that is going on; outside of any, one is begun under the probe's own name."""
        if self.cleaning is not None:
            return self.cleaning
        if self._explicit is not None:
            return self._explicit
        if not self.steps or self.steps[-1].took >= 0:
            self._begin(Step(self.fallback, monotonic()))
        return self.steps[-1]

    @property
    def within(self) -> str | None:
        """The name of the step that is open, None outside of steps."""
        return self._explicit.name if self._explicit else None

    def enter(self, name: str, *, budget: float | None = None, hard: bool = False) -> None:
        """Begin a named step; a run that has failed goes no further."""
        self.settle()
        if self.stopped:
            raise Stop
        self._explicit = Step(name, monotonic(), budget=budget, hard=hard)
        self._begin(self._explicit)

    def _begin(self, step: Step) -> None:
        step.mark = len(self.findings)
        self.steps.append(step)

    def leave(self, *, broken: bool = False) -> None:
        """End the step: its budget and the statuses nobody checked are judged now; a hard failure stops the run."""
        if self._explicit is None:
            return
        self._explicit.broken |= broken
        self.settle()
        self._explicit = None
        if self.stopped and not broken:
            raise Stop

    def settle(self) -> None:
        """Judge what is left open in the step that is going on, and end it."""
        if not self.steps or self.steps[-1].took >= 0:
            return
        step = self.steps[-1]
        step.end()
        for reply in step.silent:
            if not reply.status_seen:
                self._judge_status(step, reply)
        if step.budget is not None and step.took > step.budget * 1e6:
            self._judge_budget(step, step.budget)

    def _judge_status(self, step: Step, reply: Any) -> None:
        cause = reply.cause()
        step.notes.append(
            Note(ANSWERED, (), ok=False, got=Said(str(reply.code)), source=reply.called, failure=cause.failure)
        )
        said = clean(f"{reply.called} {cause.sentence}", SENTENCE)
        found = Finding(cause.failure, said, step.name, False, cause.phase, cause.retry_after)
        # What the status says comes before what was then missing in the reply.
        self.findings.insert(step.mark, found)
        self.stopped = True

    def _judge_budget(self, step: Step, budget: float) -> None:
        failure = Failure.TIMEOUT if step.hard else Failure.SLOW
        took, limit = say_duration(round(step.took, -3) or step.took), say_duration(round(budget * 1e6))
        note = Note(BUDGET, (Shown(limit),), ok=False, got=Said(took), source="the step", soft=not step.hard)
        note.failure = failure
        step.notes.append(note)
        said = f"step {step.name} took {took}, over its budget of {limit}"
        self._find(Finding(failure, clean(said, SENTENCE), step.name, not step.hard, "total" if step.hard else ""))

    # what happens in a step

    def recorded(self, exchange: Any) -> None:
        """Keep one exchange of the HTTP tool, as evidence and in the sums of its phases."""
        self.step.exchanges.append(exchange)
        if self.cleaning is None:
            phases = self.phases
            for name, micros in exchange.phases.items():
                phases[name] = phases.get(name, 0) + micros
            self.spent["requests"] = self.spent.get("requests", 0) + 1

    def look(self, value: Any, source: str, unit: str = "", reply: Any = None) -> None:
        """Remember where a value came from, for the sentence of the check it may get."""
        if len(self.looks) >= LOOKS:
            del self.looks[: LOOKS // 2]
        self.looks.append((value, source, unit, reply))

    def let_go(self) -> None:
        """Forget whoever refers back to this: what was looked at, and what was left open or unchecked."""
        self.looks.clear()
        self.open.clear()
        for step in (*self.steps, *self.clean_ups):
            step.silent.clear()

    def origin(self, value: Any) -> tuple[str, str, Any]:
        """(source, unit, reply) of a value that was looked up, by identity, newest first."""
        for known, source, unit, reply in reversed(self.looks):
            if known is value:
                return source, unit, reply
        return "", "", None

    def note(self, note: Note) -> None:
        """Write down a check; within a group the group takes it."""
        if self._groups:
            self._groups[-1].notes.append(note)
            return
        self.checked = True
        self._write(note)

    def _write(self, note: Note) -> None:
        step = self.step
        step.notes.append(note)
        if note.ok:
            return
        said = clean(note.says, SENTENCE)
        if isinstance(step, CleanUp):
            step.trouble = step.trouble or said
        else:
            self._find(Finding(note.failure, said, step.name, note.soft))

    def _find(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.stopped |= is_hard(finding)

    def fail(
        self,
        failure: Failure,
        sentence: str,
        *,
        phase: str = "",
        retry_after: float | None = None,
        witness: str = "",
    ) -> None:
        """Write down a failure that no check found, such as a request without an answer."""
        step, said = self.step, clean(sentence, SENTENCE)
        step.broken = True
        if isinstance(step, CleanUp):
            step.trouble = step.trouble or said
        else:
            self._find(Finding(failure, said, step.name, False, phase, retry_after, witness))

    def doubt(self, failure: Failure, sentence: str, *, witness: str = "") -> None:
        """Write down what is wrong with an answer that could be used all the same: it only degrades."""
        if self.cleaning is None:
            said = clean(sentence, SENTENCE)
            self._find(Finding(failure, said, self.step.name, True, witness=witness))

    def broke(self, failure: Failure, sentence: str, *, phase: str = "") -> None:
        """Write down what ended the run from outside of a step, under the step it was in."""
        self.settle()
        name = self.steps[-1].name if self.steps else self.fallback
        if self.steps:
            self.steps[-1].broken = True
        self._find(Finding(failure, clean(sentence, SENTENCE), name, False, phase))

    def complain(self) -> None:
        """Note what the author forgot: a call to await, a matcher, any check at all."""
        for thing in self.open:
            if not thing.used:
                self.bugs.append(thing.complaint())
        if not self.checked and not self.findings and not self.bugs:
            self.bugs.append("the probe checked nothing; write ctx.check(reply).contains(…)")

    def capture(self, name: str, value: Any) -> None:
        """Keep a value under a name; a value that is not there is a failed check."""
        if isinstance(value, Absent) or value is None:
            why, what = (value.why, value.what) if isinstance(value, Absent) else ("null", name)
            failure = value.failure if isinstance(value, Absent) else Failure.CONTRACT_CHANGED
            self._write(Note(CAPTURE, (), ok=False, got=Said(why), source=what, failure=failure))
        elif self.cleaning is None:
            if isinstance(value, str) and not value.isascii():
                value = value.encode("utf-8", "replace").decode()  # half a surrogate pair can be sent nowhere
            self.step.captured[name] = self.captured[name] = value

    def used(self, absent: Absent) -> NoReturn:
        """An absent value was used as if it were there: that ends the run."""
        self._write(Note(USED, (), ok=False, got=Said(absent.why), source=absent.what, failure=absent.failure))
        raise Stop

    def measured(self, values: dict[str, float]) -> None:
        """Keep measured numbers; of several, a later one stands, and counts of tokens add up."""
        for name, number in values.items():
            added = self.values.get(name, 0.0) if name.startswith("tokens_") else 0.0
            self.values[name] = number + added

    # groups of checks

    def begin(self, group: Gathering) -> None:
        """Let a group take the checks that follow."""
        self._groups.append(group)

    @property
    def grouped(self) -> bool:
        """True while a group takes the checks."""
        return bool(self._groups)

    def finish(self, group: Gathering, *, broken: bool) -> None:
        """Write down a group as the one check that it is; one that broke off says nothing."""
        self._groups.remove(group)
        if not broken:
            self.note(group.note())

    # the end

    def result(self) -> AttemptResult:
        """What it comes to: an observed failure of the target, else a fault of the script, else what only degrades."""
        self.settle()
        if not self.findings and not self.bugs:
            return PASSED
        hard = [finding for finding in self.findings if is_hard(finding)]
        seen = [finding for finding in hard if finding.failure is not Failure.PROBE_BUG]
        if not seen:
            own = [Finding(Failure.PROBE_BUG, clean(bug, SENTENCE), self.fallback) for bug in self.bugs]
            hard = hard + own
        chosen = seen or hard or self.findings
        failure = first([finding.failure for finding in chosen])
        chief = next(finding for finding in chosen if finding.failure is failure)
        state = State(FACTS[failure].state) if seen or hard else State.DEGRADED
        more = f" (and {len(chosen) - 1} more)" if len(chosen) > 1 else ""
        rest = tuple(finding for finding in self.findings if finding is not chief)
        return AttemptResult(
            state,
            failure,
            chief.sentence + more,
            chief.phase,
            chief.step,
            chief.retry_after,
            chief.witness,
            (chief, *rest),
        )

    def unreached(self) -> list[Step]:
        """The planned steps that the run did not get to."""
        seen = {step.name for step in self.steps}
        return [Step(name, self.started, reached=False) for name in self.planned if name not in seen]


def is_hard(finding: Finding) -> bool:
    """True when it stops the run."""
    return not finding.soft and FACTS[finding.failure].state != "degraded"
