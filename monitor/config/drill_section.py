"""What a workflow says of its drills: what an answer must be while the model fails, beside what every answer must.
And the drills that begin by themselves.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from monitor.config.forms import Age, Zone
from probes.checks.written import Check
from probes.kinds.steps import Checks
from probes.words.section import Section


def _of_text(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """The same, once they are all about the words of an answer alone."""
    for check in checks:
        other = (check.at, check.header, check.value, check.any_of, check.all_of, check.soft, check.judged)
        if any(other):
            raise ValueError("polite is about the words of an answer; write checks such as contains-any: [call us]")
    return checks


class DrillSection(Section):
    """What holds of an answer while the model fails, for `showup drill --fault`."""

    polite: Annotated[Checks, AfterValidator(_of_text)] = Field(
        default=(), description="Checks of the words a customer then gets, such as {contains-any: [call us, later]}."
    )

    def written(self) -> tuple[dict[str, Any], ...]:
        """The checks as they were written."""
        return tuple(check.model_dump(mode="json", by_alias=True, exclude_unset=True) for check in self.polite)


class PlannedDrillSection(Section):
    """A drill that begins by itself, by a cron expression."""

    workflow: str = Field(description="Whose failure is staged: a name under workflows.")
    cron: str = Field(description="When, such as 0 10 1 * * for ten o'clock on the first of each month.")
    environment: str = Field(default="production", description="Which environment of it.")
    probe: str = Field(default="", description="Whose runs are made to fail; else the one that runs next.")
    urgent: bool = Field(default=False, description="True pages as loudly as a real failure does.")
    timezone: Zone | None = Field(default=None, description="The zone of its cron; the site's where none is set.")
    limit: Age = Field(default=timedelta(minutes=15), description="How long an answer is waited for.")
