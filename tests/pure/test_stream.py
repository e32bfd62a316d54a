"""Events out of bytes, however they are cut and whatever stands between them; pieces of an answer out of events."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.tools import Missing, Trouble
from probes.tools.body import LIMIT, Unreadable, decoder, is_cut_short
from probes.tools.charset import charset, decode
from probes.tools.dialects import Piece, Usage, dialect, openai
from probes.tools.stream import LONGEST_LINE, Event, Events, Overlong
from probes.words.failure import Failure


def events(*chunks: bytes) -> list[Event]:
    """All events of a stream that came in these pieces."""
    reader = Events()
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.finish()


@pytest.mark.parametrize(
    ("sent", "data"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data:a\n\ndata:  b\n\n", ["a", " b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
        (b"data: a\r\rdata: b\r\r", ["a", "b"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b": keep-alive\n\n:\n\ndata: a\n\n", ["a"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"id: 1\nretry: 5\ndata: a\nstrange\n\n", ["a"]),
        (b"data: a", ["a"]),
        (b"data: a\n", ["a"]),
        (b"data:\n\n", [""]),
        (b'{"a":1}\n{"b":2}\n', ['{"a":1}', '{"b":2}']),
        (b'{"a":1}\r\n{"b":2}', ['{"a":1}', '{"b":2}']),
        (b"\n\n\n", []),
        (b"", []),
        (b"data: \xff\xfe\n\n", ["\ufffd\ufffd"]),
    ],
)
def test_what_is_understood(sent: bytes, data: list[str]) -> None:
    assert [event.data for event in events(sent)] == data


def test_names_of_events() -> None:
    assert events(b"event: ping\ndata: x\n\ndata: y\n\n") == [Event("x", "ping"), Event("y")]


_FIELD = st.sampled_from(["data: a", "data:b", 'data: {"c": 1}', "event: e", ": note", "", "id: 7", '{"line": 1}', "x"])


@given(st.lists(_FIELD, max_size=30), st.sampled_from(["\n", "\r\n", "\r"]), st.data())
def test_how_a_stream_is_cut_changes_nothing(fields: list[str], end: str, data: st.DataObject) -> None:
    sent = end.join(fields).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    pieces = [sent[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert events(*pieces) == events(sent)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(sent: bytes) -> None:
    assert all(isinstance(event.data, str) for event in events(sent))


def test_a_line_without_end_is_refused() -> None:
    reader = Events()
    with pytest.raises(Overlong, match="a line of more than 256 KB"):
        for _ in range(LONGEST_LINE // 1000 + 2):
            reader.feed(b"a" * 1000)


def test_events_without_number_are_refused() -> None:
    reader = Events()
    with pytest.raises(Overlong, match="20,000 events"):
        for _ in range(30):
            reader.feed(b"data: a\n\n" * 1000)


# the dialect


def chunk(**parts: Any) -> str:
    """One chunk of a streamed completion."""
    delta = {key: parts.pop(key) for key in list(parts) if key not in ("finish_reason", "usage", "choices", "error")}
    choice = {"index": 0, "delta": delta, "finish_reason": parts.pop("finish_reason", None)}
    return json.dumps({"object": "chat.completion.chunk", "model": "m", "choices": [choice], **parts})


def test_pieces() -> None:
    assert openai.read(chunk(role="assistant", content="")) == Piece(model="m")
    assert openai.read(chunk(content="Hel")) == Piece(text="Hel", model="m")
    assert openai.read(chunk(finish_reason="stop")) == Piece(finish="stop", model="m")
    assert openai.read(chunk(finish_reason="")) == Piece(model="m")  # null is meant
    assert openai.read(chunk(reasoning_content="hm")).hidden
    assert openai.read(chunk(reasoning="hm")).hidden
    assert openai.read(chunk(refusal="no")).refusal == "no"
    assert openai.read(chunk(tool_calls=[{"index": 0}])).calls
    assert openai.read(chunk(content=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])).text == "ab"
    assert openai.read("[DONE]") == openai.read(" [DONE] ") == Piece(last=True)


def test_usage_comes_in_a_piece_of_its_own() -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "completion_tokens_details": {"reasoning_tokens": 3},
        "prompt_tokens_details": {"cached_tokens": 2},
    }
    assert openai.read(chunk(choices=[], usage=usage)).usage == Usage(5, 7, 3, 2)
    assert openai.read(chunk(usage={"prompt_tokens": True, "completion_tokens": -1})).usage == Usage()
    assert openai.read(chunk(usage=None)).usage is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "message", "content", "usage", "error", "code", "object", "type"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(_JSON)
def test_whatever_json_comes_it_is_a_piece_or_trouble(document: Any) -> None:
    readings: list[Callable[[], Piece]] = [lambda: openai.read(json.dumps(document)), lambda: openai.whole(document)]
    for read in readings:
        try:
            assert isinstance(read(), Piece)
        except Trouble as trouble:
            assert trouble.failure in Failure
    assert isinstance(openai.refused(500, {}, document), Trouble)


@given(st.text(max_size=60))
def test_whatever_text_comes_it_is_a_piece_or_trouble(data: str) -> None:
    try:
        assert isinstance(openai.read(data), Piece)
    except Trouble as trouble:
        assert len(trouble.sentence) < 400


@pytest.mark.parametrize(
    ("error", "status", "failure"),
    [
        ({"code": "insufficient_quota", "type": "requests"}, 429, Failure.QUOTA),
        ({"code": "rate_limit_exceeded"}, 429, Failure.RATE_LIMITED),
        ({"code": None, "type": "insufficient_quota"}, 429, Failure.QUOTA),
        ({"code": None, "type": "tokens"}, 429, Failure.RATE_LIMITED),
        ({"code": "slow_down"}, 429, Failure.PROVIDER_DOWN),
        ({"message": "You exceeded your current quota"}, 429, Failure.QUOTA),
        ({"message": "busy"}, 429, Failure.RATE_LIMITED),
        ("a plain word", 429, Failure.RATE_LIMITED),
        ("a plain word", 500, Failure.PROVIDER_DOWN),
        ("a plain word", 200, Failure.PROVIDER_DOWN),
        ({"code": "invalid_api_key"}, 401, Failure.AUTH),
        ({"code": "no_such_code"}, 401, Failure.AUTH),
        ({"code": 429}, 200, Failure.RATE_LIMITED),
        ({"code": 402}, 200, Failure.QUOTA),
        ({"code": 502}, 200, Failure.PROVIDER_DOWN),
        ({"code": "content_filter"}, 400, Failure.REFUSED),
        ({"code": "model_not_found"}, 404, Failure.CONTRACT_CHANGED),
        ({"type": "server_error"}, 200, Failure.PROVIDER_DOWN),
        ({}, 503, Failure.PROVIDER_DOWN),
        (None, 503, Failure.APP_ERROR),
        (None, 401, Failure.AUTH),
        (None, 429, Failure.RATE_LIMITED),
    ],
)
def test_errors_by_code_then_type_then_status(error: object, status: int, failure: Failure) -> None:
    assert openai.refused(status, {}, {"error": error} if error is not None else Missing).failure is failure


LITELLM = "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for requests."


@pytest.mark.parametrize(
    ("error", "status", "failure"),
    [
        ({"message": "No connected db.", "type": "no_db_connection", "code": "400"}, 400, Failure.AUTH),
        ({"message": "No connected db.", "type": "no_db_connection", "code": "503"}, 503, Failure.PROVIDER_DOWN),
        ({"message": LITELLM, "type": "throttling_error", "code": "429"}, 429, Failure.RATE_LIMITED),
        ({"message": LITELLM, "type": None, "code": "429"}, 200, Failure.RATE_LIMITED),
        ({"message": "bad key", "type": None, "code": "401"}, 200, Failure.AUTH),
        ({"message": "bad key", "type": None, "code": "007"}, 401, Failure.AUTH),
        ({"message": "current quota exceeded", "type": None, "code": "429"}, 200, Failure.QUOTA),
        ({"message": "Connection error.", "type": None, "code": "500"}, 200, Failure.PROVIDER_DOWN),
    ],
)
def test_the_errors_of_a_gateway_whose_codes_are_statuses(error: object, status: int, failure: Failure) -> None:
    """The shape is a LiteLLM proxy's (1.105.0): the status as text in `code`, also in a stream that began with 200."""
    if status >= 400:
        assert openai.refused(status, {}, {"error": error}).failure is failure
    else:
        with pytest.raises(Trouble) as caught:
            openai.read(json.dumps({"error": error}))
        assert caught.value.failure is failure


