"""Options of the ntfy channel."""

from __future__ import annotations

from pydantic import Field

from alerts.channels.kit import PATIENCE, Address, Patience, SecretText
from probes.words.section import Section


class Spec(Section):
    """An ntfy server, ntfy.sh unless you have your own; `token` is an access token of it."""

    url: Address = Field(default="https://ntfy.sh", description="the server's address")
    token: SecretText | None = None
    ca_file: str | None = Field(default=None, description="authorities to trust instead of the system's")
    timeout: Patience = PATIENCE
