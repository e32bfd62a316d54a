"""The daily canary page: a page of low urgency through the real provider, so that a way that no longer works is found
before it is needed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from alerts.policy import parse_target
from monitor.config.planned import CanaryPage
from probes.words.section import Section
from probes.words.units import Duration, micros_of

POLICY = "canary-page"  # of its one incident a day: it climbs nobody's ladder
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\Z")


def _is_time(text: str) -> str:
    if not _TIME.match(text):
        raise ValueError(f'{text[:20]!r} is no time of day; write "09:30", in quotes')
    return text


def _is_target(text: str) -> str:
    if parse_target(text).kind in ("console", "slack"):
        raise ValueError(f"{text} wakes nobody; write pagerduty, ntfy:TOPIC or a person")
    return text


def _is_patient(length: timedelta) -> timedelta:
    if not timedelta(seconds=15) <= length <= timedelta(minutes=10):
        raise ValueError(
            "a page that works is there within a minute, of which it may wait 10 s for company; write 60s"
        )
    return length


class CanaryPageSection(Section):
    """A page of low urgency each day, which has to come out of the real provider, and is closed again at once."""

    at: Annotated[str, AfterValidator(_is_time)] = Field(
        default="09:30", description='When, in the zone of the site, such as "09:30".'
    )
    through: Annotated[str, AfterValidator(_is_target)] = Field(
        default="pagerduty", description="Whom it tells: `pagerduty`, `ntfy:TOPIC`, a person…"
    )
    within: Annotated[Duration, AfterValidator(_is_patient)] = Field(
        default=timedelta(seconds=60), description="How soon the provider has to have it."
    )

    def planned(self, zone: str) -> CanaryPage:
        """The same as the keeper uses it."""
        hour, _, minute = self.at.partition(":")
        return CanaryPage(int(hour), int(minute), self.through, micros_of(self.within), zone)
