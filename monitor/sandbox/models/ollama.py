"""Ollama's own /api/chat: one JSON document a line, the last of which says why it ended and what it took."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from monitor.sandbox.models.answers import Answer, Ask, Piece
from monitor.sandbox.models.openai import invalid, read_model, read_most, read_tools
from monitor.sandbox.models.refusals import OLLAMA, ModelRefused, Refusals

_REASONS = {"content_filter": "stop", "tool_calls": "stop"}  # it knows neither
_LOADED, _ASKED, _SAID = 12_000_000, 3_000_000, 40_000_000  # ns


class Ollama:
    """POST /api/chat, streamed (as it is unless told otherwise) or whole, and GET /api/tags; it asks for no key."""

    name = "ollama"
    label = "chat.ollama"
    paths: Sequence[str] = ("/api/chat",)
    lists: Sequence[str] = ("/api/tags",)
    content_type = "application/x-ndjson"
    refusals: Refusals = OLLAMA
    renames: Sequence[tuple[bytes, bytes]] = ((b'"message"', b'"reply"'),)
    is_open = True

    def read_key(self, headers: Mapping[str, str]) -> str:
        """The bearer token of whoever stands behind a proxy."""
        return headers.get("Authorization", "").removeprefix("Bearer ").strip()

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        """The question in a body, or 400 with what is wrong."""
        model, messages = read_model(body), body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise invalid("messages are missing")
        if not all(isinstance(one, dict) and isinstance(one.get("role"), str) for one in messages):
            raise invalid("invalid message: it has no role")
        options = body.get("options")
        most = read_most(options, "num_predict") if isinstance(options, dict) else None
        form = body.get("format")
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}} if form == "json" else form
        schema = schema if isinstance(schema, dict) else None
        return Ask(model, messages, body.get("stream") is not False, True, most, read_tools(body, "function"), schema)

    def write(self, ask: Ask, answer: Answer, name: str, at: int) -> dict[str, Any]:
        """The whole answer."""
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.thoughts:
            message["thinking"] = answer.thought
        if answer.calls:
            message["tool_calls"] = _calls(answer)
        return {**_frame(answer, at), "message": message, **_end(ask, answer)}

    def stream(self, ask: Ask, answer: Answer, name: str, at: int) -> list[Piece]:
        """The answer in lines."""

        def said(message: dict[str, Any]) -> bytes:
            message = {"role": "assistant", "content": ""} | message
            return line({**_frame(answer, at), "message": message, "done": False})

        pieces = [Piece("opening", b"")]
        pieces += [Piece("thought", said({"thinking": one})) for one in answer.thoughts]
        pieces += [Piece("word", said({"content": word})) for word in answer.words]
        if answer.calls:
            pieces.append(Piece("word", said({"tool_calls": _calls(answer)})))
        last = {**_frame(answer, at), "message": {"role": "assistant", "content": ""}, **_end(ask, answer)}
        return [*pieces, Piece("ending", b""), Piece("terminal", line(last))]

    def fail(self, refusal: ModelRefused) -> dict[str, Any]:
        """The body of an error."""
        return {"error": refusal.message}

    def fail_inside(self, refusal: ModelRefused) -> bytes:
        """The line that ends a stream badly."""
        return line(self.fail(refusal))

    def headers(self, limit: tuple[int, int], left: tuple[int, int], reset: float, at: int) -> dict[str, str]:
        """None: it has no limits but the machine's."""
        return {}

    def list_models(self, models: Sequence[str], at: int) -> dict[str, Any]:
        """GET /api/tags."""
        return {"models": [{"name": one, "model": one, "modified_at": _iso(at), "size": 815_319_791} for one in models]}


def line(body: Mapping[str, Any]) -> bytes:
    """One document on its line."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _calls(answer: Answer) -> list[dict[str, Any]]:
    return [{"function": {"name": call.name, "arguments": dict(call.arguments)}} for call in answer.calls]


def _frame(answer: Answer, at: int) -> dict[str, Any]:
    return {"model": answer.model, "created_at": _iso(at)}


def _end(ask: Ask, answer: Answer) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": _REASONS.get(answer.finish, answer.finish),
        "total_duration": _LOADED + _ASKED + _SAID,
        "load_duration": _LOADED,
        "prompt_eval_count": ask.tokens,
        "prompt_eval_duration": _ASKED,
        "eval_count": answer.tokens,
        "eval_duration": _SAID,
    }


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
