"""Anthropic's Messages: blocks in named events, pings in between, and limits with times of day."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from monitor.sandbox.models.answers import Answer, Ask, Piece
from monitor.sandbox.models.openai import invalid, read_model, read_most, read_tools
from monitor.sandbox.models.refusals import ANTHROPIC, ModelRefused, Refusals

_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal", "tool_calls": "tool_use"}
_TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


class Anthropic:
    """POST /v1/messages, streamed or whole, and GET /v1/models for whoever sends `anthropic-version`."""

    name = "anthropic"
    label = "chat.anthropic"
    paths: Sequence[str] = ("/v1/messages",)
    lists: Sequence[str] = ()
    content_type = "text/event-stream"
    refusals: Refusals = ANTHROPIC
    renames: Sequence[tuple[bytes, bytes]] = (
        (b"content_block", b"part"),
        (b"message_", b"reply_"),
        (b'"content"', b'"parts"'),
    )
    is_open = False

    def read_key(self, headers: Mapping[str, str]) -> str:
        """The key in `x-api-key`, or a bearer token."""
        return headers.get("x-api-key") or headers.get("Authorization", "").removeprefix("Bearer ").strip()

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        """The question in a body, or 400 with what is wrong."""
        if not headers.get("anthropic-version"):
            raise invalid("anthropic-version: header is required")
        model, messages = read_model(body), body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise invalid("messages: at least one message is required")
        if not all(isinstance(one, dict) and one.get("role") in ("user", "assistant") for one in messages):
            raise invalid("messages: Unexpected role. Allowed roles are user and assistant")
        most = read_most(body, "max_tokens")
        if most is None:
            raise invalid("max_tokens: Field required")
        system = [{"role": "system", "content": body["system"]}] if body.get("system") else []
        talk = [*system, *map(_plain, messages)]
        form = body.get("output_config", {}).get("format") if isinstance(body.get("output_config"), dict) else None
        form = body.get("output_format") if form is None else form
        schema = form.get("schema") if isinstance(form, dict) else None
        choice = body.get("tool_choice")
        tools = () if choice == {"type": "none"} else read_tools(body, schema="input_schema")
        schema = schema if isinstance(schema, dict) else None
        return Ask(model, talk, body.get("stream") is True, True, most, tools, schema)

    def write(self, ask: Ask, answer: Answer, name: str, at: int) -> dict[str, Any]:
        """The whole answer."""
        return {
            **_frame(answer, name),
            "content": [block | full for block, full, _ in _blocks(answer)],
            "stop_reason": _reason(answer),
            "usage": {"input_tokens": ask.tokens, "output_tokens": answer.tokens},
        }

    def stream(self, ask: Ask, answer: Answer, name: str, at: int) -> list[Piece]:
        """The answer in events; a ping follows the start, as it does at Anthropic."""
        begun = {**_frame(answer, name), "content": [], "stop_reason": None}
        begun["usage"] = {"input_tokens": ask.tokens, "output_tokens": 1, "cache_read_input_tokens": 0}
        pieces = [Piece("opening", event("message_start", message=begun)), Piece("opening", event("ping"))]
        for index, (block, _, deltas) in enumerate(_blocks(answer)):
            pieces.append(Piece("opening", event("content_block_start", index=index, content_block=block)))
            kind = "thought" if block["type"] == "thinking" else "word"
            pieces += [Piece(kind, event("content_block_delta", index=index, delta=delta)) for delta in deltas]
            pieces.append(Piece("ending", event("content_block_stop", index=index)))
        change = {"stop_reason": _reason(answer), "stop_sequence": None}
        counted = {"output_tokens": answer.tokens}
        pieces.append(Piece("ending", event("message_delta", delta=change, usage=counted)))
        return [*pieces, Piece("terminal", event("message_stop"))]

    def fail(self, refusal: ModelRefused) -> dict[str, Any]:
        """The body of an error."""
        error: dict[str, Any] = {"type": refusal.code or _TYPES.get(refusal.status, "api_error")}
        error["message"] = refusal.message
        if refusal.detail:
            error["details"] = {"error_code": refusal.detail}
        return {"type": "error", "error": error, "request_id": f"req_{secrets.token_hex(12)}"}

    def fail_inside(self, refusal: ModelRefused) -> bytes:
        """An error in the middle of a stream that began with 200."""
        return event("error", error=self.fail(refusal)["error"])

    def headers(self, limit: tuple[int, int], left: tuple[int, int], reset: float, at: int) -> dict[str, str]:
        """Headers about (requests, tokens) a minute; the reset is a time of day, and tokens come in thousands."""
        until = datetime.fromtimestamp(at + reset, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = {"request-id": f"req_{secrets.token_hex(12)}"}
        for place, names in ((0, ("requests",)), (1, ("tokens", "input-tokens"))):
            for name in names:
                found[f"anthropic-ratelimit-{name}-limit"] = str(limit[place])
                shown = left[place] if place == 0 else round(left[place], -3)
                found[f"anthropic-ratelimit-{name}-remaining"] = str(shown)
                found[f"anthropic-ratelimit-{name}-reset"] = until
        return found

    def list_models(self, models: Sequence[str], at: int) -> dict[str, Any]:
        """GET /v1/models."""
        since = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        data = [{"type": "model", "id": one, "display_name": one, "created_at": since} for one in models]
        return {"data": data, "has_more": False, "first_id": models[0], "last_id": models[-1]}


def event(kind: str, **fields: Any) -> bytes:
    """One event; its name stands in the JSON, too."""
    body = json.dumps({"type": kind} | fields, separators=(",", ":"), ensure_ascii=False)
    return f"event: {kind}\ndata: {body}\n\n".encode()


def _frame(answer: Answer, name: str) -> dict[str, Any]:
    found = {"id": f"msg_{name}", "type": "message", "role": "assistant", "model": answer.model}
    return found | {"stop_sequence": None}


def _reason(answer: Answer) -> str:
    return "refusal" if answer.is_refusal else _REASONS[answer.finish]


def _blocks(answer: Answer) -> list[tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]]:
    """(a block as it begins, what it holds at its end, the deltas in between)."""
    found: list[tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]] = []
    if answer.thoughts:
        deltas = [{"type": "thinking_delta", "thinking": one} for one in answer.thoughts]
        deltas.append({"type": "signature_delta", "signature": "c2FuZGJveA=="})
        full = {"thinking": answer.thought, "signature": "c2FuZGJveA=="}
        found.append(({"type": "thinking", "thinking": "", "signature": ""}, full, deltas))
    for call in answer.calls:
        middle = len(call.text) // 2
        parts = [{"type": "input_json_delta", "partial_json": t} for t in (call.text[:middle], call.text[middle:])]
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        found.append((block, {"input": call.arguments}, parts))
    if not found and answer.words:
        deltas = [{"type": "text_delta", "text": word} for word in answer.words]
        found.append(({"type": "text", "text": ""}, {"text": answer.text}, deltas))
    return found


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as {role, content}; one that carries a tool's result is what a tool said."""
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    results = [one for one in blocks if isinstance(one, dict) and one.get("type") == "tool_result"]
    if results:
        return {"role": "tool", "content": results[-1].get("content")}
    return {"role": message["role"], "content": content}
