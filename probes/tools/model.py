"""A question to a model, or to what speaks like one: asked in its dialect, heard while it comes, and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from probes.checks.served import is_known, is_one_of
from probes.frames import CAPPED
from probes.tools import Missing, Timeouts, Trouble
from probes.tools.answer import Answer, read_json
from probes.tools.chat_answer import ChatAnswer
from probes.tools.dialects import DIALECTS, Dialect, dialect
from probes.tools.listen import Listener
from probes.tools.stream import Events, Overlong
from probes.words.failure import Failure
from probes.words.text import clean

if TYPE_CHECKING:
    from probes.tools.http import Http

Talk = Sequence[Mapping[str, Any]]
_REFUSAL = 64 * 1024  # bytes of a refusal that are looked at
_CUT = frozenset({"length", "max_tokens", "max_output_tokens"})
_FILTERED = frozenset({"content_filter", "refusal", "safety"})
_UNDONE = {
    "model_context_window_exceeded": "the question and its answer are longer than the model takes",
    "pause_turn": "the model paused in the middle of its turn",
    "cancelled": "the provider called the answer off",
    "incomplete": "the provider did not finish the answer and does not say why",
}


async def ask_model(
    http: Http, settings: Mapping[str, Any], talk: Talk, timeout: Timeouts | float | None
) -> ChatAnswer:
    """The answer of a model; raises Trouble for one that is none, broke off, is empty or a refusal."""
    try:
        spoken = dialect(str(settings["dialect"]))
    except KeyError:
        said = f"no dialect is called {settings['dialect']!r}; write {', '.join(DIALECTS)}"
        raise Trouble(Failure.PROBE_BUG, said) from None
    stream = settings.get("stream") is not False
    listener = Listener(spoken.read)
    given = {str(name): str(value) for name, value in (settings.get("headers") or {}).items()}
    answer = await http.request(
        "POST",
        settings.get("path") or spoken.path(http.target.url),
        json=spoken.question(talk, settings, stream=stream),
        headers={**_headers(http, spoken, stream=stream), **given},
        timeout=timeout,
        stream=listener,
    )
    if answer.status >= 300:
        model = str(settings.get("model") or "")
        raise spoken.refused(answer.status, answer.headers, _document(answer), model)
    found = _complete(listener, answer, spoken, asked_stream=stream)
    _doubt(found, listener, settings, spoken)
    return found


def _document(answer: Answer) -> Any:
    """What a refusal says: its JSON, or that of its first event, as a LiteLLM proxy sends it to who wanted a stream."""
    found = answer.json()
    if found is Missing and answer.body.lstrip().startswith((b"data:", b"event:")):
        reader = Events()
        with suppress(Overlong):
            said = (read_json(event.data) for event in (*reader.feed(answer.body[:_REFUSAL]), *reader.finish()))
            found = next((document for document in said if isinstance(document, dict)), Missing)
    return found


def _headers(http: Http, spoken: Dialect, *, stream: bool) -> dict[str, str]:
    """What kind of answer is wanted, and a key where the dialect has keys: then it is not also a bearer token."""
    kinds = "text/event-stream, application/x-ndjson;q=0.9, application/json;q=0.5" if stream else "application/json"
    own = spoken.headers(http.target.credentials)
    return {"Accept": kinds, **own, **({"Authorization": ""} if "x-api-key" in own else {})}


def _complete(listener: Listener, answer: Answer, spoken: Dialect, *, asked_stream: bool) -> ChatAnswer:
    """The answer that was heard, when it is one."""
    if not answer.body.strip():
        raise Trouble(Failure.EMPTY, "the answer has no content at all")
    if answer.truncated and not listener.done:
        said = f"showup stopped listening after {len(listener.text):,} characters"
        raise Trouble(Failure.TRUNCATED, f"{said}: the answer has no end, or one that is far away; write max_tokens")
    if not listener.streamed:
        _take_whole(listener, answer, spoken)
    if listener.streamed and not listener.events:
        raise Trouble(Failure.GARBAGE, f"the answer is neither a stream nor JSON: {clean(answer.text, 80)}")
    if listener.streamed and not listener.text and not listener.calls and spoken.MARK not in answer.body:
        said = f"nothing in the stream is an answer in the dialect {spoken.NAME}: {clean(answer.text, 80)}"
        raise Trouble(Failure.CONTRACT_CHANGED, said)
    calls = _judged(listener, spoken, listener.calls)
    found = ChatAnswer(answer, listener.text)
    found.first_token = listener.first_token
    found.total = listener.total
    found.worst_gap = listener.worst_gap
    found.finish_reason, found.model, found.fingerprint = listener.finish_reason, listener.model, listener.fingerprint
    found.chunks, found.load, found.reasoned = listener.chunks, listener.load, listener.reasoned
    found.buffered = asked_stream and listener.buffered
    found.tool_calls = calls
    if listener.usage is not None:
        found.tokens_in, found.tokens_out = listener.usage.tokens_in, listener.usage.tokens_out
        found.tokens_reasoning, found.tokens_cached = listener.usage.reasoning, listener.usage.cached
    answer.phases["first_token"] = int(listener.first_token * 1e6)
    return found


def _take_whole(listener: Listener, answer: Answer, spoken: Dialect) -> None:
    """An answer in one document, or a stream that was not announced as one."""
    document = answer.json()
    if document is not Missing:
        listener.take(spoken.whole(document), listener.ended)
        listener.done = True
        return
    if answer.body.lstrip()[:1] != b"{":
        raise Trouble(Failure.GARBAGE, f"the answer is neither a stream nor JSON: {clean(answer.text, 80)}")
    listener.overhear(answer.body)


def _judged(heard: Listener, spoken: Dialect, calls: Any) -> Any:
    """The tool calls of an answer that is whole; raises Trouble for one that is not, the first of the taxonomy."""
    text = heard.text.strip()
    thought = heard.reasoned or (heard.usage is not None and bool(heard.usage.reasoning))
    if not heard.finish_reason:
        lacks = "a reason why it ended" if heard.done else f"a reason why it ended and {spoken.END}"
        raise Trouble(Failure.TRUNCATED, f"the answer broke off after {len(heard.text)} characters, without {lacks}")
    if heard.finish_reason in _CUT:
        said = f"the answer was cut at its token limit after {len(heard.text)} characters"
        if not text:
            said = "the token limit was used up" + (" by reasoning" if thought else "") + " before any text"
        raise Trouble(Failure.TRUNCATED, said, witness=CAPPED)
    if undone := _UNDONE.get(heard.finish_reason):
        raise Trouble(Failure.TRUNCATED, f"{undone}; it has {len(heard.text)} characters")
    if heard.finish_reason in _FILTERED or heard.refusal:
        why = clean(heard.refusal, 160) or f"it ended with {clean(heard.finish_reason, 40)}"
        raise Trouble(Failure.REFUSED, f"the model refused to answer: {why}", witness="")
    found = calls.finished()
    if not text and not found:
        said = "the answer holds reasoning and no text" if thought else "the answer is empty"
        raise Trouble(Failure.EMPTY, said)
    return found


def _doubt(found: ChatAnswer, heard: Listener, settings: Mapping[str, Any], spoken: Dialect) -> None:
    """Note what is wrong with an answer that can be used all the same; raise Trouble where a schema was not kept."""
    if not heard.done and settings.get("needs_end") is not False:
        said = f"the answer is whole and lacks {spoken.END}; write needs_end: false under chat if that is usual here"
        found.doubts.append(Trouble(Failure.TRUNCATED, said))
    if settings.get("schema") and not found.tool_calls and found.json() is Missing:
        said = f"the answer is not JSON, though it was asked for by a schema: {clean(found.text, 80)}"
        raise Trouble(Failure.GARBAGE, said)
    asked, served = str(settings.get("model") or ""), found.model
    if not asked or not served or is_one_of([asked, *(settings.get("known_as") or ())], served):
        return
    names = f"{clean(served, 80)} answered instead of {clean(asked, 80)}"
    if is_one_of(list(settings.get("fallback") or ()), served):
        found.doubts.append(Trouble(Failure.PROVIDER_DOWN, f"running on fallback: {names}", witness=spoken.NAME))
    elif is_known(asked) or settings.get("fallback"):
        hint = f"write known_as: [{clean(served, 80)}] under chat if they are the same"
        found.doubts.append(Trouble(Failure.CONTRACT_CHANGED, f"another model: {names}; {hint}"))
