"""What a provider's canary is made of, as it is written: a tiny question, asked every few minutes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from monitor.config.forms import Period
from probes.forms import Also, Confirm, Timeout
from probes.words.section import Section

ASK = "Reply with one word: pong"
_SHORT = ({"type": "boolean"}, {"const": "models"})


class CanarySection(Section):
    """A tiny question that shows whether a provider answers. `true` is all of the defaults, `models` asks without
    tokens."""

    enabled: bool = Field(default=True, description="False asks nothing.")
    every: Period = Field(default=timedelta(minutes=5), description="The period; a failing workflow asks at once.")
    ask: str = Field(default=ASK, min_length=1, max_length=2_000, description="The question.")
    max_tokens: int = Field(
        default=256, ge=1, description="The longest answer, reasoning included: a cap, the answer is a few tokens."
    )
    models: bool = Field(
        default=False, description="True asks for the list of models instead: no token, and it proves less."
    )
    timeout: Timeout | None = Field(
        default=None, description="For one attempt: 10s. A failed run waits for it, no longer than 10s."
    )
    attempts: int = Field(default=3, ge=1, le=10, description="All tries of a run, the first included.")
    confirm: Confirm = Field(default=(1, 1), description="How many failing runs make an incident: 1, or 2 of 3.")
    recover: int = Field(default=2, ge=1, le=20, description="How many passing runs end it.")
    severity: Literal["critical", "error", "warning", "info"] = Field(
        default="critical", description="Who is woken; `warning` wakes nobody, then each workflow speaks for itself."
    )


def _short(value: Any) -> Any:
    if isinstance(value, bool):
        return {"enabled": value}
    if isinstance(value, str) and value != "models":
        raise ValueError("not a canary; write true, false, models, or keys such as {every: 1m}")
    return {"models": True} if value == "models" else value


Canary = Annotated[CanarySection, BeforeValidator(_short), Also(*_SHORT)]
