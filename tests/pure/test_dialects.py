"""Raw streams of every dialect, as providers send them: what is understood, however the bytes are cut."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.tools import Missing, Trouble
from probes.tools.answer import Answer
from probes.tools.dialects import DIALECTS, Usage, dialect
from probes.tools.listen import Listener
from probes.tools.toolcalls import ToolCall
from probes.words.dialects import ADDRESSES, DIALECT_NAMES
from probes.words.failure import Failure


def text_of(document: Any) -> str:
    """JSON with letters of several bytes, which a cut may go through."""
    return json.dumps(document, ensure_ascii=False)


def sse(*events: dict[str, Any] | str) -> bytes:
    """A stream of server-sent events, each under its type's name where it has one."""
    lines = []
    for event in events:
        name = f"event: {event['type']}\n" if isinstance(event, dict) and "type" in event else ""
        lines.append(f"{name}data: {event if isinstance(event, str) else text_of(event)}\n\n")
    return "".join(lines).encode()


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a chat completion."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"object": "chat.completion.chunk", "model": "gpt-5-mini-2026-01-15", "choices": choices, **more}


def call(index: int, arguments: str, **first: Any) -> dict[str, Any]:
    """A fragment of a tool call as a completion has it; `id` and `name` come with the first."""
    named = {"name": first.pop("name")} if "name" in first else {}
    return {"tool_calls": [{"index": index, **first, "function": {**named, "arguments": arguments}}]}


def block(index: int, **delta: Any) -> dict[str, Any]:
    """A delta of one of Anthropic's blocks."""
    return {"type": "content_block_delta", "index": index, "delta": delta}


def opens(index: int, **content: Any) -> dict[str, Any]:
    """The beginning of one of Anthropic's blocks."""
    return {"type": "content_block_start", "index": index, "content_block": content}


OPENAI = sse(
    chunk({"role": "assistant", "content": ""}, system_fingerprint="fp_1"),
    chunk({"reasoning_content": "hm"}),
    chunk({"content": "Booked "}, usage={"prompt_tokens": 9, "completion_tokens": 1}),
    chunk({"content": "für Sie ✓"}),
    chunk(call(0, "", id="call_a", name="book")),
    chunk(call(0, '{"time":"1')),
    chunk(call(1, '{"day":1}', id="call_b", name="tell")),
    chunk(call(0, '0:00"}')),
    chunk({}, ""),
    chunk({}, "tool_calls"),
    {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 25}},
    "[DONE]",
)
RESPONSES = sse(
    {"type": "response.created", "response": {"model": "gpt-5-mini-2026-01-15", "status": "in_progress"}},
    {"type": "response.reasoning_summary_text.delta", "delta": "hm"},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "Booked "},
    {"type": "response.web_search_call.searching", "output_index": 9},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "für Sie ✓"},
    {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {"type": "function_call", "call_id": "call_a", "name": "book", "arguments": ""},
    },
    {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '{"time":'},
    {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": '"10:00"}'},
    {
        "type": "response.output_item.done",
        "output_index": 2,
        "item": {"type": "function_call", "call_id": "call_b", "name": "tell", "arguments": '{"day":1}'},
    },
    {
        "type": "response.completed",
        "response": {
            "model": "gpt-5-mini-2026-01-15",
            "status": "completed",
            "error": None,
            "usage": {"input_tokens": 9, "output_tokens": 25, "output_tokens_details": {"reasoning_tokens": 3}},
        },
    },
)
ANTHROPIC = sse(
    {"type": "message_start", "message": {"model": "claude-haiku-4-5", "usage": {"input_tokens": 4}}},
    {"type": "ping"},
    opens(0, type="thinking", thinking=""),
    block(0, type="thinking_delta", thinking="hm"),
    block(0, type="signature_delta", signature="x"),
    {"type": "content_block_stop", "index": 0},
    opens(1, type="text", text=""),
    block(1, type="text_delta", text="Booked "),
    {"type": "something_new"},
    block(1, type="text_delta", text="für Sie ✓"),
    opens(2, type="tool_use", id="call_a", name="book", input={}),
    block(2, type="input_json_delta", partial_json=""),
    block(2, type="input_json_delta", partial_json='{"time":"10'),
    block(2, type="input_json_delta", partial_json=':00"}'),
    opens(3, type="tool_use", id="call_b", name="tell", input={"day": 1}),
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 25}},
    {"type": "message_stop"},
)
OLLAMA = "".join(
    text_of({"model": "llama3.2", **line}) + "\n"
    for line in (
        {"message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": False},
        {"message": {"role": "assistant", "content": "Booked "}, "done": False},
        {"message": {"role": "assistant", "content": "für Sie ✓"}, "done": False},
        {"message": {"content": "", "tool_calls": [{"function": {"name": "book", "arguments": {"time": "10:00"}}}]}},
        {"message": {"content": "", "tool_calls": [{"function": {"name": "tell", "arguments": {"day": 1}}}]}},
        {
            "message": {"content": ""},
            "done": True,
            "done_reason": "stop",
            "load_duration": 2_500_000_000,
            "prompt_eval_count": 9,
            "eval_count": 25,
        },
    )
).encode()
STREAMS = {"openai": OPENAI, "openai-responses": RESPONSES, "anthropic": ANTHROPIC, "ollama": OLLAMA}
FINISH = {"openai": "tool_calls", "openai-responses": "completed", "anthropic": "tool_use", "ollama": "stop"}
MODELS = {"anthropic": "claude-haiku-4-5", "ollama": "llama3.2"}


