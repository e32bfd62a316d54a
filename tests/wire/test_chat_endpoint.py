"""Questions to a workflow's own endpoint: what is posted, where the reply stands, and what is not a reply."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from probes.tools import Missing, Timeouts, Trouble
from probes.tools.call import ChatAnswer, chat, fill_in
from probes.words.failure import Failure
from tests.wire.raw import Client, RawServer, Talk, answer

OWN = {"post": "/chat", "send": {"message": "${ask}"}, "reply": "$.reply"}
JSON = "Content-Type: application/json"


async def ask(
    said: Talk | bytes, settings: dict[str, Any] | None = None, *, question: Any = "Hello?", **more: Any
) -> tuple[ChatAnswer, RawServer]:
    """One question, with what the server got."""
    async with RawServer(said) as server:
        client = Client(server.url, secrets={"KEY": "sk-abcdef"}, chat=settings or OWN)
        async with client as http:
            return await chat(http, client.target.chat, question, **more), server


async def trouble(said: Talk | bytes, settings: dict[str, Any] | None = None, **more: Any) -> Trouble:
    """What a question comes to."""
    with pytest.raises(Trouble) as caught:
        await ask(said, settings, **more)
    return caught.value


async def test_a_reply_and_all_that_came_with_it() -> None:
    said = {"reply": "Booked for 10:00", "intent": "book_appointment", "booking_id": 7}
    found, server = await ask(answer(json.dumps(said), headers=JSON))
    assert found.text == "Booked for 10:00"
    assert found.json("$.intent") == "book_appointment"
    assert found.json("$.booking_id") == 7
    assert found.json("$.nothing") is Missing
    assert server.heads[0].startswith("POST /chat ")
    assert json.loads(server.bodies[0]) == {"message": "Hello?"}
    assert 0 < found.first_token <= found.total
    assert not found.buffered
    assert {"first_token", "total", "worst_gap", "connect", "size"} <= set(found.values)


async def test_everything_that_may_be_sent() -> None:
    settings = {
        "post": "/talk?v=2",
        "send": {"run": "${run_id}", "all": "${messages}", "who": "I am ${name}, ${ask}", "n": 5, "list": ["${ask}"]},
        "headers": {"X-Key": "${secret:KEY}"},
    }
    talk = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": "So ${x}?"},
    ]
    _, server = await ask(answer("fine"), settings, question=talk, variables={"name": "Ann"})
    assert json.loads(server.bodies[0]) == {
        "run": "0RUN",
        "all": talk,
        "who": "I am Ann, So ${x}?",
        "n": 5,
        "list": ["So ${x}?"],
    }
    assert "X-Key: sk-abcdef" in server.heads[0]


async def test_an_endpoint_that_takes_and_gives_plain_text() -> None:
    found, server = await ask(answer("Good day"), {"post": "/", "send": "Q: ${ask}"})
    assert (found.text, server.bodies[0], found.json()) == ("Good day", b"Q: Hello?", Missing)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ('{"reply": "yes"}', "yes"),
        ('{"reply": 5}', "5"),
        ('{"reply": ["a", "b"]}', "ab"),
    ],
)
async def test_shapes_of_replies(said: str, text: str) -> None:
    found, _ = await ask(answer(said))
    assert found.text == text


async def test_replies_in_several_places() -> None:
    parts = {"output": [{"text": "Hello "}, {"other": 1}, {"text": "there"}]}
    found, _ = await ask(answer(json.dumps(parts)), {**OWN, "reply": "$.output[*].text"})
    assert found.text == "Hello there"


@pytest.mark.parametrize(
    ("said", "failure", "says"),
    [
        (answer('{"other": 1}'), Failure.CONTRACT_CHANGED, 'nothing at $.reply: {"other": 1}'),
        (answer('{"reply": null}'), Failure.EMPTY, "empty"),
        (answer('{"reply": "  "}'), Failure.EMPTY, "empty"),
        (answer(""), Failure.EMPTY, "no content"),
        (answer("<html>oops"), Failure.GARBAGE, "not JSON"),
        (answer('{"error": "model exploded"}'), Failure.APP_ERROR, "model exploded"),
        (answer("x", status="500 Oops"), Failure.APP_ERROR, "answered 500"),
        (answer("x", status="404 No"), Failure.CONTRACT_CHANGED, "answered 404"),
        (answer("x", status="401 No"), Failure.AUTH, "answered 401"),
        (answer("x", status="402 Pay"), Failure.QUOTA, "answered 402"),
        (answer("x", status="429 Slow", headers="Retry-After: 3"), Failure.RATE_LIMITED, "wait 3 s"),
        (answer('{"error": "sk-abcdef is wrong"}', status="403 No"), Failure.AUTH, "[secret] is wrong"),
        (answer('{"reply": "half', length=500), Failure.TRUNCATED, "middle of the answer"),
    ],
)
async def test_what_is_no_reply(said: bytes, failure: Failure, says: str) -> None:
    found = await trouble(said)
    assert (found.failure, says in found.sentence) == (failure, True), found.sentence


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "how it is talked to"),
        ({"dialect": "klingon"}, "no dialect is called"),
        ({"post": "/", "send": {"message": "${question}"}}, "knows no 'question'; it knows ask, messages, run_id"),
        ({"post": "/", "send": {"message": "${ask"}}, "knows no 'ask'"),
        ({"post": "https://evil.example/", "send": "x"}, "not where this target leads"),
        ({"post": "/", "send": "x", "reply": "reply"}, "JSONPath"),
    ],
)
async def test_settings_that_cannot_work(settings: dict[str, Any], says: str) -> None:
    async with RawServer(answer("never")) as server:
        client = Client(server.url)
        with pytest.raises(Trouble) as caught:
            async with client as http:
                await chat(http, settings, "Hello?")
    assert (caught.value.failure, server.came) == (Failure.PROBE_BUG, 0)
    assert says in caught.value.sentence


async def test_plain_words_that_look_like_a_stream_are_words() -> None:
    said = "data: we have yours, and id: 7 is booked"
    async with RawServer(answer(said, headers="Content-Type: text/plain")) as server, Client(server.url) as http:
        assert (await chat(http, {"post": "/", "send": "${ask}"}, "Hello?")).text == said


async def test_the_tool_calls_that_an_endpoint_tells_of() -> None:
    said = {
        "reply": "Booked.",
        "trace": [
            {"name": "find", "arguments": {"day": 1}},
            {"tool": "hold", "args": '{"seat": 2}'},
            {"function": {"name": "book", "arguments": "{}"}, "id": "c9"},
            "a note",
            {"name": 7},
        ],
    }
    async with RawServer(answer(json.dumps(said))) as server, Client(server.url) as http:
        settings = {"post": "/chat", "send": {"message": "${ask}"}, "reply": "$.reply", "calls": "$.trace"}
        found = await chat(http, settings, "Hello?")
        assert [(call.name, call.arguments) for call in found.tool_calls] == [
            ("find", {"day": 1}),
            ("hold", {"seat": 2}),
            ("book", {}),
        ]
        nothing = await chat(http, {**settings, "calls": "$.nowhere"}, "Hello?")
        assert nothing.tool_calls == ()


def streaming(*parts: str, pause: float = 0.05, kind: str = "text/event-stream") -> Talk:
    """An endpoint that sends each part as it thinks of it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        for part in parts:
            await asyncio.sleep(pause)
            writer.write(part.encode())
            await writer.drain()

    return talk


