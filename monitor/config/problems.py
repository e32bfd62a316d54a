"""From what pydantic found to lines a person can act on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monitor.config.read import Source
from probes.words.errors import Problem
from probes.words.names import nearest
from probes.words.text import clean

_WORDS: Mapping[str, tuple[str, str]] = {
    "string_type": ("not text", "put it in quotes"),
    "int_type": ("not a whole number", "write a number such as 3"),
    "int_parsing": ("not a whole number", "write a number such as 3"),
    "int_from_float": ("not a whole number", "write a number such as 3"),
    "float_type": ("not a number", "write a number such as 0.5"),
    "float_parsing": ("not a number", "write a number such as 0.5"),
    "bool_type": ("neither true nor false", "write true or false"),
    "bool_parsing": ("neither true nor false", "write true or false"),
    "list_type": ("not a list", "write [one, two]"),
    "tuple_type": ("not a list", "write [one, two]"),
    "dict_type": ("not a mapping", "write keys and values under it"),
    "model_type": ("not a mapping", "write keys and values under it"),
    "model_attributes_type": ("not a mapping", "write keys and values under it"),
    "date_parsing": ("not a date", "write one such as 2026-11-30"),
    "date_from_datetime_parsing": ("not a date", "write one such as 2026-11-30"),
    "date_type": ("not a date", "write one such as 2026-11-30"),
}

_NEVER_SHOWN = frozenset({"auth", "token", "app_token", "key", "api_key", "routing_key", "password", "secret"})
"""Keys under which a secret may stand, if only by mistake."""

_LIMITS: Mapping[str, tuple[str, str]] = {
    "greater_than_equal": ("too small", "write {ge} or more"),
    "less_than_equal": ("too large", "write {le} or less"),
    "string_too_short": ("too short", "write at least {min_length} characters"),
    "string_too_long": ("too long", "write at most {max_length} characters"),
    "too_short": ("too short", "write at least {min_length}"),
    "string_pattern_mismatch": ("not of its form", "it has to match {pattern}"),
}


def of_errors(
    error: ValidationError,
    source: Source,
    path: Sequence[str | int],
    *,
    keys: Iterable[str] = (),
    model: type[BaseModel] | None = None,
) -> list[Problem]:
    """A Problem for each error under `path`. `keys` are the names that may stand at its top, for the nearest one;
    those further down are read from `model`.
    """
    found: dict[tuple[int, int, str], Problem] = {}
    details = error.errors(include_url=False)
    for detail in details:
        if detail["type"] == "too_short" and any(_beneath(other, detail) for other in details):
            continue  # its members are there, and each was told what is wrong with it
        if detail["loc"][-1:] == ("bool",) and any(_beside(other, detail) for other in details):
            continue  # of a flag that may also be something else, what is wrong with the other says more
        known = list(keys) if len(detail["loc"]) == 1 else list(keys_at(model, detail["loc"][:-1]))
        problem = _of_detail(detail, source, tuple(path), known)
        found.setdefault((problem.line, problem.column, problem.what), problem)
    return list(found.values())


def _beneath(other: ErrorDetails, detail: ErrorDetails) -> bool:
    length = len(detail["loc"])
    return len(other["loc"]) > length and other["loc"][:length] == detail["loc"]


def _beside(other: ErrorDetails, detail: ErrorDetails) -> bool:
    return other is not detail and other["loc"][: len(detail["loc"]) - 1] == detail["loc"][:-1]


def keys_at(model: type[BaseModel] | None, loc: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that may stand in the section at `loc` under a model, () where none is there."""
    there: tuple[type[BaseModel], ...] = (model,) if model else ()
    for part in loc:
        named = [field for one in there for name, field in one.model_fields.items() if part in (name, field.alias)]
        if named:  # else a number, or a name of the user's choice
            there = tuple(found for field in named for found in _models_in(field.annotation))
    return tuple(str(field.alias or name) for one in there for name, field in one.model_fields.items())


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _of_detail(detail: ErrorDetails, source: Source, path: tuple[str | int, ...], keys: list[str]) -> Problem:
    at = (*path, *_real(detail["loc"], source, path))
    kind = detail["type"]
    name = str(detail["loc"][-1]) if detail["loc"] else str(path[-1] if path else "")
    label = f"{name}: " if at and isinstance(at[-1], str) else ""
    if kind == "extra_forbidden":
        return unknown_key(source, at, name, keys)
    if kind == "missing":
        place = at[:-1] if at and at[-1] == name else at
        return source.problem(place, f"'{name}' is missing", f"add {name}:", key=True)
    if kind == "literal_error":
        choices = str(detail.get("ctx", {}).get("expected", "")).replace("'", "")
        return source.problem(at, f"{_shown(detail)} is not known here", f"write {choices}")
    if kind in _WORDS:
        what, write = _WORDS[kind]
        if kind == "string_type" and isinstance(detail.get("input"), list | tuple | dict):
            write = "write one, as text"
        return source.problem(at, f"{label}{_shown(detail)} is {what}", write)
    if kind in _LIMITS:
        what, write = (text.format(**detail.get("ctx", {})) for text in _LIMITS[kind])
        return source.problem(at, f"{label}{_shown(detail)} is {what}", write)
    if kind == "value_error":
        what, _, write = str(detail.get("ctx", {}).get("error", detail["msg"])).partition("; write ")
        shown = "" if _says(what) else f"{_shown(detail)} is "
        return source.problem(at, f"{shown}{what}", f"write {write}" if write else "")
    return source.problem(at, f"{label}{_shown(detail)}: {clean(detail['msg'], 160).lower()}", "")


def _says(what: str) -> bool:
    """True when the sentence already stands on its own."""
    return not what.startswith(("not ", "longer ", "neither ", "too "))


def _shown(detail: ErrorDetails) -> str:
    value: Any = detail.get("input")
    if any(part in _NEVER_SHOWN for part in detail["loc"]):
        return "this"
    if isinstance(value, dict | list | tuple | BaseModel) or value is None:
        return {"dict": "a mapping", "list": "a list", "tuple": "a list", "NoneType": "nothing"}.get(
            type(value).__name__, "this"
        )
    return repr(clean(str(value), 40))


def unknown_key(source: Source, at: Sequence[str | int], name: str, keys: Iterable[str]) -> Problem:
    """An unknown key, with the nearest right one, or all of them when none is near."""
    choices = sorted(set(keys))
    near = nearest(name, choices) if choices else None
    write = f"did you mean {near}?" if near else (f"the keys here are {', '.join(choices)}" if choices else "remove it")
    return source.problem(at, f"unknown key '{clean(name, 40)}'", write, key=True)


def _real(loc: tuple[int | str, ...], source: Source, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The parts of a pydantic location that stand in the file: tags of unions and names of validators do not."""
    at: tuple[str | int, ...] = path
    kept: list[str | int] = []
    for part in loc:
        if (*at, part) in source.places or (*at, part) in source.keys:
            kept.append(part)
            at = (*at, part)
        elif part is loc[-1] and isinstance(part, str) and part.isidentifier():
            kept.append(part)
    return tuple(kept)
