"""The tables of the guide to the configuration, made from the models: `python -m monitor.config.guide docs/*.md` renews
them and those of probes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from alerts.channel_table import CHANNELS, spec_of
from alerts.people import PersonSpec
from alerts.policy import Level, PolicySpec
from alerts.rotation import RotationSpec
from monitor.config import provider_section, sections
from monitor.config.action_section import ActionSection
from monitor.config.burn_section import BurnSection
from monitor.config.canary_page_section import CanaryPageSection
from monitor.config.canary_section import CanarySection
from monitor.config.chat_section import ChatSection
from monitor.config.defaults import SHARED
from monitor.config.drill_section import PlannedDrillSection
from monitor.config.items_section import ItemsSection
from monitor.config.maintenance_section import MaintenanceSection
from monitor.config.words import MEANINGS
from probes import guide as of_probes
from probes.forms import CostsSection
from probes.guide import table
from probes.spec import Spec
from probes.words.units import DURATION_PATTERN, parse_percent, say_duration

_EXAMPLES = {"99.5%": "percentage", "2GB": "size"}
_UNITS = ((1_000_000_000, "GB"), (1_000_000, "MB"))
TARGET = tuple(sections.TargetSection.model_fields)


def keys(model: type[BaseModel], *, named: str = "", without: Iterable[str] = ()) -> str:
    """The keys of a section: what each may be, its default and its meaning. `named` is whose words are looked up."""
    left_out, parts = set(without), model.model_json_schema(by_alias=True)["properties"]
    rows = []
    for name, field in model.model_fields.items():
        key = str(field.alias or name)
        if not field.exclude and name not in left_out:
            rows.append((f"`{key}`", form(parts[key]), default(field), meaning(field, f"{named}.{key}")))
    return table(("key", "value", "default", "meaning"), rows)


def meaning(field: FieldInfo, name: str) -> str:
    """What a key means: its model's word or, for those that have none, ours; raises KeyError without either."""
    said = field.description or MEANINGS[name]
    return said[:1].upper() + said[1:].rstrip(".") + "."


def form(part: Mapping[str, Any]) -> str:
    """What may be written, in words, from the schema of a key."""
    if "anyOf" in part:
        return " or ".join(dict.fromkeys(form(one) for one in part["anyOf"] if one.get("type") != "null"))
    if "const" in part or "enum" in part:
        return " or ".join(f"`{one}`" for one in part.get("enum", [part.get("const")]))
    if "$ref" in part or "allOf" in part:
        return "section"
    if part.get("pattern") == DURATION_PATTERN:
        return "duration"
    examples = [str(one) for one in part.get("examples", ())]
    found = next((word for example, word in _EXAMPLES.items() if example in examples), "")
    return found or _plain(part, examples)


def _plain(part: Mapping[str, Any], examples: Sequence[str]) -> str:
    kind = part.get("type")
    if examples and isinstance(kind, list):
        return "US dollars" if "number" in kind else " or ".join(f"`{one}`" for one in examples)
    if kind == "array":
        return f"list of {form(part.get('items', {})).replace('section', 'sections')}"
    if kind == "object":
        inner = part.get("additionalProperties")
        return f"names and {form(inner)}" if isinstance(inner, dict) else "names and values" if inner else "section"
    if kind == "integer":
        low, high = part.get("minimum"), part.get("maximum")
        return "number" if low is None else f"{low} or more" if high is None else f"{low} to {high}"
    words = {"number": "number", "boolean": "`true` or `false`"}
    words["string"] = "date" if part.get("format") == "date" else "text"
    return words.get(str(kind), "any value")


def default(field: FieldInfo) -> str:
    """What holds where nothing is written."""
    value = field.default
    if field.is_required():
        return "needed"
    if value is PydanticUndefined or value in (None, "", ()) or isinstance(value, BaseModel):
        return ""
    if isinstance(value, timedelta):
        return f"`{say_duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return f"`{', '.join(say_duration(one) if isinstance(one, timedelta) else str(one) for one in value)}`"
    if isinstance(value, Decimal) and any(getattr(part, "func", None) is parse_percent for part in field.metadata):
        return f"`{value:f}%`"
    if isinstance(value, int) and value >= _UNITS[-1][0]:
        return next(f"`{value // size}{unit}`" for size, unit in _UNITS if value >= size)
    return f"`{value:f}`" if isinstance(value, Decimal) else f"`{value}`"


def _channels() -> str:
    """Every channel with its keys, those of a webhook's endpoints among them."""
    text = ""
    for name in CHANNELS:
        spec = spec_of(name)
        about = " ".join((spec.__doc__ or "").split())
        text += f"\n**`{name}`** {about}\n"
        text += "\n" + keys(spec, named="channels") if spec.model_fields else ""
        endpoint = spec.model_fields.get("endpoints")
        if endpoint is not None:
            (_, model) = endpoint.annotation.__args__  # type: ignore[union-attr]
            text += "\nEach endpoint has:\n\n" + keys(model, named="channels")
    return text + "\n"


def _top() -> str:
    models: Mapping[str, type[BaseModel]] = {**sections.SINGLE, **sections.NAMED}
    rows = []
    for name in sections.TOP:
        model = models.get(name)
        about = MEANINGS.get(name) or " ".join((model.__doc__ or "").split() if model else ())
        rows.append((f"`{name}`", about))
    return table(("section", "what it holds"), rows)


def _named(model: type[BaseModel], named: str, **more: Any) -> Callable[[], str]:
    return lambda: keys(model, named=named, **more)


TABLES: Mapping[str, Callable[[], str]] = {
    "top": _top,
    **{name: _named(model, name) for name, model in sections.SINGLE.items()},
    "people": _named(PersonSpec, "people"),
    "rotations": _named(RotationSpec, "rotations"),
    "policies": _named(PolicySpec, "policies"),
    "levels": _named(Level, "levels"),
    "channels": _channels,
    "providers": _named(provider_section.ProviderSection, "providers"),
    "canary": _named(CanarySection, "canary"),
    "spend": _named(provider_section.SpendSection, "spend"),
    "price": _named(provider_section.PriceSection, "price"),
    "keys": _named(sections.KeySection, "keys"),
    "clients": _named(sections.ClientSection, "clients"),
    "workflows": _named(sections.WorkflowSection, "workflows", without=TARGET),
    "target": _named(sections.TargetSection, "target"),
    "environments": _named(sections.EnvironmentSection, "environments", without=TARGET),
    "auth": _named(sections.AuthSection, "auth"),
    "basic": _named(sections.BasicSection, "basic"),
    "chat": _named(ChatSection, "chat"),
    "slo": _named(sections.SloSection, "slo"),
    "burn": _named(BurnSection, "burn"),
    "flags": _named(sections.FlagsSection, "flags"),
    "maintenance": _named(MaintenanceSection, "maintenance"),
    "items": _named(ItemsSection, "items"),
    "drills": _named(PlannedDrillSection, "drills"),
    "canary-page": _named(CanaryPageSection, "canary-page"),
    "actions": _named(ActionSection, "actions"),
    "probes": _named(Spec, "probes"),
    "costs": _named(CostsSection, "costs"),
    "defaults": lambda: ", ".join(f"`{name}`" for name in sorted(SHARED)) + "\n",
}


EVERY: Mapping[str, Callable[[], str]] = {**of_probes.TABLES, **TABLES}


if __name__ == "__main__":
    of_probes.renew(sys.argv[1:], EVERY)
