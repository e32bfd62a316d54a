"""What every dialect needs: documents read leniently, and the parts of a question that are the same in all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from probes.tools import Trouble
from probes.words.failure import Failure
from probes.words.text import clean

_MOST_TOKENS = 1 << 40
_decode = json.JSONDecoder().decode


def event(data: str) -> dict[str, Any]:
    """The object in an event; raises Trouble for anything else."""
    try:
        found = _decode(data)
    except (ValueError, RecursionError):
        raise Trouble(Failure.GARBAGE, f"an event of the answer is not JSON: {clean(data, 80)}", "total") from None
    if not isinstance(found, dict):
        raise Trouble(Failure.GARBAGE, f"an event of the answer is no object: {clean(data, 80)}", "total")
    return found


def text(value: Any) -> str:
    """Text, or the text of content in parts; "" for anything else."""
    if isinstance(value, str):
        return value
    return "".join(text(part.get("text")) for part in objects(value))


def count(value: Any) -> int | None:
    """A number of tokens, None for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS else None


def total(*parts: Any) -> int | None:
    """The sum of those counts that there are, None without any."""
    counted = [number for number in map(count, parts) if number is not None]
    return sum(counted) if counted else None


def inner(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a list; nothing for anything else."""
    if isinstance(value, list):
        yield from (part for part in value if isinstance(part, dict))


def arguments(value: Any) -> str:
    """A tool call's arguments as JSON text, whether they came as text or as an object."""
    if value is None:
        return ""
    return value if isinstance(value, str) else as_json(value)


# questions


def as_json(value: Any) -> str:
    """Compact JSON; text stays as it is, being the result of a tool."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def with_options(body: dict[str, Any], options: Any) -> dict[str, Any]:
    """The body with a user's options over it; one that is null is taken out."""
    merged = {**body, **inner(options)}
    return {name: value for name, value in merged.items() if value is not None}


def tools_of(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(name, description, JSON Schema of the arguments) of each declared tool."""
    for name, declared in inner(settings.get("tools")).items():
        said = inner(declared)
        yield str(name), str(said.get("description") or ""), parameters(inner(said.get("parameters")))


def parameters(given: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema as it was written, or the one that `{date: string, seats: integer}` is short for."""
    if not given or isinstance(given.get("properties"), dict) or given.get("type") == "object":
        return given or {"type": "object", "properties": {}}
    parts = {name: {"type": kind} if isinstance(kind, str) else kind for name, kind in given.items()}
    return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}


def is_strict(schema: Any) -> bool:
    """True for a schema that OpenAI's strict mode takes: no further properties, and every one required."""
    if isinstance(schema, list | tuple):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if isinstance(schema.get("properties"), Mapping):
        named = set(schema["properties"])
        if schema.get("additionalProperties") is not False or set(schema.get("required") or ()) != named:
            return False
    return all(map(is_strict, schema.values()))
