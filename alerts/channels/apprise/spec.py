"""Options of the Apprise channel."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator

from alerts.channels.kit import Patience, SecretText
from probes.words.names import is_key
from probes.words.section import Section


class Spec(Section):
    """Addresses as Apprise writes them, each a secret: `targets` for policies, by name; people have theirs under
    `phone`."""

    targets: dict[str, SecretText] = Field(default_factory=dict, description="Addresses by name, each a reference.")
    timeout: Patience = Field(default=timedelta(seconds=20), description="How long one message may take.")

    @field_validator("targets")
    @classmethod
    def _are_keys(cls, targets: dict[str, str]) -> dict[str, str]:
        for name in targets:
            if not is_key(name):
                raise ValueError(f"{name!r} cannot be a name; write one such as ops-mail")
        return targets
