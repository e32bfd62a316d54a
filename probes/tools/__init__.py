"""Timed instruments of a probe, and the one way in which they report trouble.

Light on purpose: httpx is imported by the tools that need it, in a probe host only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from probes.words.errors import ShowupError
from probes.words.failure import FACTS, Failure


class Trouble(ShowupError):
    """A request did not come to a usable answer.

    `failure` names what happened and `sentence` says it for people, cleaned and without secrets. `phase` is the part
    of the request it happened in (dns, connect, tls, first_byte, first_token, idle, total). `retry_after` is seconds,
    as the target asked. `witness` names who should be asked before anyone is blamed, "" for nobody.
    """

    def __init__(
        self, failure: Failure, sentence: str = "", phase: str = "", retry_after: float | None = None, witness: str = ""
    ) -> None:
        self.failure = failure
        self.sentence = sentence or FACTS[failure].sentence
        self.phase = phase
        self.retry_after = retry_after
        self.witness = witness
        super().__init__(self.sentence)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits of the parts of one request, in seconds; None leaves only the attempt's own deadline.

    `connect` covers name, connection and TLS; `first_byte` from the request sent to the answer's headers; `first_token`
    from the request sent to the first visible text of a stream; `idle` between two pieces of the answer; `total` all.
    """

    connect: float | None = None
    first_byte: float | None = None
    first_token: float | None = None
    idle: float | None = None
    total: float | None = None


class _Missing:
    """What stands where a value was asked for and there was none; it is false, and equal only to itself."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "missing"


Missing: Final = _Missing()
