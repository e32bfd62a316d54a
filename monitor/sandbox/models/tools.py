"""Tools and structured output by rule: the same question makes the same call, and a document that fits its schema."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEEPEST = 8  # levels of a schema that are filled
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_WORD = re.compile(r"[a-z]{3,}")


@dataclass(frozen=True, slots=True)
class Tool:
    """A function the model may call: its name, and the JSON Schema of its arguments."""

    name: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call the model makes; `id` is what its result has to name."""

    id: str
    name: str
    arguments: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The arguments as the wire has them."""
        return json.dumps(self.arguments, ensure_ascii=False)


def choose(tools: Sequence[Tool], question: str) -> Call | None:
    """The call of the tool that shares most words with the question, the first of several; None without tools."""
    if not tools:
        return None
    said = set(_WORD.findall(question.lower()))
    best = max(tools, key=lambda tool: len(said & set(_WORD.findall(tool.name.lower().replace("_", " ")))))
    arguments = fill(best.parameters, question)
    return Call("call_1", best.name, arguments if isinstance(arguments, dict) else {})


def fill(schema: Any, question: str, *, name: str = "", depth: int = 0) -> Any:
    """A value that fits a JSON Schema, taken from the question where it holds one of that kind."""
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return None
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return next((one for one in schema["enum"] if str(one).lower() in question.lower()), schema["enum"][0])
    if "const" in schema:
        return schema["const"]
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    if kind == "object" or (kind is None and "properties" in schema):
        parts = schema.get("properties")
        parts = parts if isinstance(parts, Mapping) else {}
        return {key: fill(part, question, name=str(key), depth=depth + 1) for key, part in parts.items()}
    if kind == "array":
        return [fill(schema.get("items") or {"type": "string"}, question, depth=depth + 1)]
    return _scalar(str(kind or "string"), schema, question, name)


def _scalar(kind: str, schema: Mapping[str, Any], question: str, name: str) -> Any:
    if kind in ("integer", "number"):
        found = _NUMBER.search(_DATE.sub("", question))
        value = float(found[0]) if found else 1.0
        return int(value) if kind == "integer" else value
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    if schema.get("format") == "date" or "date" in name.lower():
        day = _DATE.search(question)
        return day[0] if day else "2026-12-24"
    return question[:200]
