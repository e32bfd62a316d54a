"""The keys of an http probe: one request and its checks, or `steps`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from probes.kinds.stepped import Stepped
from probes.kinds.steps import CleanUp, Deed, Step


class HttpSpec(Stepped, Deed):
    """A probe that makes requests, and asks among them."""

    model_config = ConfigDict(populate_by_name=False, validate_default=False)

    kind: Literal["http"] = "http"
    listed: tuple[Step, ...] | None = Field(None, alias="steps", description="Several steps, in order.")

    @model_validator(mode="after")
    def _shape(self) -> Self:
        if self.listed is None:
            self._doable()
            return self
        if not self.listed:
            raise ValueError("steps without a step; write steps: [{get: /, check: [{status: 200}]}]")
        mine = [str(field.alias or name) for name, field in Deed.model_fields.items() if name in self.model_fields_set]
        if mine:
            raise ValueError(f"{mine[0]} beside steps; move it into one of the steps")
        if self.own_cleanup:
            raise ValueError("a clean-up beside steps; move it into the step it cleans up after")
        return self

    def deeds(self) -> tuple[tuple[tuple[str | int, ...], Deed, tuple[CleanUp, ...]], ...]:
        """(where it stands, the step, its clean-ups) in order."""
        if self.listed is None:
            return (((), self, self.own_cleanup),)
        return tuple((("steps", number), step, step.cleanup) for number, step in enumerate(self.listed))
