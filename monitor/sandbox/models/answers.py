"""What a model was asked and what it says: by rule, so that the same question has the same answer. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from monitor.sandbox.faults import Fault

Messages = Sequence[Mapping[str, Any]]
Rule = Callable[[Messages], str]
_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True)
class Ask:
    """One question, whatever dialect it came in; `most` is how many words (our tokens) the answer may have."""

    model: str
    messages: Messages
    stream: bool = False
    wants_usage: bool = False
    most: int | None = None

    @property
    def tokens(self) -> int:
        """About four characters a token, as a rule of thumb that is the same every time."""
        return sum(len(read_text(m.get("content"))) // 4 + 4 for m in self.messages)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said, in words as they are streamed; `finish` is stop, length or content_filter."""

    model: str
    words: tuple[str, ...]
    finish: str = "stop"
    is_refusal: bool = False

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.words)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a stream, ready for the wire, and what it is: opening, word, ending, usage or terminal."""

    kind: str
    data: bytes


class ModelRefused(Exception):
    """The provider refuses; `code` is its own name for why."""

    def __init__(self, status: int, code: str, message: str, *, wait: float = 0.0) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.wait = status, code, message, wait


class Dialect(Protocol):
    """A wire format: how a question is read and how answers, errors and limits are written."""

    name: str
    paths: Sequence[str]

    def read_key(self, headers: Mapping[str, str]) -> str: ...
    def read(self, body: Any) -> Ask: ...
    def write(self, ask: Ask, answer: Answer, name: str, at: int) -> dict[str, Any]: ...
    def stream(self, ask: Ask, answer: Answer, name: str, at: int) -> list[Piece]: ...
    def fail(self, refusal: ModelRefused) -> dict[str, Any]: ...
    def fail_inside(self, refusal: ModelRefused) -> bytes: ...
    def limits(self, limit: tuple[int, int], left: tuple[int, int], reset: float) -> dict[str, str]: ...
    def list_models(self, models: Sequence[str], at: int) -> dict[str, Any]: ...


GARBAGE = {
    "mojibake": "YouÃ¢â‚¬â„¢re all set! Ã°Å¸Â¦Â· SeeÃ‚Â youÃ‚Â tomorrowÃ¢â‚¬Â¦",
    "loop": "I can help with that. " * 40,
    "json": '{"error": {"message": "upstream request timeout"',
}

# Refusals that a fault brings about: kind -> status, code, message
REFUSALS = {
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided."),
    "no-credit": (429, "insufficient_quota", "You exceeded your current quota, check your plan and billing details."),
    "payment-required": (402, "payment_required", "Payment is required to go on."),
    "model-missing": (404, "model_not_found", "The model does not exist or you do not have access to it."),
    "overloaded": (503, "overloaded", "The engine is currently overloaded, please try again later."),
    "server-error": (500, "server_error", "The server had an error while processing your request."),
    "rate-limited": (429, "rate_limit_exceeded", "Rate limit reached for requests."),
}


def compose(ask: Ask, rule: Rule, fault: Fault | None) -> Answer:
    """The answer by rule, or what the fault makes of it; cut when it is longer than asked for."""
    kind = fault.kind if fault else ""
    text = rule(ask.messages)
    if fault is not None and kind == "wrong":
        text = fault.text or "The moon is made of cheese."
    elif fault is not None and kind == "garbage":
        text = GARBAGE.get(fault.text or "mojibake", fault.text or "")
    elif kind == "empty":
        text = ""
    elif kind == "refusal":
        text = "I'm sorry, but I can't help with that."
    words = tuple(_WORD.findall(text))
    answer = Answer(ask.model, words, is_refusal=kind == "refusal")
    if fault is not None and kind == "model-swapped":
        answer = replace(answer, model=fault.text or "tiny-model-0")
    if kind == "content-filter":
        answer = replace(answer, words=words[: len(words) // 3], finish="content_filter")
    elif kind == "length":
        answer = replace(answer, words=words[: max(1, len(words) // 2)], finish="length")
    elif ask.most is not None and len(words) > ask.most:
        answer = replace(answer, words=words[: ask.most], finish="length")
    return answer


def make_refusal(fault: Fault) -> ModelRefused | None:
    """The refusal a fault stands for, if it stands for one."""
    if fault.kind not in REFUSALS:
        return None
    status, code, message = REFUSALS[fault.kind]
    return ModelRefused(fault.status or status, code, fault.text or message, wait=fault.lasts(0.0))


def read_text(content: Any) -> str:
    """The text of a message: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(p["text"]) for p in parts if isinstance(p, dict) and "text" in p)


def repeat_question(messages: Messages) -> str:
    """The rule when none is given: says back what the user said last."""
    asked = [read_text(m.get("content")) for m in messages if m.get("role") == "user"]
    return f"You said: {asked[-1]}" if asked else "You said nothing."
