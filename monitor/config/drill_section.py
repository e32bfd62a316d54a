"""What a workflow says of its drills: what an answer must be while the model fails, beside what every answer must."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

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
