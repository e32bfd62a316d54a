"""Checks of what an agent answers: its words, its language, its sources, its label, the document in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from probes.checks.base import Base, Misfit, Unsure, Verdict, matcher
from probes.checks.embedded import documents_in
from probes.checks.general import a_kind
from probes.checks.language import NAMES, code_of, is_in, language_of, words_in
from probes.checks.refusal import refuses
from probes.checks.rules import plain_text
from probes.checks.say import say
from probes.checks.schema import Schema
from probes.words.failure import Failure
from probes.words.text import clean

LOOKED_AT = 200_000  # characters in which sources are looked for
MOST_LINKS = 200
_LINK = re.compile(r"https?://[^\s<>\"')\]}]{3,400}", re.IGNORECASE)
_MARK = re.compile(r"\[\^?\d{1,3}(?:, ?\d{1,3}){0,9}\]|\u3010\d{1,3}[^\u3011\n]{0,40}\u3011")
_EDGES = " \t\r\n\"'`*_.:;!\u201c\u201d\u2018\u2019\u00ab\u00bb\u3002"


class Share(float):
    """A share from 0 to 1, said as a percentage."""

    @property
    def shown(self) -> str:
        return f"{float(self) * 100:g}%"


def share(value: object) -> Share:
    """`90%` or 0.9 as a share; raises ValueError."""
    number = value
    if isinstance(value, str) and value.strip().endswith("%"):
        digits = value.strip().removesuffix("%").strip()
        number = float(digits) / 100 if digits.replace(".", "", 1).isdecimal() else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= 1:
        raise ValueError(f"{say(value)} is no share; write 90% or 0.9")
    return Share(number)


def _counts(low: int, high: int) -> tuple[int, int]:
    for count in (low, high):
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError(f"{say(count)} is not a whole number; write [1, 120]")
    if low > high:
        raise ValueError(f"word-count counts up: {low} is more than {high}")
    return low, high


class _Language(str):
    """A language by its code, said by its name."""

    __slots__ = ()

    @property
    def shown(self) -> str:
        return NAMES[self]


def _language(language: str) -> tuple[_Language]:
    return (_Language(code_of(language)),)


class _Within:
    """What the JSON in a text has to fit."""

    __slots__ = ("schema", "shown")

    def __init__(self, schema: Schema | None) -> None:
        self.schema = schema
        self.shown = f" that fits {schema.shown}" if schema else ""


def _within(schema: Mapping[str, Any] | bool = True) -> tuple[_Within]:
    if schema is True:
        return (_Within(None),)
    if not isinstance(schema, Mapping):
        raise ValueError("write contains-json: true, or a JSON Schema such as {type: object, required: [id]}")
    return (_Within(Schema(schema)),)


class _Sources:
    """The hosts that may be cited, all of them when there are none."""

    __slots__ = ("hosts", "shown")

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = tuple(hosts)
        self.shown = f" and only {', '.join(self.hosts)}" if self.hosts else ""

    def admit(self, link: str) -> bool:
        """True when the link leads to one of the hosts, or to a part of one."""
        try:
            host = (urlsplit(link).hostname or "").rstrip(".")
        except ValueError:
            return False
        return any(host == one or host.endswith(f".{one}") for one in self.hosts)


def _sources(hosts: Sequence[str] | str | bool = True) -> tuple[_Sources]:
    if hosts is True:
        return (_Sources(()),)
    listed = [hosts] if isinstance(hosts, str) else hosts
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(one, str) and one for one in listed):
        raise ValueError("write citation-present: true, or the hosts that may be cited: [docs.example.com]")
    for one in listed:
        if "/" in one or "." not in one:
            raise ValueError(f"{one} is not the name of a host; write docs.example.com")
    return (_Sources(one.lower() for one in listed),)


def _labels(*labels: str) -> tuple[str, ...]:
    if not labels or not all(isinstance(label, str) and plain_label(label) for label in labels):
        raise ValueError("labels are text; write label-in: [booked, cancelled, other]")
    return labels


def plain_label(text: str) -> str:
    """A label as it is compared: without capitals, quotes and marks around it, `-` and `_` as space."""
    return " ".join(re.split(r"[\s_-]+", plain_text(text.strip(_EDGES)))).strip()


def _like(text: str, least: float | str) -> tuple[str, Share]:
    if not isinstance(text, str) or not text.strip():
        raise ValueError("nearly-equals compares with a text; write nearly-equals: [A cleaning is booked, 90%]")
    return text, share(least)


class AnswerChecks(Base):
    """Checks of what an agent answers."""

    __slots__ = ()

    def _answer(self) -> str:
        if isinstance(self.value, str):
            return self.value
        raise Misfit(f"which is no text but {a_kind(self.value)}")

    @matcher("has {} to {} words", "have {} to {} words", prepare=_counts)
    def word_count(self, low: int, high: int) -> bool | Verdict:
        """The text has so many words, both ends included; where no space divides words (Chinese, Japanese, Thai)
        each character counts as one.
        """
        found = words_in(self._answer())
        return low <= found <= high or Verdict(False, f"{found} in {say(self._answer())}")

    @matcher("is in {}", "be in {}", prepare=_language)
    def language(self, language: str) -> bool | Verdict:
        """The text is in this language (`de` or German), told by its script and small words; what is too short to
        tell, a dozen words or so, fails and says so.
        """
        text = self._answer()
        held = is_in(text, language)
        if held is None:
            raise Unsure("which is too little to tell its language")
        return held or Verdict(False, f"{NAMES[language_of(text)]}: {say(text)}", Failure.GARBAGE)

    @matcher("is a refusal", "be a refusal")
    def is_refusal(self) -> bool | Verdict:
        """The answer declines to be one ("I'm sorry, but I can't help with that"), in the languages models mostly
        speak; mostly as `not-is-refusal: true`.
        """
        text = self._answer()
        return Verdict(True, say(text), Failure.REFUSED) if refuses(text) else False

    @matcher("contains JSON{}", "contain JSON{}", prepare=_within)
    def contains_json(self, schema: Mapping[str, Any] | bool) -> bool | Verdict:
        """Somewhere in the text, in a fence or within a sentence, is a JSON object or list; with a JSON Schema, one
        that fits it.
        """
        wanted: Any = schema
        found = documents_in(self._answer())
        if not found:
            return Verdict(False, "", Failure.GARBAGE)
        troubles = [wanted.schema.trouble(document) for document in found] if wanted.schema else []
        if not troubles or not all(troubles):
            return True
        return Verdict(False, troubles[0], Failure.CONTRACT_CHANGED)

    @matcher("nearly equals {}, to {}", "nearly equal {}, to {}", prepare=_like)
    def nearly_equals(self, text: str, least: float | str) -> bool | Verdict:
        """So much of the text is spelled like this one (Levenshtein), capitals and space aside:
        `nearly-equals: [A cleaning is booked, 90%]`.
        """
        from rapidfuzz.distance import Levenshtein

        found = Levenshtein.normalized_similarity(plain_text(self._answer()), plain_text(text))
        return found >= float(least) or Verdict(False, f"{found * 100:.0f}% in {say(self._answer())}")

    @matcher("cites a source{}", "cite a source{}", prepare=_sources)
    def citation_present(self, hosts: Sequence[str] | str | bool) -> bool | Verdict:
        """The text cites a source: an address, or a mark such as [1]. With hosts, an address, and none that leads
        elsewhere: `citation-present: [docs.example.com]`.
        """
        wanted: Any = hosts
        text = self._answer()
        links = _LINK.findall(text[:LOOKED_AT])[:MOST_LINKS]
        if not wanted.hosts:
            return bool(links or _MARK.search(text[:LOOKED_AT]))
        strange = [link for link in links if not wanted.admit(link)]
        if strange:
            return Verdict(False, clean(strange[0], 120))
        return bool(links)

    @matcher("is one of the labels {}", "be one of the labels {}", prepare=_labels)
    def label_in(self, *labels: str) -> bool:
        """The whole text is one of these labels; capitals, quotes and marks around it do not count, other words do."""
        found = plain_label(self._answer())
        return any(found == plain_label(label) for label in labels)
