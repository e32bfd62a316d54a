"""A server that only looks like OpenAI's, with the quirks such servers have: a client has to forgive every one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.sandbox.models.answers import Answer, Ask, Piece
from monitor.sandbox.models.openai import OpenAIChat, usage
from monitor.sandbox.models.refusals import ModelRefused

KEEP_ALIVE = b": keep-alive\r\n\r\n"  # a comment, as gateways send them while a model thinks


class Compatible(OpenAIChat):
    """POST /compatible/v1/chat/completions. CRLF, no space after `data:`, comments, "" where null is meant,
    reasoning in `reasoning_content`, usage in the last chunk of words, and an error that is a mere string.

    Without `says_done` its stream ends with the finish reason: many a server sends no [DONE].
    """

    label = "chat.compatible"
    paths: Sequence[str] = ("/compatible/v1/chat/completions",)
    lists: Sequence[str] = ("/compatible/v1/models",)
    is_open = False

    def __init__(self, *, says_done: bool = True) -> None:
        self.says_done = says_done

    def write(self, ask: Ask, answer: Answer, name: str, at: int) -> dict[str, Any]:
        """The whole answer, without what only OpenAI's has."""
        whole = super().write(ask, answer, name, at)
        message = whole["choices"][0]["message"]
        message["reasoning_content"] = answer.thought or None
        if answer.is_refusal:  # they know no refusals: it is said like anything else
            message["content"] = answer.text
        del message["refusal"], whole["service_tier"], whole["system_fingerprint"]
        return whole

    def stream(self, ask: Ask, answer: Answer, name: str, at: int) -> list[Piece]:
        """The answer in chunks; the finish reason comes with an empty last word."""

        def chunk(delta: dict[str, Any], finish: str = "", **more: Any) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            body = {"id": name, "object": "chat.completion.chunk", "created": at, "model": answer.model}
            return event(body | {"choices": [choice]} | more)

        pieces = [Piece("opening", KEEP_ALIVE + chunk({"role": "assistant"}))]
        pieces += [Piece("thought", chunk({"reasoning_content": one, "content": None})) for one in answer.thoughts]
        pieces += [Piece("word", KEEP_ALIVE + chunk({"content": word})) for word in answer.words]
        for index, call in enumerate(answer.calls):  # whole calls in one chunk, as most of them do
            said = {"index": index, "id": call.id, "function": {"name": call.name, "arguments": call.text}}
            pieces.append(Piece("word", chunk({"tool_calls": [said]})))
        pieces.append(Piece("ending", chunk({"content": ""}, answer.finish, usage=usage(ask, answer))))
        return [*pieces, Piece("terminal", b"data:[DONE]\r\n\r\n" if self.says_done else b"")]

    def fail(self, refusal: ModelRefused) -> dict[str, Any]:
        """An error that is a string."""
        return {"error": f"{refusal.message} ({refusal.code})" if refusal.code else refusal.message}

    def fail_inside(self, refusal: ModelRefused) -> bytes:
        """The same in a stream."""
        return event(self.fail(refusal))

    def headers(self, limit: tuple[int, int], left: tuple[int, int], reset: float, at: int) -> dict[str, str]:
        """None: such a server says nothing of its limits."""
        return {}


def event(body: Mapping[str, Any]) -> bytes:
    """One event with CRLF and without the space."""
    return b"data:" + json.dumps(body, ensure_ascii=False).encode() + b"\r\n\r\n"
