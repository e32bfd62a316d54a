"""Two documents held against each other, field by field: what was expected decides what is looked at, and how.

    compare({"total": 1250.5, "due": "2026-12-01"}, {"total": "1.250,50 €", "due": "1 December 2026"})

finds both right. Text is compared without regard to capitals, space and typographic marks; numbers, amounts of money
and dates by what they mean. `Rules` say more: tolerances, kinds, lists in any order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from probes.checks.absent import Absent
from probes.checks.alike import differs
from probes.checks.general import a_kind
from probes.checks.pairs import by_key, in_any_order
from probes.checks.rules import Rules, step
from probes.checks.say import say

__all__ = ["FieldResult", "Rules", "accuracy", "compare", "summary"]

_GONE = Absent("the field")
MOST_EXTRA = 100  # entries too many that are told one by one


@dataclass(frozen=True, slots=True)
class FieldResult:
    """What became of one field: `path` is its own, `field` the same with `[*]` for entries of lists."""

    path: str
    field: str
    verdict: Literal["right", "wrong", "missing", "extra"]
    expected: Any = None
    got: Any = None
    why: str = ""

    @property
    def ok(self) -> bool:
        """True when it is right."""
        return self.verdict == "right"

    @property
    def says(self) -> str:
        """The field in a few words: `$.total: 120 instead of 1250.5`."""
        return f"{self.path}: {self.why or say(self.got)}"


def compare(expected: Any, got: Any, rules: Rules | None = None) -> list[FieldResult]:
    """Every field of what was expected, and whatever there is too much; a `got` that is absent misses them all."""
    return list(_Comparison(rules or Rules()).walk("$", "$", expected, _GONE if isinstance(got, Absent) else got))


def accuracy(results: Sequence[FieldResult]) -> float:
    """The share of fields that are right; what is too much counts as a field that is wrong. Nothing to compare is 1."""
    return sum(result.ok for result in results) / len(results) if results else 1.0


def summary(results: Sequence[FieldResult], most: int = 3) -> str:
    """`7 of 9 fields right; $.total: 120 instead of 1250.5`."""
    bad = [result for result in results if not result.ok]
    told = [result.says for result in bad[:most]] + ([f"and {len(bad) - most} more"] if len(bad) > most else [])
    return "; ".join([f"{len(results) - len(bad)} of {len(results)} fields right", *told])


class _Comparison:
    """One comparison under one set of rules."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._ignored = frozenset(rules.ignore)

    def walk(self, path: str, field: str, expected: Any, got: Any) -> Iterator[FieldResult]:
        """What becomes of everything at one place and below it."""
        if path in self._ignored or field in self._ignored:
            return
        kind = self._rules.kinds.get(path) or self._rules.kinds.get(field)
        if kind != "exact" and isinstance(expected, Mapping):
            yield from self._object(path, field, expected, got)
        elif kind != "exact" and isinstance(expected, list | tuple):
            yield from self._list(path, field, expected, got)
        else:
            allowed = self._rules.tolerance.get(path) or self._rules.tolerance.get(field)
            yield self._leaf(path, field, expected, got, kind or "", allowed)

    def _leaf(self, path: str, field: str, expected: Any, got: Any, kind: str, allowed: Any) -> FieldResult:
        if got is _GONE or got is None:
            found = None if got is _GONE else got
            if expected is None:
                return FieldResult(path, field, "right", expected, found)
            why = f"{'missing' if got is _GONE else 'null'} instead of {say(expected)}"
            return FieldResult(path, field, "missing", expected, found, why)
        why = differs(expected, got, kind, allowed, self._rules)
        return FieldResult(path, field, "wrong" if why else "right", expected, got, why)

    def _object(self, path: str, field: str, expected: Mapping[Any, Any], got: Any) -> Iterator[FieldResult]:
        held = self._held(expected, got, Mapping)
        if held is None:
            yield from self._unheld(path, field, expected, got)
            return
        for key, part in expected.items():
            name = str(key)
            yield from self.walk(step(path, name), step(field, name), part, held.get(name, _GONE))
        if self._rules.extra == "wrong":
            known = set(map(str, expected))
            for key in [key for key in islice(held, len(known) + MOST_EXTRA) if key not in known]:
                place, general = step(path, key), step(field, key)
                if place not in self._ignored and general not in self._ignored:
                    yield FieldResult(place, general, "extra", None, held[key], f"{say(held[key])} was not expected")

    def _list(self, path: str, field: str, expected: Sequence[Any], got: Any) -> Iterator[FieldResult]:
        held = self._held(expected, got, list | tuple)
        if held is None:
            yield from self._unheld(path, field, expected, got)
            return
        order = self._rules.lists.get(path) or self._rules.lists.get(field) or "in-order"
        inner = f"{field}[*]"
        if order == "in-order":
            pairs = [(number, number if number < len(held) else None) for number in range(len(expected))]
            names = [f"{path}[{number}]" for number in range(len(expected))]
        elif order == "any-order":
            pairs = in_any_order(expected, held, lambda one, other: self._share(path, inner, one, other))
            names = [f"{path}[{number}]" for number in range(len(expected))]
        else:
            pairs, called = by_key(expected, held, order)
            names = [f"{path}[{order}={name}]" for name in called]
        for number, other in pairs:
            yield from self.walk(names[number], inner, expected[number], _GONE if other is None else held[other])
        yield from self._too_many(path, inner, held, {other for _, other in pairs if other is not None})

    def _too_many(self, path: str, inner: str, held: Sequence[Any], used: set[int]) -> Iterator[FieldResult]:
        if inner in self._ignored:
            return
        more = [number for number in range(min(len(held), len(used) + MOST_EXTRA)) if number not in used]
        for number in more[:MOST_EXTRA]:
            said = f"{say(held[number])} is one too many"
            yield FieldResult(f"{path}[{number}]", inner, "extra", None, held[number], said)

    def _share(self, path: str, inner: str, one: Any, other: Any) -> float:
        """How much of an entry is right, were it this one: 1 is all of it."""
        return accuracy(list(self.walk(f"{path}[*]", inner, one, other)))

    @staticmethod
    def _held(expected: Any, got: Any, kind: Any) -> Any:
        """`got` when it is of that kind, nothing of it when there is nothing and nothing is expected, else None."""
        if isinstance(got, kind):
            return got
        return type(expected)() if not expected and (got is _GONE or got is None) else None

    def _unheld(self, path: str, field: str, expected: Any, got: Any) -> Iterator[FieldResult]:
        """Every field of what should be there, when something else or nothing is."""
        if not expected:
            said = f"{a_kind(got)} instead of {say(expected)}"
            yield FieldResult(path, field, "wrong", expected, got, said)
            return
        nothing = got is _GONE or got is None
        for lost in self.walk(path, field, expected, type(expected)()):
            why = lost.why if nothing else f"missing: {path} is {a_kind(got)}, not {a_kind(expected)}"
            yield FieldResult(lost.path, lost.field, lost.verdict, lost.expected, None, why)