async def test_an_endpoint_with_a_stream_of_its_own() -> None:
    parts = [f"data: {json.dumps({'reply': word})}\n\n" for word in ("Hel", "lo ", "there")]
    found, _ = await ask(streaming(*parts, 'data: {"intent": "greet"}\n\n', "data: [DONE]\n\n"))
    assert found.text == "Hello there"
    assert found.json("$.intent") == "greet"
    assert (found.chunks, found.buffered) == (3, False)
    assert 0.04 < found.first_token < found.total - 0.1
    assert 0.04 < found.worst_gap < 0.2


@pytest.mark.parametrize(
    ("parts", "kind"),
    [
        (["data: Hel\n\n", "data: lo\n\n"], "text/event-stream"),
        (['{"reply": "Hel"}\n', '{"reply": "lo"}\n'], "application/x-ndjson"),
    ],
)
async def test_other_streams(parts: list[str], kind: str) -> None:
    found, _ = await ask(streaming(*parts, pause=0, kind=kind))
    assert found.text == "Hello"


async def test_a_stream_that_breaks_off_with_an_error() -> None:
    found = await trouble(streaming('data: {"reply": "Hel"}\n\n', 'data: {"error": "out of words"}\n\n'))
    assert (found.failure, "out of words" in found.sentence) == (Failure.APP_ERROR, True)


async def test_a_stream_held_back_by_a_proxy_is_noticed() -> None:
    whole = "".join(f'data: {{"reply": "word{number} "}}\n\n' for number in range(9))
    found, _ = await ask(streaming(whole))
    assert found.buffered
    assert found.values["buffered"] == 1.0


async def test_limits_of_a_stream() -> None:
    late = streaming(": thinking\n\n", 'data: {"reply": "Hel"}\n\n', 'data: {"reply": "lo"}\n\n', pause=0.2)
    found = await trouble(late, timeout=Timeouts(first_token=0.3))
    assert (found.failure, found.phase) == (Failure.TIMEOUT, "first_token")
    found = await trouble(late, timeout=Timeouts(first_token=2, idle=0.1))
    assert (found.failure, found.phase) == (Failure.TIMEOUT, "idle")
    whole, _ = await ask(late, timeout=Timeouts(first_token=2, idle=2, total=3))
    assert whole.text == "Hello"


def test_filling_in_leaves_the_rest_alone() -> None:
    body = {"a": [1, None, True, {"b": "x${ask}y"}], "c": "${n}", "d": "$ask {ask}"}
    assert fill_in(body, {"ask": "${n}", "n": 5}) == {"a": [1, None, True, {"b": "x${n}y"}], "c": 5, "d": "$ask {ask}"}
