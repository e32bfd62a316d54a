"""A target as an attacker: each way of hurting the one who asks ends in time, in little memory, by its right name."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import struct
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from time import monotonic

import pytest

from probes.tools import Trouble
from probes.tools.body import LIMIT
from probes.words.failure import Failure
from tests.wire.raw import Client, RawServer, Talk, answer
from tests.wire.waiting import until

DEADLINE = 0.4
GRACE = 1.0  # s beyond the deadline by which everything is over
Say = Callable[[], AsyncIterator[bytes]]


def says(*parts: bytes, pause: float = 0.0, for_ever: bool = False, then: str = "close") -> Talk:
    """Sends the parts with pauses, the last one again and again if asked to, and then closes, hangs or resets."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        while for_ever:
            writer.write(parts[-1])
            await writer.drain()
            await asyncio.sleep(pause)
        if then == "hang":
            await reader.read()  # until the other side is gone
        if then == "reset":
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    return talk


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

TROUBLES: dict[str, tuple[Talk, Failure, str]] = {
    "says nothing": (says(then="hang"), Failure.TIMEOUT, "first_byte"),
    "closes at once": (says(), Failure.TRUNCATED, ""),
    "resets at once": (says(then="reset"), Failure.TRUNCATED, ""),
    "stops in the headers": (says(OK + b"Content-", then="hang"), Failure.TIMEOUT, "first_byte"),
    "drips headers": (says(OK, b"X-A: b\r\n", pause=0.05, for_ever=True), Failure.TIMEOUT, "first_byte"),
    "endless headers": (says(OK, b"X-Padding: " + b"a" * 4000 + b"\r\n", for_ever=True), Failure.GARBAGE, ""),
    "one endless header": (says(OK + b"X-A: ", b"a" * 65536, for_ever=True), Failure.GARBAGE, ""),
    "headers of 90 KB at once": (says(OK + (b"X-A: " + b"a" * 1000 + b"\r\n") * 90 + b"\r\n"), Failure.GARBAGE, ""),
    "early hints for ever": (says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100, for_ever=True), Failure.GARBAGE, ""),
    "no HTTP at all": (says(b"220 mail.example ESMTP\r\n"), Failure.GARBAGE, ""),
    "binary": (says(bytes(range(256)) * 4), Failure.GARBAGE, ""),
    "stops after half its headers": (says(OK + b"Content-"), Failure.TRUNCATED, ""),
    "bad status": (says(b"HTTP/1.1 OK\r\n\r\n"), Failure.GARBAGE, ""),
    "bad length": (says(OK + b"Content-Length: -5\r\n\r\nhello"), Failure.GARBAGE, ""),
    "two lengths": (says(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), Failure.GARBAGE, ""),
    "bad chunk": (says(CHUNKED + b"zz\r\nhello\r\n"), Failure.GARBAGE, ""),
    "short body": (says(answer("hello", length=500)), Failure.TRUNCATED, ""),
    "reset in the body": (says(answer("hello", length=500), then="reset"), Failure.TRUNCATED, ""),
    "chunks without an end": (says(CHUNKED + b"5\r\nhello\r\n"), Failure.TRUNCATED, ""),
    "drips its body": (says(answer(b"", length=10**6), b"a", pause=0.02, for_ever=True), Failure.TIMEOUT, "total"),
    "hangs in the body": (says(answer("half", length=500), then="hang"), Failure.TIMEOUT, "total"),
    "not the gzip it says": (says(answer("plain", headers="Content-Encoding: gzip")), Failure.GARBAGE, ""),
    "half a gzip": (
        says(answer(gzip.compress(b"hello" * 1000)[:20], headers="Content-Encoding: gzip")),
        Failure.TRUNCATED,
        "",
    ),
    "unasked br": (says(answer("x", headers="Content-Encoding: br")), Failure.GARBAGE, ""),
    "nested gzip": (says(answer("x", headers="Content-Encoding: gzip, gzip")), Failure.GARBAGE, ""),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_each_ends_in_time_by_its_name(name: str) -> None:
    talk, failure, phase = TROUBLES[name]
    async with RawServer(talk) as server:
        client = Client(server.url, deadline=DEADLINE)
        began = monotonic()
        with pytest.raises(Trouble) as caught:
            async with client as http:
                await http.request("GET", "/")
        took = monotonic() - began
        assert (caught.value.failure, caught.value.phase) == (failure, phase), caught.value.sentence
        assert took < DEADLINE + GRACE
        assert await server.is_left()
    [exchange] = client.recorded
    assert exchange.evidence()["failure"] == caught.value.sentence
    assert caught.value.sentence.startswith(f"127.0.0.1:{server.port}") or str(server.port) in caught.value.sentence


