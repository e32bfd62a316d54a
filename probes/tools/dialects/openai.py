"""OpenAI's Chat Completions, and the many servers that speak it more or less."""

from __future__ import annotations

import re
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
    is_strict,
    objects,
    text,
    tools_of,
    with_options,
)
from probes.words.dialects import below_version
from probes.words.failure import Failure

NAME = "openai"
END = "the final [DONE]"
MARK = b'"choices"'
_LAST = "[DONE]"
_REASONING = re.compile(r"(?:[a-z]+/)?(?:o\d|gpt-[5-9])")  # models that refuse `max_tokens`


def path(url: str) -> str:
    """Where questions are posted: below `/v1`, which the target's url may already name."""
    return below_version(url, "/chat/completions")


def headers(credentials: Mapping[str, str]) -> dict[str, str]:
    """Nothing: the key is a bearer token."""
    return {}


def question(
    messages: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], *, stream: bool = True
) -> dict[str, Any]:
    """The body of a question."""
    model, system = str(settings.get("model") or ""), settings.get("system")
    body: dict[str, Any] = {
        "model": model,
        "messages": [*([{"role": "system", "content": system}] if system else []), *map(_message, messages)],
    }
    if settings.get("max_tokens"):
        name = "max_completion_tokens" if _REASONING.match(model) else "max_tokens"
        body[name] = int(settings["max_tokens"])
    if tools := [_tool(*each) for each in tools_of(settings)]:
        body["tools"] = tools
    if schema := settings.get("schema"):
        named = {"name": "answer", "schema": schema, "strict": is_strict(schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return with_options(body, settings.get("options"))


def _tool(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    if message.get("role") == "tool":
        return {"role": "tool", "tool_call_id": message.get("id"), "content": as_json(message.get("content"))}
    if not message.get("tool_calls"):
        return dict(message)
    calls = [
        {
            "id": call.get("id"),
            "type": "function",
            "function": {"name": call.get("name"), "arguments": as_json(call.get("arguments"))},
        }
        for call in objects(message["tool_calls"])
    ]
    return {"role": "assistant", "content": message.get("content") or None, "tool_calls": calls}


def read(data: str, name: str = "") -> Piece:
    """One event of the stream. Only the last, `[DONE]`, is not JSON; raises Trouble for an error sent in mid-stream."""
    if data.strip() == _LAST:
        return Piece(last=True)
    return _piece(event(data), "delta")


def whole(document: Any) -> Piece:
    """An answer that came in one document."""
    if not isinstance(document, dict):
        raise Trouble(Failure.GARBAGE, "the answer is not a JSON object")
    if not refusals.error_in(document) and not isinstance(document.get("choices"), list):
        raise Trouble(Failure.CONTRACT_CHANGED, "the answer has no choices: this is not a chat completion")
    return _piece(document, "message")


def refused(status: int, headers: Mapping[str, str], document: Any, model: str = "") -> Trouble:
    """What an answer of status 400 and more means."""
    return refusals.of_document(document, status=status, headers=headers, witness=NAME, model=model)


def _piece(chunk: dict[str, Any], part: str) -> Piece:
    if (error := refusals.error_in(chunk)) is not None:
        raise refusals.trouble(*error, witness=NAME)
    choices = chunk.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    said = inner(choice.get(part) or choice.get("message"))
    if len(said) == 1 and choice.get("finish_reason") is None and chunk.get("usage") is None and "content" in said:
        found = Piece(text(said["content"]))  # the usual chunk: a word and nothing else
        found.model, found.fingerprint = text(chunk.get("model")), text(chunk.get("system_fingerprint"))
        found.last = chunk.get("object") == "chat.completion"
        return found
    return Piece(
        text=text(said.get("content")),
        hidden=bool(said.get("reasoning") or said.get("reasoning_content")),
        refusal=text(said.get("refusal")),
        calls=tuple(_calls(said)),
        finish=text(choice.get("finish_reason")),  # some servers send "" where null is meant
        usage=_usage(chunk.get("usage")),
        model=text(chunk.get("model")),
        fingerprint=text(chunk.get("system_fingerprint")),
        last=chunk.get("object") == "chat.completion",  # a whole answer, though it was sent as if it were a stream
    )


def _calls(said: Mapping[str, Any]) -> Iterator[CallPart]:
    if "tool_calls" not in said and "function_call" not in said:
        return
    for number, call in enumerate(objects(said.get("tool_calls"))):
        key, function = call.get("index"), inner(call.get("function"))
        yield CallPart(
            key if isinstance(key, int) else number,
            text(call.get("id")),
            text(function.get("name")),
            arguments(function.get("arguments")),
        )
    if old := inner(said.get("function_call")):  # before there were tools
        yield CallPart("function", "", text(old.get("name")), arguments(old.get("arguments")))


def _usage(found: Any) -> Usage | None:
    if not isinstance(found, dict):
        return None
    return Usage(
        count(found.get("prompt_tokens")),
        count(found.get("completion_tokens")),
        count(inner(found.get("completion_tokens_details")).get("reasoning_tokens")),
        count(inner(found.get("prompt_tokens_details")).get("cached_tokens")),
    )
