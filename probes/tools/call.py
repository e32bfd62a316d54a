"""A question to an agent or a model, and its answer, timed as the one who waits for it sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from probes import classify
from probes.tools import Missing, Timeouts, Trouble
from probes.tools.answer import Answer
from probes.tools.chat_answer import ChatAnswer
from probes.tools.dialects import Dialect, dialect
from probes.tools.listen import Listener, OwnStream
from probes.words.failure import Failure
from probes.words.text import clean

if TYPE_CHECKING:
    from probes.tools.http import Http

__all__ = ["ChatAnswer", "chat", "fill_in"]

Messages = str | Sequence[Mapping[str, Any]]
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"})
_FILTERED = frozenset({"content_filter", "refusal", "safety"})


async def chat(
    http: Http,
    settings: Mapping[str, Any],
    messages: Messages,
    *,
    timeout: Timeouts | float | None = None,
    variables: Mapping[str, Any] | None = None,
) -> ChatAnswer:
    """Ask, and return what was answered; raises Trouble for an answer that is none, broke off, is empty or a refusal.

    `settings` are a target's `chat`: {dialect, model, path, system, max_tokens, stream, headers}, or the workflow's own
    endpoint as {post, send, reply, headers}, with `${ask}`, `${messages}`, `${run_id}` and `variables` in `send`.
    `messages` is a question, or a conversation as [{role, content}] whose last one asks. `timeout` as in Http.request.
    """
    talk = [{"role": "user", "content": messages}] if isinstance(messages, str) else list(messages)
    if not talk:
        raise Trouble(Failure.PROBE_BUG, "a chat needs a question; write ask: …")
    if settings.get("dialect"):
        return await _ask_model(http, settings, talk, timeout)
    if settings.get("post"):
        return await _ask_endpoint(http, settings, talk, timeout, variables or {})
    said = "the target does not say how it is talked to; write chat: {post: /chat, send: …, reply: …} or a dialect"
    raise Trouble(Failure.PROBE_BUG, said)


# a model, or what speaks like one


async def _ask_model(
    http: Http, settings: Mapping[str, Any], talk: Sequence[Mapping[str, Any]], timeout: Timeouts | float | None
) -> ChatAnswer:
    try:
        spoken = dialect(str(settings["dialect"]))
    except KeyError:
        raise Trouble(Failure.PROBE_BUG, f"no dialect is called {settings['dialect']!r}; write openai") from None
    stream = settings.get("stream") is not False
    listener = Listener(spoken.read)
    try:
        answer = await http.request(
            "POST",
            settings.get("path") or spoken.path(http.target.url),
            json=spoken.question(talk, settings, stream=stream),
            headers={"Accept": "text/event-stream" if stream else "application/json", **_headers(settings)},
            timeout=timeout,
            stream=listener,
        )
        if answer.status >= 300:
            raise spoken.refused(answer.status, answer.headers, answer.json())
        return _complete(listener, answer, spoken, asked_stream=stream)
    except Trouble as trouble:
        raise _shown(trouble, http) from None


def _complete(listener: Listener, answer: Answer, spoken: Dialect, *, asked_stream: bool) -> ChatAnswer:
    """The answer that was heard, when it is one."""
    if not listener.streamed:
        if not answer.body.strip():
            raise Trouble(Failure.EMPTY, "the answer has no content at all")
        document = answer.json()
        if document is Missing:
            raise Trouble(Failure.GARBAGE, f"the answer is neither a stream nor JSON: {clean(answer.text, 80)}")
        listener.take(spoken.whole(document), listener.ended)
        listener.done = True
    _judge(listener)
    found = ChatAnswer(answer, listener.text)
    found.first_token = listener.first_token
    found.total = listener.total
    found.worst_gap = listener.worst_gap
    found.finish_reason, found.model, found.fingerprint = listener.finish_reason, listener.model, listener.fingerprint
    found.chunks = listener.chunks
    found.buffered = asked_stream and listener.buffered
    if listener.usage is not None:
        found.tokens_in, found.tokens_out = listener.usage.tokens_in, listener.usage.tokens_out
        found.tokens_reasoning, found.tokens_cached = listener.usage.reasoning, listener.usage.cached
    answer.phases["first_token"] = int(listener.first_token * 1e6)
    return found


def _judge(heard: Listener) -> None:
    """Raise Trouble for an answer that is not whole; the first of the taxonomy that fits."""
    if not heard.done or not heard.finish_reason:
        lacks = "the final [DONE]" if heard.finish_reason else "a reason why it ended"
        raise Trouble(Failure.TRUNCATED, f"the answer broke off after {len(heard.text)} characters, without {lacks}")
    if heard.finish_reason in _CUT:
        said = f"the answer was cut at its token limit after {len(heard.text)} characters"
        if not heard.text.strip():
            said = "the token limit was used up" + (" by reasoning" if heard.reasoned else "") + " before any text"
        raise Trouble(Failure.TRUNCATED, said)
    if heard.finish_reason in _FILTERED or heard.refusal:
        why = clean(heard.refusal, 160) or f"it ended with {heard.finish_reason}"
        raise Trouble(Failure.REFUSED, f"the model refused to answer: {why}", witness="")
    if not heard.text.strip() and not heard.called:
        raise Trouble(
            Failure.EMPTY, "the answer holds reasoning and no text" if heard.reasoned else "the answer is empty"
        )


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
        found = _heard(reader, answer) if reader.streamed else _replied(answer, path)
    except Trouble as trouble:
        raise _shown(trouble, http) from None
    except ValueError as error:
        raise Trouble(Failure.PROBE_BUG, f"chat reply: {error}") from None
    if not found.text.strip():
        raise Trouble(Failure.EMPTY, "the reply is empty")
    found.first_token, found.total = reader.first_token, reader.total
    found.worst_gap, found.buffered = reader.worst_gap, reader.buffered
    answer.phases["first_token"] = int(found.first_token * 1e6)
    return found


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
