"""A question to an agent or a model, and its answer, timed as the one who waits for it sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from probes import classify
from probes.tools import Missing, Timeouts, Trouble
from probes.tools.answer import Answer
from probes.tools.chat_answer import ChatAnswer
from probes.tools.listen import OwnStream
from probes.tools.model import ask_model
from probes.tools.toolcalls import ToolCall, reported
from probes.words.failure import Failure
from probes.words.text import clean

if TYPE_CHECKING:
    from probes.tools.http import Http

__all__ = ["ChatAnswer", "chat", "fill_in"]

Messages = str | Sequence[Mapping[str, Any]]


async def chat(
    http: Http,
    settings: Mapping[str, Any],
    messages: Messages,
    *,
    timeout: Timeouts | float | None = None,
    variables: Mapping[str, Any] | None = None,
) -> ChatAnswer:
    """Ask, and return what was answered; raises Trouble for an answer that is none, broke off, is empty or a refusal.

    `settings` are a target's `chat`: {dialect, model, path, system, max_tokens, stream, headers, tools, schema,
    options}, or the workflow's own endpoint as {post, send, reply, calls, headers}, with `${ask}`, `${messages}`,
    `${run_id}` and `variables` in `send`. `messages` is a question, or a conversation as [{role, content}] whose last
    one asks. `timeout` as in Http.request.
    """
    talk = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
    if not talk:
        raise Trouble(Failure.PROBE_BUG, "a chat needs a question; write ask: …")
    if settings.get("dialect"):
        try:
            return await ask_model(http, settings, talk, timeout)
        except Trouble as trouble:
            raise _shown(trouble, http) from None
    if settings.get("post"):
        return await _ask_endpoint(http, settings, talk, timeout, variables or {})
    said = "the target does not say how it is talked to; write chat: {post: /chat, send: …, reply: …} or a dialect"
    raise Trouble(Failure.PROBE_BUG, said)


# the workflow's own endpoint


async def _ask_endpoint(
    http: Http,
    settings: Mapping[str, Any],
    talk: Sequence[Mapping[str, Any]],
    timeout: Timeouts | float | None,
    variables: Mapping[str, Any],
) -> ChatAnswer:
    known = {"run_id": http.run_id, **variables, "ask": talk[-1].get("content", ""), "messages": [*map(dict, talk)]}
    path, body = settings.get("reply"), settings.get("send")
    try:
        reader = OwnStream(path)
        sent: dict[str, Any] = (
            {"content": fill_in(body, known)} if isinstance(body, str) else {"json": fill_in(body, known)}
        )
        answer = await http.request(
            "POST",
            str(settings["post"]),
            headers=_headers(settings),
            timeout=timeout,
            stream=reader,
            **sent,
        )
        if (cause := classify.of_status(answer.status, answer.headers)) is not None:
            raise Trouble(cause.failure, f"{cause.sentence}{_saying(answer)}", cause.phase, cause.retry_after)
        if reader.streamed and answer.truncated:
            said = f"showup stopped listening after {len(reader.text):,} characters"
            raise Trouble(Failure.TRUNCATED, f"{said}: the reply has no end, or one that is far away")
        found = _heard(reader, answer) if reader.streamed else _replied(answer, path)
    except Trouble as trouble:
        raise _shown(trouble, http) from None
    except ValueError as error:
        raise Trouble(Failure.PROBE_BUG, f"chat reply: {error}") from None
    if not found.text.strip():
        raise Trouble(Failure.EMPTY, "the reply is empty")
    found.first_token, found.total = reader.first_token, reader.total
    found.worst_gap, found.buffered = reader.worst_gap, reader.buffered
    if settings.get("calls"):
        found.tool_calls = _reported(found, str(settings["calls"]))
    answer.phases["first_token"] = int(found.first_token * 1e6)
    return found


def _reported(found: ChatAnswer, path: str) -> tuple[ToolCall, ...]:
    """The tool calls that the workflow tells of; none where it tells of none."""
    listed = found.json(path)
    if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], list):
        listed = listed[0]  # a path that may match several places
    return reported(listed)


def _heard(reader: OwnStream, answer: Answer) -> ChatAnswer:
    found = ChatAnswer(answer, reader.text, document=reader.document, read=True)
    found.chunks = reader.chunks
    return found


def _replied(answer: Answer, path: str | None) -> ChatAnswer:
    """The reply in a document, or the whole text of an endpoint that answers plainly."""
    document = answer.json()
    if path is None:
        return ChatAnswer(answer, document if isinstance(document, str) else answer.text, document=document, read=True)
    if not answer.body.strip():
        raise Trouble(Failure.EMPTY, "the reply has no content at all")
    if document is Missing:
        raise Trouble(Failure.GARBAGE, f"the reply is not JSON: {clean(answer.text, 80)}")
    text = answer.json(path)
    if text is Missing or text == []:
        error = document.get("error") if isinstance(document, dict) else None
        if error:
            raise Trouble(Failure.APP_ERROR, f"answered {answer.status} with an error: {clean(str(error), 160)}")
        raise Trouble(Failure.CONTRACT_CHANGED, f"the reply has nothing at {path}{_saying(answer)}")
    if isinstance(text, list) and all(isinstance(part, str) for part in text):
        text = "".join(text)
    return ChatAnswer(answer, text if isinstance(text, str) else _plain(text), document=document, read=True)


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _saying(answer: Answer) -> str:
    said = clean(answer.text, 120) if "html" not in answer.headers.get("content-type", "") else ""
    return f": {said}" if said else ""


def _headers(settings: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in (settings.get("headers") or {}).items()}


def fill_in(body: Any, known: Mapping[str, Any]) -> Any:
    """`body` with each `${name}` put in, at any depth; a text that is one name alone becomes its value as it is.

    Raises Trouble for a name that is not known.
    """
    if isinstance(body, str):
        return _fill_text(body, known)
    if isinstance(body, Mapping):
        return {key: fill_in(part, known) for key, part in body.items()}
    if isinstance(body, list | tuple):
        return [fill_in(part, known) for part in body]
    return body


def _fill_text(text: str, known: Mapping[str, Any]) -> Any:
    before, found, rest = text.partition("${")
    if not found:
        return text
    name, closed, after = rest.partition("}")
    if not closed or name not in known:
        raise Trouble(Failure.PROBE_BUG, f"chat send knows no {clean(name, 40)!r}; it knows {', '.join(sorted(known))}")
    if not before and not after:
        return known[name]
    # What was put in is not looked at again: a question may well speak of ${things}.
    return before + str(known[name]) + str(_fill_text(after, known) if "${" in after else after)


def _shown(trouble: Trouble, http: Http) -> Trouble:
    """The same trouble with what the target said freed from secrets."""
    sentence = http.shown(trouble.sentence, 400)
    return Trouble(trouble.failure, sentence, trouble.phase, trouble.retry_after, trouble.witness)
