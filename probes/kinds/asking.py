"""How a question is written beside its text: the tools a model may call, what they answer, the form of its reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from probes.kinds.filling import needs
from probes.words.section import Section

_KINDS = ("string", "number", "integer", "boolean", "array", "object")
ASKING = ("tools", "answer_schema", "tool_results")


class Tool(Section):
    """A function that a model may call."""

    description: str = Field("", description="What it is for, as the model reads it.")
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="A JSON Schema, or {name: string} for each argument."
    )


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    from probes.checks.schema import Schema

    if not value:
        raise ValueError("a schema without anything in it; write {type: object, properties: {…}}")
    Schema(value)  # says what is wrong with it
    return value


def _tools(value: dict[str, Tool]) -> dict[str, Tool]:
    for name, tool in value.items():
        if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii() or len(name) > 64:
            raise ValueError(f"{name!r} cannot be a tool's name; write letters, digits, - and _, 64 at most")
        _parameters(name, tool.parameters)
    return value


def _parameters(name: str, given: Mapping[str, Any]) -> None:
    if not given or isinstance(given.get("properties"), Mapping) or given.get("type") == "object":
        return
    for argument, kind in given.items():
        if not isinstance(kind, Mapping) and kind not in _KINDS:
            said = f"the argument {argument} of {name} is {kind!r}; write {argument}: string, or its JSON Schema"
            raise ValueError(said)


def _filled(value: Any) -> Any:
    needs(value)  # says what is wrong with a ${…}
    return value


Tools = Annotated[dict[str, Tool], AfterValidator(_tools)]
AnswerSchema = Annotated[dict[str, Any], AfterValidator(_schema)]
Results = Annotated[dict[str, Any], AfterValidator(_filled)]


def plain_tools(tools: Mapping[str, Tool]) -> dict[str, Any]:
    """The tools as data."""
    return {name: tool.model_dump(exclude_defaults=True) for name, tool in tools.items()}
