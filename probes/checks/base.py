"""What a check is: a subject, a matcher and what came of it.

A matcher is a method marked `@matcher`: its name in kebab-case is the key in YAML, its signature the schema, its
docstring the docs. It answers only whether the value is right; how a failure is said, `not-` forms, soft checks and
absent values are kept here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import PurePath
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from probes.checks.absent import Absent
from probes.checks.patterns import PatternTooSlow
from probes.checks.say import say, say_number
from probes.words.errors import ProbeBug
from probes.words.failure import Failure

P = ParamSpec("P")
S = TypeVar("S", bound="Base")


class Misfit(Exception):
    """The value is of a kind that the matcher cannot judge; the message says what it would need."""


class Unsure(Misfit):
    """The value is of the right kind, and too little of it to judge: neither the matcher nor its denial holds."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a matcher may answer instead of a bool: `got` replaces the value in the sentence, `failure` names what
    went wrong.
    """

    ok: bool
    got: str = ""
    failure: Failure | None = None

    def __bool__(self) -> bool:
        return self.ok


@dataclass(frozen=True, slots=True)
class Rule:
    """One matcher: `name` in YAML, `method` in Python, `holds` and `should` for sentences ("is {n}", "be {n}"), its
    `family`.

    `parameters` are (name, annotation) pairs; `spread` tells that YAML gives them as a list. `prepare` turns arguments
    as written into what the matcher works with, once, and raises ValueError on those that can never be right.
    """

    name: str
    method: str
    family: str
    holds: str
    should: str
    doc: str
    parameters: tuple[str, ...]
    spread: bool
    variadic: bool
    prepare: Callable[..., tuple[Any, ...]] | None
    test: Callable[..., bool | Verdict]

    def phrase(self, form: str, args: tuple[Any, ...]) -> str:
        """`holds` or `should` with its arguments said."""
        if self.variadic:
            return form.format(", ".join(map(_said, args)))
        return form.format(*(_said(part) for part in args))


def _said(part: Any) -> str:
    shown = getattr(part, "shown", None)
    return str(shown) if shown is not None else say(part)


RULES: dict[str, Rule] = {}
"""Every matcher by its name in YAML, in the order in which they are documented."""


class Ready(tuple[Any, ...]):
    """Arguments that a rule has already prepared."""

    __slots__ = ()


class Notes(Protocol):
    """Where checks are written down: the journal of an attempt, or a group of checks."""

    def note(self, note: Note) -> None: ...


class Note:
    """What came of one check; its words are made only when somebody reads them."""

    __slots__ = ("_args", "_got", "_rule", "_source", "failure", "must", "negated", "ok", "soft", "weight")

    def __init__(
        self,
        rule: Rule,
        args: tuple[Any, ...],
        *,
        ok: bool,
        got: Any = None,
        source: str = "",
        soft: bool = False,
        negated: bool = False,
        failure: Failure = Failure.WRONG,
    ) -> None:
        self.ok = ok
        self.soft = soft
        self.negated = negated
        self.failure = failure
        self.weight, self.must = 1.0, False  # in a group with a threshold
        self._rule = rule
        self._args = args
        self._got = got
        self._source = source

    @property
    def name(self) -> str:
        """The key that YAML uses for it, `not-` form included."""
        return f"not-{self._rule.name}" if self.negated else self._rule.name

    @property
    def expected(self) -> str:
        """What should hold: `equals "10:00"`, `does not contain "error"`."""
        if not self.negated:
            return self._rule.phrase(self._rule.holds, self._args)
        if self._rule.holds.startswith("is "):
            return "is not " + self._rule.phrase(self._rule.holds[3:], self._args)
        return "does not " + self._rule.phrase(self._rule.should, self._args)

    @property
    def actual(self) -> str:
        """What there was instead, said shortly."""
        return self._got if isinstance(self._got, Said) else say(self._got)

    @property
    def source(self) -> str:
        """Where the value came from."""
        return self._source

    @property
    def says(self) -> str:
        """The whole check in a sentence: `$.time should equal "10:00", got "22:00"`, or `$.time equals "10:00"`."""
        subject = self._source or "the value"
        if self.ok:
            return f"{subject} {self.expected}"
        should = "should not" if self.negated else "should"
        return f"{subject} {should} {self._rule.phrase(self._rule.should, self._args)}, got {self.actual}"


class Said(str):
    """Text that is already a sentence's part and needs no quotes."""

    __slots__ = ()


