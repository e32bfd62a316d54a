"""Checks of a whole document: how many of its fields are right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationError, WithJsonSchema

from probes.checks.answers import share
from probes.checks.base import Base, Misfit, Verdict, matcher
from probes.checks.embedded import documents_in
from probes.checks.fields import Rules, accuracy, compare, summary
from probes.checks.general import a_kind
from probes.checks.rules import misnamed
from probes.checks.say import say
from probes.words.failure import Failure

Least = Annotated[
    float,
    BeforeValidator(share),
    PlainSerializer(lambda part: f"{part * 100:g}%"),
    WithJsonSchema({"type": ["string", "number"], "examples": ["90%", 0.9]}),
]


class Wanted(Rules):
    """The fields that are expected, how they are compared, and how many of them have to be right."""

    expected: dict[str, Any] | list[Any] = Field(description="What the document should say.")
    at_least: Least = Field(1.0, alias="at-least", description="The share of fields that have to be right.")

    @property
    def shown(self) -> str:
        """The expectation in a sentence."""
        total = len(compare(self.expected, self.expected, self))
        most = "all" if self.at_least >= 1 else f"at least {self.at_least * 100:g}% of"
        return f"{most} {total} fields"


def _wanted(wanted: Mapping[str, Any]) -> tuple[Wanted]:
    if not isinstance(wanted, Mapping) or "expected" not in wanted:
        raise ValueError("write field-accuracy: {expected: {total: 1250.5}, tolerance: {$.total: 0.01}, at-least: 90%}")
    try:
        found = Wanted.model_validate(dict(wanted))
    except ValidationError as error:
        line = error.errors(include_url=False)[0]
        place = ".".join(map(str, line["loc"]))
        known = ", ".join(str(field.alias or name) for name, field in Wanted.model_fields.items())
        said = f"there is no such key; write {known}" if line["type"] == "extra_forbidden" else line["msg"]
        raise ValueError(f"{place}: {said.removeprefix('Value error, ')}") from None
    if not compare(found.expected, found.expected, found):
        raise ValueError("nothing is expected; write expected: {total: 1250.5}")
    if wrong := next(misnamed([found.expected], found), ""):
        raise ValueError(wrong)
    return (found,)


class DocumentChecks(Base):
    """Checks of a whole document."""

    __slots__ = ()

    @matcher("gets {} right", "get {} right", prepare=_wanted)
    def field_accuracy(self, wanted: Mapping[str, Any]) -> bool | Verdict:
        """So many of its fields are as expected: `{expected: {total: 1250.5, due: 2026-12-01}, tolerance: {$.total:
        0.01, $.due: 1d}, at-least: 90%}`. Text, numbers, money and dates count by what they mean; JSON within an
        answer's text is found.
        """
        rules: Any = wanted
        document = self.value
        if isinstance(document, str):
            found = documents_in(document)
            if not found:
                return Verdict(False, f"no JSON in {say(document)}", Failure.GARBAGE)
            document = found[0]
        elif not isinstance(document, dict | list):
            raise Misfit(f"which is no document but {a_kind(document)}")
        results = compare(rules.expected, document, rules)
        return Verdict(accuracy(results) >= rules.at_least - 1e-9, summary(results))
