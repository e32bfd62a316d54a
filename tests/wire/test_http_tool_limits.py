"""Limits in time: each part of a request has its own, and the one that ran out is named."""

from __future__ import annotations

import asyncio
from time import monotonic, sleep

import pytest

from probes.tools import Timeouts, Trouble
from probes.words.failure import Failure
from tests.wire.raw import Client, RawServer, answer


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers after 0.2 s, then a body in ten pieces, 0.05 s apart."""
    await asyncio.sleep(0.2)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
    for _ in range(10):
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.05)


async def late(server: RawServer, limits: Timeouts | float | None, *, deadline: float = 5.0) -> tuple[str, float]:
    """The phase that ran out, and after how many seconds."""
    began = monotonic()
    with pytest.raises(Trouble) as caught:
        async with Client(server.url, deadline=deadline) as http:
            await http.request("GET", "/", timeout=limits)
    assert caught.value.failure is Failure.TIMEOUT
    return caught.value.phase, monotonic() - began


@pytest.mark.parametrize(
    ("limits", "phase", "after"),
    [
        (Timeouts(first_byte=0.1), "first_byte", 0.1),
        (Timeouts(idle=0.02), "idle", 0.22),
        (Timeouts(total=0.1), "first_byte", 0.1),
        (Timeouts(total=0.4), "total", 0.4),
        (Timeouts(connect=0.05, first_byte=5, idle=5, total=0.4), "total", 0.4),
        (0.4, "total", 0.4),
        (None, "total", 0.5),
    ],
)
async def test_the_part_that_ran_out_is_named(limits: Timeouts | float | None, phase: str, after: float) -> None:
    async with RawServer(slow) as server:
        named, took = await late(server, limits, deadline=0.5)
    assert named == phase
    assert after - 0.03 <= took < after + 0.4


async def test_generous_limits_change_nothing() -> None:
    async with RawServer(slow) as server, Client(server.url) as http:
        found = await http.request("GET", "/", timeout=Timeouts(2, 2, 2, 2, 4))
    assert found.body == b"a" * 10
    assert 0.15 < found.phases["first_byte"] / 1e6 < 0.5
    assert found.phases["total"] / 1e6 > 0.6


async def test_the_time_of_redirects_counts_together() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.15)
        writer.write(answer(b"", status="302 Found", headers="Location: /"))

    async with RawServer(talk) as server:
        phase, took = await late(server, 0.4)
    assert (phase, server.came) == ("first_byte", 3)
    assert took < 0.8


async def test_a_deadline_that_has_passed_ends_at_once() -> None:
    async with RawServer(answer()) as server:
        with pytest.raises(Trouble, match="no time was left"):
            async with Client(server.url, deadline=-1.0) as http:
                await http.request("GET", "/")
        assert server.came == 0


async def test_an_attempts_own_deadline_does_not_hide_which_part_hung() -> None:
    """The attempt has the same deadline around it all: the request ends a moment earlier, with a name for it."""
    async with RawServer(slow) as server:
        with pytest.raises(Trouble) as caught:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + 0.3):
                async with Client(server.url, deadline=0.3) as http:
                    await http.request("GET", "/")
    assert caught.value.phase == "total"


async def test_on_a_loop_that_stands_still_over_both_ends_the_part_that_ran_out_is_still_named() -> None:
    async with RawServer(slow) as server:
        deadline = monotonic() + 0.1
        asyncio.get_running_loop().call_at(deadline - 0.03, sleep, 0.1)  # its own end and the attempt's in one turn
        with pytest.raises(Trouble) as caught:
            async with asyncio.timeout_at(deadline), Client(server.url, deadline=0.1) as http:
                await http.request("GET", "/")
    assert (caught.value.failure, caught.value.phase) == (Failure.TIMEOUT, "first_byte")


async def test_whoever_is_called_off_before_its_end_does_not_speak_of_time() -> None:
    async with RawServer(slow) as server, Client(server.url, deadline=5.0) as http:
        asking = asyncio.create_task(http.request("GET", "/"))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
