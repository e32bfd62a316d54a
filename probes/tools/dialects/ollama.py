"""Ollama's own chat: a JSON document a line, the last of which says how long everything took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from probes.tools import Trouble
from probes.tools.dialects import CallPart, Piece, Usage, refusals
from probes.tools.dialects.shapes import arguments, as_json, count, event, inner, objects, text, tools_of, with_options
from probes.words.failure import Failure

NAME = "ollama"
END = "its last line, done: true"
MARK = b'"message"'
_TOP = frozenset({"keep_alive", "think", "format", "logprobs", "top_logprobs", "truncate", "shift"})
_NANO = 1e9


def path(url: str) -> str:
    """Where questions are posted: below `/api`, which the target's url may already name."""
    return "/chat" if url.endswith("/api") else "/api/chat"


def headers(credentials: Mapping[str, str]) -> dict[str, str]:
    """Nothing: there is no key, or it is a bearer token."""
    return {}


def question(
    messages: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], *, stream: bool = True
) -> dict[str, Any]:
    """The body of a question; what is no key of the request itself is one of the model's options."""
    system, given = settings.get("system"), inner(settings.get("options"))
    body: dict[str, Any] = {
        "model": str(settings.get("model") or ""),
        "messages": [*([{"role": "system", "content": system}] if system else []), *map(_message, messages)],
        "stream": stream,
    }
    options = {name: value for name, value in given.items() if name not in _TOP}
    if settings.get("max_tokens"):
        options = {"num_predict": int(settings["max_tokens"]), **options}
    if options:
        body["options"] = options
    if tools := list(tools_of(settings)):
        body["tools"] = [
            {"type": "function", "function": {"name": name, "description": about, "parameters": shape}}
            for name, about, shape in tools
        ]
    if schema := settings.get("schema"):
        body["format"] = schema
    return with_options(body, {name: value for name, value in given.items() if name in _TOP})


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    if message.get("role") == "tool":
        return {"role": "tool", "tool_name": message.get("name"), "content": as_json(message.get("content"))}
    if not message.get("tool_calls"):
        return dict(message)
    calls = [
        {"function": {"name": call.get("name"), "arguments": call.get("arguments") or {}}}
        for call in objects(message["tool_calls"])
    ]
    return {"role": "assistant", "content": message.get("content") or "", "tool_calls": calls}


def read(data: str, name: str = "") -> Piece:
    """One line of the stream; raises Trouble for an error sent in mid-stream."""
    return _piece(event(data))


def whole(document: Any) -> Piece:
    """An answer that came in one document."""
    if not isinstance(document, dict):
        raise Trouble(Failure.GARBAGE, "the answer is not a JSON object")
    if not refusals.error_in(document) and not isinstance(document.get("message"), dict):
        raise Trouble(Failure.CONTRACT_CHANGED, "the answer has no message: this is no answer of this dialect")
    return _piece(document)


def refused(status: int, headers: Mapping[str, str], document: Any, model: str = "") -> Trouble:
    """What an answer of status 400 and more means."""
    return refusals.of_document(document, status=status, headers=headers, witness=NAME, model=model)


def _piece(line: dict[str, Any]) -> Piece:
    if (error := refusals.error_in(line)) is not None:
        raise refusals.trouble(*error, witness=NAME)
    said = inner(line.get("message"))
    piece = Piece(
        text=text(said.get("content")),
        hidden=bool(said.get("thinking")),
        calls=tuple(_calls(said)),
        model=text(line.get("model")),
    )
    if line.get("done") is True:
        piece.last = True
        piece.finish = text(line.get("done_reason")) or "stop"  # older servers give no reason
        piece.usage = Usage(count(line.get("prompt_eval_count")), count(line.get("eval_count")))
        loaded = count(line.get("load_duration"))
        piece.load = None if loaded is None else loaded / _NANO
    return piece


def _calls(said: Mapping[str, Any]) -> Iterator[CallPart]:
    for call in objects(said.get("tool_calls")):
        function = inner(call.get("function"))
        given = arguments(function.get("arguments"))
        yield CallPart(None, text(call.get("id")), text(function.get("name")), given, whole=True)
