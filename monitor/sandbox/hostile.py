"""What a hostile or broken HTTP server sends, byte for byte; one function for each behaviour."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import zlib
from asyncio import StreamWriter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache

BOMB = 100 << 20  # bytes of nothing in the gzip bomb
FOREVER = 3600.0  # seconds; every wait ends with the target
TEXT = b"a perfectly good answer\n"


@dataclass(slots=True)
class Reply:
    """The connection to answer on, how to wait (False: it ended meanwhile), and what the path said after the kind."""

    writer: StreamWriter
    pause: Callable[[float], Awaitable[bool]]
    rest: str
    drip: float
    elsewhere: str

    async def send(self, raw: bytes) -> None:
        """Write and let it leave."""
        self.writer.write(raw)
        await self.writer.drain()


def reset(writer: StreamWriter) -> None:
    """End a connection with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


Behaviour = Callable[[Reply], Awaitable[None]]
BEHAVIOURS: dict[str, Behaviour] = {}


def behaviour(function: Behaviour) -> Behaviour:
    """Put a function into the table under its name, with dashes."""
    BEHAVIOURS[function.__name__.replace("_", "-")] = function
    return function


def head(status: str = "200 OK", *lines: str, length: int | None = None) -> bytes:
    """Status line and headers."""
    sized = [f"Content-Length: {length}"] if length is not None else []
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Type: text/plain", *sized, *lines, "", ""]).encode("latin-1")


@behaviour
async def ok(reply: Reply) -> None:
    """A good answer, to compare with."""
    await reply.send(head(length=len(TEXT)) + TEXT)


@behaviour
async def status(reply: Reply) -> None:
    """/status/503: that status, with a body."""
    code = int(reply.rest) if reply.rest.isdecimal() and len(reply.rest) == 3 else 500
    await reply.send(head(f"{code} Chosen", length=len(TEXT)) + TEXT)


@behaviour
async def hang(reply: Reply) -> None:
    """Takes the request and says nothing."""
    await reply.pause(FOREVER)


@behaviour
async def hang_in_headers(reply: Reply) -> None:
    """Half the headers, then nothing."""
    await reply.send(b"HTTP/1.1 200 OK\r\nContent-Type: te")
    await reply.pause(FOREVER)


@behaviour
async def hang_after_headers(reply: Reply) -> None:
    """All the headers, and no byte of the body."""
    await reply.send(head(length=len(TEXT)))
    await reply.pause(FOREVER)


@behaviour
async def hang_in_body(reply: Reply) -> None:
    """Half the body, then nothing."""
    await reply.send(head(length=len(TEXT)) + TEXT[:8])
    await reply.pause(FOREVER)


@behaviour
async def fin(_reply: Reply) -> None:
    """Closes politely without an answer."""


@behaviour
async def rst(reply: Reply) -> None:
    """Resets the connection without an answer."""
    reset(reply.writer)


@behaviour
async def fin_in_body(reply: Reply) -> None:
    """Half the body, then a polite end."""
    await reply.send(head(length=len(TEXT)) + TEXT[:8])


@behaviour
async def rst_in_body(reply: Reply) -> None:
    """Half the body, then a reset."""
    await reply.send(head(length=len(TEXT)) + TEXT[:8])
    await reply.pause(0.05)  # what was sent must arrive before the reset throws it away
    reset(reply.writer)


@behaviour
async def drip(reply: Reply) -> None:
    """The body, one byte each `drip` s: never idle for long, and never done in time."""
    await reply.send(head(length=len(TEXT)))
    for byte in TEXT:
        await reply.send(bytes([byte]))
        if not await reply.pause(reply.drip):
            return


@behaviour
async def drip_headers(reply: Reply) -> None:
    """The headers, one byte each `drip` s."""
    for byte in head(length=len(TEXT)) + TEXT:
        await reply.send(bytes([byte]))
        if not await reply.pause(reply.drip):
            return


@behaviour
async def garbage(reply: Reply) -> None:
    """Bytes that are no HTTP."""
    await reply.send(b"\x16\x03\x01\x00\xff" + os.urandom(512) + b"\r\n\r\n")


