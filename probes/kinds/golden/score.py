"""Whether an answer is right: exactly, by its label, as a number, or field by field. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from probes.checks.alike import differs
from probes.checks.fields import compare, summary
from probes.checks.rules import Rules, Tolerance, plain_text
from probes.checks.say import plain, say

if TYPE_CHECKING:
    from probes.kinds.golden.spec import GoldenSpec

_ENDS = " \t\r\n.!?,;:\"'`*"  # what a model puts around a bare answer


@dataclass(frozen=True, slots=True)
class Scored:
    """How one answer came out: what was expected and what came, as they are said; of fields, which were right."""

    right: bool
    expected: str
    got: str
    fields: Mapping[str, bool] = field(default_factory=dict)


Scorer = Callable[[Any, Any], Scored]


def scorer(spec: GoldenSpec) -> Scorer | None:
    """The function that scores (expected, got) as the probe says; None where its checks alone decide."""
    rules = spec.compare or Rules()
    ways: dict[str, Scorer | None] = {
        "exact": lambda expected, got: _exact(expected, got, spec.normalise),
        "label": lambda expected, got: _label(str(expected), got, spec.labels, normalise=spec.normalise),
        "number": lambda expected, got: _number(expected, got, spec.tolerance, rules),
        "fields": lambda expected, got: _fields(expected, got, rules),
        "check": None,
    }
    return ways[spec.scoring]


def bare(text: str) -> str:
    """Text as it is compared: capitals, space and marks around it do not count."""
    return plain_text(text).strip(_ENDS)


def _exact(expected: Any, got: Any, normalise: bool) -> Scored:
    said = say(expected), say(got)
    if not normalise:
        right = expected == got and isinstance(expected, bool) is isinstance(got, bool)
        return Scored(right, *said)
    if isinstance(expected, str) or isinstance(got, str):
        return Scored(bare(plain(expected)) == bare(plain(got)), *said)
    return Scored(not differs(expected, got, "", None, Rules()), *said)


def _label(expected: str, got: Any, labels: tuple[str, ...], *, normalise: bool) -> Scored:
    """A label is the whole answer; where it is the only one of the labels that a longer answer holds, that one."""
    text = plain(got) if got is not None else ""
    if not normalise:
        return Scored(text == expected, expected, text)
    known = {bare(label): label for label in labels}
    found = known.get(bare(text))
    if found is None:
        words = f" {' '.join(_words(text))} "
        held = [label for label in labels if f" {' '.join(_words(label))} " in words]
        longest = [label for label in held if not any(label != other and label in other for other in held)]
        found = longest[0] if len(longest) == 1 else None
    return Scored(found == expected, expected, found if found is not None else (text.strip()[:80] or "nothing"))


def _words(text: str) -> list[str]:
    flat = plain_text(text)
    return "".join(letter if letter.isalnum() or letter in "-_" else " " for letter in flat).split()


def _number(expected: Any, got: Any, allowed: Tolerance | None, rules: Rules) -> Scored:
    limit = allowed or Tolerance("number", Decimal(0))
    value = got.strip(_ENDS) if isinstance(got, str) else got
    return Scored(not differs(expected, value, "number", limit, rules), say(expected), say(got))


def _fields(expected: Any, got: Any, rules: Rules) -> Scored:
    results = compare(expected, got, rules)
    held: dict[str, bool] = {}
    for result in results:
        held[result.field] = held.get(result.field, True) and result.ok
    right = all(result.ok for result in results)
    return Scored(right, "every field right" if right else say(expected), summary(results), held)
