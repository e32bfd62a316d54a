"""A check as it is written in YAML: one subject, one or more matchers; and the plan that is made of it once."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self, Union, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, create_model, field_validator, model_validator

from probes.checks.base import RULES, Ready, Rule
from probes.checks.document import Least
from probes.checks.elsewhere import elsewhere
from probes.checks.judged import Factuality, Faithfulness, Judged, Rubric, Similar
from probes.checks.paths import compile_path
from probes.checks.subject import Subject  # noqa: F401  # its families fill RULES
from probes.words.names import nearest
from probes.words.section import Section

MEASURED = (
    "total", "dns", "connect", "tls", "first_byte", "first_token", "worst_gap", "tokens_in", "tokens_out",
    "tokens_reasoning", "tokens_cached", "tokens", "tokens_per_second", "load", "cost",
    "headroom_requests", "headroom_tokens",
    "chunks",
    "buffered", "size", "status",
)  # fmt: skip
_MARK = "${"  # where a template begins: such an argument is prepared when its value is known


def is_template(value: Any) -> bool:
    """True when a value, or a text within it, holds a `${…}`."""
    if isinstance(value, str):
        return _MARK in value
    if isinstance(value, Mapping):
        return any(is_template(part) for pair in value.items() for part in pair)
    return isinstance(value, list | tuple) and any(map(is_template, value))


def checked_path(path: str) -> str:
    """The same JSONPath, once it is known to be one; raises ValueError."""
    if _MARK in path:
        raise ValueError("a JSONPath holds no ${…}; fetch the one record, or compare with equals:")
    compile_path(path)
    return path


def arguments(rule: Rule, value: Any) -> tuple[Any, ...]:
    """What YAML gives a matcher, as arguments; raises ValueError."""
    if not rule.parameters:
        if value is not True:
            raise ValueError(f"{rule.name} is either there or not; write {rule.name}: true or not-{rule.name}: true")
        return ()
    if rule.spread:
        given = tuple(value) if isinstance(value, list | tuple) else (value,)
        if not rule.variadic and len(given) != len(rule.parameters):
            raise ValueError(f"{rule.name} takes {len(rule.parameters)} values; write [{', '.join(rule.parameters)}]")
        return given
    return (value,)


def _checked(rule: Rule) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        given = arguments(rule, value)
        if rule.prepare is not None and not is_template(value):
            rule.prepare(*given)
        return value

    return check


def _field(rule: Rule, *, negated: bool) -> Any:
    doc = f"Not: {rule.doc}" if negated else rule.doc
    kind = Annotated[Any, AfterValidator(_checked(rule)), WithJsonSchema(_schema(rule) | {"description": doc})]
    return kind, Field(None, alias=f"not-{rule.name}" if negated else rule.name, description=doc)


def _schema(rule: Rule) -> dict[str, Any]:
    hints = get_type_hints(rule.test)
    parts = [_json_type(hints[name]) for name in rule.parameters]
    if not parts:
        return {"const": True}
    if rule.variadic:
        return {"anyOf": [parts[0], {"type": "array", "items": parts[0], "minItems": 1}]}
    if len(parts) > 1:
        return {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}
    return parts[0]


_JSON = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _json_type(hint: Any) -> dict[str, Any]:
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [_json_type(part).get("type") for part in get_args(hint)]
        return {"type": [kind for kind in kinds if kind]}
    if get_origin(hint) is not None:
        return {"type": "array" if get_origin(hint) is Sequence else "object"}
    return {"type": _JSON[hint]} if hint in _JSON else {}


_PLACES: dict[str, tuple[int, bool, str, str]] = {}  # by field: its place in the order, negated, the rule's key
for _number, _each in enumerate(RULES.values()):
    _PLACES[_each.method] = (_number, False, _each.name, _each.method)
    _PLACES[f"not_{_each.method}"] = (_number, True, _each.name, f"not_{_each.method}")
_KEYS = ConfigDict(populate_by_name=False, validate_default=False)
_fields: dict[str, Any] = {}
for _rule_ in RULES.values():
    _fields[_rule_.method] = _field(_rule_, negated=False)
    _fields[f"not_{_rule_.method}"] = _field(_rule_, negated=True)
_Matchers = create_model("_Matchers", __base__=Section, __module__=__name__, **_fields)


class Check(_Matchers):  # its keys are the matchers there are
    """One expectation: a subject (`json`, `header`, `value`, else the reply's text) and one or more matchers."""

    model_config = _KEYS

    at: str | None = Field(None, alias="json", description="The value at this JSONPath (RFC 9535) of the reply.")
    header: str | None = Field(None, description="The value of this header.")
    value: str | None = Field(None, description="A measured number: " + ", ".join(MEASURED) + ".")
    soft: bool = Field(False, description="Its failure degrades instead of taking down.")
    any_of: tuple[Check, ...] | None = Field(None, alias="any", description="One of these has to hold.")
    all_of: tuple[Check, ...] | None = Field(None, alias="all", description="All of these have to hold.")
    threshold: Least | None = Field(None, description="With `all`: how much of their weights is enough, such as 80%.")
    weight: float | None = Field(None, gt=0, le=1000, description="In an `all` with a threshold: what it counts; 1.")
    must: bool = Field(False, description="In an `all` with a threshold: it has to hold, whatever the others do.")
    rubric: Rubric | None = Field(None, alias="llm-rubric", description="A judge says that it follows this rule.")
    factuality: Factuality | None = Field(None, description="A judge says that it agrees with these facts.")
    faithfulness: Faithfulness | None = Field(None, description="A judge says that it stays within this context.")
    similar: Similar | None = Field(None, description="Embeddings say that it means nearly the same.")

    @field_validator("at")
    @classmethod
    def _path(cls, path: str | None) -> str:
        return checked_path(path or "")

    @field_validator("value")
    @classmethod
    def _measured(cls, name: str | None) -> str:
        if name is None or name not in MEASURED:
            near = nearest(str(name), MEASURED)
            said = elsewhere(str(name)) or (f"did you mean {near}?" if near else "write total")
            raise ValueError(f"nothing measured is called {name!r}; {said}")
        return name

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        groups = [name for name in ("any_of", "all_of") if getattr(self, name) is not None]
        subjects = [name for name in ("at", "header", "value") if getattr(self, name) is not None]
        matchers = self.matchers()
        if groups and (len(groups) > 1 or subjects or matchers):
            raise ValueError("a group stands alone; write its checks under any: or all:")
        if groups and not (self.any_of or self.all_of):
            raise ValueError("a group without checks; write any: [{contains: one}, {contains: other}]")
        if len(subjects) > 1:
            raise ValueError("a check has one subject; write a check for each")
        if self.threshold is not None or groups:
            _grouping(self)
        if (asked := self.judged) is not None:
            if groups or matchers or (subjects and self.at is None) or sum(map(bool, self._judges())) > 1:
                raise ValueError(f"{asked.key} is a check of its own, of the reply or of json: $.path")
            return self
        if not groups and not matchers:
            raise ValueError("a check without a matcher; add one, such as equals: or contains:")
        self._fitting(subjects, matchers)
        return self

    def _judges(self) -> tuple[Judged | None, ...]:
        return self.rubric, self.factuality, self.faithfulness, self.similar

    @property
    def judged(self) -> Judged | None:
        """What a judge is asked, None for a check that needs none."""
        return next((one for one in self._judges() if one is not None), None)

    @staticmethod
    def _fitting(subjects: list[str], matchers: list[tuple[Rule, bool, Any]]) -> None:
        for rule, _, _ in matchers:
            if rule.family in ("ReplyChecks", "AgentChecks") and subjects:
                raise ValueError(f"{rule.name} is about the whole reply; write it as a check of its own")
            if rule.family == "NumberChecks" and not subjects:
                raise ValueError(f"{rule.name} needs a number; add value: total or json: $.path")
            if rule.name == "exists" and not subjects:
                raise ValueError("exists needs json: or header:; for the reply itself write non-empty: true")

    def matchers(self) -> list[tuple[Rule, bool, Any]]:
        """(rule, negated, value as written) of each matcher that was written."""
        written = sorted(_PLACES[name] for name in self.model_fields_set if name in _PLACES)
        return [(RULES[key], negated, getattr(self, name)) for _, negated, key, name in written]

    def names(self) -> set[str]:
        """The matchers used, groups looked into."""
        inner = (self.any_of or ()) + (self.all_of or ())
        return {rule.name for rule, _, _ in self.matchers()}.union(*(check.names() for check in inner))


def _grouping(group: Check) -> None:
    """Raise ValueError for a group whose members do not fit in."""
    if group.threshold is not None and not group.all_of:
        raise ValueError("a threshold is that of a group; write all: [...] and threshold: 80%")
    members = (group.any_of or ()) + (group.all_of or ())
    if any(member.judged for member in members):
        raise ValueError("a judge has no place in a group: it may lower a verdict, never raise it; write it after it")
    if group.threshold is None:
        _weightless(members, "beside all:, add threshold: 80%")
    elif all(member.must for member in members):
        raise ValueError("every check of the group must hold; leave threshold out")


def _weightless(checks: Sequence[Check], write: str) -> None:
    for check in checks:
        if check.weight is not None or check.must:
            said = "must" if check.must else "weight"
            raise ValueError(f"{said} counts in a group with a threshold; {write}")


def standing(checks: Sequence[Check]) -> None:
    """Raise ValueError for checks of one step that cannot stand as they are: a judge alone, a weight without group."""
    _weightless(checks, "write it under all:, beside threshold: 80%")
    asked = next((check.judged for check in checks if check.judged is not None), None)
    if asked is not None and all(check.judged is not None for check in checks):
        raise ValueError(f"{asked.key} is never the only check; add one that needs no judge, such as readable: true")


@dataclass(frozen=True, slots=True)
class Match:
    """One matcher of a plan; `args` are prepared, or None while they hold templates, which `raw` then has."""

    method: str
    negated: bool
    args: Ready | None
    raw: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """A check made ready: `subject` is "", json, header or value; `group` is "", any or all; `judged` is what a judge
    is asked, `raw` the same as it was written.
    """

    subject: str
    argument: str
    matches: tuple[Match, ...]
    soft: bool
    group: str = ""
    members: tuple[Plan, ...] = ()
    threshold: float | None = None
    weight: float = 1.0
    must: bool = False
    judged: Judged | None = None
    raw: Any = None


def plan(check: Check) -> Plan:
    """The plan of a check: everything that can be worked out before a run is."""
    if check.any_of is not None or check.all_of is not None:
        members = tuple(plan(part) for part in (check.any_of or check.all_of or ()))
        kind = "any" if check.any_of is not None else "all"
        return Plan("", "", (), check.soft, kind, members, check.threshold, check.weight or 1.0, check.must)
    named = (("json", check.at), ("header", check.header), ("value", check.value))
    subject, argument = next(((name, text) for name, text in named if text is not None), ("", ""))
    if (asked := check.judged) is not None:
        raw = asked.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return Plan(subject, argument, (), check.soft, judged=asked, raw=raw)
    matches = tuple(_match(*each) for each in check.matchers())
    return Plan(subject, argument, matches, check.soft, weight=check.weight or 1.0, must=check.must)


def _match(rule: Rule, negated: bool, value: Any) -> Match:
    given = arguments(rule, value)
    if is_template(value):
        return Match(rule.method, negated, None, given)
    return Match(rule.method, negated, Ready(rule.prepare(*given) if rule.prepare else given), given)
