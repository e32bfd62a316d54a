"""Dialects of chat: each file turns one wire format into pieces or trouble, and asks questions in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from probes.tools import Trouble

DIALECTS = {"openai": "probes.tools.dialects.openai"}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    reasoning: int | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """What one event adds to an answer. `text` is visible; `hidden` is reasoning; `last` says that nothing follows."""

    text: str = ""
    hidden: bool = False
    refusal: str = ""
    tool: bool = False
    finish: str = ""
    usage: Usage | None = None
    model: str = ""
    fingerprint: str = ""
    last: bool = False


class Dialect(Protocol):
    """What a dialect's module offers."""

    NAME: str

    def path(self, url: str) -> str:
        """Where questions are posted under a target's url."""
        ...

    def question(
        self, messages: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], *, stream: bool
    ) -> dict[str, Any]:
        """The body of a question."""
        ...

    def read(self, data: str) -> Piece:
        """One event of a stream; raises Trouble for an error in it or for what cannot be read."""
        ...

    def whole(self, document: Any) -> Piece:
        """An answer that came in one document; raises Trouble likewise."""
        ...

    def refused(self, status: int, headers: Mapping[str, str], document: Any) -> Trouble:
        """What an answer of status 400 and more means; `document` is its JSON, or Missing."""
        ...


def dialect(name: str) -> Dialect:
    """The dialect of this name; raises KeyError."""
    return cast(Dialect, import_module(DIALECTS[name]))
