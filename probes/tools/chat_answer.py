"""The answer to a question: what was said, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from probes.checks.paths import Absent, compile_path
from probes.tools import Missing
from probes.tools.answer import Answer, read_json

_RATED_FROM = 20  # visible tokens under which a rate says nothing


class ChatAnswer:
    """What was said, and when. Times are seconds: `first_token` and `total` from the question sent, `worst_gap` within.

    `buffered` tells that a stream came in one piece, so that `first_token` says nothing about the model. Token counts
    are the provider's, None where it gave none. `json()` looks into the reply's document: the endpoint's own, or the
    text of a model that answers in JSON.
    """

    __slots__ = (
        "_document",
        "_read",
        "answer",
        "buffered",
        "chunks",
        "fingerprint",
        "finish_reason",
        "first_token",
        "model",
        "text",
        "tokens_cached",
        "tokens_in",
        "tokens_out",
        "tokens_reasoning",
        "total",
        "worst_gap",
    )

    def __init__(self, answer: Answer, text: str, *, document: Any = None, read: bool = False) -> None:
        self.answer = answer
        self.text = text
        self._document = document
        self._read = read  # `document` is there; else it is read from the text when asked for
        self.first_token = self.total = answer.phases.get("total", 0) / 1e6
        self.worst_gap = 0.0
        self.finish_reason = self.model = self.fingerprint = ""
        self.tokens_in: int | None = None
        self.tokens_out: int | None = None
        self.tokens_reasoning: int | None = None
        self.tokens_cached: int | None = None
        self.buffered = False
        self.chunks = 0

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP headers, by name in any case."""
        return self.answer.headers

    @property
    def url(self) -> str:
        """The address that answered."""
        return self.answer.url

    def json(self, path: str | None = None) -> Any:
        """The reply's document, or the value at a JSONPath; Missing when there is none."""
        if not self._read:
            self._document, self._read = read_json(self.text), True
        if path is None or self._document is Missing:
            return self._document
        found = compile_path(path)(self._document)
        return Missing if isinstance(found, Absent) else found

    @property
    def values(self) -> dict[str, float]:
        """Measured numbers by name; times in seconds. What the provider did not count is left out."""
        counted = {
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "tokens_reasoning": self.tokens_reasoning,
            "tokens_cached": self.tokens_cached,
        }
        values = {
            **self.answer.values,
            "first_token": self.first_token,
            "worst_gap": self.worst_gap,
            "total": self.total,
            "chunks": float(self.chunks),
            "buffered": float(self.buffered),
            **{name: float(count) for name, count in counted.items() if count is not None},
        }
        if (rate := self._rate()) is not None:
            values["tokens_per_second"] = rate
        return values

    def _rate(self) -> float | None:
        """Visible tokens a second between the first and the end, where there are enough of them to say."""
        visible = (self.tokens_out or 0) - (self.tokens_reasoning or 0)
        speaking = self.total - self.first_token
        if visible < _RATED_FROM or speaking <= 0 or self.buffered:
            return None
        return (visible - 1) / speaking

    def __repr__(self) -> str:
        return f"<ChatAnswer of {len(self.text)} characters from {self.answer.url.partition('?')[0]}>"
