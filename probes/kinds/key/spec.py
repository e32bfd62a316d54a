"""The keys of a key probe: what is asked, and with which key or two."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from probes.kinds.steps import Path, filled
from probes.spec import Spec
from probes.words.secret import names_in


def _is_secret(text: str) -> str:
    if not names_in(text):
        raise ValueError("a key never stands in the file; write ${secret:NAME}")
    return text


Secret = Annotated[str, AfterValidator(_is_secret)]


class KeySpec(Spec):
    """A probe that shows its key where showing it costs nothing."""

    model_config = ConfigDict(populate_by_name=False, validate_default=False)
    default_every: ClassVar[timedelta] = timedelta(minutes=15)
    default_timeout: ClassVar[timedelta] = timedelta(seconds=10)
    default_affects: ClassVar[Literal["down", "degraded"]] = "degraded"

    kind: Literal["key"] = "key"
    get: Path = Field("/v1/models", description="What is asked for: something that is free, and not for everybody.")
    key: Secret | None = Field(None, description="The key, a reference; the workflow's own auth without it.")
    second_key: Secret | None = Field(
        None, description="Another key for the same thing: it tells a revoked key from an outage of all keys."
    )
    header: str = Field("Authorization", description="Where the key stands; in Authorization it is a Bearer.")
    headers: Annotated[dict[str, str], AfterValidator(filled)] | None = Field(None, description="Headers.")

    @model_validator(mode="after")
    def _is_askable(self) -> Self:
        if self.second_key is not None and self.second_key == self.key:
            raise ValueError("second_key is the same key; write another one, or none")
        return self

    @property
    def only_reads(self) -> bool:
        """It changes nothing."""
        return True

    def counted(self) -> dict[str, float]:
        """A request for each key."""
        return {"requests": 1.0 if self.second_key is None else 2.0}