@behaviour
async def no_headers(reply: Reply) -> None:
    """A body without a status line."""
    await reply.send(TEXT)


@behaviour
async def huge_header(reply: Reply) -> None:
    """One header of 2 MB."""
    await reply.send(head("200 OK", "X-Huge: " + "h" * (2 << 20), length=len(TEXT)) + TEXT)


@behaviour
async def many_headers(reply: Reply) -> None:
    """A hundred thousand headers."""
    await reply.send(head("200 OK", *(f"X-{n}: y" for n in range(100_000)), length=len(TEXT)) + TEXT)


@behaviour
async def hostile_headers(reply: Reply) -> None:
    """Header values that try to colour a terminal and to break a log line."""
    await reply.send(head("200 OK", "X-Note: \x1b[31mred\x1b[0m \xff\xfe", "X-Tab: a\tb", length=len(TEXT)) + TEXT)


@behaviour
async def endless(reply: Reply) -> None:
    """A body without an end, as fast as it is read."""
    await reply.send(head("200 OK"))
    while await reply.pause(0.0):
        await reply.send(b"e" * 65_536)


@behaviour
async def gzip_bomb(reply: Reply) -> None:
    """A hundred kilobytes that unpack to a hundred megabytes."""
    body = make_bomb(BOMB)
    await reply.send(head("200 OK", "Content-Encoding: gzip", length=len(body)) + body)


@behaviour
async def bad_gzip(reply: Reply) -> None:
    """Says gzip, and is none."""
    await reply.send(head("200 OK", "Content-Encoding: gzip", length=len(TEXT)) + TEXT)


@behaviour
async def bad_chunk(reply: Reply) -> None:
    """A chunk whose size is no number."""
    await reply.send(head("200 OK", "Transfer-Encoding: chunked") + b"5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n")


@behaviour
async def cut_chunk(reply: Reply) -> None:
    """Chunks without the last one."""
    await reply.send(head("200 OK", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n")


@behaviour
async def bad_length(reply: Reply) -> None:
    """A length that is no number."""
    await reply.send(head("200 OK", "Content-Length: many") + TEXT)


@behaviour
async def two_lengths(reply: Reply) -> None:
    """Two lengths that contradict each other."""
    await reply.send(head("200 OK", "Content-Length: 3", length=len(TEXT)) + TEXT)


@behaviour
async def redirect_loop(reply: Reply) -> None:
    """Sends the client to where it already is."""
    await reply.send(head("302 Found", "Location: /redirect-loop", length=0))


@behaviour
async def redirect_chain(reply: Reply) -> None:
    """/redirect-chain/9: so many steps to a good answer."""
    left = int(reply.rest[:4]) if reply.rest[:4].isdecimal() else 0
    where = f"/redirect-chain/{left - 1}" if left > 1 else "/ok"
    await reply.send(head("302 Found", f"Location: {where}", length=0))


@behaviour
async def redirect_out(reply: Reply) -> None:
    """Sends the client to another host."""
    await reply.send(head("302 Found", f"Location: {reply.elsewhere}", length=0))


@behaviour
async def redirect_nowhere(reply: Reply) -> None:
    """A redirect whose address is none."""
    await reply.send(head("302 Found", "Location: http://[::bad", length=0))


@lru_cache(maxsize=2)
def make_bomb(size: int) -> bytes:
    """A valid gzip file of `size` zero bytes, made of one compressed megabyte repeated."""
    zeros, packer = bytes(1 << 20), zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    count, check = size >> 20, 0
    for _ in range(count):
        check = zlib.crc32(zeros, check)
    body = first + again * (count - 1) + packer.flush(zlib.Z_FINISH)
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff" + body + struct.pack("<II", check, (count << 20) & 0xFFFFFFFF)


async def run(kind: str, reply: Reply) -> None:
    """Behave like `kind`; an unknown kind is 404."""
    chosen = BEHAVIOURS.get(kind)
    try:
        if chosen is None:
            await reply.send(head("404 Not Found", length=0))
        else:
            await chosen(reply)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the client had enough
