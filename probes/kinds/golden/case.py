"""One case of a golden set as it is written, and the form in which all of them travel."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from probes.checks.written import Check
from probes.forms import Also
from probes.kinds.filling import CASE, templates
from probes.words.section import Section

MOST = 2_000  # cases of one set
LARGEST = 2_000_000  # characters of a set as JSON: it travels to a host in one frame
NAME = 60  # characters of a case's name


def _filled(value: Any) -> Any:
    """Text of a case may hold ${date+30d} and the like, and nothing that only a run knows."""
    for template in templates(value):
        if wanted := template.captured():
            name = sorted(wanted)[0]
            raise ValueError(f"${{{name}}} means nothing in a case; write $${{ for the characters themselves")
        if any(getattr(part, "kind", "") == "secret" for part in template.parts):
            raise ValueError("a case holds no secret; write it under headers: of the probe")
    return value


def _named(name: str) -> str:
    if name != name.strip() or not name or any(unicodedata.category(letter)[0] == "C" for letter in name):
        raise ValueError("not a name; write some words")
    return name


class GoldenCase(Section):
    """One case: what is asked, and what is right. Further keys are values for `${case.key}`."""

    model_config = ConfigDict(extra="allow", populate_by_name=False, validate_default=False)

    name: Annotated[str, AfterValidator(_named)] | None = Field(
        None, max_length=NAME, description="What it is called; else the beginning of what is asked."
    )
    ask: Annotated[str, AfterValidator(_filled)] | None = Field(None, description="The question.")
    expect: Annotated[Any, AfterValidator(_filled)] = Field(None, description="The right answer.")
    check: Annotated[
        tuple[Check, ...], BeforeValidator(lambda value: [value] if isinstance(value, Mapping) else value), Also()
    ] = Field((), description="What has to hold for this case.")

    def data(self) -> dict[str, Any]:
        """What `${case.key}` may name."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"check"})

    def problem(self) -> str:
        """What is wrong with its further keys, "" when nothing is."""
        for key, value in (self.model_extra or {}).items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", key):
                return f"{key!r} cannot be named as ${{{CASE}.{key}}}; write letters, digits and _"
            try:
                _filled(value)
            except ValueError as error:
                return str(error)
        return ""


def names(cases: Iterable[GoldenCase]) -> list[str]:
    """What each case is called: by its own name, or by the beginning of what it asks, a number where that is taken."""
    taken: set[str] = {case.name for case in cases if case.name is not None}
    found = []
    for number, case in enumerate(cases, start=1):
        if case.name is not None:
            found.append(case.name)
            continue
        base = _words(case) or f"case {number}"
        name, count = base, 1
        while name in taken:
            count += 1
            name = f"{base} {count}"
        taken.add(name)
        found.append(name)
    return found


def in_turn(names: Iterable[str]) -> list[str]:
    """The order in which cases take turns: mixed, so that a run holds some of everything, and the same for ever."""
    return sorted(names, key=lambda name: blake2b(name.encode(), digest_size=8).digest())


def mark(case: GoldenCase) -> str:
    """A short mark of how a case is worded, without its name: an answer to other words says nothing about these."""
    said = json.dumps(case.model_dump(mode="json", exclude_unset=True, by_alias=True, exclude={"name"}), sort_keys=True)
    return blake2b(said.encode(), digest_size=6).hexdigest()


def _words(case: GoldenCase) -> str:
    """The first words of what is asked."""
    texts = [case.ask, *(value for value in (case.model_extra or {}).values() if isinstance(value, str))]
    words = re.sub(r"[^\w ]+", " ", next((text for text in texts if text), "")).split()
    said = ""
    for word in words:
        if len(said) + len(word) > 40:
            break
        said = f"{said} {word}".strip()
    return said


def lacking(cases: Iterable[GoldenCase], wanted: Iterable[str]) -> Iterator[tuple[int, str]]:
    """(number, field) of each case that has not what the probe's texts name as `${case.field}`."""
    needed = sorted(set(wanted))
    for number, case in enumerate(cases):
        data = case.data()
        for path in needed:
            value: Any = data
            for part in path.split("."):
                value = value.get(part) if isinstance(value, Mapping) else None
            if value is None:
                yield number, path


def fields_named(value: Any) -> set[str]:
    """The fields that the texts within a value name as `${case.field}`."""
    return set().union(*(template.of_case() for template in templates(value)))
