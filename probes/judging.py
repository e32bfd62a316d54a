"""The part of a Context that asks judges: after everything else held, apart from the workflow's own time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from probes.bench import Bench
from probes.calls import Call, Place, place, say_place
from probes.checks import Absent, Note, Said
from probes.checks.judged import PHRASES, Judged, judged
from probes.checks.say import plain
from probes.journal import Journal
from probes.records import Finding, rule
from probes.replies import ChatReply, HttpReply
from probes.spend import verdict_key
from probes.words.errors import ProbeBug
from probes.words.failure import FACTS, Failure
from probes.words.secret import Redactor
from probes.words.text import clean

if TYPE_CHECKING:
    from probes.jury.panel import Facts, Jury

STEP = "judge"  # the step in which a probe of steps is judged, at its end


class Judging:
    """A judge is asked only when nothing failed before, and it can only lower what the checks came to."""

    _journal: Journal
    _bench: Bench
    hidden: list[str]
    panel: Facts | None = None
    _jury: Jury | None = None
    _waiting: list[tuple[Any, Judged, str, bool]] | None = None

    def judge(
        self,
        value: Any,
        *,
        by: str,
        rubric: str | None = None,
        expected: str | None = None,
        context: str | None = None,
        to: str | None = None,
        good: str | None = None,
        bad: str | None = None,
        at_least: float | None = None,
        model: str | None = None,
        soft: bool = False,
        source: str = "",
    ) -> Call[None]:
        """Have another model judge a reply: by a `rubric`, by what is `expected` to be true, by the `context` it may
        rest on, or by its likeness `to` a text. `good` and `bad` are samples that guard the judge.
        """
        where = place()
        given: dict[str, Any] = {"rubric": rubric, "expected": expected, "context": context, "to": to}
        given |= {"by": by, "good": good, "bad": bad, "at_least": at_least, "model": model}
        try:
            asked = judged(given)
        except ValidationError as error:
            line = error.errors(include_url=False)[0]
            said = f"{'.'.join(map(str, line['loc']))}: {line['msg'].removeprefix('Value error, ')}"
            raise ProbeBug(f"ctx.judge: {said}", where=say_place(where)) from None
        except ValueError as error:
            raise ProbeBug(f"ctx.judge: {error}", where=say_place(where)) from None
        call = Call("ctx.judge", where, partial(self._judge, value, asked, source, soft, where))
        self._journal.open.append(call)
        return call

    def judge_later(self, value: Any, asked: Judged, *, source: str = "", soft: bool = False) -> None:
        """Have it judged at the end of the run, when every check of every step has held."""
        self._waiting = self._waiting or []
        self._waiting.append((value, asked, f"{source or 'reply'} of {self._journal.step.name}", soft))

    async def judge_put_off(self) -> None:
        """Judge what was put off, in a step of its own."""
        waiting, self._waiting = self._waiting, None
        if not waiting or self._journal.stopped:
            return
        if held := self.panel.held if self.panel else "":
            self._journal.texts.append(f"not judged: {held}")
            return
        self._journal.enter(STEP)
        for value, asked, source, soft in waiting:
            await self._judge(value, asked, source, soft, None)
        self._journal.leave()

    async def _judge(self, value: Any, asked: Judged, source: str, soft: bool, where: Place | None) -> None:
        """Ask, and write down what came of it."""
        from probes.jury.panel import Unscored

        journal = self._journal
        if journal.grouped:
            hint = "write it after the group: a judge may lower a verdict, never raise it"
            raise ProbeBug("a judge has no place in a group", where=say_place(where) if where else "", hint=hint)
        held = self.panel.held if self.panel else ""
        if held or _failed(journal):
            journal.texts.append(f"not judged: {held or 'a check had failed before'}")
            return
        text, source, question = self._text(value, source)
        if isinstance(value, Absent):
            self._write(asked, source, soft, ok=False, got=value.why, failure=value.failure)
            return
        began = monotonic()
        try:
            jury = self._jury or self._seat(asked.by, where)
            hide = Redactor.of((*self._bench.target.secrets, *self.hidden))
            opinion = await jury.ask(asked, text, asked=question, hide=hide)
        except Unscored as none:
            said = clean(f"{source} could not be judged: {none}", 300)
            self._write(asked, source, False, ok=False, got=str(none), failure=Failure.UNSCORED, said=said)
            return
        finally:
            took = monotonic() - began
            journal.apart += took
            if where is not None:  # in a step of the author's, whose budget is the workflow's
                journal.step.apart += int(took * 1e6)
        got = f"no ({opinion.score:.2g}): {opinion.reason}" if asked.key != "similar" else opinion.reason
        self._write(asked, source, soft, ok=opinion.ok, got=got, failure=Failure.WRONG)
        if opinion.ok:
            journal.texts.append(f"{asked.key}: {source} passed ({opinion.score:.2g}): {opinion.reason}")

    def _text(self, value: Any, source: str) -> tuple[str, str, str]:
        """(text, where it came from, the question it answers)."""
        if isinstance(value, ChatReply):
            return value.words, source or "reply", value.asked
        if isinstance(value, HttpReply):
            return value.words, source or "reply", ""
        if isinstance(value, Absent):
            return "", source or value.what, ""
        return plain(value), source or self._journal.origin(value)[0] or "the value", ""

    def _seat(self, by: str, where: Place | None) -> Jury:
        from probes.jury.panel import Jury

        if self.panel is None:
            hint = f'write @probe(…, judges=["{by}"])'
            raise ProbeBug("no provider was handed over to judge", where=say_place(where) if where else "", hint=hint)
        journal = self._journal

        def spent(by: str, amounts: Mapping[str, float]) -> None:
            journal.spend(**{verdict_key(by, name): amount for name, amount in amounts.items()})

        def record(exchange: Any) -> None:
            journal.step.exchanges.append(exchange)

        def served(model: str) -> None:
            names = {*journal.versions.get("judge", "").split(", "), clean(model, 60)} - {""}
            journal.versions["judge"] = clean(", ".join(sorted(names)), 200)

        def tried(judge: str, why: str) -> None:
            journal.learned.setdefault("judges", {})[clean(judge, 120)] = clean(why, 300)

        self._jury = Jury(self.panel, record=record, spent=spent, served=served, tried=tried)
        return self._jury

    def _write(
        self, asked: Judged, source: str, soft: bool, *, ok: bool, got: str, failure: Failure, said: str = ""
    ) -> None:
        """Write it down like a check, but not as one: a judge is never the only one."""
        journal = self._journal
        holds, should = PHRASES[asked.key]
        note = Note(rule(asked.key, holds, should), (asked,), ok=ok, got=Said(got), source=source, soft=soft)
        note.failure = Failure.WRONG if ok else failure
        if failure is Failure.UNSCORED:
            journal.step.notes.append(note)
            journal.findings.append(Finding(failure, said, journal.step.name))
            return
        checked = journal.checked
        journal.note(note)
        journal.checked = checked


def _failed(journal: Journal) -> bool:
    """True when something failed that a judge could only agree with."""
    hard = (one for one in journal.findings if not one.soft and FACTS[one.failure].state == "down")
    return any(hard) or bool(journal.bugs)
