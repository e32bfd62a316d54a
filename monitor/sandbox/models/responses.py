"""OpenAI's Responses: named events, one of three that end a stream, and failures under status 200."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from monitor.sandbox.models.answers import Answer, Ask, Piece
from monitor.sandbox.models.openai import OpenAIChat, invalid, read_model, read_most, read_tools
from monitor.sandbox.models.refusals import ModelRefused

_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


class OpenAIResponses(OpenAIChat):
    """POST /v1/responses, streamed or whole."""

    name = "openai-responses"
    label = "chat.openai-responses"
    paths: Sequence[str] = ("/v1/responses", "/responses")
    lists: Sequence[str] = ()
    renames: Sequence[tuple[bytes, bytes]] = ((b"response.", b"answer."), (b'"output"', b'"results"'))

    def read(self, body: Any, headers: Mapping[str, str]) -> Ask:
        """The question in a body, or 400 with what is wrong."""
        model = read_model(body)
        given = body.get("input")
        messages = [{"role": "user", "content": given}] if isinstance(given, str) and given else _messages(given)
        if isinstance(body.get("instructions"), str):
            messages.insert(0, {"role": "system", "content": body["instructions"]})
        most = read_most(body, "max_output_tokens")
        form = body.get("text", {}).get("format") if isinstance(body.get("text"), dict) else None
        schema = form.get("schema") if isinstance(form, dict) else None
        schema = schema if isinstance(schema, dict) else None
        return Ask(model, messages, body.get("stream") is True, True, most, read_tools(body), schema)

    def write(self, ask: Ask, answer: Answer, name: str, at: int) -> dict[str, Any]:
        """The whole answer; one that was cut is `incomplete`."""
        reason = _REASONS.get(answer.finish)
        return {
            **_frame(answer, name, at, "incomplete" if reason else "completed"),
            "incomplete_details": {"reason": reason} if reason else None,
            "output": _output(answer, name),
            "usage": _usage(ask, answer),
        }

    def stream(self, ask: Ask, answer: Answer, name: str, at: int) -> list[Piece]:
        """The answer in events, numbered in order."""
        numbers = count()

        def say(kind: str, what: str, **more: Any) -> Piece:
            return Piece(kind, event(what, sequence_number=next(numbers), **more))

        begun = {**_frame(answer, name, at, "in_progress"), "output": []}
        pieces = [
            say("opening", "response.created", response=begun),
            say("opening", "response.in_progress", response=begun),
        ]
        for index, item in enumerate(_output(answer, name)):
            place = {"item_id": item["id"], "output_index": index}
            hollow = item | {"status": "in_progress"} | ({"content": []} if "content" in item else {})
            pieces.append(say("opening", "response.output_item.added", output_index=index, item=hollow))
            if item["type"] == "reasoning":
                pieces += [
                    say("thought", "response.reasoning_summary_text.delta", delta=one, summary_index=0, **place)
                    for one in answer.thoughts
                ]
            elif item["type"] == "function_call":
                middle = len(item["arguments"]) // 2
                for part in (item["arguments"][:middle], item["arguments"][middle:]):
                    pieces.append(say("word", "response.function_call_arguments.delta", delta=part, **place))
                done = "response.function_call_arguments.done"
                pieces.append(say("word", done, arguments=item["arguments"], **place))
            else:
                field = "refusal" if answer.is_refusal else "output_text"
                place["content_index"] = 0
                part = item["content"][0]
                pieces.append(say("opening", "response.content_part.added", part=part | {_key(part): ""}, **place))
                pieces += [say("word", f"response.{field}.delta", delta=word, **place) for word in answer.words]
                pieces.append(say("ending", f"response.{field}.done", **{_key(part): part[_key(part)]}, **place))
                pieces.append(say("ending", "response.content_part.done", part=part, **place))
            pieces.append(say("ending", "response.output_item.done", output_index=index, item=item))
        whole = self.write(ask, answer, name, at)
        return [*pieces, say("terminal", f"response.{whole['status']}", response=whole)]

    def fail_inside(self, refusal: ModelRefused) -> bytes:
        """The event that ends a stream badly: the response failed, under status 200."""
        error = {"code": refusal.code or "server_error", "message": refusal.message}
        return event("response.failed", sequence_number=99, response={"status": "failed", "error": error})


def event(kind: str, **fields: Any) -> bytes:
    """One event; its name stands in the JSON, too."""
    body = json.dumps({"type": kind} | fields, separators=(",", ":"), ensure_ascii=False)
    return f"event: {kind}\ndata: {body}\n\n".encode()


def _frame(answer: Answer, name: str, at: int, status: str) -> dict[str, Any]:
    found = {"id": f"resp_{name}", "object": "response", "created_at": at, "status": status, "error": None}
    return found | {"model": answer.model, "incomplete_details": None}


def _output(answer: Answer, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if answer.thoughts:
        summary = [{"type": "summary_text", "text": answer.thought}]
        items.append({"id": f"rs_{name}", "type": "reasoning", "summary": summary, "status": "completed"})
    for call in answer.calls:
        said = {"call_id": call.id, "name": call.name, "arguments": call.text, "status": "completed"}
        items.append({"id": f"fc_{name}", "type": "function_call"} | said)
    if not items:
        part = {"type": "refusal", "refusal": answer.text} if answer.is_refusal else _text(answer.text)
        message = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
        items.append({"id": f"msg_{name}"} | message)
    return items


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def _key(part: Mapping[str, Any]) -> str:
    return "refusal" if part["type"] == "refusal" else "text"


def _usage(ask: Ask, answer: Answer) -> dict[str, Any]:
    asked, said = ask.tokens, answer.tokens
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": said,
        "output_tokens_details": {"reasoning_tokens": len(answer.thoughts)},
        "total_tokens": asked + said,
    }


def _messages(given: Any) -> list[dict[str, Any]]:
    """The items of `input` as messages; a call's output is what a tool said."""
    if not isinstance(given, list) or not given or not all(isinstance(item, dict) for item in given):
        raise invalid("Invalid value for 'input': expected a string or a list of items")
    found: list[dict[str, Any]] = []
    for item in given:
        if item.get("type") == "function_call_output":
            found.append({"role": "tool", "content": item.get("output")})
        elif item.get("type") == "function_call":
            found.append({"role": "assistant", "content": ""})
        elif isinstance(item.get("role"), str):
            found.append({"role": item["role"], "content": item.get("content")})
        else:
            raise invalid("Invalid value for 'input': an item needs a role or a type")
    return found
