"""What a person may have done by pressing a button: a POST that a workflow declares, such as sending callers to the
desk."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from monitor.config.forms import Headers
from probes.target import locate
from probes.words.errors import Refused
from probes.words.section import Section


class ActionSection(Section):
    """A POST that somebody may have sent, once they have confirmed it; who did is recorded."""

    title: str = Field(min_length=1, max_length=60, description="What stands on the button.")
    post: str = Field(max_length=2_000, description="The whole address; redirects are not followed.")
    body: dict[str, Any] = Field(default_factory=dict, alias="json", description="What is sent, as JSON.")
    headers: Headers = Field(default_factory=dict, description="Headers of the request; secrets are references.")
    confirm: str = Field(default="", max_length=200, description="What is asked before it is done.")

    @field_validator("post")
    @classmethod
    def _is_whole(cls, post: str) -> str:
        if not post.startswith(("https://", "http://")):
            raise ValueError(f"{post[:60]!r} is no address; write https://host/path")
        try:
            locate(post)
        except Refused as error:
            raise ValueError(str(error)) from None
        return post
