"""What an objective says of its alerts: how fast its error budget may be spent before people are told."""

from __future__ import annotations

from pydantic import Field

from monitor.config.forms import Age
from monitor.ledger.burn import SHORTEST, Rule
from probes.words.section import Section
from probes.words.units import Duration, micros_of


class BurnSection(Section):
    """An alert on the error budget, by two windows."""

    long: Age = Field(description="The window that shows that it matters.")
    short: Duration | None = Field(
        default=None, description="The window that shows that it goes on; a twelfth of `long`."
    )
    rate: float = Field(gt=0, allow_inf_nan=False, description="How many times too fast the budget is spent.")
    pages: bool = Field(default=False, description="True wakes somebody; else it is a warning.")

    def rule(self) -> Rule:
        """The same as the ledger knows it."""
        long = micros_of(self.long)
        short = micros_of(self.short) if self.short is not None else max(SHORTEST, long // 12)
        return Rule(long, short, self.rate, self.pages)
