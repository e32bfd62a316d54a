"""A tiny workflow on loopback, and a configuration that watches it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Workflow:
    """What it answers to everything; change it while it serves."""

    port: int = 0
    body: str = '{"id": "8812", "time": "10:00", "say": "Book online"}'
    status: int = 200
    asked: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        body = self.body.encode()
        writer.write(b"HTTP/1.1 %d Word\r\ncontent-type: application/json\r\n" % self.status)
        writer.write(b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()


@contextmanager
def workflow() -> Iterator[Workflow]:
    """The workflow in a thread of its own, as commands run loops of theirs."""
    served, ready, loop = Workflow(), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
        served.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert ready.wait(10)
    try:
        yield served
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


def configure(folder: Path, url: str, *, extra: str = "") -> Path:
    """A file with a workflow of two probes; returns its path."""
    path = folder / "showup.yaml"
    path.write_text(
        f"""\
workflows:
  intake:
    environments: {{production: "{url}", staging: "{url}"}}
    runbook: https://wiki.example.com/intake
    probes:
      home: {{get: /, check: [{{contains: Book online}}]}}
      books:
        every: 5m
        steps:
          - name: ask
            get: /ask
            budget: 4s
            check: [{{json: $.id, equals: "8812"}}]
            capture: {{booking: $.id}}
            cleanup: {{delete: "/appointments/${{booking}}"}}
          - {{name: booked, get: "/appointments/${{booking}}", check: [{{json: $.time, equals: "10:00"}}]}}
{extra}"""
    )
    return path
