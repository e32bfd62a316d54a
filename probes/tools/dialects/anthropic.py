"""Anthropic's Messages: blocks that open, grow and close, pings between them, and errors at any moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probes.tools import Trouble
from probes.tools.dialects import CallPart, Piece, Usage, refusals
from probes.tools.dialects.shapes import (
    arguments,
    as_json,
    count,
    event,
    inner,
    objects,
    text,
    tools_of,
    total,
    with_options,
)
from probes.words.dialects import below_version
from probes.words.failure import Failure

NAME = "anthropic"
END = "the final message_stop"
MARK = b"message_start"
VERSION = "2023-06-01"
MOST = 1_024  # tokens of an answer where nobody says; the format requires a number
_SIGNED_IN = "sk-ant-oat"  # how a token begins that is meant to be a bearer's


def path(url: str) -> str:
    """Where questions are posted: below `/v1`, which the target's url may already name."""
    return below_version(url, "/messages")


def headers(credentials: Mapping[str, str]) -> dict[str, str]:
    """The version of the format, and a bearer's key as `x-api-key`, which is where this format has keys."""
    found = {"anthropic-version": VERSION}
    given = next((value for name, value in credentials.items() if name.lower() == "authorization"), "")
    scheme, _, key = given.partition(" ")
    if scheme.lower() == "bearer" and key and not key.startswith(_SIGNED_IN):
        found |= {"x-api-key": key}
    return found


def question(
    messages: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], *, stream: bool = True
) -> dict[str, Any]:
    """The body of a question."""
    body: dict[str, Any] = {
        "model": str(settings.get("model") or ""),
        "max_tokens": int(settings.get("max_tokens") or MOST),
        "messages": _joined(map(_message, messages)),
    }
    if settings.get("system"):
        body["system"] = settings["system"]
    if tools := list(tools_of(settings)):
        body["tools"] = [{"name": name, "description": about, "input_schema": shape} for name, about, shape in tools]
    if schema := settings.get("schema"):
        body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    if stream:
        body["stream"] = True
    return with_options(body, settings.get("options"))


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    if message.get("role") == "tool":
        block = {"type": "tool_result", "tool_use_id": message.get("id"), "content": as_json(message.get("content"))}
        return {"role": "user", "content": [block]}
    if not message.get("tool_calls"):
        return dict(message)
    blocks: list[dict[str, Any]] = [{"type": "text", "text": message["content"]}] if message.get("content") else []
    for call in objects(message["tool_calls"]):
        said = {"type": "tool_use", "id": call.get("id"), "name": call.get("name")}
        blocks.append(said | {"input": call.get("arguments") or {}})
    return {"role": "assistant", "content": blocks}


def _joined(messages: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results of several tools are one message: the roles have to take turns."""
    found: list[dict[str, Any]] = []
    for message in messages:
        if found and _are_results(found[-1]) and _are_results(message):
            found[-1] = {"role": "user", "content": [*found[-1]["content"], *message["content"]]}
        else:
            found.append(message)
    return found


def _are_results(message: Mapping[str, Any]) -> bool:
    return any(part.get("type") == "tool_result" for part in objects(message.get("content")))


def read(data: str, name: str = "") -> Piece:
    """One event of the stream; a ping or a type that is not known adds nothing. Raises Trouble for an error in it."""
    said = event(data)
    kind = text(said.get("type")) or name
    if kind == "content_block_delta":
        return _delta(inner(said.get("delta")), _key(said))
    if kind == "content_block_start":
        return _block(inner(said.get("content_block")), _key(said))
    if kind == "message_start":
        message = inner(said.get("message"))
        return Piece(usage=_usage(message.get("usage")), model=text(message.get("model")))
    if kind == "message_delta":
        return _ending(inner(said.get("delta")), said.get("usage"))
    if kind == "message_stop":
        return Piece(last=True)
    if kind == "message":  # a whole answer, though it was sent as if it were a stream
        return whole(said)
    if kind == "error" or "error" in said:
        raise refusals.trouble(*(refusals.error_in(said) or ([], "")), witness=NAME)
    return Piece()


def whole(document: Any) -> Piece:
    """An answer that came in one document."""
    if not isinstance(document, dict):
        raise Trouble(Failure.GARBAGE, "the answer is not a JSON object")
    if (error := refusals.error_in(document)) is not None:
        raise refusals.trouble(*error, witness=NAME)
    if not isinstance(document.get("content"), list):
        raise Trouble(Failure.CONTRACT_CHANGED, "the answer has no content blocks: this is no message of this dialect")
    piece = _ending(document, document.get("usage"))
    for number, block in enumerate(objects(document["content"])):
        part = _block(block, number)
        piece.text += part.text
        piece.hidden = piece.hidden or part.hidden
        piece.calls += part.calls
    piece.model, piece.last = text(document.get("model")), True
    return piece


def refused(status: int, headers: Mapping[str, str], document: Any, model: str = "") -> Trouble:
    """What an answer of status 400 and more means."""
    return refusals.of_document(document, status=status, headers=headers, witness=NAME, model=model)


def _block(block: dict[str, Any], key: int) -> Piece:
    kind = block.get("type")
    if kind == "tool_use":
        given = block.get("input")
        return Piece(calls=(CallPart(key, text(block.get("id")), text(block.get("name")), arguments(given or None)),))
    if kind == "text":
        return Piece(text=text(block.get("text")))
    return Piece(hidden=kind in ("thinking", "redacted_thinking"))


def _delta(delta: dict[str, Any], key: int) -> Piece:
    kind = delta.get("type")
    if kind == "text_delta":
        return Piece(text=text(delta.get("text")))
    if kind == "input_json_delta":
        return Piece(calls=(CallPart(key, arguments=text(delta.get("partial_json"))),))
    return Piece(hidden=kind in ("thinking_delta", "signature_delta"))


def _ending(delta: dict[str, Any], usage: Any) -> Piece:
    reason = text(delta.get("stop_reason"))
    category = text(inner(delta.get("stop_details")).get("category"))
    why = f"category {category}" if category and reason == "refusal" else ""
    return Piece(finish=reason, refusal=why, usage=_usage(usage))


def _key(said: Mapping[str, Any]) -> int:
    index = said.get("index")
    return index if isinstance(index, int) else 0


def _usage(found: Any) -> Usage | None:
    """What is read from a cache or written to it is counted apart, and is part of the question all the same."""
    if not isinstance(found, dict):
        return None
    cached = count(found.get("cache_read_input_tokens"))
    asked = count(found.get("input_tokens"))
    if asked is not None:
        asked = total(asked, cached, found.get("cache_creation_input_tokens"))
    thought = inner(found.get("output_tokens_details")).get("thinking_tokens")
    return Usage(asked, count(found.get("output_tokens")), count(thought), cached)
