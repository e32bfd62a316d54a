"""The journal of one attempt: steps, requests, checks, captures and clean-ups, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NoReturn

from probes.checks import Absent, Note, Rule, Said
from probes.words.failure import FACTS, Failure, first
from probes.words.outcome import State
from probes.words.text import clean
from probes.words.units import say_duration

SENTENCE = 300  # characters
NOTES = 50  # of an author's own
PHASES = ("dns", "connect", "tls", "first_byte", "total")


def _never(*_: object) -> bool:
    return False


def _rule(name: str, holds: str, should: str, doc: str) -> Rule:
    return Rule(name, name, "", holds, should, doc, (), False, False, None, _never)


ANSWERED = _rule("status", "has a status below 400", "have a status below 400", "Implied where no status is checked.")
BUDGET = _rule("budget", "stays within {}", "stay within {}", "A step's budget.")
CAPTURE = _rule("capture", "is there to be captured", "be there to be captured", "A capture needs a value.")
USED = _rule("exists", "exists", "exist", "A value that was used has to be there.")


class Stop(BaseException):
    """Ends the run after an observed failure; not an Exception, so that no `except Exception` of a script holds it up."""


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
        "began",
        "broken",
        "budget",
        "captured",
        "exchanges",
        "hard",
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
        self.broken = False
        self.exchanges: list[Any] = []
        self.notes: list[Note] = []
        self.captured: dict[str, Any] = {}
        self.silent: list[Any] = []  # replies of status 400 and more whose status nobody checked yet

    @property
    def ok(self) -> bool:
        """True when it was reached, nothing broke and every hard check held."""
        return self.reached and not self.broken and all(note.ok or note.soft for note in self.notes)


@dataclass(slots=True)
class CleanUp:
    """The record of one clean-up."""

    name: str
    began: float
    took: int = 0
    trouble: str = ""
    skipped: str = ""
    step: Step = field(default_factory=lambda: Step("", 0.0))


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What the journal came to. `findings` are all failures seen, the one that names the attempt first."""

    state: State
    failure: Failure | None
    sentence: str
    phase: str
    step: str
    retry_after: float | None
    witness: str
    findings: tuple[Finding, ...]


