"""What tests of hosts need: a server on loopback, jobs, scripts written for the occasion, and who is left behind."""

from __future__ import annotations

import asyncio
import itertools
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from monitor.engine.hosts import Hosts
from probes.board import boot
from probes.frames import Reply, Request
from probes.processes import bearing
from probes.words.clock import SystemClock

NUMBERS = itertools.count(1)
BODY = b"Book online"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(BODY), BODY)


class _Page(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if b" /never" not in data:
            self._transport.write(ANSWER)
            self._transport.close()


@asynccontextmanager
async def page() -> AsyncIterator[str]:
    """The address of a page that says `Book online`; /never never answers."""
    server = await asyncio.get_running_loop().create_server(_Page, "127.0.0.1", 0, backlog=1024)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def running(folder: Path, *, shared: int = 1, **more: Any) -> AsyncIterator[Hosts]:
    """Hosts that are ready; one has another to spare."""
    hosts = Hosts(SystemClock(), shared=shared, folder=str(folder), **more)
    await hosts.start()
    await until(lambda: len(hosts.stats()) >= max(2, shared))
    try:
        yield hosts
    finally:
        await hosts.close()
        assert left_by(hosts) == []


async def until(holds: Callable[[], Any], *, seconds: float = 10.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    for _ in range(int(seconds / 0.01)):
        if holds() or time.monotonic() > end:
            break
        await asyncio.sleep(0.01)
    assert holds()


def left_by(hosts: Hosts) -> list[int]:
    """The processes that carry the mark of these hosts and are none of them."""
    mark = hosts._fleet._recipe.mark
    return [pid for pid in bearing(mark) if pid not in {host.pid for host in hosts.stats()} and _lives(pid)]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ask(job_id: str, *, timeout: float = 5.0, cleanup: float = 1.0, **more: Any) -> Request:
    return Request(next(NUMBERS), job_id, "RUN", 1, 1_790_000_000_000_000, boot(), timeout, cleanup=cleanup, **more)


def home(url: str, path: str = "/") -> dict[str, Any]:
    spec = {"get": path, "check": [{"contains": "Book online"}]}
    return {"kind": "http", "workflow": "w", "environment": "live", "probe": "p", "spec": spec, "target": {"url": url}}


async def visit(hosts: Hosts, url: str, path: str = "/", **more: Any) -> Reply:
    """One attempt at a plain page."""
    return await hosts.attempt(ask(f"home{path}", **more), job=home(url, path), script=False)


def write_script(folder: Path, body: str, *, head: str = "") -> dict[str, Any]:
    """The job of a script in journeys/ with this body, which begins at line 9 of its file; `head` is its line 3."""
    file = folder / "journeys" / f"x{next(NUMBERS)}.py"
    file.parent.mkdir(exist_ok=True)
    lines = [
        "import asyncio, ctypes, os, signal, subprocess, sys, threading, time",
        "from probes import probe, Context",
    ]
    lines += [head, "", "", '@probe(workflow="w")', "async def bad(ctx: Context) -> None:", '    """Bad."""']
    file.write_text("\n".join(lines) + "\n" + textwrap.indent(textwrap.dedent(body), "    ") + "\n")
    target = {"url": "http://127.0.0.1:9"}
    return {"kind": "script", "file": str(file), "function": "bad", "probe": "bad", "target": target}


async def run_script(hosts: Hosts, job: dict[str, Any], **more: Any) -> Reply:
    """One attempt of a script."""
    return await hosts.attempt(ask(Path(job["file"]).name, **more), job=job, script=True)


STAND_IN = """
import sys, time, os, re, signal, asyncio, ctypes
sys.path.insert(0, {path!r})
from probes import host
from probes.frames import Reply
from probes.maker import Maker

async def make(job, request):
    for _ in range(job.get("turns", 1)):
        end = time.perf_counter() + job.get("busy", 0.0)
        while time.perf_counter() < end:
            pass
        await asyncio.sleep(job.get("wait", 0.0))
    what = job.get("does", "")
    if what == "block":
        block_for_ever()
    if what == "hold the lock":
        ctypes.PyDLL(None).sleep(3600)
    if what == "crash":
        ctypes.string_at(0)
    if what == "block in a task of its own":
        await asyncio.gather(asyncio.create_task(block()))
    while what == "refuse to end":
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
    if what == "say nonsense":
        for fd in range(3, 20):
            try:
                os.write(fd, b"nonsense\\n")
            except OSError:
                pass
        await asyncio.sleep(3600)
    if what == "reply what is no JSON":
        return Reply(request.number, "up", learned={{"x": object()}})
    return Reply(request.number, "up", sentence=" ".join(sorted(os.environ)), took=os.getpid())

async def block():
    block_for_ever()

def block_for_ever():
    time.sleep(3600)

host.main(maker=lambda: Maker(dict, make, lambda: None))
"""


def stand_in(folder: Path) -> list[str]:
    """The command of a host whose attempts do what their job says, to see what a host does about that."""
    file = folder / "stand_in.py"
    root = str(Path(__file__).resolve().parents[2])
    file.write_text(STAND_IN.format(path=root))
    return [sys.executable, "-I", str(file)]


async def do(hosts: Hosts, does: str = "", **more: Any) -> Reply:
    """One attempt of the stand-in; `more` are keys of its job, or of the request."""
    request = {key: more.pop(key) for key in ("timeout", "cleanup", "secrets") if key in more}
    job = {"does": does, **more}
    return await hosts.attempt(ask(f"{does}{sorted(more.items())}", **request), job=job)