def bomb(megabytes: int) -> bytes:
    """A gzip that unpacks to so many megabytes of nothing."""
    pack = zlib.compressobj(9, wbits=31)
    return b"".join([*(pack.compress(bytes(10**6)) for _ in range(megabytes)), pack.flush()])


FLOODS: dict[str, Talk] = {
    "a gzip bomb": says(answer(bomb(200), headers="Content-Encoding: gzip")),
    "an endless body": says(OK + b"\r\n", b"a" * 65536, for_ever=True),
    "endless chunks": says(CHUNKED, b"1000\r\n" + b"a" * 4096 + b"\r\n", for_ever=True),
    "one-byte chunks": says(CHUNKED, b"1\r\na\r\n" * 1000, for_ever=True),
    "a body said to be huge": says(answer(b"a" * 65536, length=10**12), b"a" * 65536, for_ever=True),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_cut_and_costs_what_is_kept(name: str) -> None:
    async with RawServer(FLOODS[name]) as server, Client(server.url, deadline=5) as http:
        gc.collect()
        tracemalloc.start()
        try:
            found = await http.request("GET", "/")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert found.truncated
        assert len(found.body) <= LIMIT
        assert peak < 20e6
        assert await server.is_left()


async def test_a_flood_leaves_room_for_others() -> None:
    late: list[float] = []

    async def watch() -> None:
        while True:
            began = monotonic()
            await asyncio.sleep(0.005)
            late.append(monotonic() - began - 0.005)

    async with RawServer(FLOODS["one-byte chunks"]) as server:
        watcher = asyncio.create_task(watch())
        async with Client(server.url, deadline=5) as http:
            assert (await http.request("GET", "/")).truncated
        watcher.cancel()
    assert max(late) < 0.25


async def test_what_came_before_it_broke_is_evidence() -> None:
    async with RawServer(says(answer("the first half", length=500), then="hang")) as server:
        client = Client(server.url, deadline=0.3)
        with pytest.raises(Trouble):
            async with client as http:
                await http.request("GET", "/")
    record = client.recorded[0].evidence()
    assert (record["status"], record["response"]) == (200, "the first half")


async def test_a_cancelled_request_leaves_nothing() -> None:
    async with RawServer(says(then="hang")) as server:
        client = Client(server.url)
        async with client as http:
            asking = asyncio.create_task(http.request("GET", "/"))
            await until(lambda: server.heads)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert await server.is_left()
        assert len(client.recorded) == 1


async def test_a_target_that_does_not_read_ends_in_time() -> None:
    async with RawServer(b"", deaf=True) as server:
        began = monotonic()
        with pytest.raises(Trouble) as caught:
            async with Client(server.url, deadline=DEADLINE) as http:
                await http.request("POST", "/", content=b"a" * 30_000_000)
    assert caught.value.failure is Failure.TIMEOUT
    assert monotonic() - began < DEADLINE + GRACE


async def test_a_refusal_before_the_body_was_read_is_heard() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer("too much", status="413 Content Too Large"))
        await writer.drain()

    async with RawServer(refuse) as server, Client(server.url, deadline=2) as http:
        found = await http.request("POST", "/", content=b"a" * 200_000)
    assert found.status == 413
