"""Streams: what a chat of 100 tokens costs beside a bare httpx loop, and 300 streams of 20 tokens a second in one host.

The host is the real one: a process on its board, asked and answering in frames. `python -m bench.streams bare URL COUNT
AT_ONCE` is what is compared with.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import mmap
import os
import resource
import ssl
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from bench import system
from bench.daemon import quantile
from bench.figure import Figure, Scale
from bench.talker import talking
from probes.board import Board, boot
from probes.frames import Reply, Request, pack, unpack_reply
from probes.maker import READY, Maker, real_maker

TOKENS, PAUSE = 100, 0.01  # of one chat
STREAMS, A_SECOND = 300, 20
MOST = 1 << 18  # tokens
_TRIES = 20
_numbers = itertools.count(1)


def job(url: str) -> dict[str, Any]:
    """A chat probe with a check and limits for each part."""
    chat = {"dialect": "openai", "model": "gpt-5-mini", "max_tokens": 500}
    limits = {"connect": "5s", "first_token": "10s", "idle": "5s"}
    spec = {"ask": "Count, please.", "check": [{"non-empty": True}], "timeout": limits}
    target = {"url": f"{url}/v1", "auth": {"bearer": "sk-bench-0123456789"}, "chat": chat}
    return {"kind": "chat", "workflow": "bench", "probe": "counts", "spec": spec, "target": target}


class Host:
    """A probe host, driven as the keeper drives it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._known: set[str] = set()
        self.pid = process.pid

    async def listen(self) -> None:
        """Hand replies to who waits for them, until the host ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if not line.startswith(b"!"):
                reply = unpack_reply(line.rstrip(b"\n"))
                self._waiting.pop(reply.number).set_result(reply)

    async def attempt(self, url: str, seconds: float) -> Reply:
        """One chat; whoever was turned away asks again, as a busy machine turns many away that begin together."""
        for _ in range(_TRIES):
            reply = await self._attempt(url, seconds)
            if reply.witness != "shed":
                break
            await asyncio.sleep(0.2)
        return reply

    async def _attempt(self, url: str, seconds: float) -> Reply:
        number, known = next(_numbers), url in self._known
        self._known.add(url)
        request = Request(number, url, "RUN", 1, 0, boot(), seconds, job=None if known else job(url))
        self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(pack(request))
        return await self._waiting[number]


async def hosted(work: Any, *, stamps: str = "") -> Any:
    """What `work` comes to, a coroutine function of a Host; in the file `stamps` is how late each token was heard."""
    board = Board.new()
    command = [sys.executable, "-m", "bench.streams", "host", stamps, "--role", "shared"]
    command += ["--board", str(board.fd), "--parent", str(os.getpid())]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, pass_fds=[board.fd], limit=16 << 20
    )
    assert process.stdin is not None and process.stdout is not None
    listening = None
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 30) == READY
        host = Host(process)
        listening = asyncio.create_task(host.listen())
        return await work(host)
    finally:
        process.stdin.close()
        if listening is not None:
            listening.cancel()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


def _stamped(place: str) -> Maker:
    """Makes attempts as ever, and notes by how much each token was heard after it was said."""
    from probes.tools import model
    from probes.tools.listen import Listener

    with Path(place).open("r+b") as file:
        late = memoryview(mmap.mmap(file.fileno(), 8 * MOST)).cast("d")  # a host ends without a word
    number = itertools.count()

    class Stamped(Listener):
        """A listener with a second clock."""

        def hear(self, text: str, at: float) -> None:
            late[next(number)] = at - float(text)
            super().hear(text, at)

    setattr(model, "Listener", Stamped)  # noqa: B010
    return real_maker()


# what is compared with


async def bare(url: str, count: int, at_once: int) -> float:
    """CPU ms of a chat by httpx alone: a client for each, its lines read and their text put together."""
    import httpx

    context, left = ssl.create_default_context(), iter(range(count))
    body = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Count, please."}], "stream": True}

    async def one() -> None:
        said = []
        async with asyncio.timeout(30), httpx.AsyncClient(verify=context, timeout=10, trust_env=False) as client:
            headers = {"Authorization": "Bearer sk-bench-0123456789"}
            async with client.stream("POST", f"{url}/v1/chat/completions", json=body, headers=headers) as answer:
                async for line in answer.aiter_lines():
                    if line.startswith("data: {"):
                        choices = json.loads(line[6:])["choices"]
                        said += [choices[0]["delta"].get("content") or ""] if choices else []
        assert len("".join(said).split()) == TOKENS

    async def work() -> None:
        for _ in left:
            await one()

    await one()
    before = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*(work() for _ in range(at_once)))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count * 1e3


async def _chats(host: Host, url: str, count: int, at_once: int) -> float:
    """CPU ms of a chat in a host."""
    left = iter(range(count))

    async def work() -> None:
        for _ in left:
            reply = await host.attempt(url, 30.0)
            assert reply.state == "up", reply.sentence

    for _ in range(3):
        assert (await host.attempt(url, 30.0)).state == "up"
    before = system.cpu(host.pid)
    await asyncio.gather(*(work() for _ in range(at_once)))
    return (system.cpu(host.pid) - before) / count * 1e3


def chat(scale: Scale) -> Iterator[Figure]:
    """CPU of a chat of 100 tokens in a host, against a bare loop, taking turns."""
    count, at_once, ours, theirs = scale.some(600, 120), 60, list[float](), list[float]()
    with talking(TOKENS, PAUSE) as url:
        for _ in range(scale.rounds):
            done = subprocess.run(
                [sys.executable, "-m", "bench.streams", "bare", url, str(count), str(at_once)],
                capture_output=True, text=True, check=True, timeout=300,
            )  # fmt: skip
            theirs.append(float(done.stdout))
            ours.append(asyncio.run(hosted(lambda host: _chats(host, url, count, at_once))))
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    said = f"{statistics.median(ours):.1f} against {statistics.median(theirs):.1f} ms a chat of {TOKENS} tokens"
    yield Figure("cpu of chat / bare httpx", ratio, most=1.6, remark=said)


async def _many(host: Host, url: str, short: str, seconds: float) -> tuple[float, int]:
    """(share of a core, chats that failed) while all streams talk."""
    gap = 1.0 / STREAMS  # so that they are spread over the second
    await host.attempt(short, 30.0)
    waiting = []
    for _ in range(STREAMS):
        waiting.append(asyncio.ensure_future(host.attempt(url, seconds + 30)))
        await asyncio.sleep(gap)
    await asyncio.sleep(0.5)
    loop = asyncio.get_running_loop()
    before, began = system.cpu(host.pid), loop.time()
    await asyncio.sleep(seconds - 3.0)
    share = (system.cpu(host.pid) - before) / (loop.time() - began)
    replies = await asyncio.gather(*waiting)
    return share, sum(reply.state != "up" for reply in replies)


def streams(scale: Scale) -> Iterator[Figure]:
    """300 streams at once in one host."""
    seconds = scale.some(15, 8)
    with (
        talking(seconds * A_SECOND, 1 / A_SECOND) as url,
        talking(TOKENS, PAUSE) as short,
        NamedTemporaryFile() as stamps,
    ):
        stamps.truncate(8 * MOST)
        share, failed = asyncio.run(hosted(lambda host: _many(host, url, short, seconds), stamps=stamps.name))
        late = memoryview(stamps.read()).cast("d")
    found = sorted(one for one in late[TOKENS:] if one)  # without the chat that warms the host
    heard = f"{len(found):,} tokens, p50 {quantile(found, 0.5) * 1e3:.2f} ms, worst {found[-1] * 1e3:.0f} ms"
    yield Figure("300 streams, share of a core", share, most=0.8)
    yield Figure("300 streams, arrival error p99", quantile(found, 0.99) * 1e3, "ms", most=5, remark=heard)
    yield Figure("300 streams, failed", failed, most=0)
    yield Figure("300 streams, tokens heard", len(found) / (STREAMS * seconds * A_SECOND) * 100, "%", least=100)


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        print(asyncio.run(bare(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
    else:
        from probes.host import main

        main(sys.argv[3:], maker=(lambda: _stamped(sys.argv[2])) if sys.argv[2] else real_maker)
