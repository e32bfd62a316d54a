"""JSON Schemas, compiled once; what they refer to outside themselves is never fetched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probes.checks.patterns import bounded


class Schema:
    """A JSON Schema; raises ValueError when it is none."""

    __slots__ = ("_validator", "shown")

    def __init__(self, schema: Mapping[str, Any]) -> None:
        from jsonschema import SchemaError
        from jsonschema.validators import validator_for
        from referencing import Registry

        kind = validator_for(
            dict(schema), default=validator_for({"$schema": "https://json-schema.org/draft/2020-12/schema"})
        )
        try:
            kind.check_schema(dict(schema))
        except SchemaError as error:
            raise ValueError(f"not a JSON Schema: {error.json_path}: {error.message[:200]}") from None
        self._validator = kind(dict(schema), registry=Registry())  # an empty registry: no reference is ever fetched
        self.shown = str(schema.get("title") or "the JSON Schema")

    def trouble(self, document: Any) -> str:
        """Where and how the document differs, "" when it fits."""
        from jsonschema.exceptions import best_match
        from referencing.exceptions import Unresolvable

        try:
            error = bounded(lambda cut: best_match(self._validator.iter_errors(document)), what="the JSON Schema")
        except Unresolvable as reference:
            return f"a reference that leads nowhere: {reference.ref}"
        except RecursionError:
            return "a document nested too deeply"
        return f"{error.json_path}: {error.message[:160]}" if error else ""
