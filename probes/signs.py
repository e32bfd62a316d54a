"""What a probe reads off its answers beside its checks: which version answers, and whether a stand-in does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from probes.forms import Also
from probes.words.section import Section

_PATH = {"type": "string", "pattern": r"^\$"}


class _Sign(Section):
    """A place in an answer: one of json, header and regex."""

    at: str | None = Field(None, alias="json", description="A JSONPath.")
    header: str | None = Field(None, min_length=1, description="A header's value.")
    regex: str | None = Field(None, description="The first group of a match in the text.")

    @field_validator("at")
    @classmethod
    def _path(cls, path: str | None) -> str | None:
        if path is not None:
            from probes.checks.paths import compile_path

            compile_path(path)
        return path

    @field_validator("regex")
    @classmethod
    def _pattern(cls, text: str | None) -> str | None:
        if text is not None:
            from probes.checks.patterns import compile_pattern

            compile_pattern(text)
        return text

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.at, self.header, self.regex)) != 1:
            raise ValueError("it is read in one place; write json: $.version, header: X-Version or regex: ...")
        return self


class VersionSection(_Sign):
    """Where the workflow says which version of it answers; with `get` that is asked for, else read off any answer."""

    get: str | None = Field(None, pattern=r"^/", description="The path to ask for; without it, any answer is read.")


class MarkSection(_Sign):
    """What shows that a stand-in answered."""

    equals: str | None = Field(None, description="The whole value.")
    contains: str | None = Field(None, min_length=1, description="A part of the value, in any case.")

    def fits(self, value: str) -> bool:
        """True for a value that shows it; without equals and contains, any does."""
        if self.equals is not None:
            return value == self.equals
        return (self.contains or "").casefold() in value.casefold()

    @property
    def place(self) -> str:
        """Where it stands, in words."""
        return f"header {self.header}" if self.header else self.at or "the answer"


class FallbackSection(Section):
    """How the primary model is forced off, so that the run proves that the workflow still answers without it."""

    headers: dict[str, str] = Field(default_factory=dict, description="Headers of every request.")
    params: dict[str, str] = Field(default_factory=dict, description="Query parameters of every request.")
    body: dict[str, Any] = Field(
        default_factory=dict, description="Fields added to what `chat` posts, or to its options in a dialect."
    )
    url: str | None = Field(None, pattern=r"^https?://", description="Another address of the workflow.")

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not (self.headers or self.params or self.body or self.url):
            raise ValueError('nothing forces the primary off; write headers: {X-Fallback: "1"}, params:, body: or url:')
        return self


def _short(value: Any) -> Any:
    return {"json": value} if isinstance(value, str) else value


Version = Annotated[VersionSection, BeforeValidator(_short), Also(_PATH)]


def forced(target: Mapping[str, Any], fallback: FallbackSection) -> dict[str, Any]:
    """A target whose primary is forced off."""
    found = dict(target)
    if fallback.headers:
        found["headers"] = {**(target.get("headers") or {}), **fallback.headers}
    if fallback.params:
        found["params"] = dict(fallback.params)
    if fallback.url:
        found["url"] = fallback.url.rstrip("/")
    chat = target.get("chat")
    if fallback.body and isinstance(chat, Mapping):
        part = "options" if chat.get("dialect") else "send"
        before = chat.get(part) or {}
        if isinstance(before, Mapping):
            found["chat"] = {**chat, part: {**before, **fallback.body}}
    return found