class Journal:
    """What happened in one attempt. `planned` are the names of the steps the probe will take, as far as they are known."""

    __slots__ = (
        "_explicit",
        "_groups",
        "_planned",
        "bugs",
        "captured",
        "checked",
        "clean_ups",
        "cleaning",
        "fallback",
        "findings",
        "looks",
        "open",
        "phases",
        "spent",
        "started",
        "steps",
        "stopped",
        "texts",
        "values",
        "versions",
    )  # fmt: skip

    def __init__(self, *, started: float, planned: tuple[str, ...] = (), fallback: str = "") -> None:
        self.started = started
        self.fallback = fallback  # the name of what happens outside of steps
        self._planned = planned
        self._explicit: Step | None = None
        self._groups: list[Group] = []
        self.open: list[Any] = []  # subjects without a matcher yet, calls not awaited, steps not entered
        self.steps: list[Step] = []
        self.findings: list[Finding] = []
        self.clean_ups: list[CleanUp] = []
        self.cleaning: CleanUp | None = None
        self.captured: dict[str, Any] = {}
        self.looks: list[tuple[Any, str, str, Any]] = []  # (value, source, unit, reply), newest last
        self.bugs: list[str] = []
        self.texts: list[str] = []
        self.values: dict[str, float] = {}
        self.versions: dict[str, str] = {}
        self.spent: dict[str, float] = {}
        self.phases: dict[str, int] = {}
        self.checked = False
        self.stopped = False

    # steps

    @property
    def step(self) -> Step:
        """The step that is going on; outside of any, one is begun under the probe's own name."""
        if self.cleaning is not None:
            return self.cleaning.step
        if self._explicit is not None:
            return self._explicit
        if not self.steps or self.steps[-1].took >= 0:
            self.steps.append(Step(self.fallback, monotonic()))
        return self.steps[-1]

    def enter(self, name: str, *, budget: float | None, hard: bool) -> None:
        """Begin a named step; a run that has failed goes no further."""
        self.settle()
        if self.stopped:
            raise Stop
        self._explicit = Step(name, monotonic(), budget=budget, hard=hard)
        self.steps.append(self._explicit)

    @property
    def within(self) -> str | None:
        """The name of the step that is open, None outside of steps."""
        return self._explicit.name if self._explicit else None

    def leave(self, *, broken: bool) -> None:
        """End the step: its budget and the statuses nobody checked are judged now; a hard failure stops the run."""
        if self._explicit is None:
            return
        self._explicit.broken = broken
        self.settle()
        self._explicit = None
        if self.stopped and not broken:
            raise Stop

    def settle(self) -> None:
        """Judge what is left open in the step that is going on, and end it."""
        if not self.steps or self.steps[-1].took >= 0:
            return
        step = self.steps[-1]
        step.took = _since(step.began)
        if step.silent:
            self._judge_silent(step)
        if step.budget is not None and step.took > step.budget * 1e6:
            failure = Failure.TIMEOUT if step.hard else Failure.SLOW
            got = Said(say_duration(step.took - step.took % 1000 if step.took > 1000 else step.took))
            limit = Said(say_duration(round(step.budget * 1e6)))
            note = Note(
                BUDGET, (_Shown(limit),), ok=False, got=got, source="the step", soft=not step.hard, failure=failure
            )
            self._write(note, phase="total" if step.hard else "")

    def _judge_silent(self, step: Step) -> None:
        for reply in step.silent:
            if not reply.status_seen:
                cause = reply.cause()
                got = Said(str(reply.status))
                note = Note(ANSWERED, (), ok=False, got=got, source=reply.called, failure=cause.failure)
                self._write(
                    note, phase=cause.phase, retry_after=cause.retry_after, sentence=f"{reply.called} {cause.sentence}"
                )
        step.silent = []

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
        if len(self.looks) >= 64:
            del self.looks[:32]
        self.looks.append((value, source, unit, reply))

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

    def _write(
        self, note: Note, *, phase: str = "", retry_after: float | None = None, sentence: str = "", witness: str = ""
    ) -> None:
        step = self.step if note.name != "budget" else self.steps[-1]
        step.notes.append(note)
        if note.ok or self.cleaning is not None:
            return
        said = clean(sentence or note.says, SENTENCE)
        self._find(Finding(note.failure, said, step.name, note.soft, phase, retry_after, witness))

    def _find(self, finding: Finding) -> None:
        self.findings.append(finding)
        if not finding.soft and FACTS[finding.failure].state != "degraded":
            self.stopped = True

    def fail(
        self, failure: Failure, sentence: str, *, phase: str = "", retry_after: float | None = None, witness: str = ""
    ) -> None:
        """Write down a failure that no check found, such as a request without an answer."""
        step = self.step
        step.broken = True
        if self.cleaning is not None:
            self.cleaning.trouble = self.cleaning.trouble or clean(sentence, SENTENCE)
            return
        self._find(Finding(failure, clean(sentence, SENTENCE), step.name, False, phase, retry_after, witness))

    def capture(self, name: str, value: Any) -> None:
        """Keep a value under a name; a value that is not there is a failed check."""
        if isinstance(value, Absent):
            self._write(Note(CAPTURE, (), ok=False, got=Said(value.why), source=value.what, failure=value.failure))
        elif self.cleaning is None:
            self.step.captured[name] = self.captured[name] = value

    def used(self, absent: Absent) -> NoReturn:
        """An absent value was used as if it were there: that ends the run."""
        self._write(Note(USED, (), ok=False, got=Said(absent.why), source=absent.what, failure=absent.failure))
        raise Stop

    # groups of checks

    def begin(self, group: Group) -> None:
        """Let a group take the checks that follow."""
        self._groups.append(group)

    def finish(self, group: Group) -> None:
        """Write down a group as the one check that it is."""
        self._groups.remove(group)
        self.note(group.note())

    # the end

    def result(self) -> AttemptResult:
        """What all of it comes to: an observed failure of the target before the script's own faults, both before `slow`."""
        self.settle()
        hard = [finding for finding in self.findings if self._is_hard(finding)]
        if hard:
            return self._named(hard, soft=False)
        if self.bugs:
            found = Finding(Failure.PROBE_BUG, clean(self.bugs[0], SENTENCE), self.fallback)
            return self._named([found], soft=False)
        if self.findings:
            return self._named(self.findings, soft=True)
        return AttemptResult(State.UP, None, "", "", "", None, "", ())

    @staticmethod
    def _is_hard(finding: Finding) -> bool:
        return not finding.soft and FACTS[finding.failure].state != "degraded"

    def _named(self, findings: list[Finding], *, soft: bool) -> AttemptResult:
        failure = first([finding.failure for finding in findings])
        chief = next(finding for finding in findings if finding.failure is failure)
        state = State.DEGRADED if soft else State(FACTS[failure].state)
        more = len(findings) - 1
        sentence = chief.sentence + (f" (and {more} more)" if more else "")
        rest = tuple(finding for finding in self.findings if finding is not chief)
        return AttemptResult(
            state, failure, sentence, chief.phase, chief.step, chief.retry_after, chief.witness, (chief, *rest)
        )

    def unreached(self) -> list[Step]:
        """The planned steps that the run did not get to."""
        seen = {step.name for step in self.steps}
        return [Step(name, self.started, reached=False) for name in self._planned if name not in seen]


class _Shown:
    """An argument that is said as it stands."""

    __slots__ = ("shown",)

    def __init__(self, shown: str) -> None:
        self.shown = shown


class Group:
    """Several checks that count as one: `any` of them has to hold, or `all`."""

    __slots__ = ("_journal", "kind", "notes", "soft")

    def __init__(self, journal: Journal, kind: str, *, soft: bool) -> None:
        self._journal = journal
        self.kind = kind
        self.soft = soft
        self.notes: list[Note] = []

    def __enter__(self) -> Group:
        self._journal.begin(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._journal.finish(self)

    def note(self) -> Note:
        """The group as one check; its failure is the gravest of its members'."""
        held = [note.ok for note in self.notes]
        ok = any(held) if self.kind == "any" else all(held)
        failed = [note for note in self.notes if not note.ok]
        says = "; ".join(note.says for note in failed[:3]) + (
            f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
        )
        members = " or ".join(f"{note.source or 'the value'} {note.expected}" for note in self.notes[:3])
        word = "one" if self.kind == "any" else "every one"
        rule = _rule(
            self.kind, f"has {word} of its checks hold: {_braced(members)}", f"have {word} of its checks hold", ""
        )
        failure = first([note.failure for note in failed]) if failed else Failure.WRONG
        return Note(rule, (), ok=ok, got=Said(says or "no checks"), source="the group", soft=self.soft, failure=failure)


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _since(began: float) -> int:
    return max(0, int((monotonic() - began) * 1e6))


__all__ = ["PHASES", "AttemptResult", "CleanUp", "Finding", "Group", "Journal", "Step", "Stop"]
