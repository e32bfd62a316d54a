"""From what pydantic found to lines a person can act on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

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


def of_errors(
    error: ValidationError, source: Source, path: Sequence[str | int], *, keys: Iterable[str] = ()
) -> list[Problem]:
    """A Problem for each error under `path`; `keys` are the names that may stand at its top, for the nearest one."""
    found: dict[tuple[int, int, str], Problem] = {}
    for detail in error.errors(include_url=False):
        problem = _of_detail(detail, source, tuple(path), list(keys))
        found.setdefault((problem.line, problem.column, problem.what), problem)
    return list(found.values())


def _of_detail(detail: ErrorDetails, source: Source, path: tuple[str | int, ...], keys: list[str]) -> Problem:
    at = (*path, *_real(detail["loc"], source, path))
    kind = detail["type"]
    name = str(detail["loc"][-1]) if detail["loc"] else str(path[-1] if path else "")
    if kind == "extra_forbidden":
        return unknown_key(source, at, name, keys if len(detail["loc"]) == 1 else [])
    if kind == "missing":
        return source.problem(
            at[:-1] if at and at[-1] == name else at, f"'{name}' is missing", f"add {name}:", key=True
        )
    if kind == "literal_error":
        choices = str(detail.get("ctx", {}).get("expected", "")).replace("'", "")
        return source.problem(at, f"{_shown(detail)} is not known here", f"write {choices}")
    if kind in _WORDS:
        what, write = _WORDS[kind]
        return source.problem(at, f"{_label(name, at)}{_shown(detail)} is {what}", write)
    if kind == "value_error":
        what, _, write = str(detail.get("ctx", {}).get("error", detail["msg"])).partition("; write ")
        shown = "" if _says(what, detail) else f"{_shown(detail)} is "
        return source.problem(at, f"{shown}{what}", f"write {write}" if write else "")
    return source.problem(at, f"{_shown(detail)}: {clean(detail['msg'], 160).lower()}", "")


def _says(what: str, detail: ErrorDetails) -> bool:
    """True when the sentence already stands on its own."""
    return not what.startswith(("not ", "longer ", "neither "))


def _label(name: str, at: tuple[str | int, ...]) -> str:
    return f"{name}: " if at and isinstance(at[-1], str) else ""


def _shown(detail: ErrorDetails) -> str:
    value: Any = detail.get("input")
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
