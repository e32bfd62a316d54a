"""Dialects of chat: each file turns one wire format into pieces or trouble, and asks questions in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from probes.tools import Trouble
from probes.words.dialects import DIALECT_NAMES

DIALECTS = {name: f"probes.tools.dialects.{name.replace('-', '_')}" for name in DIALECT_NAMES}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them; None where it did not say."""

    tokens_in: int | None = None
    tokens_out: int | None = None
    reasoning: int | None = None
    cached: int | None = None

    def over(self, earlier: Usage | None) -> Usage:
        """These counts, with what only an earlier event of the same answer told."""
        if earlier is None:
            return self
        return Usage(
            earlier.tokens_in if self.tokens_in is None else self.tokens_in,
            earlier.tokens_out if self.tokens_out is None else self.tokens_out,
            earlier.reasoning if self.reasoning is None else self.reasoning,
            earlier.cached if self.cached is None else self.cached,
        )


@dataclass(frozen=True, slots=True)
class CallPart:
    """A part of a tool call: parts of one call share a `key`; without one it is a call of its own.

    `arguments` is JSON as text, a fragment of it unless `whole`, which replaces what came before.
    """

    key: str | int | None = None
    id: str = ""
    name: str = ""
    arguments: str = ""
    whole: bool = False


@dataclass(slots=True)
class Piece:
    """What one event adds to an answer. `text` is visible; `hidden` tells of reasoning; `last`, that nothing follows.

    `load` is seconds in which the model was read from disk first.
    """

    text: str = ""
    hidden: bool = False
    refusal: str = ""
    calls: tuple[CallPart, ...] = ()
    finish: str = ""
    usage: Usage | None = None
    model: str = ""
    fingerprint: str = ""
    last: bool = False
    load: float | None = None


class Dialect(Protocol):
    """What a dialect's module offers. A question's `messages` are [{role, content}] with role user, assistant or tool.

    An assistant's message may have `tool_calls`, [{name, arguments, id}]; a tool's says whose result it is by `name`
    and `id`. `settings` are those of a target's chat.
    """

    NAME: str
    END: str  # what ends a stream, as people who know the format call it
    MARK: bytes  # what stands in every stream of this format, even in one that says nothing

    def path(self, url: str) -> str:
        """Where questions are posted under a target's url."""
        ...

    def headers(self, credentials: Mapping[str, str]) -> dict[str, str]:
        """Headers of a question beside the target's own, whose `credentials` may have to be said in another one."""
        ...

    def question(
        self, messages: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], *, stream: bool
    ) -> dict[str, Any]:
        """The body of a question."""
        ...

    def read(self, data: str, name: str = "") -> Piece:
        """One event of a stream and its name; raises Trouble for an error in it or for what cannot be read."""
        ...

    def whole(self, document: Any) -> Piece:
        """An answer that came in one document; raises Trouble likewise."""
        ...

    def refused(self, status: int, headers: Mapping[str, str], document: Any, model: str = "") -> Trouble:
        """What an answer of status 400 and more means; `document` is its JSON or Missing, `model` was asked for."""
        ...


def dialect(name: str) -> Dialect:
    """The dialect of this name; raises KeyError."""
    return cast(Dialect, import_module(DIALECTS[name]))
