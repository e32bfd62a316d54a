"""Options of the webhook channel."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, field_validator

from alerts.channels.kit import PATIENCE, Address, Patience, SecretText
from probes.words.names import is_key
from probes.words.section import Section


class Endpoint(Section):
    """One address that takes signed JSON; `sign` is the shared key of the signature."""

    url: Address
    sign: SecretText
    ca_file: str | None = Field(default=None, description="authorities to trust instead of the system's")
    timeout: Patience = PATIENCE


class Spec(Section):
    """Addresses of your own by name: `webhook:NAME` in a policy means `endpoints.NAME`."""

    endpoints: Mapping[str, Endpoint] = Field(min_length=1)

    @field_validator("endpoints")
    @classmethod
    def _are_keys(cls, endpoints: Mapping[str, Endpoint]) -> Mapping[str, Endpoint]:
        for name in endpoints:
            if not is_key(name):
                raise ValueError(f"{name!r} cannot be a name; write a-z, 0-9 and dashes")
        return endpoints
