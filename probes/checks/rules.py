"""How fields are held against each other: what a user may say about it, read once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, field_validator

from probes.words.names import nearest
from probes.words.section import Section
from probes.words.units import parse_duration

LONGEST = 10_000  # characters of a text that are compared
_MARKS = str.maketrans("\u2018\u2019\u201c\u201d\u201e\u2013\u2014", "''\"\"\"--")

Kind = Literal["exact", "text", "number", "money", "date"]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far off a value may be: a number, a share of what was expected, or a time."""

    unit: Literal["number", "percent", "time"]
    amount: Decimal
    written: Any = None


def tolerance(value: object) -> Tolerance:
    """`0.01`, `1%` or `1d`; raises ValueError."""
    if isinstance(value, Tolerance):
        return value
    number = None
    if isinstance(value, int | float) and not isinstance(value, bool):
        number, unit = Decimal(str(value)), "number"
    elif isinstance(value, str) and value.strip().endswith("%"):
        digits = value.strip().removesuffix("%").strip()
        number, unit = (Decimal(digits) if digits.replace(".", "", 1).isdecimal() else None), "percent"
    elif isinstance(value, str):
        try:
            number, unit = Decimal(str(parse_duration(value).total_seconds())), "time"
        except ValueError:
            number = None
    if number is None or not number.is_finite() or number < 0:
        raise ValueError("not a tolerance; write 0.01 (so much), 1% (such a share) or 1d (of a date)")
    return Tolerance(unit, number, value)  # type: ignore[arg-type]


Allowed = Annotated[
    Tolerance,
    BeforeValidator(tolerance),
    PlainSerializer(lambda given: given.written),
    WithJsonSchema({"type": ["number", "string"], "examples": [0.01, "1%", "1d"]}),
]


def _path(path: str) -> str:
    if not path.startswith("$"):
        raise ValueError(f"{path} is no path of a field; write $.{path}, or $.lines[*].total for each entry of a list")
    return path


Where = Annotated[str, BeforeValidator(_path)]


class Rules(Section):
    """How fields are compared. A field is named by its path; `[*]` stands for every entry of a list."""

    tolerance: dict[Where, Allowed] = Field(
        {}, description="How far off it may be: 0.01, 1% (of a text: of its letters), or 1d for a date."
    )
    kinds: dict[Where, Kind] = Field(
        {}, description="Compared as exact, text, number, money or date, where what is expected does not show it."
    )
    lists: dict[Where, str] = Field(
        {}, description="How a list is paired: any-order, or by a key of its entries: {$.lines: sku}; else in order."
    )
    ignore: tuple[Where, ...] = Field((), description="What is not looked at.")
    extra: Literal["allowed", "wrong"] = Field(
        "allowed", description="More keys than expected are allowed, or wrong; more entries of a list always are wrong."
    )
    dates: Literal["day-first", "month-first"] | None = Field(
        None, description="How 03/04/2026 is read: day-first or month-first."
    )
    decimals: Literal["comma", "point"] | None = Field(
        None, description="What divides decimals, comma or point, where 1.234 could be both."
    )
    normalise: bool = Field(True, description="False compares text, numbers and dates exactly as they are written.")

    @field_validator("ignore", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


def plain_text(text: str) -> str:
    """Text as it is compared: capitals, space, full-width forms and typographic marks do not count."""
    flat = unicodedata.normalize("NFKC", text[:LONGEST]).translate(_MARKS).casefold()
    return " ".join(flat.split())


def step(path: str, key: str) -> str:
    """The path of `key` under `path`."""
    return f"{path}.{key}" if key.isidentifier() else f'{path}["{key[:60]}"]'


def fields_of(expected: Any, path: str = "$") -> Iterator[str]:
    """The path of everything in a document, itself and what holds other things too, with `[*]` for entries."""
    yield path
    if isinstance(expected, Mapping):
        for key, part in expected.items():
            yield from fields_of(part, step(path, str(key)))
    elif isinstance(expected, list | tuple):
        for number, part in enumerate(expected):
            yield from fields_of(part, f"{path}[*]")
            yield f"{path}[{number}]"


def misnamed(expected: Sequence[Any], rules: Rules) -> Iterator[str]:
    """What the rules say about fields that none of these documents has, each as a sentence with what to write."""
    known = {path for document in expected for path in fields_of(document)}
    named = [("tolerance", path) for path in rules.tolerance] + [("kinds", path) for path in rules.kinds]
    named += [("lists", path) for path in rules.lists]
    for key, path in named:
        if path not in known and "[" not in path.replace("[*]", ""):
            near = nearest(path, known)
            hint = f"; did you mean {near}?" if near else ""
            yield f"{key} names {path}, which is not among what is expected{hint}"
