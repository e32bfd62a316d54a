"""OpenAI's Responses: events with a type each, and one of three ends; a response that failed arrives under a 200."""

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
    is_strict,
    objects,
    text,
    tools_of,
    with_options,
)
from probes.words.dialects import below_version
from probes.words.failure import Failure

NAME = "openai-responses"
END = "its final response.completed"
MARK = b"response."
WITNESS = "openai"  # the same provider, whichever of its formats is spoken
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled"})


def path(url: str) -> str:
    """Where questions are posted: below `/v1`, which the target's url may already name."""
    return below_version(url, "/responses")


def headers(credentials: Mapping[str, str]) -> dict[str, str]:
    """Nothing: the key is a bearer token."""
    return {}


def question(
    messages: Sequence[Mapping[str, Any]], settings: Mapping[str, Any], *, stream: bool = True
) -> dict[str, Any]:
    """The body of a question. Nothing is stored by the provider unless `options: {store: true}` asks for it."""
    body: dict[str, Any] = {
        "model": str(settings.get("model") or ""),
        "input": [item for message in messages for item in _items(message)],
        "store": False,
    }
    if settings.get("system"):
        body["instructions"] = settings["system"]
    if settings.get("max_tokens"):
        body["max_output_tokens"] = int(settings["max_tokens"])
    if tools := [_tool(*each) for each in tools_of(settings)]:
        body["tools"] = tools
    if schema := settings.get("schema"):
        named = {"type": "json_schema", "name": "answer", "schema": schema, "strict": is_strict(schema)}
        body["text"] = {"format": named}
    if stream:
        body["stream"] = True
    return with_options(body, settings.get("options"))


def _tool(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    said = {"type": "function", "name": name, "description": description, "parameters": parameters}
    return said | {"strict": is_strict(parameters)}


def _items(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if message.get("role") == "tool":
        yield {
            "type": "function_call_output",
            "call_id": message.get("id"),
            "output": as_json(message.get("content")),
        }
        return
    if message.get("content") or not message.get("tool_calls"):
        yield {"role": message.get("role"), "content": message.get("content")}
    for call in objects(message.get("tool_calls")):
        said = {"type": "function_call", "call_id": call.get("id"), "name": call.get("name")}
        yield said | {"arguments": as_json(call.get("arguments"))}


def read(data: str, name: str = "") -> Piece:
    """One event of the stream; types that are not known add nothing. Raises Trouble for an error in it."""
    if data.strip() == "[DONE]":  # a look-alike's; what the end was has been said before
        return Piece(last=True)
    said = event(data)
    kind = text(said.get("type")) or name
    if kind == "response.output_text.delta":
        return Piece(text=text(said.get("delta")))
    if kind == "response.function_call_arguments.delta":
        return Piece(calls=(CallPart(_key(said), arguments=text(said.get("delta"))),))
    if kind in ("response.output_item.added", "response.output_item.done"):
        return Piece(calls=_call(inner(said.get("item")), _key(said), whole=kind.endswith("done")))
    if kind == "response.refusal.delta":
        return Piece(refusal=text(said.get("delta")))
    if kind in _ENDS:
        return _ended(inner(said.get("response")), kind.rpartition(".")[2])
    if kind == "error" or "error" in said:
        raise refusals.trouble(*(refusals.error_in(said) or ([], "")), witness=WITNESS)
    if kind.startswith("response.reasoning"):
        return Piece(hidden=True)
    return Piece(model=text(inner(said.get("response")).get("model")))


def whole(document: Any) -> Piece:
    """An answer that came in one document."""
    if not isinstance(document, dict):
        raise Trouble(Failure.GARBAGE, "the answer is not a JSON object")
    if not refusals.error_in(document) and not isinstance(document.get("output"), list):
        raise Trouble(Failure.CONTRACT_CHANGED, "the answer has no output: this is no response of this dialect")
    piece = _ended(document, text(document.get("status")) or "completed")
    for number, item in enumerate(objects(document.get("output"))):
        piece.calls += _call(item, number, whole=True)
        piece.hidden = piece.hidden or item.get("type") == "reasoning"
        for part in objects(item.get("content")):
            piece.text += text(part.get("text")) if part.get("type") == "output_text" else ""
            piece.refusal += text(part.get("refusal"))
    return piece


def refused(status: int, headers: Mapping[str, str], document: Any, model: str = "") -> Trouble:
    """What an answer of status 400 and more means."""
    return refusals.of_document(document, status=status, headers=headers, witness=WITNESS, model=model)


def _ended(response: dict[str, Any], status: str) -> Piece:
    """How it ended: with an error, which is raised, or for a reason."""
    if status == "failed" or refusals.error_in(response) is not None:
        raise refusals.trouble(*(refusals.error_in(response) or ([], "")), witness=WITNESS)
    reason = text(inner(response.get("incomplete_details")).get("reason"))
    return Piece(
        finish=reason or status,
        usage=_usage(response.get("usage")),
        model=text(response.get("model")),
        last=True,
    )


def _call(item: dict[str, Any], key: int | str, *, whole: bool) -> tuple[CallPart, ...]:
    if item.get("type") != "function_call":
        return ()
    said = arguments(item.get("arguments"))
    return (CallPart(key, text(item.get("call_id")), text(item.get("name")), said, whole=whole),)


def _key(said: Mapping[str, Any]) -> int | str:
    index = said.get("output_index")
    return index if isinstance(index, int) else text(said.get("item_id"))


def _usage(found: Any) -> Usage | None:
    if not isinstance(found, dict):
        return None
    return Usage(
        count(found.get("input_tokens")),
        count(found.get("output_tokens")),
        count(inner(found.get("output_tokens_details")).get("reasoning_tokens")),
        count(inner(found.get("input_tokens_details")).get("cached_tokens")),
    )
