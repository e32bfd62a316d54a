"""What a model was asked and what it says: by rule, so that the same question has the same answer. No I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from monitor.sandbox.faults import Fault
from monitor.sandbox.models.refusals import REFUSALS, ModelRefused, Refusals, make_refusal
from monitor.sandbox.models.tools import Call, Tool, choose, fill

__all__ = [
    "GARBAGE",
    "REFUSALS",
    "Answer",
    "Ask",
    "Dialect",
    "ModelRefused",
    "Piece",
    "Rule",
    "compose",
    "make_refusal",
    "read_text",
    "repeat_question",
]
Messages = Sequence[Mapping[str, Any]]
Rule = Callable[[Messages], str]
_WORD = re.compile(r"\S+\s*|\s+")
THOUGHTS = tuple(_WORD.findall("The patient asks something. I should think about what to say. "))


@dataclass(frozen=True, slots=True)
class Ask:
    """One question, whatever dialect it came in; `most` is how many words (our tokens) the answer may have.

    `messages` are {role, content}; a tool's result has the role `tool`. `schema` is what the answer's JSON must fit.
    """

    model: str
    messages: Messages
    stream: bool = False
    wants_usage: bool = False
    most: int | None = None
    tools: tuple[Tool, ...] = ()
    schema: Mapping[str, Any] | None = None

    @property
    def tokens(self) -> int:
        """About four characters a token, as a rule of thumb that is the same every time."""
        return sum(len(read_text(m.get("content"))) // 4 + 4 for m in self.messages)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said, in words as they are streamed; `finish` is stop, length, content_filter or tool_calls."""

    model: str
    words: tuple[str, ...]
    finish: str = "stop"
    is_refusal: bool = False
    thoughts: tuple[str, ...] = ()
    calls: tuple[Call, ...] = field(default=())

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.words)

    @property
    def thought(self) -> str:
        """The reasoning before it."""
        return "".join(self.thoughts)

    @property
    def tokens(self) -> int:
        """Words said, thought, and written into calls."""
        return len(self.words) + len(self.thoughts) + sum(len(call.text.split()) + 1 for call in self.calls)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a stream, ready for the wire, and what it is: opening, thought, word, ending, usage or terminal."""

    kind: str
    data: bytes


class Dialect(Protocol):
    """A wire format: how a question is read and how answers, errors and limits are written.

    `name` is the dialect that a client speaks; `label` what faults and the record call its questions; `is_open` lets
    in who brings no key at all; `renames` are names of fields, and what a changed contract calls them.
    """

    name: str
    label: str
    paths: Sequence[str]
    lists: Sequence[str]
    content_type: str
    refusals: Refusals
    renames: Sequence[tuple[bytes, bytes]]
    is_open: bool

    def read_key(self, headers: Mapping[str, str]) -> str: ...
    def read(self, body: Any, headers: Mapping[str, str]) -> Ask: ...
    def write(self, ask: Ask, answer: Answer, name: str, at: int) -> dict[str, Any]: ...
    def stream(self, ask: Ask, answer: Answer, name: str, at: int) -> list[Piece]: ...
    def fail(self, refusal: ModelRefused) -> dict[str, Any]: ...
    def fail_inside(self, refusal: ModelRefused) -> bytes: ...
    def headers(self, limit: tuple[int, int], left: tuple[int, int], reset: float, at: int) -> dict[str, str]: ...
    def list_models(self, models: Sequence[str], at: int) -> dict[str, Any]: ...


GARBAGE = {
    "mojibake": "YouÃ¢â‚¬â„¢re all set! Ã°Å¸Â¦Â· SeeÃ‚Â youÃ‚Â tomorrowÃ¢â‚¬Â¦",
    "loop": "I can help with that. " * 40,
    "json": '{"error": {"message": "upstream request timeout"',
}


def compose(ask: Ask, rule: Rule, fault: Fault | None) -> Answer:
    """The answer by rule, or what the fault makes of it; cut when it is longer than asked for."""
    kind = fault.kind if fault else ""
    answer = _reply(ask, rule) if fault is None else _spoilt(ask, rule, fault)
    words = answer.words
    if fault is not None and kind == "model-swapped":
        answer = replace(answer, model=fault.text or "tiny-model-0")
    if kind == "content-filter":
        answer = replace(answer, words=words[: len(words) // 3], finish="content_filter")
    elif kind == "length":
        answer = replace(answer, words=words[: max(1, len(words) // 2)], finish="length")
    elif ask.most is not None and len(words) > ask.most:
        answer = replace(answer, words=words[: ask.most], finish="length")
    return answer


def _reply(ask: Ask, rule: Rule) -> Answer:
    """What a healthy model says: a call where it has tools and no result yet, a document where it has a schema."""
    latest = read_text(ask.messages[-1].get("content"))
    if ask.tools and ask.messages[-1].get("role") != "tool" and (call := choose(ask.tools, latest)) is not None:
        return Answer(ask.model, (), "tool_calls", calls=(call,))
    if ask.schema is not None:
        return Answer(ask.model, tuple(_WORD.findall(json.dumps(fill(ask.schema, latest), ensure_ascii=False))))
    return Answer(ask.model, tuple(_WORD.findall(rule(ask.messages))))


def _spoilt(ask: Ask, rule: Rule, fault: Fault) -> Answer:
    """What is said under a fault; one that concerns only how it is said leaves the reply as it is."""
    if fault.kind == "reasoning-only":
        return Answer(ask.model, (), thoughts=THOUGHTS)
    instead = {
        "wrong": fault.text or "The moon is made of cheese.",
        "garbage": GARBAGE.get(fault.text or "mojibake", fault.text or ""),
        "empty": "",
        "refusal": "I'm sorry, but I can't help with that.",
    }
    if fault.kind not in instead:
        return _reply(ask, rule)
    return Answer(ask.model, tuple(_WORD.findall(instead[fault.kind])), is_refusal=fault.kind == "refusal")


def read_text(content: Any) -> str:
    """The text of a message: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(p["text"]) for p in parts if isinstance(p, dict) and "text" in p)


def repeat_question(messages: Messages) -> str:
    """The rule when none is given: says back what the user, or a tool, said last."""
    if messages and messages[-1].get("role") == "tool":
        return f"The tool said: {read_text(messages[-1].get('content'))}"
    asked = [read_text(m.get("content")) for m in messages if m.get("role") == "user"]
    return f"You said: {asked[-1]}" if asked else "You said nothing."
