"""`${…}` in what a user wrote: parsed once, filled in at each attempt. What was never captured is never filled in.

`${date}` `${date+30d}` `${date+30d:%A %d %B}` · `${now}` `${now+1h}` · `${run_id}` · `${uuid}` · `${marker}` ·
`${hook}` · `${ask}` the latest question · `${secret:NAME}` · `${name}` a captured value · `${case.input}` a field of
the golden case at hand · `$${` stands for `${` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol

from probes.checks.say import plain
from probes.dates import shift_date, shift_time
from probes.records import NotCaptured

GIVEN = frozenset({"date", "now", "run_id", "uuid", "marker", "hook", "ask"})
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}\Z")
_PIECE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{")
_DATE = re.compile(r"date\s*([+-][^:]*)?(?::(.+))?\Z")
_NOW = re.compile(r"now\s*([+-].*)?\Z")
_SECRET = re.compile(r"secret:([A-Za-z_][A-Za-z0-9_]*)\Z")
CASE = "case"  # the captured name under which a golden probe has the case at hand
_CASE = re.compile(r"case((?:\.[A-Za-z_][A-Za-z0-9_]{0,62}){1,5})\Z")


class Source(Protocol):
    """Where values come from: the Context of an attempt."""

    @property
    def run_id(self) -> str: ...
    @property
    def uuid(self) -> str: ...
    @property
    def marker(self) -> str: ...
    @property
    def hook(self) -> str: ...
    @property
    def captured(self) -> Mapping[str, Any]: ...
    def date(self, offset: str = "", *, form: str = "") -> str: ...
    def now(self, offset: str = "") -> str: ...
    def secret(self, name: str) -> str: ...
    def encode(self, value: Any, called: str = "") -> str: ...


@dataclass(frozen=True, slots=True)
class Variable:
    """One `${…}`: what it asks for and with which words."""

    kind: str  # date, now, run_id, uuid, secret, case, or captured
    name: str = ""
    form: str = ""

    def said(self) -> str:
        """The variable as it is written."""
        joint = {"secret": "secret:", CASE: "case."}.get(self.kind, "")
        return f"${{{joint}{self.name or self.kind}}}"

    def value(self, source: Source) -> Any:
        """What stands there in this attempt; raises NotCaptured where nothing was captured."""
        if self.kind == "captured":
            return source.captured[self.name]
        if self.kind == CASE:
            return _within(source.captured[CASE], self.name)
        if self.kind == "date":
            return source.date(self.name, form=self.form)
        if self.kind == "now":
            return source.now(self.name)
        if self.kind == "secret":
            return source.secret(self.name)
        return getattr(source, self.kind)


@dataclass(frozen=True, slots=True)
class Template:
    """Text with holes."""

    parts: tuple[str | Variable, ...]

    def text(self, source: Source) -> str:
        """The text with its holes filled."""
        return "".join(part if isinstance(part, str) else plain(part.value(source)) for part in self.parts)

    def address(self, source: Source) -> str:
        """The path of a request with its holes filled, each percent-encoded, so that no value becomes another path."""
        return "".join(
            part if isinstance(part, str) else source.encode(part.value(source), part.said()) for part in self.parts
        )

    def value(self, source: Source) -> Any:
        """Like text, but a template that is one hole keeps the kind of its value: a captured number stays a number."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Variable):
            return self.parts[0].value(source)
        return self.text(source)

    def said(self) -> str:
        """The template as it is written."""
        return "".join(part if isinstance(part, str) else part.said() for part in self.parts)

    def captured(self) -> set[str]:
        """The captured names it needs, `case` for the case of a golden probe."""
        needed = [part for part in self.parts if isinstance(part, Variable) and part.kind in ("captured", CASE)]
        return {part.name if part.kind == "captured" else CASE for part in needed}

    def of_case(self) -> set[str]:
        """The fields of the case at hand that it needs."""
        return {part.name for part in self.parts if isinstance(part, Variable) and part.kind == CASE}


def parse(text: str) -> Template | None:
    """The template in `text`, None when it has no holes; raises ValueError saying what to write instead."""
    if "${" not in text:
        return None
    parts: list[str | Variable] = []
    last = 0
    for found in _PIECE.finditer(text):
        parts.append(text[last : found.start()])
        last = found.end()
        if found[0] == "$${":
            parts.append("${")
        elif found[1] is None:
            raise ValueError("a ${ without its }; write ${name}, or $${ for the characters themselves")
        else:
            parts.append(_variable(found[1].strip()))
    parts.append(text[last:])
    return Template(tuple(_joined(parts)))


def _joined(parts: list[str | Variable]) -> Iterator[str | Variable]:
    """The same parts, neighbouring texts put together and empty ones left out."""
    held = ""
    for part in parts:
        if isinstance(part, str):
            held += part
            continue
        if held:
            yield held
        held = ""
        yield part
    if held:
        yield held


def _within(value: Any, path: str) -> Any:
    """The field of a case at a dotted path; raises NotCaptured where the case has none."""
    for name in path.split("."):
        if not isinstance(value, Mapping) or name not in value:
            raise NotCaptured(f"{CASE}.{path}")
        value = value[name]
    return value


def _variable(text: str) -> Variable:
    if found := _SECRET.match(text):
        return Variable("secret", found[1])
    if found := _CASE.match(text):
        return Variable(CASE, found[1][1:])
    if found := _DATE.match(text):
        offset, form = found[1] or "", found[2] or ""
        shift_date(date(2000, 1, 3), offset)
        return Variable("date", offset, form)
    if found := _NOW.match(text):
        shift_time(datetime(2000, 1, 3, tzinfo=UTC), found[1] or "")
        return Variable("now", found[1] or "")
    if text in GIVEN:
        return Variable("captured", "ask") if text == "ask" else Variable(text)
    if text.lower().startswith("env"):
        raise ValueError("the environment is not read here; write ${secret:NAME}, which looks there too")
    if text.lower().startswith("secret"):
        raise ValueError("a secret is written ${secret:NAME}, with letters, digits and _")
    if not NAME.match(text):
        raise ValueError(f"${{{text}}} means nothing; write ${{date+30d}}, ${{run_id}} or a captured name")
    return Variable("captured", text)


Filled = Callable[[Source], Any]


def fillable(value: Any) -> Any | Filled:
    """A JSON-like value made ready: itself when nothing in it has holes, else a function from a Source to the value."""
    if isinstance(value, str):
        template = parse(value)
        return template.value if template else value
    if isinstance(value, Mapping):
        made = {str(key): fillable(part) for key, part in value.items()}
        if not any(map(callable, made.values())):
            return value
        return lambda source: {key: fill(part, source) for key, part in made.items()}
    if isinstance(value, list | tuple):
        parts = [fillable(part) for part in value]
        if not any(map(callable, parts)):
            return value
        return lambda source: [fill(part, source) for part in parts]
    return value


def fill(value: Any, source: Source) -> Any:
    """What `fillable` made, filled in."""
    return value(source) if callable(value) else value


def needs(value: Any) -> set[str]:
    """The captured names that a text, or the texts within a value, refer to; raises ValueError for what is no
    template.
    """
    return set().union(*(template.captured() for template in templates(value)))


def templates(value: Any) -> Iterator[Template]:
    """Every template in a text, or in the texts within a value; raises ValueError for what is none."""
    if isinstance(value, str):
        template = parse(value)
        if template:
            yield template
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from templates(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from templates(part)
