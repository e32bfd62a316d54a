"""What is listened to in a benchmark: a model that streams, `python -m bench.talker TOKENS PAUSE` on a port it prints.

Each token is the moment at which it was written (monotonic seconds, one clock for every process of a machine).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench import system

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
CHUNK = {
    "id": "chatcmpl-9f8e7d6c5b4a39281706",
    "object": "chat.completion.chunk",
    "created": 1_769_000_000,
    "model": "gpt-5-mini-2026-01-15",
    "service_tier": "default",
    "system_fingerprint": "fp_5f7e6d4c3b",
}
USAGE = {"prompt_tokens": 12, "completion_tokens": 0, "total_tokens": 12}


def event(delta: dict[str, str], finish: str | None = None, **more: object) -> bytes:
    """One event, as OpenAI sends it."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    document = {**CHUNK, "choices": choices, "usage": None, "obfuscation": "k3Jd9", **more}
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"


def framed(data: bytes) -> bytes:
    """A piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


_BEFORE, _AFTER = event({"content": "@"}).split(b"@")


def token() -> bytes:
    """A token that says when it was written."""
    return framed(_BEFORE + b"%.6f " % time.monotonic() + _AFTER)


class _Talking(asyncio.Protocol):
    def __init__(self, tokens: int, pause: float) -> None:
        self._left, self._tokens, self._pause = tokens, tokens, pause
        self._heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._loop = transport, asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, _, body = self._heard.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"), 0)
        if b"\r\n\r\n" in self._heard and len(body) >= length:
            self._transport.write(HEAD + framed(event({"role": "assistant", "content": ""})))
            self._due = self._loop.time() + self._pause
            self._loop.call_at(self._due, self._say)

    def _say(self) -> None:
        if self._transport.is_closing():
            return
        if self._left:
            self._left -= 1
            self._transport.write(token())
            self._due += self._pause
            self._loop.call_at(self._due, self._say)
            return
        usage = {**USAGE, "completion_tokens": self._tokens}
        last = framed(event({}, "stop")) + framed(event({}, choices=[], usage=usage)) + framed(b"data: [DONE]\n\n")
        self._transport.write(last + b"0\r\n\r\n")
        self._transport.close()


@contextmanager
def talking(tokens: int, pause: float) -> Iterator[str]:
    """The address of such a model, in a process of its own."""
    command = [sys.executable, "-m", "bench.talker", str(tokens), str(pause)]
    with system.serving(command) as address:
        yield address


async def serve(tokens: int, pause: float) -> None:
    """Talk to whoever asks until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Talking(tokens, pause), "127.0.0.1", 0, backlog=2_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
