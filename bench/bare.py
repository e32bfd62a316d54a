"""What is compared with: httpx alone at a steady rate, a transport for each request, its trace extension on.

`python -m bench.bare URL RATE SECONDS` prints one line of JSON: requests, CPU seconds, median and p99 length in µs.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import ssl
import statistics
import subprocess
import sys
import time
from typing import Any

import httpx

WARM = 2.0  # seconds that are not counted


class _Trace:
    def __init__(self) -> None:
        self.times: dict[str, float] = {}

    async def __call__(self, name: str, info: object) -> None:
        self.times[name] = time.perf_counter()


async def get(url: str, context: ssl.SSLContext) -> float:
    """One request; its length in µs."""
    began = time.perf_counter()
    limits = {"connect": 10.0, "read": 10.0, "write": 10.0, "pool": 10.0}
    extensions: dict[str, Any] = {"trace": _Trace(), "timeout": limits}
    async with asyncio.timeout(10), httpx.AsyncHTTPTransport(verify=context, trust_env=False) as transport:
        response = await transport.handle_async_request(httpx.Request("GET", url, extensions=extensions))
        assert response.status_code == 200
        await response.aread()
        took = time.perf_counter() - began
        await response.aclose()
    return took * 1e6


async def loop(url: str, rate: float, seconds: float) -> dict[str, float]:
    """Start requests at moments spread over each second as a scheduler with hashed offsets spreads them."""
    context, dice = ssl.create_default_context(), random.Random(1)
    lengths: list[float] = []
    running: set[asyncio.Task[None]] = set()

    async def one() -> None:
        lengths.append(await get(url, context))

    async def run(length: float) -> None:
        began = time.perf_counter()
        for at in sorted(dice.uniform(0, length) for _ in range(int(rate * length))):
            pause = began + at - time.perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            task = asyncio.create_task(one())
            running.add(task)
            task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running)

    await run(WARM)
    lengths.clear()
    before = resource.getrusage(resource.RUSAGE_SELF)
    await run(seconds)
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lengths.sort()
    p99 = lengths[int(len(lengths) * 0.99)]
    return {"requests": len(lengths), "cpu": used, "p50": statistics.median(lengths), "p99": p99}


def measure(url: str, rate: float, seconds: float) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "bench.bare", url, str(rate), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60)
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    print(json.dumps(asyncio.run(loop(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))))
