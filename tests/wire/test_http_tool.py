"""The HTTP tool on a wire that works: what is sent, what comes back, what is measured and what is recorded."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib

import pytest

from probes.tools import Missing, Trouble
from probes.words.failure import Failure
from tests.wire.raw import Client, RawServer, answer


async def test_an_answer_with_its_phases_and_its_record() -> None:
    async with RawServer(answer('{"status": "ok", "n": [1, 2]}', headers="Content-Type: application/json")) as server:
        client = Client(server.url)
        async with client as http:
            found = await http.request("GET", "/health", params={"deep": True, "tag": ["a b", "c"], "none": None})
    assert (found.status, found.json("$.status"), found.json("$.n[1]")) == (200, "ok", 2)
    assert found.json("$.absent") is Missing
    assert found.json("$.n[*]") == [1, 2]
    assert found.remote == f"127.0.0.1:{server.port}"
    assert set(found.phases) == {"connect", "first_byte", "total"}  # an address needs no name service, http no TLS
    assert 0 < found.phases["connect"] + found.phases["first_byte"] <= found.phases["total"]
    assert server.heads[0].startswith("GET /health?deep=true&tag=a%20b&tag=c HTTP/1.1\r\n")
    [exchange] = client.recorded
    record = exchange.evidence()
    assert (record["method"], record["status"], record["remote"]) == ("GET", 200, found.remote)
    assert record["response"] == '{"status": "ok", "n": [1, 2]}'
    assert record["phases"] == found.phases
    assert json.dumps(record)


async def test_every_request_says_who_asks() -> None:
    async with RawServer(answer()) as server, Client(server.url) as http:
        await http.request("GET", "/")
        await http.request("GET", "/")
    first, second = (dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line) for head in server.heads)
    assert first["User-Agent"].startswith("showup/")
    assert first["X-Showup-Run"] == "0RUN"
    version, trace, span, flags = first["traceparent"].split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
    assert first == second
    assert first["Host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("body", "sent", "kind"),
    [
        ({"json": {"a": "ü"}}, '{"a":"ü"}'.encode(), "application/json"),
        ({"data": {"a": "b c", "d": [1, 2]}}, b"a=b+c&d=1&d=2", "application/x-www-form-urlencoded"),
        ({"content": "plain"}, b"plain", None),
        ({}, b"", None),
    ],
)
async def test_bodies(body: dict[str, object], sent: bytes, kind: str | None) -> None:
    async with RawServer(answer()) as server, Client(server.url) as http:
        await http.request("POST", "/", **body)  # type: ignore[arg-type]
    assert server.bodies == [sent]
    assert (f"Content-Type: {kind}" in server.heads[0]) if kind else ("Content-Type" not in server.heads[0])
    assert f"Content-Length: {len(sent)}\r\n" in server.heads[0]


async def test_a_request_cannot_have_two_bodies() -> None:
    async with RawServer(answer()) as server, Client(server.url) as http:
        with pytest.raises(Trouble, match="one of json, data and content") as caught:
            await http.request("POST", "/", json={}, content="x")
    assert caught.value.failure is Failure.PROBE_BUG
    assert server.heads == []


async def test_headers_of_the_request_win_over_those_of_the_target() -> None:
    async with RawServer(answer()) as server:
        client = Client(server.url, headers={"X-Gate": "a", "accept": "text/html"}, auth={"bearer": "tok-123"})
        async with client as http:
            await http.request("GET", "/", headers={"x-gate": "b"})
    head = server.heads[0]
    assert "x-gate: b" in head and "X-Gate: a" not in head
    assert "Authorization: Bearer tok-123" in head
    assert head.lower().count("\r\naccept: ") == 1 and "accept: text/html" in head


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
async def test_packed_answers_are_unpacked(coding: str) -> None:
    text = b"the same words again and again " * 100
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(text),
        "deflate": zlib.compress(text),
        "raw deflate": raw.compress(text) + raw.flush(),
    }[coding]
    async with (
        RawServer(answer(packed, headers=f"Content-Encoding: {coding.split()[-1]}")) as server,
        Client(server.url) as http,
    ):
        found = await http.request("GET", "/")
    assert found.body == text
    assert not found.truncated


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("grün".encode("latin-1"), "text/plain; charset=ISO-8859-1", "grün"),
        ("grün".encode(), "text/plain", "grün"),
        (b"\xef\xbb\xbfgr\xc3\xbcn", "text/plain; charset=utf-8", "grün"),
        (b"\xff\xfe", "text/plain; charset=no-such-thing", "\ufffd\ufffd"),
        (b"abc", "text/plain; charset=rot13", "abc"),
        (b"abc", "text/plain; charset=zlib", "abc"),
        (b"abc-" * 50_000, "text/plain; charset=punycode", "abc-" * 50_000),
        ("да".encode("windows-1251"), 'text/html; a=b; Charset="Windows-1251"', "да"),
        ("日本".encode("shift_jis"), "text/html;charset=Shift_JIS", "日本"),
    ],
)
async def test_text_in_whatever_characters(body: bytes, kind: str, text: str) -> None:
    async with RawServer(answer(body, headers=f"Content-Type: {kind}")) as server, Client(server.url) as http:
        assert (await http.request("GET", "/")).text == text


async def test_a_status_is_an_answer_and_no_trouble() -> None:
    gone = answer("no", status="503 Gone Away", headers="Retry-After: 7")
    async with RawServer(gone) as server, Client(server.url) as http:
        found = await http.request("GET", "/")
    assert (found.status, found.headers["RETRY-AFTER"], found.text) == (503, "7", "no")


async def test_what_is_not_json_is_missing_and_says_so() -> None:
    async with RawServer(answer("<html>")) as server, Client(server.url) as http:
        found = await http.request("GET", "/")
    assert found.json() is Missing
    assert not found.json("$.a")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000, b"1" * 10_000, b"NaN", b"\x00" * 500])
async def test_hostile_json_is_missing(body: bytes) -> None:
    async with RawServer(answer(body)) as server, Client(server.url) as http:
        found = await http.request("GET", "/")
    assert found.json() is Missing


async def test_cookies_last_for_the_attempt_and_no_longer() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(headers="Set-Cookie: session=abc; Path=/; HttpOnly\nSet-Cookie: only=secure; Secure"))

    async with RawServer(talk) as server:
        for _ in range(2):
            async with Client(server.url) as http:
                await http.request("GET", "/login")
                await http.request("GET", "/inside")
    sent = ["Cookie: session=abc\r\n" in head for head in server.heads]
    assert sent == [False, True, False, True]
    assert not any("only=secure" in head for head in server.heads)


async def test_requests_of_an_attempt_may_run_side_by_side() -> None:
    async with RawServer(answer()) as server, Client(server.url) as http:
        found = await asyncio.gather(*(http.request("GET", f"/{number}") for number in range(20)))
    assert [one.status for one in found] == [200] * 20
    assert server.came == 20


async def test_nothing_is_left_open() -> None:
    async with RawServer(answer(headers="Connection: keep-alive")) as server, Client(server.url) as http:
        await http.request("GET", "/")
        assert await server.is_left()


async def test_a_path_continues_the_targets_own() -> None:
    async with RawServer(answer()) as server, Client(server.url + "/app/") as http:
        await http.request("GET", "/health")
        await http.request("GET", "health?x=1")
        await http.request("GET", "")
    assert [head.split()[1] for head in server.heads] == ["/app/health", "/app/health?x=1", "/app"]


async def test_head_and_empty_answers() -> None:
    nothing = b"HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n"
    async with RawServer(nothing) as server, Client(server.url) as http:
        assert (await http.request("DELETE", "/x")).body == b""
    async with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n") as server, Client(server.url) as http:
        assert (await http.request("HEAD", "/x")).body == b""


async def test_ipv6() -> None:
    async with RawServer(answer(), listens="::1") as server, Client(server.url) as http:
        found = await http.request("GET", "/")
    assert found.remote == f"[::1]:{server.port}"
    assert f"Host: [::1]:{server.port}\r\n" in server.heads[0]
