"""Options of the Slack channel."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from alerts.channels.kit import PATIENCE, Address, Patience, SecretText
from probes.words.section import Section

_CHANNEL = re.compile(r"#?[^\s:,<>|&#@]{1,80}\Z")


def _is_channel(name: str) -> str:
    if not _CHANNEL.match(name):
        raise ValueError("not a Slack channel; write its name or its id, such as ops-alerts or C012AB3CD")
    return name.removeprefix("#")


class Spec(Section):
    """A Slack app of your own: `token` (xoxb-…) posts, `app_token` (xapp-…) hears the buttons."""

    token: SecretText
    app_token: SecretText | None = None
    signing_secret: SecretText | None = Field(
        default=None, description="hears the buttons over HTTP instead, at /slack/interactivity of `web`"
    )
    anyone: bool = Field(default=False, description="true lets people press who have no `slack:` id under people")
    channel: Annotated[str, AfterValidator(_is_channel)]
    url: Address = Field(default="https://slack.com/api", description="the Web API's address")
    ca_file: str | None = Field(default=None, description="authorities to trust instead of the system's")
    timeout: Patience = PATIENCE
