"""CPU of one GET by the HTTP tool against a bare httpx transport per request with its trace extension, side by side.

Run: `python -m bench.http_tool [requests] [concurrency]`. The server runs in a process and on a core of its own; each
figure is the median of five rounds that take turns. https verifies the same certificate with the same settings.
"""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import trustme

from probes.target import Target
from probes.tools.http import Http

BODY = b'{"status":"ok","version":"1.2.3"}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 33\r\nConnection: close\r\n\r\n" + BODY
ROUNDS = 5
LIMITS = {"connect": 5, "read": 5, "write": 5, "pool": 5}
Get = Callable[[str], Awaitable[None]]


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            self._transport.write(ANSWER)
            self._transport.close()


async def serve(certificate: str) -> None:
    """Answer on two ports, plain and TLS, until killed; prints the ports."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(_Answering, "127.0.0.1", 0, backlog=2000, ssl=tls) for tls in (None, context)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.Event().wait()


class _Trace:
    def __init__(self) -> None:
        self.times: dict[str, float] = {}

    async def __call__(self, name: str, info: object) -> None:
        self.times[name] = time.perf_counter()


def bare(context: ssl.SSLContext) -> Get:
    """What a probe would be with httpx alone."""

    async def get(url: str) -> None:
        extensions = {"trace": _Trace(), "timeout": LIMITS}
        async with asyncio.timeout(10), httpx.AsyncHTTPTransport(verify=context, trust_env=False) as transport:
            request = httpx.Request("GET", url, headers={"User-Agent": "x", "X-Run": "1"}, extensions=extensions)
            response = await transport.handle_async_request(request)
            assert response.status_code == 200 and await response.aread() == BODY
            await response.aclose()

    return get


def tool(ca_file: str) -> Get:
    """The same by the tool: phases, checked addresses, record and all."""
    targets: dict[str, Target] = {}

    async def get(url: str) -> None:
        target = targets.get(url) or targets.setdefault(url, Target.of({"url": url, "ca_file": ca_file}))
        async with Http(target, run_id="0RUN", deadline=time.monotonic() + 10, record=lambda _: None) as http:
            answer = await http.request("GET", "")
            assert answer.status == 200 and answer.body == BODY

    return get


async def _many(get: Get, url: str, count: int, concurrency: int) -> None:
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            await get(url)

    await asyncio.gather(*(work() for _ in range(concurrency)))


def measure(get: Get, url: str, count: int, concurrency: int) -> float:
    """CPU µs of this process for one request."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    asyncio.run(_many(get, url, count, concurrency))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count * 1e6


def compare(count: int, concurrency: int) -> None:
    """Print the figures for http and https."""
    authority = trustme.CA()
    with tempfile.TemporaryDirectory() as folder:
        ca_file, pair = f"{folder}/ca.pem", f"{folder}/server.pem"
        authority.cert_pem.write_to_path(ca_file)
        Path(pair).write_bytes(authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes())
        command = [sys.executable, "-m", "bench.http_tool", "serve", pair]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                if (os.cpu_count() or 1) > 1:
                    os.sched_setaffinity(server.pid, {1})
                    os.sched_setaffinity(0, {0})
                assert server.stdout is not None
                ports = server.stdout.readline().split()
                ways = {"bare httpx": bare(ssl.create_default_context(cafile=ca_file)), "tool": tool(ca_file)}
                for scheme, port in zip(("http", "https"), ports, strict=True):
                    _report(scheme, ways, f"{scheme}://127.0.0.1:{port}/", count, concurrency)
            finally:
                server.kill()


def _report(scheme: str, ways: dict[str, Get], url: str, count: int, concurrency: int) -> None:
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, get in ways.items():
            rounds[name].append(measure(get, url, count, concurrency))
    base, ours = (statistics.median(rounds[name]) for name in ways)
    print(f"{scheme:5}  bare httpx {base:6.0f} µs   tool {ours:6.0f} µs   ratio {ours / base:.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(sys.argv[2]))
    else:
        compare(int((sys.argv[1:] or ["1000"])[0]), int((sys.argv[2:] or ["50"])[0]))