def hear(name: str, *chunks: bytes, kind: str = "text/event-stream") -> Listener:
    """A stream heard in these pieces, one a second."""
    listener = Listener(dialect(name).read)
    listener.begin(Answer(200, [(b"content-type", kind.encode())], url="http://x/"), 0.0)
    for at, piece in enumerate(chunks, start=1):
        if listener.feed(piece, float(at)):
            break
    else:
        listener.finish(float(len(chunks) + 1))
    return listener


def told(listener: Listener) -> tuple[Any, ...]:
    """What was understood, times left out."""
    calls = listener.calls.finished()
    return (listener.text, listener.finish_reason, listener.done, listener.usage, listener.model, calls)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_of_every_dialect_is_understood(name: str) -> None:
    heard = hear(name, STREAMS[name])
    assert heard.text == "Booked für Sie ✓"
    assert (heard.done, heard.finish_reason, heard.reasoned) == (True, FINISH[name], True)
    assert heard.model == MODELS.get(name, "gpt-5-mini-2026-01-15")
    calls = [(each.name, each.arguments) for each in heard.calls.finished()]
    assert calls == [("book", {"time": "10:00"}), ("tell", {"day": 1})]
    assert heard.usage is not None
    assert (heard.usage.tokens_in, heard.usage.tokens_out) == (4 if name == "anthropic" else 9, 25)
    assert heard.load == (2.5 if name == "ollama" else None)
    assert heard.fingerprint == ("fp_1" if name == "openai" else "")


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
def test_how_the_bytes_are_cut_changes_nothing(name: str, data: st.DataObject) -> None:
    sent = STREAMS[name]
    if data.draw(st.booleans()):
        sent = sent.replace(b"\n", b"\r\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=12)))
    pieces = [sent[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert told(hear(name, *pieces)) == told(hear(name, STREAMS[name]))


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.data())
def test_no_spoilt_stream_raises_anything_but_trouble(name: str, data: st.DataObject) -> None:
    spoilt = bytearray(STREAMS[name])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=20)) or b"{"
        if not spoilt:
            break
    try:
        heard = hear(name, bytes(spoilt))
        assert isinstance(heard.text, str) and all(isinstance(each, ToolCall) for each in heard.calls.finished())
    except Trouble as trouble:
        assert trouble.failure in Failure and len(trouble.sentence) < 600


_WORDS = """type delta text content message choices usage error code output item response status arguments name id index
    tool_calls function thinking done done_reason reasoning incomplete_details reason stop_reason content_block detail
    response.completed response.failed response.output_item.done message_delta content_block_delta error function_call
    finish_reason object chat.completion input_tokens prompt_tokens eval_count load_duration refusal summary"""
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(_WORDS.split()) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS.split()), inner, max_size=5),
    max_leaves=14,
)


_HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens"]),
    st.text(max_size=12),
    max_size=3,
)


@pytest.mark.parametrize("name", DIALECTS)
@given(document=_JSON, status=st.integers(400, 599), listed=_HEADERS)
def test_whatever_json_comes_it_is_understood_or_trouble(
    name: str, document: Any, status: int, listed: dict[str, str]
) -> None:
    spoken = dialect(name)
    readings: list[Callable[[], Any]] = [
        lambda: spoken.read(json.dumps(document)),
        lambda: spoken.read(json.dumps(document), "response.completed"),
        lambda: spoken.whole(document),
    ]
    for read in readings:
        try:
            listener = Listener(spoken.read)
            listener.take(read(), 1.0)
            listener.calls.finished()
        except Trouble as trouble:
            assert trouble.failure in Failure
    refused = spoken.refused(status, listed, document, "gpt-5-mini")
    assert refused.failure in Failure and (refused.retry_after is None or 0 <= refused.retry_after <= 3_600)


@pytest.mark.parametrize("name", STREAMS)
def test_half_a_stream_has_no_end_and_a_first_moment(name: str) -> None:
    sent = STREAMS[name]
    at = sent.rindex(b"\n", 0, sent.index("für".encode())) + 1
    heard = hear(name, b"", sent[:at], b": ping\n\n", b": ping\n\n")
    assert (heard.text, heard.done, heard.finish_reason) == ("Booked ", False, "")
    assert (heard.first_token, heard.moved) == (2.0, 2.0)  # a comment is no progress


def test_anthropics_ping_is_no_progress_either() -> None:
    said = sse(opens(0, type="text", text=""), block(0, type="text_delta", text="a"))
    heard = hear("anthropic", said, sse({"type": "ping"}))
    assert (heard.moved, heard.ended) == (1.0, 3.0)


def test_a_stream_that_is_announced_as_plain_text_is_one() -> None:
    assert told(hear("openai", OPENAI, kind="text/plain")) == told(hear("openai", OPENAI))
    assert not hear("openai", b'{"choices": []}', kind="application/json").streamed


def test_what_is_cached_is_part_of_the_question() -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 5, "output_tokens": 1}
    heard = hear("anthropic", sse({"type": "message_start", "message": {"model": "m", "usage": usage}}))
    assert heard.usage == Usage(105, 1, None, 90)


def test_calls_that_all_have_the_index_0_are_told_apart_by_their_ids() -> None:
    parts = [chunk(call(0, '{"a":1}', id="x", name="one")), chunk(call(0, '{"b":2}', id="y", name="two"))]
    calls = hear("openai", sse(*parts)).calls.finished()
    assert [(each.name, each.arguments) for each in calls] == [("one", {"a": 1}), ("two", {"b": 2})]


@pytest.mark.parametrize("said", ['{"time": ', "[1]", "ten o'clock"])
def test_arguments_nobody_could_use_are_garbage(said: str) -> None:
    with pytest.raises(Trouble, match="arguments for the tool book are") as caught:
        hear("openai", sse(chunk(call(0, said, id="x", name="book")))).calls.finished()
    assert caught.value.failure is Failure.GARBAGE


def test_every_dialect_has_a_name_a_place_and_an_end() -> None:
    assert (tuple(DIALECTS), tuple(ADDRESSES)) == (DIALECT_NAMES, DIALECT_NAMES)
    for name, address in ADDRESSES.items():
        spoken = dialect(name)
        assert name == spoken.NAME and spoken.END
        assert address + spoken.path(address) in {
            "https://api.openai.com/v1/chat/completions",
            "https://api.openai.com/v1/responses",
            "https://api.anthropic.com/v1/messages",
            "http://localhost:11434/api/chat",
        }
        assert spoken.refused(503, {}, Missing).failure in (Failure.APP_ERROR, Failure.PROVIDER_DOWN)