class Base:
    """A value that is about to be checked. Each matcher returns the subject, so that several can follow each other."""

    __slots__ = ("_negated", "_notes", "_soft", "must", "place", "source", "unit", "used", "value", "weight")

    def __init__(
        self,
        value: Any,
        notes: Notes,
        *,
        source: str = "",
        unit: str = "",
        soft: bool = False,
        place: tuple[str, int] = ("", 0),
    ) -> None:
        self.value = value
        self.source = source
        self.unit = unit  # "s" where the value is a time
        self.place = place  # file and line of the author's code
        self.used = False
        self.weight, self.must = 1.0, False
        self._notes = notes
        self._soft = soft
        self._negated = False

    @property
    def not_(self: S) -> S:
        """Turns the next matcher round: `ctx.check(reply).not_.contains("error")`."""
        self._negated = not self._negated
        return self

    def complaint(self) -> str:
        """What to say when no matcher followed."""
        where = self._where()
        return (
            f"ctx.check(…){f' at {where}' if where else ''} has no matcher; write .equals(…) or .contains(…) after it"
        )

    def judge(self, rule: Rule, args: tuple[Any, ...]) -> None:
        """Apply one matcher and write down what came of it; absent values hold nothing, not even a `not-`."""
        self.used = True
        negated, self._negated = self._negated, False
        if type(args) is not Ready and rule.prepare is not None:
            args = self._prepared(rule, args)
        if isinstance(value := self.value, Absent) and rule.name != "exists":
            self._write(rule, args, ok=False, got=Said(value.why), negated=negated, failure=value.failure)
            return
        try:
            verdict = rule.test(self, *args)
        except Misfit as misfit:
            said, failure = Said(f"{say(value)}, {misfit}"), self._misfit(misfit)
            self._write(rule, args, ok=False, got=said, negated=negated, failure=failure)
            return
        except PatternTooSlow as slow:
            raise ProbeBug(str(slow), where=self._where(), hint=slow.hint) from None
        if verdict is True and not negated:
            self._write(rule, args, ok=True, got=value, negated=False, failure=Failure.WRONG)
            return
        got: Any = value
        named = None
        if isinstance(verdict, Verdict):
            named, got = verdict.failure, Said(verdict.got) if verdict.got else value
        elif self.unit == "s" and isinstance(value, int | float):
            got = Said(say_number(value, "s"))
        ok = bool(verdict) is not negated
        failure = Failure.WRONG if ok else self._named(named or self._unmet(rule, negated), negated)
        self._write(rule, args, ok=ok, got=got, negated=negated, failure=failure)

    def _unmet(self, rule: Rule, negated: bool) -> Failure:
        """A time over a soft limit came right and late, as a step over its budget does."""
        late = self.unit == "s" and self._soft and not negated and rule.name in ("below", "at-most")
        return Failure.SLOW if late else Failure.WRONG

    def _write(self, rule: Rule, args: tuple[Any, ...], *, ok: bool, got: Any, negated: bool, failure: Failure) -> None:
        note = Note(rule, args, ok=ok, got=got, source=self.source, soft=self._soft, negated=negated, failure=failure)
        note.weight, note.must = self.weight, self.must
        self._notes.note(note)

    def _named(self, failure: Failure, negated: bool) -> Failure:
        """The failure that a wrong value means; subjects that know more about theirs say it here."""
        return failure

    def _misfit(self, misfit: Misfit) -> Failure:
        return self._named(Failure.WRONG if isinstance(misfit, Unsure) else Failure.CONTRACT_CHANGED, False)

    def _prepared(self, rule: Rule, args: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            return cast(Callable[..., tuple[Any, ...]], rule.prepare)(*args)
        except ValueError as error:
            raise ProbeBug(f"{rule.method}: {error}", where=self._where()) from None

    def _where(self) -> str:
        return f"{'/'.join(PurePath(self.place[0]).parts[-2:])}:{self.place[1]}" if self.place[0] else ""


def matcher(
    holds: str, should: str, *, prepare: Callable[..., tuple[Any, ...]] | None = None
) -> Callable[[Callable[Concatenate[S, P], bool | Verdict]], Callable[Concatenate[S, P], S]]:
    """Make a method a check. `holds` and `should` say it with `{}` for each argument: `("is {}", "be {}")`."""

    def build(test: Callable[Concatenate[S, P], bool | Verdict]) -> Callable[Concatenate[S, P], S]:
        rule = _rule(test, holds, should, prepare)
        RULES[rule.name] = rule
        names = rule.parameters

        @wraps(test)
        def check(self: S, /, *args: P.args, **kwargs: P.kwargs) -> S:
            given: tuple[Any, ...] = args
            if kwargs:
                given = (*args, *(kwargs[name] for name in names[len(args) :] if name in kwargs))
            if args and type(args[0]) is Ready:
                given = args[0]
            self.judge(rule, given)
            return self

        return check

    return build


def _rule(test: Callable[..., Any], holds: str, should: str, prepare: Callable[..., tuple[Any, ...]] | None) -> Rule:
    parameters = [part for part in inspect.signature(test).parameters.values() if part.name != "self"]
    variadic = any(part.kind is part.VAR_POSITIONAL for part in parameters)
    return Rule(
        name=test.__name__.replace("_", "-"),
        method=test.__name__,
        family=test.__qualname__.partition(".")[0],
        holds=holds,
        should=should,
        doc=" ".join((test.__doc__ or "").split()),
        parameters=tuple(part.name for part in parameters),
        spread=variadic or len(parameters) > 1,
        variadic=variadic,
        prepare=prepare,
        test=test,
    )
