"""Options of the PagerDuty channel."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from alerts.channels.kit import PATIENCE, Address, Patience, SecretText
from probes.words.section import Section


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class Spec(Section):
    """A service's Events API v2 key (`routing_key`); with `api_key` showup reads back who answered and who is on call.

    For accounts in the EU: `url: https://events.eu.pagerduty.com` and `api_url: https://api.eu.pagerduty.com`.
    """

    routing_key: SecretText
    api_key: SecretText | None = None
    low_urgency_routing_key: SecretText | None = Field(
        default=None, description="of a second service, whose incidents wake nobody: drills and canary pages go there"
    )
    webhook_secret: Annotated[tuple[SecretText, ...], BeforeValidator(_as_tuple)] = Field(
        default=(), description="of a webhook subscription to /pagerduty of `web`; two while it is changed"
    )
    service: str | None = Field(
        default=None, max_length=40, pattern="^[A-Z0-9]+$",
        description="the service's id (PXXXXXX), where its key is not shown to `api_key`",
    )  # fmt: skip
    url: Address = Field(default="https://events.pagerduty.com", description="the Events API's address")
    api_url: Address = Field(default="https://api.pagerduty.com", description="the REST API's address")
    ca_file: str | None = Field(default=None, description="authorities to trust instead of the system's")
    timeout: Patience = PATIENCE

    @field_validator("url", "api_url")
    @classmethod
    def _is_encrypted(cls, url: str) -> str:
        if url.startswith("http://"):
            raise ValueError("PagerDuty is spoken to over TLS only; write https://")
        return url