def test_a_word_names_an_error_and_not_a_number() -> None:
    error = {"message": LITELLM, "type": "throttling_error", "code": "429"}
    assert f"throttling_error: {LITELLM}" in openai.refused(429, {}, {"error": error}).sentence
    unknown = openai.refused(400, {}, {"error": {"message": "No connected db.", "type": "no_db_connection"}})
    assert "key that it does not know" in unknown.sentence


def test_an_old_shape_of_errors() -> None:
    found = openai.refused(400, {}, {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400})
    assert found.failure is Failure.CONTRACT_CHANGED
    assert "BadRequestError: too long" in found.sentence


def test_an_error_names_its_witness_and_its_wait() -> None:
    found = openai.refused(
        429, {"retry-after": "12"}, {"error": {"code": "rate_limit_exceeded", "message": "slow\nly"}}
    )
    assert (found.witness, found.retry_after) == ("openai", 12.0)
    assert found.sentence == "limits requests and asks to wait 12 s: rate_limit_exceeded: slow ly"


def test_a_question() -> None:
    asked = openai.question(
        [{"role": "user", "content": "hi"}], {"model": "gpt-4o", "system": "be brief", "max_tokens": 9}
    )
    assert asked["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    assert (asked["stream"], asked["stream_options"], asked["max_tokens"]) == (True, {"include_usage": True}, 9)
    plain = openai.question([], {"model": "gpt-5-mini", "max_tokens": 9}, stream=False)
    assert "stream" not in plain and plain["max_completion_tokens"] == 9


def test_where_questions_are_posted() -> None:
    assert openai.path("https://x.example") == "/v1/chat/completions"
    assert openai.path("https://x.example/v1") == "/chat/completions"
    assert dialect("openai").NAME == "openai"
    with pytest.raises(KeyError):
        dialect("klingon")


# bodies


CHARACTER_SETS = """
    utf-8 UTF8 utf-16 utf-16le utf-16be utf-32 utf_8 us-ascii ascii ISO-8859-1 iso8859-16 iso8859-13 latin1 latin-1
    windows-1250 windows-1258 cp1252 cp437 cp850 cp852 cp855 cp858 cp866 cp874 cp932 cp949 cp950 koi8-r koi8-u shift_jis
    shift-jis sjis euc-jp euckr iso-2022-jp iso2022-kr gb2312 gbk gb18030 big5 tis-620 mac-roman mac-cyrillic
"""


@pytest.mark.parametrize("name", CHARACTER_SETS.split())
def test_every_character_set_we_claim_to_know_is_known_to_python(name: str) -> None:
    known = charset(f"text/html; charset={name}")
    assert known == name.lower().replace("_", "-")
    assert b"abcd".decode(known, "replace")


@given(st.text(max_size=60))
def test_no_content_type_breaks_reading(content_type: str) -> None:
    assert decode(b"abc", f"text/html; charset={content_type}")
    assert decode(b"abc", content_type)


@given(st.binary(max_size=3_000), st.integers(1, 50), st.sampled_from(["gzip", "deflate", "raw", ""]))
def test_a_packed_body_in_any_pieces_is_the_body(body: bytes, size: int, coding: str) -> None:
    raw = zlib.compressobj(wbits=-15)
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "raw": lambda _: raw.compress(body) + raw.flush()}.get(
        coding, bytes
    )(body)
    reader, out = decoder({"raw": "deflate"}.get(coding, coding)), b""
    for start in range(0, len(packed), size):
        out += reader.feed(packed[start : start + size], LIMIT)
    assert out == body
    assert not is_cut_short(reader)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate"]))
def test_no_bytes_break_the_unpacker(sent: bytes, coding: str) -> None:
    reader = decoder(coding)
    try:
        assert len(reader.feed(sent, 1000)) <= 1001
    except Unreadable as error:
        assert coding in str(error)


def test_a_gzip_of_several_members() -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + b"rubbish after the end"
    reader = decoder("gzip")
    assert b"".join(reader.feed(packed[at : at + 7], LIMIT) for at in range(0, len(packed), 7)) == b"one two"
    assert not is_cut_short(reader)
