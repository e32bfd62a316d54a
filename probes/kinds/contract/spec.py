"""The keys of a contract probe: one request or `steps`, and which of their fields and headers matter by value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from probes.forms import Also, Names
from probes.kinds.stepped import Stepped
from probes.kinds.steps import CleanUp, Deed, Problem, Step

INVALID, OPENAPI = "invalid", "openapi"  # the names of the steps that these keys mean


def _switches(paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        if not path.startswith("$"):
            raise ValueError(f"{path!r} is no path of a contract; write $.status or $.slots[].kind")
        if "[*]" in path or "[0]" in path or ".." in path:
            raise ValueError(f"{path!r} is no path of a contract; elements are written [], as in $.slots[].kind")
    return paths


class ContractSpec(Stepped, Deed):
    """A probe that holds the shape of an interface's answers against the one that was learned."""

    model_config = ConfigDict(populate_by_name=False, validate_default=False)
    needs_check: ClassVar[bool] = False
    default_affects: ClassVar[Literal["down", "degraded"]] = "degraded"

    kind: Literal["contract"] = "contract"
    listed: tuple[Step, ...] | None = Field(None, alias="steps", description="Several requests, in order.")
    invalid: Annotated[Step, Also()] | None = Field(
        None, description="A request that is wrong on purpose: its refusal has a shape, too."
    )
    switches: Annotated[Names, AfterValidator(_switches)] = Field(
        (), description="Fields that programs decide by, such as $.slots[].kind: a new value of one breaks them."
    )
    watch: Names = Field((), description="Headers that have to stay, beside those of paging.")
    openapi: str | None = Field(None, description="The path of the interface's own description; a change is told.")

    @model_validator(mode="after")
    def _shape(self) -> Self:
        if self.listed is None:
            self._doable()
        elif not self.listed:
            raise ValueError("steps without a step; write steps: [{get: /slots}]")
        else:
            mine = [
                str(field.alias or name) for name, field in Deed.model_fields.items() if name in self.model_fields_set
            ]
            if mine:
                raise ValueError(f"{mine[0]} beside steps; move it into one of the steps")
        if any(deed.ask is not None for _, deed, _ in self.deeds()):
            raise ValueError("a contract is between programs, and asks nobody; write get: /path or post: /path")
        return self

    def deeds(self) -> tuple[tuple[tuple[str | int, ...], Deed, tuple[CleanUp, ...]], ...]:
        """(where it stands, the step, its clean-ups) in order; what was wrong on purpose comes last."""
        found: list[tuple[tuple[str | int, ...], Deed, tuple[CleanUp, ...]]] = []
        if self.listed is None:
            found.append(((), self, self.own_cleanup))
        else:
            found += ((("steps", number), step, step.cleanup) for number, step in enumerate(self.listed))
        if self.invalid is not None:
            found.append((("invalid",), _called(self.invalid, INVALID), self.invalid.cleanup))
        if self.openapi is not None:
            found.append((("openapi",), _called(Step.model_validate({"get": self.openapi}), OPENAPI), ()))
        return tuple(found)

    def problems(self) -> Iterator[Problem]:
        """What is wrong between its keys."""
        yield from super().problems()
        if self.openapi is not None and not self.openapi.startswith(("/", "http://", "https://")):
            yield ("openapi",), f'"{self.openapi}" is no path; write /{self.openapi}'

    def _period(self) -> timedelta:
        return timedelta(minutes=15)

    def _patience(self) -> timedelta:
        return self.default_timeout


def _called(step: Step, name: str) -> Step:
    return step.model_copy(update={"name": step.name or name})
