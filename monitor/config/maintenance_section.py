"""What the configuration says of maintenance that comes again."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from monitor.config.forms import Age, Words, Zone
from probes.words.section import Section


class MaintenanceSection(Section):
    """Maintenance that comes again, by a cron expression: its time is not counted, and pages are held until it ends."""

    workflows: Annotated[Words, Field(min_length=1)] = Field(
        description="What is worked on: names under workflows, or `workflow/environment`."
    )
    cron: str = Field(description="When it begins, such as 0 2 * * * for two o'clock each night.")
    length: Age = Field(alias="for", description="How long it lasts.")
    reason: str = Field(min_length=1, max_length=200, description="Why; it is shown on the page.")
    timezone: Zone | None = Field(default=None, description="The zone of its cron; the site's where none is set.")
