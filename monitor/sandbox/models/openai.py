"""OpenAI's chat completions: the JSON of questions, answers, chunks and errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.sandbox.models.answers import Answer, Ask, ModelRefused, Piece

FINGERPRINT = "fp_sandbox01"
DONE = b"data: [DONE]\n\n"
_TYPES = {402: "billing_error"} | dict.fromkeys((400, 401, 404), "invalid_request_error")
_CODE_TYPES = {"insufficient_quota": "insufficient_quota", "rate_limit_exceeded": "requests"}


class OpenAIChat:
    """POST /v1/chat/completions, streamed or whole, and GET /v1/models."""

    name = "openai"
    paths: Sequence[str] = ("/v1/chat/completions", "/chat/completions")

    def read_key(self, headers: Mapping[str, str]) -> str:
        """The bearer token."""
        return headers.get("Authorization", "").removeprefix("Bearer ").strip()

    def read(self, body: Any) -> Ask:
        """The question in a body, or 400 with what is wrong."""
        if not isinstance(body, dict):
            raise _invalid("We could not parse the JSON body of your request.")
        model, messages = body.get("model"), body.get("messages")
        if not isinstance(model, str) or not model:
            raise _invalid("you must provide a model parameter")
        if not isinstance(messages, list) or not messages or not all(_is_message(m) for m in messages):
            raise _invalid("Invalid value for 'messages': expected a list of messages with a role")
        most = body.get("max_completion_tokens", body.get("max_tokens"))
        if most is not None and (isinstance(most, bool) or not isinstance(most, int) or most < 1):
            raise _invalid("Invalid value for 'max_completion_tokens': expected an integer of at least 1")
        options = body.get("stream_options")
        wants_usage = isinstance(options, dict) and options.get("include_usage") is True
        if options is not None and body.get("stream") is not True:
            raise _invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.")
        return Ask(model, messages, body.get("stream") is True, wants_usage, most)

    def write(self, ask: Ask, answer: Answer, name: str, at: int) -> dict[str, Any]:
        """The whole answer; `at` in s."""
        said = {"role": "assistant", "content": None if answer.is_refusal else answer.text}
        said["refusal"] = answer.text if answer.is_refusal else None
        return {
            "id": name,
            "object": "chat.completion",
            "created": at,
            "model": answer.model,
            "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": answer.finish}],
            "usage": _usage(ask, answer),
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }

    def stream(self, ask: Ask, answer: Answer, name: str, at: int) -> list[Piece]:
        """The answer in chunks: the role, the words, the finish reason, the usage if asked for, and [DONE]."""

        def chunk(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
            body: dict[str, Any] = {"id": name, "object": "chat.completion.chunk", "created": at}
            body |= {"model": answer.model, "service_tier": "default", "system_fingerprint": FINGERPRINT}
            body["choices"] = choices
            if ask.wants_usage:  # every chunk then carries the field, null until the last
                body["usage"] = usage
            return _event(body)

        def delta(change: dict[str, Any], finish: str | None = None) -> bytes:
            return chunk([{"index": 0, "delta": change, "logprobs": None, "finish_reason": finish}])

        field = "refusal" if answer.is_refusal else "content"
        opening = {"role": "assistant", "content": None if answer.is_refusal else "", "refusal": None}
        pieces = [Piece("opening", delta(opening))]
        pieces += [Piece("word", delta({field: word})) for word in answer.words]
        pieces.append(Piece("ending", delta({}, answer.finish)))
        if ask.wants_usage:
            pieces.append(Piece("usage", chunk([], _usage(ask, answer))))
        return [*pieces, Piece("terminal", DONE)]

    def fail(self, refusal: ModelRefused) -> dict[str, Any]:
        """The body of an error."""
        kind = _CODE_TYPES.get(refusal.code) or _TYPES.get(refusal.status, "server_error")
        return {"error": {"message": refusal.message, "type": kind, "param": None, "code": refusal.code or None}}

    def fail_inside(self, refusal: ModelRefused) -> bytes:
        """An error in the middle of a stream that began with 200."""
        return _event(self.fail(refusal))

    def limits(self, limit: tuple[int, int], left: tuple[int, int], reset: float) -> dict[str, str]:
        """Headers about (requests, tokens) a minute; the reset is a duration such as `6m0s` or `120ms`."""
        found: dict[str, str] = {}
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


def _event(body: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


def _usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    asked, said = ask.tokens, len(answer.words)
    return {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and isinstance(message.get("role"), str)


def _invalid(message: str) -> ModelRefused:
    return ModelRefused(400, "", message)
