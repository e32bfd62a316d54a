"""The subject of checks, with the matchers of every family."""

from __future__ import annotations

from typing import Any

from probes.checks.agent import AgentChecks
from probes.checks.answers import AnswerChecks
from probes.checks.base import RULES, Notes
from probes.checks.document import DocumentChecks
from probes.checks.general import GeneralChecks
from probes.checks.number import NumberChecks
from probes.checks.reply import ReplyChecks
from probes.checks.text import TextChecks
from probes.checks.texture import garbled, refuses
from probes.words.failure import Failure


class Subject(GeneralChecks, TextChecks, AnswerChecks, DocumentChecks, NumberChecks, ReplyChecks, AgentChecks):
    """A value that is checked: `ctx.check(value)`. Each matcher returns it; `not_` turns the next one round."""

    __slots__ = ()

    def __init__(
        self,
        value: Any,
        notes: Notes,
        *,
        source: str = "",
        unit: str = "",
        soft: bool = False,
        place: tuple[str, int] = ("", 0),
    ) -> None:
        super().__init__(value, notes, source=source, unit=unit, soft=soft, place=place)
        self.reply: Any = None

    def _named(self, failure: Failure, negated: bool) -> Failure:
        """A whole reply that is wrong may be worse than wrong: empty, a refusal, or garbage."""
        if self.unit == "status" and failure is Failure.WRONG:
            return Failure(self.reply.status_failure())
        if failure is not Failure.WRONG or self.unit != "reply" or not isinstance(self.value, str):
            return failure
        if not self.value.strip():
            return failure if negated else Failure.EMPTY
        if hasattr(self.reply, "finished") and refuses(self.value):
            return Failure.REFUSED
        if garbled(self.value):
            return Failure.GARBAGE
        return Failure.TRUNCATED if getattr(self.reply, "cut", False) and not negated else failure


def _in_order() -> None:
    """Rules in the order in which the families are named above, whichever module was loaded first."""
    families = [family.__name__ for family in Subject.__bases__]
    ordered = sorted(RULES.items(), key=lambda pair: families.index(pair[1].family))
    RULES.clear()
    RULES.update(ordered)


_in_order()
