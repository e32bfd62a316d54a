"""Options of the Pushover channel."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, model_validator

from alerts.channels.kit import PATIENCE, Address, Patience, SecretText
from probes.words.section import Section
from probes.words.units import Duration


class Spec(Section):
    """A Pushover application: `token`. A person's secret holds their user key, or USER@TOKEN without this section.

    A page rings every `retry` for as long as `expire`, until it is acknowledged.
    """

    token: SecretText | None = None
    retry: Duration = timedelta(minutes=1)
    expire: Duration = timedelta(minutes=30)
    url: Address = Field(default="https://api.pushover.net", description="the API's address")
    ca_file: str | None = Field(default=None, description="authorities to trust instead of the system's")
    timeout: Patience = PATIENCE

    @model_validator(mode="after")
    def _is_taken(self) -> Spec:
        if not timedelta(seconds=30) <= self.retry <= self.expire <= timedelta(hours=3):
            raise ValueError("Pushover rings at most every 30s and for at most 3h; write retry: 1m and expire: 30m")
        return self
