"""The answer to a question: what was said, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from probes.checks.paths import Absent, compile_path
from probes.tools import Missing, Trouble
from probes.tools.answer import Answer, read_json
from probes.tools.limits import Limit, headroom, limits
from probes.tools.toolcalls import ToolCall

_RATED_FROM = 20  # visible tokens under which a rate says nothing


class ChatAnswer:
    """What was said, and when. Times are seconds: `first_token` and `total` from the question sent, `worst_gap` within.

    `buffered` tells that a stream came in one piece, so that `first_token` says nothing about the model. Token counts
    are the provider's, None where it gave none; `load` is how long it read the model from disk first. `tool_calls` are
    in their order. `doubts` are what is wrong with an answer that can be used all the same. `json()` looks into the
    reply's document: the endpoint's own, or the text of a model that answers in JSON.
    """

    __slots__ = (
        "_document",
        "_limits",
        "_read",
        "answer",
        "buffered",
        "chunks",
        "cost",
        "doubts",
        "fingerprint",
        "finish_reason",
        "first_token",
        "load",
        "model",
        "reasoned",
        "rounds",
        "said",
        "text",
        "tokens_cached",
        "tokens_in",
        "tokens_out",
        "tokens_reasoning",
        "tool_calls",
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
        self.load: float | None = None
        self.cost: float | None = None  # US dollars, where the price is known
        self.buffered = self.reasoned = False
        self.chunks = 0
        self.tool_calls: tuple[ToolCall, ...] = ()
        self.doubts: list[Trouble] = []
        self.said: list[dict[str, Any]] | None = None  # what a conversation goes on with
        self.rounds = 1  # questions and results of tools that it took
        self._limits: dict[str, Limit] | None = None

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

    @property
    def limits(self) -> dict[str, Limit]:
        """The rate limits that the provider's headers tell of."""
        if self._limits is None:
            self._limits = limits(self.answer.headers)
        return self._limits

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
            "tokens": self._tokens(),
            "load": self.load,
            "cost": self.cost,
        }
        values = {
            **self.answer.values,
            "first_token": self.first_token,
            "worst_gap": self.worst_gap,
            "total": self.total,
            "chunks": float(self.chunks),
            "buffered": float(self.buffered),
            **{name: float(count) for name, count in counted.items() if count is not None},
            **headroom(self.limits),
        }
        if (rate := self._rate()) is not None:
            values["tokens_per_second"] = rate
        return values

    def charge(self, price: Sequence[float] | None) -> None:
        """Work out what it cost at (in, out) US dollars for a million tokens, where tokens were counted."""
        if price is not None and self.tokens_in is not None and self.tokens_out is not None:
            self.cost = (self.tokens_in * price[0] + self.tokens_out * price[1]) / 1_000_000

    def _tokens(self) -> int | None:
        if self.tokens_in is None and self.tokens_out is None:
            return None
        return (self.tokens_in or 0) + (self.tokens_out or 0)

    def _rate(self) -> float | None:
        """Visible tokens a second between the first and the end, where there are enough of them to say."""
        if self.rounds > 1 or (self.reasoned and self.tokens_reasoning is None):
            return None  # nobody says how many of them were visible in this answer
        visible = (self.tokens_out or 0) - (self.tokens_reasoning or 0)
        speaking = self.total - self.first_token
        if visible < _RATED_FROM or speaking <= 0 or self.buffered:
            return None
        return (visible - 1) / speaking

    def __repr__(self) -> str:
        return f"<ChatAnswer of {len(self.text)} characters from {self.answer.url.partition('?')[0]}>"
