"""The hosts measured by themselves, without a daemon around them: `python -m bench.hosts [load|slow|loops|limit …]`.

What answers is a server of its own process, so that its cost is not counted. Give it a machine that is otherwise idle.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.figure import Figure
from monitor.engine.hosts import Hosts
from probes.board import boot
from probes.frames import Reply, Request
from probes.words.clock import SystemClock

RATE = 333  # attempts a second: a thousand probes every three seconds
JOBS = 1_000
BODY = b"<h1>Book online</h1>"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (
    len(BODY),
    BODY,
)
NUMBERS = itertools.count(1)


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        wait = 2.0 if b" /slow" in data else 0.0
        asyncio.get_running_loop().call_later(wait, self._answer)

    def _answer(self) -> None:
        if isinstance(self._transport, asyncio.Transport) and not self._transport.is_closing():
            self._transport.write(ANSWER)
            self._transport.close()


def _serve(end: Connection) -> None:
    async def live() -> None:
        server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0, backlog=4096)
        end.send(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, end.recv)

    asyncio.run(live())


def _bare(end: Connection, url: str, seconds: float) -> None:
    """A transport per request and a trace, nothing else: what httpx itself costs at this rate."""
    import httpx

    from probes.tools.tls import tls_context

    context = tls_context()

    async def trace(name: str, info: dict[str, Any]) -> None:
        return

    async def one() -> None:
        async with httpx.AsyncHTTPTransport(verify=context) as transport:
            request = httpx.Request("GET", url, extensions={"trace": trace})
            response = await transport.handle_async_request(request)
            await response.aread()

    async def live() -> None:
        await one()
        before = time.process_time()
        count = await at_rate(RATE, seconds, lambda _: one())
        end.send((time.process_time() - before) / count)

    asyncio.run(live())


async def at_rate(rate: float, seconds: float, start: Callable[[int], Awaitable[Any]]) -> int:
    """Start `rate` a second, each when its time has come, and wait for all; returns how many."""
    loop = asyncio.get_running_loop()
    began, number, tasks = loop.time(), 0, set()
    while (now := loop.time()) - began < seconds:
        while number < (now - began) * rate:
            task = asyncio.ensure_future(start(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
        await asyncio.sleep(max(0.0, began + number / rate - loop.time()))
    if tasks:
        await asyncio.wait(tasks)
    return number


def job(url: str, path: str = "/") -> dict[str, Any]:
    """A plain page with one check."""
    spec = {"get": path, "check": [{"contains": "Book online"}]}
    return {
        "kind": "http",
        "workflow": "w",
        "environment": "production",
        "probe": "p",
        "spec": spec,
        "target": {"url": url},
    }


def say(name: str, value: float, unit: str = "", *, most: float | None = None, least: float | None = None) -> None:
    """One line of the result."""
    print(Figure(name, value, unit, most, least).line(), flush=True)


class Load:
    """Attempts at a rate, and what became of them."""

    def __init__(self, hosts: Hosts | Nobody, url: str, *, path: str = "/", jobs: int = JOBS) -> None:
        self._hosts, self._job, self._jobs = hosts, job(url, path), jobs
        self._turned_away: dict[int, int] = {}  # how often running
        self.replies: list[tuple[int, Reply]] = []

    async def attempt(self, number: int) -> None:
        """One attempt of one of the jobs, in turn."""
        name = number % self._jobs
        times = self._turned_away.get(name, 0)
        request = Request(next(NUMBERS), f"job-{name}", "RUN", 1, 0, boot(), 10.0, shed=times)
        reply = await self._hosts.attempt(request, job=self._job, script=False)
        self._turned_away[name] = times + 1 if reply.witness == "shed" else 0
        self.replies.append((name, reply))

    async def run(self, rate: float, seconds: float) -> Load:
        """Keep the rate for so long."""
        await at_rate(rate, seconds, self.attempt)
        return self

    def lateness(self, share: float) -> float:
        """A quantile of how late the attempts that ran were started, ms."""
        waited = sorted(reply.waited for _, reply in self.replies if reply.witness != "shed")
        return waited[min(len(waited) - 1, int(share * len(waited)))] / 1000

    def passed(self) -> int:
        """How many passed."""
        return sum(reply.state == "up" for _, reply in self.replies)

    def twice_running(self) -> int:
        """How often a job was turned away right after it had been."""
        last: dict[int, bool] = {}
        twice = 0
        for name, reply in self.replies:
            away = reply.witness == "shed"
            twice += away and last.get(name, False)
            last[name] = away
        return twice


class Nobody:
    """Answers at once: what is left then is this bench's own cost."""

    async def attempt(self, request: Request, **_: Any) -> Reply:
        """An answer, one turn of the loop later."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, Reply(request.number, "up"))
        return await future


async def measure_load(hosts: Hosts, url: str) -> None:
    """What an attempt costs here and in the hosts at the usual rate, against httpx alone."""
    own = time.process_time()
    nothing = await Load(Nobody(), url).run(RATE, 4)
    bench = (time.process_time() - own) / len(nothing.replies) * 1e3
    await Load(hosts, url).run(RATE, 4)
    before, own = sum(host.cpu for host in hosts.stats()), time.process_time()
    load = await Load(hosts, url).run(RATE, 12)
    keeper = (time.process_time() - own) / len(load.replies) * 1e3 - bench
    made = (sum(host.cpu for host in hosts.stats()) - before) / len(load.replies) * 1e3
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_bare, args=(theirs, url + "/", 12))
    process.start()
    alone = (await asyncio.to_thread(ours.recv)) * 1e3
    process.join()
    say(f"keeper, CPU per attempt at 333/s (and {bench:.3f} of this bench)", keeper, "ms", most=0.12)
    say("hosts, CPU per attempt at 333/s", made, "ms")
    say("httpx alone, CPU per request at 333/s", alone, "ms")
    say("keeper and hosts, times httpx alone", (keeper + made) / alone, "x", most=1.6)
    say("lateness p50", load.lateness(0.5), "ms")
    say("lateness p99", load.lateness(0.99), "ms", most=25)
    say("passed of all", load.passed() / len(load.replies) * 100, "%", least=100)


async def measure_limit(hosts: Hosts, url: str) -> None:
    """How many a second can be made; then twice that."""
    capacity = 0.0
    for rate in (600, 900, 1200, 1500, 1800, 2100):
        load = await Load(hosts, url).run(rate, 4)
        share = load.passed() / len(load.replies)
        print(f"  at {rate}/s: {share:.0%} passed, p99 {load.lateness(0.99):.0f} ms late, {hosts.shed} turned away")
        capacity = max(capacity, load.passed() / 4 if share > 0.99 else load.passed() / 4.3)
        if share < 0.97:
            break
    say("capacity", capacity, "/s")
    began = time.monotonic()
    load = await Load(hosts, url, jobs=int(capacity * 2)).run(capacity * 2, 10)
    rate = load.passed() / (time.monotonic() - began)
    say("at twice the capacity, made", rate, "/s", least=0.8 * capacity)
    say("  lateness p99 of those", load.lateness(0.99), "ms", most=250)
    say("  turned away twice running", load.twice_running(), most=0)
    failed = sum(reply.state != "up" and reply.witness != "shed" for _, reply in load.replies)
    say("  failed otherwise", failed, most=0)


async def measure_slow(hosts: Hosts, url: str) -> None:
    """A target that takes 2 s for each answer changes nothing for the others."""
    slow, quick = Load(hosts, url, path="/slow"), Load(hosts, url)
    slow._jobs = quick._jobs = 50
    await asyncio.gather(slow.run(RATE, 8), at_rate(50, 8, lambda number: quick.attempt(number + 1_000_000)))
    say("333/s of 2 s each: passed", slow.passed() / len(slow.replies) * 100, "%", least=100)
    say("  lateness p99", slow.lateness(0.99), "ms", most=250)
    say("  lateness p99 of the quick beside them", quick.lateness(0.99), "ms", most=250)


async def measure_loops(hosts: Hosts, url: str, folder: Path) -> None:
    """Four scripts in tight loops; what a waiting script weighs."""
    file = folder / "loops.py"
    file.write_text(
        "from probes import probe, Context\nimport asyncio\n\n"
        '@probe(workflow="w")\nasync def turn(ctx: Context) -> None:\n    while True:\n        pass\n\n'
        '@probe(workflow="w")\nasync def wait(ctx: Context) -> None:\n'
        "    await asyncio.sleep(4)\n    ctx.check(1).equals(1)\n"
    )

    async def script(function: str, timeout: float) -> Reply:
        asked = Request(next(NUMBERS), function, "RUN", 1, 0, boot(), timeout, 1.0)
        made = {"kind": "script", "file": str(file), "function": function, "probe": function, "target": {"url": url}}
        return await hosts.attempt(asked, job=made, script=True)

    await asyncio.wait([asyncio.ensure_future(script("wait", 6))], timeout=2)
    alone = _weight(hosts)
    waiting = [asyncio.ensure_future(script("wait", 6)) for _ in range(8)]
    await asyncio.sleep(1.5)
    say("a running script adds, PSS", (_weight(hosts) - alone) / 8 / 2**20, "MB", most=8)
    await asyncio.wait(waiting)
    loops = [asyncio.ensure_future(script("turn", 8)) for _ in range(4)]
    await asyncio.sleep(0.5)
    load = await Load(hosts, url).run(RATE, 7)
    await asyncio.wait(loops)
    say("4 scripts in tight loops beside 333/s: lateness p99", load.lateness(0.99), "ms", most=250)
    say("  the latest of all", load.lateness(1.0), "ms", most=250)
    say("  passed", load.passed() / len(load.replies) * 100, "%", least=100)


def _weight(hosts: Hosts) -> int:
    """Proportional set size of the parent of scripts and all below it, bytes."""
    from probes.processes import descendants

    total = 0
    for host in (host for host in hosts.stats() if host.role == "script"):
        for pid in (host.pid, *descendants(host.pid)):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                total += int(line.split()[1]) * 1024 if line.startswith("Pss:") else 0
    return total


async def measure(names: list[str]) -> None:
    """Run the measurements of these names, or all."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,))
    server.start()
    url = f"http://127.0.0.1:{ours.recv()}"
    with tempfile.TemporaryDirectory() as folder:
        hosts = Hosts(SystemClock(), folder=folder)
        await hosts.start()
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f} before, {len(hosts.stats())} shared hosts")
        await asyncio.sleep(1)
        for name, part in {
            "load": lambda: measure_load(hosts, url),
            "slow": lambda: measure_slow(hosts, url),
            "loops": lambda: measure_loops(hosts, url, Path(folder)),
            "limit": lambda: measure_limit(hosts, url),
        }.items():
            if not names or name in names:
                await part()
        say("hosts replaced meanwhile", hosts.restarts, most=0)
        await hosts.close()
    ours.send(None)
    server.join()


if __name__ == "__main__":
    asyncio.run(measure(sys.argv[1:]))
