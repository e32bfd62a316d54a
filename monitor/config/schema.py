"""The configuration's JSON Schema (draft 2020-12), composed from the very models that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from alerts.channel_table import CHANNELS, spec_of
from alerts.people import PersonSpec
from alerts.policy import PolicySpec
from alerts.rotation import RotationSpec
from monitor.config.defaults import SHARED
from monitor.config.sections import NAMED, SINGLE, EnvironmentSection, WorkflowSection
from probes.spec import KINDS, Spec, by_kind
from probes.words.names import KEY

DRAFT = "https://json-schema.org/draft/2020-12/schema"
# scripts are found in their own files, and a status page is the keeper's own to ask for
IN_YAML = tuple(name for name in KINDS if name not in ("script", "provider-status"))
PEOPLE: Mapping[str, type[BaseModel]] = {"people": PersonSpec, "rotations": RotationSpec, "policies": PolicySpec}
_TEXT_OR_TEXTS = ({"type": "string"}, {"type": "array", "items": {"type": "string"}})
Schema = dict[str, Any]


def json_schema() -> Schema:
    """The schema of the whole file. What only shows between sections, such as a name that leads nowhere, is not in
    it: `showup validate` finds that.
    """
    channels = {name: spec_of(name) for name in CHANNELS}
    kinds = {name: by_kind(name) for name in IN_YAML}
    named = {**PEOPLE, **NAMED}
    models: list[type[BaseModel]] = [*SINGLE.values(), *named.values(), *channels.values(), *kinds.values(), Spec]
    refs, found = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}", by_alias=True
    )
    definitions: Schema = found.get("$defs", {})

    def ref(model: type[BaseModel]) -> Schema:
        return dict(refs[(model, "validation")])

    for definition in definitions.values():
        _soften(definition)
    _workflow(_at(definitions, ref(WorkflowSection)), _environment(definitions), [ref(kind) for kind in kinds.values()])
    properties: Schema = {section: ref(model) for section, model in SINGLE.items()}
    properties |= {section: _members(ref(model)) for section, model in named.items()}
    properties["channels"] = {
        "type": "object",
        "properties": {name: _or_nothing(ref(model)) for name, model in channels.items()},
        "additionalProperties": False,
    }
    properties["store"] = {"type": "string", "description": "sqlite:////path/showup.db or postgresql://user@host/name"}
    properties["journeys"] = {"anyOf": list(_TEXT_OR_TEXTS), "description": "Files of Python probes: [journeys/*.py]"}
    properties["defaults"] = _defaults(definitions, ref(Spec), ref(WorkflowSection))
    return {
        "$schema": DRAFT,
        "title": "showup.yaml",
        "type": "object",
        "properties": properties,
        "required": ["workflows"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _at(definitions: Schema, ref: Schema) -> Schema:
    found: Schema = definitions[ref["$ref"].rpartition("/")[2]]
    return found


def _members(ref: Schema) -> Schema:
    """A section whose members stand under names of the user's choice."""
    return {
        "type": "object",
        "propertyNames": {"pattern": "^" + KEY.pattern.replace("\\Z", "$")},
        "additionalProperties": ref,
    }


def _or_nothing(ref: Schema) -> Schema:
    """A section that may stand with nothing under it."""
    return {"anyOf": [ref, {"type": "null"}]}


def _soften(definition: Schema) -> None:
    """Where a list of texts may stand, a single text may, too: one word is written without brackets."""
    for name, part in definition.get("properties", {}).items():
        if part.get("type") == "array" and part.get("items", {}).get("type") == "string":
            about = {key: part[key] for key in ("description", "default", "title") if key in part}
            definition["properties"][name] = {**about, "anyOf": [part["items"], part]}


def _environment(definitions: Schema) -> Schema:
    """An environment is its address, or a section."""
    name = EnvironmentSection.__name__
    return {"anyOf": [{"type": "string"}, {"$ref": f"#/$defs/{name}"}]} if name in definitions else {}


def _workflow(section: Schema, environment: Schema, kinds: list[Schema]) -> None:
    parts = section["properties"]
    parts["environments"] = {"type": "object", "additionalProperties": environment}
    parts["probes"] = {"type": "object", "additionalProperties": {"anyOf": kinds}}


def _defaults(definitions: Schema, *refs: Schema) -> Schema:
    """What `defaults` may say for every workflow and probe."""
    parts: Schema = {}
    for ref in refs:
        parts |= _at(definitions, ref)["properties"]
    return {
        "type": "object",
        "properties": {name: part for name, part in parts.items() if name in SHARED},
        "additionalProperties": False,
    }
