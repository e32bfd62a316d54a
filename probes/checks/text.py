"""Checks of text: what it holds, how it begins, how long it is, whether it can be read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from probes.checks.base import Base, Misfit, Verdict, matcher
from probes.checks.general import kind_of, same
from probes.checks.patterns import Pattern, compile_pattern
from probes.checks.say import say
from probes.checks.schema import Schema
from probes.checks.texture import garbled, markup
from probes.words.failure import Failure


def _pattern(pattern: str) -> tuple[Pattern]:
    if not isinstance(pattern, str):
        raise ValueError("a pattern is text; put it in quotes")
    return (compile_pattern(pattern),)


def _some(*texts: str) -> tuple[str, ...]:
    if not texts:
        raise ValueError("name at least one text")
    return _texts(*texts)


def _texts(*texts: str) -> tuple[str, ...]:
    for text in texts:
        if not isinstance(text, str):
            if isinstance(text, list):
                raise ValueError("a list is not one text; write contains-any: or contains-all: with it")
            raise ValueError(f"{say(text)} is not text; put it in quotes")
        if not text:
            raise ValueError('every text contains ""; write what is expected')
    return texts


def _count(count: int) -> tuple[int]:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError(f"{say(count)} is not a whole number")
    return (count,)


def _schema(schema: Mapping[str, Any]) -> tuple[Schema]:
    if not isinstance(schema, Mapping):
        raise ValueError("a JSON Schema is a mapping, such as {type: object, required: [id]}")
    return (Schema(schema),)


class TextChecks(Base):
    """Checks of text, such as a reply."""

    __slots__ = ()

    def _text(self) -> str:
        if isinstance(self.value, str):
            return self.value
        raise Misfit(f"which is no text but a {kind_of(self.value)}")

    @matcher("contains {}", "contain {}", prepare=_texts)
    def contains(self, text: str) -> bool:
        """The text holds this, exactly as written; a list holds this entry."""
        if type(self.value) is list:
            return any(same(part, text) for part in self.value)
        return text in self._text()

    @matcher("contains all of {}", "contain all of {}", prepare=_some)
    def contains_all(self, *texts: str) -> bool | Verdict:
        """The text holds each of these."""
        missing = [text for text in texts if text not in self._text()]
        return not missing or Verdict(False, f"{say(self._text())}, without {', '.join(map(say, missing))}")

    @matcher("contains one of {}", "contain one of {}", prepare=_some)
    def contains_any(self, *texts: str) -> bool:
        """The text holds at least one of these."""
        found = self._text()
        return any(text in found for text in texts)

    @matcher("contains {} in any case", "contain {} in any case", prepare=_texts)
    def icontains(self, text: str) -> bool:
        """The text holds this, in capitals or not."""
        return text.casefold() in self._text().casefold()

    @matcher("starts with {}", "start with {}", prepare=_texts)
    def starts_with(self, text: str) -> bool:
        """The text begins with this; space before it does not count."""
        return self._text().lstrip().startswith(text)

    @matcher("ends with {}", "end with {}", prepare=_texts)
    def ends_with(self, text: str) -> bool:
        """The text ends with this; space after it does not count."""
        return self._text().rstrip().endswith(text)

    @matcher("matches {}", "match {}", prepare=_pattern)
    def regex(self, pattern: str) -> bool:
        """A part of the text matches this regular expression (Python's; anchor it with ^ and $ for the whole)."""
        compiled: Any = pattern
        return compiled.search(self._text()) is not None

    @matcher("is not blank", "not be blank")
    def non_empty(self) -> bool | Verdict:
        """The text, list or object is not empty; text of nothing but space is."""
        held = self.value.strip() if isinstance(self.value, str) else self.value
        if held is None or (isinstance(held, str | list | dict) and not held):
            return Verdict(False, "nothing" if held is None else say(held), Failure.EMPTY)
        return True

    @matcher("has the length {}", "have the length {}", prepare=_count)
    def length(self, count: int) -> bool | Verdict:
        """The text has this many characters, the list or object this many entries."""
        return self._length(lambda found: found == count)

    @matcher("has at least the length {}", "have at least the length {}", prepare=_count)
    def min_length(self, count: int) -> bool | Verdict:
        """The text has at least this many characters, the list or object this many entries."""
        return self._length(lambda found: found >= count)

    @matcher("has at most the length {}", "have at most the length {}", prepare=_count)
    def max_length(self, count: int) -> bool | Verdict:
        """The text has at most this many characters, the list or object this many entries."""
        return self._length(lambda found: found <= count)

    @matcher("is JSON", "be JSON")
    def is_json(self) -> bool | Verdict:
        """The text is one JSON document."""
        try:
            json.loads(self._text())
        except (ValueError, RecursionError):
            return Verdict(False, failure=Failure.GARBAGE)
        return True

    @matcher("fits {}", "fit {}", prepare=_schema)
    def json_schema(self, schema: Mapping[str, Any]) -> bool | Verdict:
        """The JSON fits this JSON Schema (draft 2020-12 unless it says otherwise); references outside it are
        not fetched.
        """
        document = self.value
        if isinstance(document, str) and self.unit == "reply":
            try:
                document = json.loads(document)
            except (ValueError, RecursionError):
                return Verdict(False, failure=Failure.GARBAGE)
        compiled: Any = schema
        trouble = compiled.trouble(document)
        return not trouble or Verdict(False, trouble, Failure.CONTRACT_CHANGED)

    @matcher("can be read", "be readable")
    def readable(self) -> bool | Verdict:
        """The text is of use to a person: no wrong encoding, no control characters, not the same words over and over,
        no error or stack trace instead of an answer; what an agent says is no web page either.
        """
        text = self._text()
        said = self.unit != "reply" or hasattr(getattr(self, "reply", None), "finished")
        trouble = garbled(text) or (markup(text) if said else "")
        return not trouble or Verdict(False, trouble, Failure.GARBAGE)

    def _length(self, fits: Any) -> bool | Verdict:
        if not isinstance(self.value, str | list | dict):
            raise Misfit(f"which is a {kind_of(self.value)} and has no length")
        found = len(self.value)
        return bool(fits(found)) or Verdict(False, f"{found} in {say(self.value)}")
