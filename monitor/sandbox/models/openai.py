"""OpenAI's chat completions: the JSON of questions, answers, chunks and errors."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.sandbox.models.answers import Answer, Ask, Piece
from monitor.sandbox.models.refusals import REFUSALS, ModelRefused, Refusals
from monitor.sandbox.models.tools import Tool

FINGERPRINT = "fp_sandbox01"
DONE = b"data: [DONE]\n\n"
_TYPES = {402: "billing_error"} | dict.fromkeys((400, 401, 404), "invalid_request_error")
_CODE_TYPES = {"insufficient_quota": "insufficient_quota", "rate_limit_exceeded": "requests"}


class OpenAIChat:
    """POST /v1/chat/completions, streamed or whole, and GET /v1/models."""

    name = "openai"
    label = "chat"
    paths: Sequence[str] = ("/v1/chat/completions", "/chat/completions")
    lists: Sequence[str] = ("/v1/models",)
    content_type = "text/event-stream"
    refusals: Refusals = REFUSALS
    renames: Sequence[tuple[bytes, bytes]] = ((b'"choices"', b'"outputs"'),)
    is_open = False

    def read_key(self, headers: Mapping[str, str]) -> str:
        """The bearer token."""
        return headers.get("Authorization", "").removeprefix("Bearer ").strip()

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        """The question in a body, or 400 with what is wrong."""
        model = read_model(body)
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages or not all(_is_message(m) for m in messages):
            raise invalid("Invalid value for 'messages': expected a list of messages with a role")
        most = read_most(body, "max_completion_tokens", "max_tokens")
        options = body.get("stream_options")
        wants_usage = isinstance(options, dict) and options.get("include_usage") is True
        if options is not None and body.get("stream") is not True:
            raise invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
        tools = read_tools(body, "function")
        return Ask(model, messages, body.get("stream") is True, wants_usage, most, tools, _schema(body))

    def write(self, ask: Ask, answer: Answer, name: str, at: int) -> dict[str, Any]:
        """The whole answer; `at` in s."""
        silent = answer.is_refusal or answer.calls
        said: dict[str, Any] = {"role": "assistant", "content": None if silent else answer.text}
        said["refusal"] = answer.text if answer.is_refusal else None
        if answer.calls:
            said["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.text}}
                for call in answer.calls
            ]
        return {
            "id": f"chatcmpl-{name}",
            "object": "chat.completion",
            "created": at,
            "model": answer.model,
            "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": answer.finish}],
            "usage": usage(ask, answer),
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }

    def stream(self, ask: Ask, answer: Answer, name: str, at: int) -> list[Piece]:
        """The answer in chunks: the role, the words, the finish reason, the usage if asked for, and [DONE]."""

        def chunk(choices: list[dict[str, Any]], counted: dict[str, Any] | None = None) -> bytes:
            body: dict[str, Any] = {"id": f"chatcmpl-{name}", "object": "chat.completion.chunk", "created": at}
            body |= {"model": answer.model, "service_tier": "default", "system_fingerprint": FINGERPRINT}
            body["choices"] = choices
            if ask.wants_usage:  # every chunk then carries the field, null until the last
                body["usage"] = counted
            return event(body)

        def delta(change: dict[str, Any], finish: str | None = None) -> bytes:
            return chunk([{"index": 0, "delta": change, "logprobs": None, "finish_reason": finish}])

        field = "refusal" if answer.is_refusal else "content"
        opening = {"role": "assistant", "content": None if answer.is_refusal else "", "refusal": None}
        pieces = [Piece("opening", delta(opening))]
        pieces += [Piece("word", delta({field: word})) for word in answer.words]
        pieces += [Piece("word", delta({"tool_calls": [part]})) for part in _call_parts(answer)]
        pieces.append(Piece("ending", delta({}, answer.finish)))
        if ask.wants_usage:
            pieces.append(Piece("usage", chunk([], usage(ask, answer))))
        return [*pieces, Piece("terminal", DONE)]

    def fail(self, refusal: ModelRefused) -> dict[str, Any]:
        """The body of an error."""
        kind = _CODE_TYPES.get(refusal.code) or _TYPES.get(refusal.status, "server_error")
        return {"error": {"message": refusal.message, "type": kind, "param": None, "code": refusal.code or None}}

    def fail_inside(self, refusal: ModelRefused) -> bytes:
        """An error in the middle of a stream that began with 200."""
        return event(self.fail(refusal))

    def headers(self, limit: tuple[int, int], left: tuple[int, int], reset: float, at: int) -> dict[str, str]:
        """Headers about (requests, tokens) a minute; the reset is a duration such as `6m0s` or `120ms`."""
        found = {"x-request-id": f"req_{secrets.token_hex(12)}", "openai-processing-ms": "1"}
        for place, name in enumerate(("requests", "tokens")):
            found[f"x-ratelimit-limit-{name}"] = str(limit[place])
            found[f"x-ratelimit-remaining-{name}"] = str(left[place])
            found[f"x-ratelimit-reset-{name}"] = write_duration(reset)
        return found

    def list_models(self, models: Sequence[str], at: int) -> dict[str, Any]:
        """GET /v1/models."""
        data = [{"id": m, "object": "model", "created": at, "owned_by": "sandbox"} for m in models]
        return {"object": "list", "data": data}


def write_duration(seconds: float) -> str:
    """`120ms`, `1s`, `6m0s`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def event(body: dict[str, Any]) -> bytes:
    """One event of a stream without names."""
    return b"data: " + json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    """Tokens as Chat Completions counts them."""
    asked, said = ask.tokens, answer.tokens
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": len(answer.thoughts)},
    }


