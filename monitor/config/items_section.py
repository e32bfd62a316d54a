"""How many real items passed between two moments, which a workflow's own system is asked after an outage."""

from __future__ import annotations

from pydantic import Field, field_validator

from monitor.config.forms import Headers
from probes.checks.paths import compile_path
from probes.target import locate
from probes.words.errors import Refused
from probes.words.section import Section

MOMENTS = ("{from}", "{to}")


class ItemsSection(Section):
    """A GET that answers how many real items passed between two moments, so that an incident says how many to check
    again."""

    get: str = Field(
        max_length=2_000, description="The whole address, with `{from}` and `{to}` where the two moments go."
    )
    at: str = Field("$", max_length=200, description="Where the number stands in the answer, as a JSONPath.")
    called: str = Field("items", min_length=1, max_length=40, description="What one calls several of them.")
    headers: Headers = Field(default_factory=dict, description="Headers of the request; secrets are references.")

    @field_validator("get")
    @classmethod
    def _is_whole(cls, get: str) -> str:
        if not get.startswith(("https://", "http://")):
            raise ValueError(f"{get[:60]!r} is no address; write https://host/path?from={{from}}&to={{to}}")
        if missing := [name for name in MOMENTS if name not in get]:
            raise ValueError(
                f"{missing[0]} is missing, so it would count the same always; write ?from={{from}}&to={{to}}"
            )
        try:
            locate(get)
        except Refused as error:
            raise ValueError(str(error)) from None
        return get

    @field_validator("at")
    @classmethod
    def _is_a_path(cls, at: str) -> str:
        compile_path(at)
        return at
