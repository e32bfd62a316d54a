"""The keys of a chat probe: one question, or the turns of a conversation."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from probes.forms import Also
from probes.kinds.stepped import Stepped
from probes.kinds.steps import CleanUp, Deed, Step


def _asking(step: Step) -> Step:
    if step.ask is None:
        raise ValueError("a turn of a conversation asks; write ask: ..., and requests under steps:")
    return step


Turn = Annotated[Step, AfterValidator(_asking), Also({"type": "string"})]


def _turns(value: Any) -> Any:
    return (
        [{"ask": part} if isinstance(part, str) else part for part in value]
        if isinstance(value, list | tuple)
        else value
    )


class ChatSpec(Stepped, Deed):
    """A probe that talks with the workflow's agent; the turns of `chat` share one conversation."""

    model_config = ConfigDict(populate_by_name=False, validate_default=False)

    kind: Literal["chat"] = "chat"
    turns: Annotated[tuple[Turn, ...], BeforeValidator(_turns)] | None = Field(
        None, alias="chat", description="The turns of one conversation, each like a step with ask."
    )

    @model_validator(mode="after")
    def _shape(self) -> Self:
        if self.turns is None:
            self._doable()
            if self.ask is None:
                raise ValueError("a chat probe asks; write ask: ... or chat: [...]")
            return self
        if not self.turns:
            raise ValueError("chat without a turn; write chat: [{ask: ...}]")
        mine = [str(field.alias or name) for name, field in Deed.model_fields.items() if name in self.model_fields_set]
        if mine:
            raise ValueError(f"{mine[0]} beside chat; move it into one of the turns")
        return self

    def deeds(self) -> tuple[tuple[tuple[str | int, ...], Deed, tuple[CleanUp, ...]], ...]:
        """(where it stands, the turn, its clean-ups) in order."""
        if self.turns is None:
            return (((), self, self.own_cleanup),)
        return tuple((("chat", number), turn, turn.cleanup) for number, turn in enumerate(self.turns))

    @property
    def talks(self) -> tuple[tuple[str, ...], ...]:
        """The questions: of `chat`, those of one conversation."""
        if self.turns is None:
            return super().talks
        return (tuple(turn.ask for turn in self.turns if turn.ask is not None),)