def read_model(body: Any) -> str:
    """The model that a body names, or 400."""
    if not isinstance(body, dict):
        raise invalid("We could not parse the JSON body of your request.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise invalid("you must provide a model parameter")
    return model


def read_most(body: Mapping[str, Any], *names: str) -> int | None:
    """The longest answer that is wanted, under the first of these names that is there, or 400."""
    most = next((body[name] for name in names if body.get(name) is not None), None)
    if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
        raise invalid(f"Invalid value for '{names[0]}': expected an integer of at least 1")
    return most


def read_tools(body: Mapping[str, Any], part: str = "", schema: str = "parameters") -> tuple[Tool, ...]:
    """The tools of a body; in some dialects they stand one level deeper, under `part`."""
    given = body.get("tools")
    if not isinstance(given, list) or body.get("tool_choice") == "none":
        return ()
    inner = [one.get(part) if part and isinstance(one, dict) else one for one in given]
    if not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in inner):
        raise invalid("Invalid value for 'tools': every tool needs a name")
    return tuple(Tool(one["name"], one.get(schema) or {}) for one in inner if isinstance(one, dict))


def invalid(message: str) -> ModelRefused:
    """400, with what is wrong."""
    return ModelRefused(400, "", message)


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    form = body.get("response_format")
    kind = form.get("type") if isinstance(form, dict) else None
    if kind == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}}
    named = form.get("json_schema") if isinstance(form, dict) and kind == "json_schema" else None
    return named.get("schema") if isinstance(named, dict) and isinstance(named.get("schema"), dict) else None


def _call_parts(answer: Answer) -> list[dict[str, Any]]:
    """Calls as they are streamed: the name first, then the arguments in two parts."""
    parts: list[dict[str, Any]] = []
    for index, call in enumerate(answer.calls):
        opening = {"index": index, "id": call.id, "type": "function"}
        parts.append(opening | {"function": {"name": call.name, "arguments": ""}})
        middle = len(call.text) // 2
        parts += [{"index": index, "function": {"arguments": t}} for t in (call.text[:middle], call.text[middle:])]
    return parts


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str)
