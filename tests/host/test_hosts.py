"""Probe hosts, and scripts that behave as badly as they can: each costs its own run, nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from monitor.engine.hosts import Hosts
from probes.frames import Reply, Request
from probes.words.clock import SystemClock

HEAD = "import os, sys, time, signal, subprocess\nfrom probes import probe, Context\n\n"
NUMBERS = iter(range(1, 1_000_000))


def boot() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = b"Book online"
    with contextlib.suppress(asyncio.IncompleteReadError, OSError):  # its client may be killed at any moment
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body))
        await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        await reader.read()
    writer.close()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


@pytest.fixture
async def hosts(tmp_path: Path) -> AsyncIterator[Hosts]:
    made = Hosts(SystemClock(), shared=1, folder=str(tmp_path))
    await made.start()
    yield made
    await made.close()


def request(job_id: str, *, timeout: float = 2.0) -> Request:
    return Request(next(NUMBERS), job_id, "RUN", 1, 0, boot(), timeout, cleanup=0.5)


def page(url: str) -> dict[str, Any]:
    spec = {"get": "/", "check": [{"contains": "Book online"}]}
    return {
        "kind": "http",
        "workflow": "w",
        "environment": "production",
        "probe": "home",
        "spec": spec,
        "target": {"url": url},
    }


async def script(hosts: Hosts, folder: Path, body: str, *, timeout: float = 1.0) -> Reply:
    file = folder / f"journey_{next(NUMBERS)}.py"
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    file.write_text(f'{HEAD}@probe(workflow="w")\nasync def bad(ctx: Context) -> None:\n    """Bad."""\n{lines}')
    job = {
        "kind": "script",
        "file": str(file),
        "function": "bad",
        "probe": "bad",
        "target": {"url": "http://127.0.0.1:9"},
    }
    return await hosts.attempt(request(file.name, timeout=timeout), job=job, script=True)


def leftovers(mark: str) -> list[psutil.Process]:
    return [process for process in psutil.process_iter(["cmdline"]) if mark in " ".join(process.info["cmdline"] or ())]


async def test_a_plain_page_is_fetched_and_passes(hosts: Hosts, url: str) -> None:
    reply = await hosts.attempt(request("home"), job=page(url), script=False)
    assert (reply.state, reply.failure) == ("up", None)
    assert len(reply.phases) == 5


async def test_a_good_script_passes(hosts: Hosts, url: str, tmp_path: Path) -> None:
    reply = await script(hosts, tmp_path, "ctx.check('booked').contains('book')")
    assert reply.state == "up", reply


BAD = {
    "sleeps": ("time.sleep(3600)", "blocked at journey_"),
    "turns in circles": ("while True:\n    pass", "blocked at journey_"),
    "exits": ("os._exit(7)", "ended by itself (exit code 7)"),
    "raises": ("raise RuntimeError('no')", "RuntimeError"),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", "SIGKILL"),
    "ignores the end": ("signal.signal(signal.SIGABRT, signal.SIG_IGN)\ntime.sleep(3600)", "blocked"),
    "takes 4 GB": ("x = bytearray(4 << 30)\nctx.check('a').equals('a')", "MemoryError"),
}


@pytest.mark.parametrize("body,said", BAD.values(), ids=BAD.keys())
async def test_a_script_that_misbehaves_is_a_probe_bug(hosts: Hosts, tmp_path: Path, body: str, said: str) -> None:
    began = time.monotonic()
    reply = await script(hosts, tmp_path, body)
    assert reply.failure == "probe_bug", reply
    assert said in reply.sentence
    assert time.monotonic() - began < 1.0 + 0.5 + 0.5 + 2.0
    assert (await script(hosts, tmp_path, "ctx.check('a').equals('a')")).state == "up"


async def test_a_block_is_shown_with_its_stack(hosts: Hosts, tmp_path: Path) -> None:
    reply = await script(hosts, tmp_path, "time.sleep(3600)")
    assert reply.evidence is not None
    assert "in bad" in reply.evidence["stack"]
    assert ":7 in bad" in reply.sentence


async def test_forks_and_fugitives_are_ended_with_it(hosts: Hosts, tmp_path: Path) -> None:
    mark = f"31{os.getpid()}"
    body = (
        f"subprocess.Popen(['sleep', '{mark}'], start_new_session=True)\nsubprocess.Popen(['sleep', '{mark}'])\n"
        "if os.fork() == 0:\n    os.setsid()\n    time.sleep(3600)\nctx.check('a').equals('a')"
    )
    reply = await script(hosts, tmp_path, body)
    assert reply.state in ("up", "unknown")
    for _ in range(50):
        if not leftovers(mark):
            break
        await asyncio.sleep(0.1)
    assert leftovers(mark) == []


async def test_a_flood_of_prints_is_cut_and_costs_no_memory(hosts: Hosts, tmp_path: Path) -> None:
    reply = await script(
        hosts, tmp_path, "for _ in range(300_000):\n    print('x' * 100)\nraise RuntimeError('done')", timeout=5.0
    )
    assert reply.failure == "probe_bug"
    assert reply.evidence is not None
    assert "thrown away" in reply.evidence["printed"]
    assert psutil.Process().memory_info().rss < 1 << 30


@pytest.mark.serial
async def test_four_scripts_in_tight_loops_delay_nobody_by_a_quarter_second(
    hosts: Hosts, url: str, tmp_path: Path
) -> None:
    await hosts.attempt(request("home"), job=page(url), script=False)
    loops = [asyncio.create_task(script(hosts, tmp_path, "while True:\n    pass", timeout=3.0)) for _ in range(4)]
    worst = 0
    for _ in range(40):
        await asyncio.sleep(0.05)
        reply = await hosts.attempt(request("home"), job=page(url), script=False)
        assert reply.state == "up"
        worst = max(worst, reply.waited)
    assert worst < 250_000
    assert {reply.failure for reply in await asyncio.gather(*loops)} == {"probe_bug"}


async def test_a_host_that_dies_loses_its_attempts_and_is_replaced(hosts: Hosts, url: str) -> None:
    await hosts.attempt(request("home"), job=page(url), script=False)
    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    hang = {**page(url), "target": {"url": f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}"}}
    waiting = asyncio.create_task(hosts.attempt(request("hang", timeout=30.0), job=hang, script=False))
    await asyncio.sleep(0.3)
    os.kill(hosts.stats()[0].pid, 9)
    assert (await asyncio.wait_for(waiting, 5)).failure == "host_lost"
    silent.close()
    await silent.wait_closed()
    silent.close()
    await asyncio.sleep(0.5)
    again = await asyncio.wait_for(hosts.attempt(request("home"), job=page(url), script=False), 10)
    assert again.state == "up"


async def test_a_shared_host_that_stands_still_is_replaced(hosts: Hosts, url: str) -> None:
    await hosts.attempt(request("home"), job=page(url), script=False)
    os.kill(hosts.stats()[0].pid, 19)
    stuck = asyncio.create_task(hosts.attempt(request("home"), job=page(url), script=False))
    assert (await asyncio.wait_for(stuck, 10)).failure in ("host_lost", "probe_bug")
    again = await asyncio.wait_for(hosts.attempt(request("home"), job=page(url), script=False), 10)
    assert again.state == "up"
