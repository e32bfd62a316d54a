"""The forms in which a probe's limits and rules are written, as pydantic types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, PlainSerializer, WithJsonSchema, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from probes.spend import Allowance
from probes.words.section import Section
from probes.words.units import DURATION_PATTERN, Duration, Money, parse_duration, say_duration


class Also:
    """Tells the JSON Schema of a field the short forms that are accepted beside the full one: without any, a single
    one."""

    def __init__(self, *forms: dict[str, Any]) -> None:
        self._forms = forms

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        full = handler(core)
        single = [full["items"]] if full.get("type") == "array" and not self._forms else []
        return {"anyOf": [*self._forms, *single, full]}


SHORT = {"type": "string", "pattern": DURATION_PATTERN}
PHASES = ("connect", "first_byte", "first_token", "idle", "total")


class Limits(Section):
    """How long each part of a request may take; `total` is for the whole of it."""

    connect: Duration | None = Field(None, description="Name, connection and TLS.")
    first_byte: Duration | None = Field(None, description="From the request sent to the answer's headers.")
    first_token: Duration | None = Field(None, description="From the question sent to the first visible text.")
    idle: Duration | None = Field(None, description="Between two pieces of the answer.")
    total: Duration | None = Field(None, description="All of it.")

    @model_validator(mode="after")
    def _positive(self) -> Self:
        for phase in PHASES:
            limit = getattr(self, phase)
            if limit is not None and limit <= timedelta(0):
                raise ValueError(f"{phase} leaves no time; write 2s")
            if limit is not None and self.total is not None and limit > self.total:
                whole = say_duration(self.total)
                raise ValueError(f"{phase} has longer than the whole; write {whole} or less, or a longer total:")
        return self

    def seconds(self) -> dict[str, float]:
        """The limits that are set, in seconds."""
        named = {phase: getattr(self, phase) for phase in PHASES}
        return {phase: limit.total_seconds() for phase, limit in named.items() if limit is not None}


def _limits(value: Any) -> Any:
    return value if isinstance(value, Mapping | Limits) else {"total": parse_duration(value)}


def _say_limits(limits: Limits) -> Any:
    return limits.model_dump(mode="json", exclude_none=True)


Timeout = Annotated[
    Limits,
    BeforeValidator(_limits),
    PlainSerializer(_say_limits),
    WithJsonSchema(
        {
            "description": "A duration, or a limit for each part of a request.",
            "anyOf": [
                {"type": "string", "pattern": DURATION_PATTERN},
                {
                    "type": "object",
                    "properties": {phase: {"type": "string", "pattern": DURATION_PATTERN} for phase in PHASES},
                    "additionalProperties": False,
                },
            ],
            "examples": ["10s", {"connect": "2s", "first_token": "4s", "total": "20s"}],
        }
    ),
]

_CONFIRM = re.compile(r"\s*(\d{1,2})(?:\s*of\s*(\d{1,2}))?\s*\Z")


def parse_confirm(value: object) -> tuple[int, int]:
    """`1`, `2` or `2 of 3` → (failing runs, of the last so many); raises ValueError."""
    if isinstance(value, list | tuple) and len(value) == 2:
        value = f"{value[0]} of {value[1]}"
    found = _CONFIRM.match(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if not found:
        raise ValueError("not a rule to confirm by; write 1 or 2 of 3")
    needed, among = int(found[1]), int(found[2] or found[1])
    if not 1 <= needed <= among <= 20:
        raise ValueError("it has to be 1 to 20 runs, and no more than there are; write 2 of 3")
    return needed, among


Confirm = Annotated[
    tuple[int, int],
    BeforeValidator(parse_confirm),
    PlainSerializer(lambda pair: f"{pair[0]} of {pair[1]}", return_type=str),
    WithJsonSchema({"type": ["integer", "string"], "examples": [1, "2 of 3"]}),
]
_MOST = 1_000_000_000  # of anything in one run
Number = Annotated[int, Field(ge=0, le=_MOST)]


class CostsSection(Section):
    """What one run costs, where its author knows it better than the file shows."""

    requests: Number | None = Field(None, description="Requests.")
    asks: Number | None = Field(None, description="Questions to a model.")
    tokens: Number | None = Field(None, description="Tokens, of questions and answers.")
    usd: Money | None = Field(None, description="US dollars.")
    records: Number | None = Field(None, description="Synthetic records that it leaves behind.")

    def said(self) -> dict[str, float]:
        """The costs that are written down, by name."""
        named = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: float(amount) for name, amount in named.items() if amount is not None}


class SpendLimits(Section):
    """What may be spent: the most of each in a day (UTC), and of requests in any minute."""

    usd: Money | None = Field(None, description="US dollars.")
    tokens: int | None = Field(None, ge=1, description="Tokens, of questions and answers.")
    requests: int | None = Field(None, ge=1, description="Requests to the model, or to the workflow's agent.")
    per: Literal["day"] = Field("day", description="The time in which they may be spent; a day begins at 00:00 UTC.")
    per_minute: int | None = Field(None, ge=1, description="Requests in any minute; more wait for their turn.")

    def limits(self) -> Allowance:
        """The same for `probes.spend`."""
        usd = None if self.usd is None else float(self.usd)
        return Allowance(self.requests, self.tokens, usd, self.per_minute)


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
]
