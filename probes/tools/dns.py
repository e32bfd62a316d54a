"""Asking a name server what it says of a name: UDP, and TCP where the answer is too long; every answer is hostile."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
import struct
from dataclasses import dataclass

from probes import classify
from probes.addresses import Reach, literal, reach
from probes.target import Target
from probes.tools import Trouble
from probes.tools.resolver import Resolver, system_servers
from probes.tools.wire import trouble
from probes.words.failure import Failure
from probes.words.text import clean

KINDS = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28}
PATIENCE, TRIES = 2.0, 2  # seconds for one question, and how often it is asked
MOST_RECORDS, MOST_JUMPS = 100, 40
_WORDS = {1: "does not understand the question", 2: "cannot answer (SERVFAIL)", 3: "says that there is no such name",
          4: "does not answer such questions", 5: "refuses to answer"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Records:
    """What a server said: the values as text, in order, and the least time to live (seconds)."""

    values: tuple[str, ...]
    ttl: int = 0


class Malformed(ValueError):
    """The message is none."""


async def look_up(target: Target, resolver: Resolver, name: str, kind: str, server: str = "") -> Records:
    """What a server says of a name; without one, addresses are looked up as every program here does. Raises Trouble."""
    if server or kind not in ("A", "AAAA"):
        return await ask(target, name, kind, server)
    try:
        found = await resolver.addresses(name)
    except (OSError, UnicodeError) as error:
        answers = await resolver.answers(error)
        raise trouble(classify.of_lookup(error, name, resolver_answers=answers)) from None
    family = socket.AF_INET if kind == "A" else socket.AF_INET6
    return Records(tuple(address for its, address in found if its == family))


async def ask(target: Target, name: str, kind: str, server: str = "") -> Records:
    """What `server` (`1.1.1.1`, `127.0.0.1:5353`; "" is the system's own) says of a name; raises Trouble."""
    places = [_place(target, server)] if server else system_servers()
    trouble: Trouble | None = None
    for place in places[:3]:
        try:
            return await _asked(name, kind, place, named=server)
        except Trouble as raised:
            if raised.phase != "total":  # an answer, if a bad one: another server would say the same
                raise
            trouble = raised
    if server or trouble is None:
        raise trouble or Trouble(Failure.MONITOR_FAULT, "this machine has no name server", "dns")
    said = f"showup's own name servers do not answer (asked for {clean(name, 80)})"
    raise Trouble(Failure.MONITOR_FAULT, said, "dns")


def _place(target: Target, server: str) -> tuple[str, int]:
    host, colon, port = server.rpartition(":")
    with_port = bool(colon) and literal(server) is None and port.isdecimal()
    host, number = (host.strip("[]"), int(port)) if with_port else (server, 53)
    if literal(host) is None:
        raise Trouble(Failure.PROBE_BUG, f"{clean(server, 60)} is no address of a name server; write 1.1.1.1", "dns")
    if reach(host) is Reach.NEVER:
        raise Trouble(Failure.UNREACHABLE, f"{host} is where no probe may go", "dns")
    return host, number


async def _asked(name: str, kind: str, place: tuple[str, int], *, named: str) -> Records:
    said = named or "the name server"
    query = question(name, KINDS[kind], number := secrets.token_bytes(2))
    answer = None
    try:
        for _ in range(TRIES):
            answer = await _by_udp(query, place)
            if answer is not None:
                break
        if answer is not None and answer[2] & 2:  # cut: the whole of it comes by TCP
            answer = await _by_tcp(query, place)
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        answer = None
    if answer is None:
        raise Trouble(Failure.UNREACHABLE, f"{said} does not answer (asked for {clean(name, 80)})", "total")
    try:
        code, records = read(answer, KINDS[kind], number)
    except (Malformed, IndexError, struct.error):
        raise Trouble(Failure.GARBAGE, f"{said} answers with what is no DNS message", "dns") from None
    if code:
        word = _WORDS.get(code, f"answers with error {code}")
        raise Trouble(Failure.UNREACHABLE, f"{said} {word}: {clean(name, 80)}", "dns")
    return records


class _Once(asyncio.DatagramProtocol):
    def __init__(self, number: bytes, came: asyncio.Future[bytes]) -> None:
        self._number, self._came = number, came

    def datagram_received(self, data: bytes, addr: object) -> None:
        if len(data) >= 12 and data[:2] == self._number and not self._came.done():
            self._came.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._came.done():
            self._came.set_exception(exc)


async def _by_udp(query: bytes, place: tuple[str, int]) -> bytes | None:
    loop = asyncio.get_running_loop()
    came: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Once(query[:2], came), remote_addr=place)
    try:
        transport.sendto(query)
        async with asyncio.timeout(PATIENCE):
            return await came
    except TimeoutError:
        return None
    finally:
        transport.close()


async def _by_tcp(query: bytes, place: tuple[str, int]) -> bytes:
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(*place)
        try:
            writer.write(len(query).to_bytes(2, "big") + query)
            await writer.drain()
            size = int.from_bytes(await reader.readexactly(2), "big")
            return await reader.readexactly(size)
        finally:
            writer.transport.abort()


def question(name: str, kind: int, number: bytes) -> bytes:
    """The message that asks for one kind of record of a name; raises Trouble for what is no name."""
    try:
        labels = [part.encode("idna") if not part.isascii() else part.encode() for part in name.rstrip(".").split(".")]
    except UnicodeError:
        labels = [b""]
    if not all(0 < len(part) <= 63 for part in labels) or sum(map(len, labels)) + len(labels) > 253:
        raise Trouble(Failure.PROBE_BUG, f"{clean(name, 80)} is not a name that can be looked up", "dns")
    body = b"".join(bytes([len(part)]) + part for part in labels) + b"\0"
    return number + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + body + struct.pack("!HH", kind, 1)


def read(data: bytes, kind: int, number: bytes) -> tuple[int, Records]:
    """(error code, records of one kind) of an answer; raises Malformed for what is none."""
    if len(data) < 12 or data[:2] != number or not data[2] & 0x80:
        raise Malformed("no answer to this question")
    _, flags, asked, answered = struct.unpack("!HHHH", data[:8])
    at = 12
    for _ in range(min(asked, 4)):
        _, at = _name(data, at)
        at += 4
    values: list[str] = []
    ttls: list[int] = []
    for _ in range(min(answered, MOST_RECORDS)):
        _, at = _name(data, at)
        if at + 10 > len(data):
            raise Malformed("it breaks off")
        its, _, ttl, size = struct.unpack("!HHIH", data[at : at + 10])
        at += 10
        if at + size > len(data):
            raise Malformed("it breaks off")
        if its == kind:
            values.append(clean(_value(data, at, size, kind), 300))
            ttls.append(ttl)
        at += size
    return flags & 15, Records(tuple(values), min(ttls, default=0))


def _value(data: bytes, at: int, size: int, kind: int) -> str:
    if kind in (1, 28):
        return str(ipaddress.ip_address(data[at : at + size])) if size in (4, 16) else ""
    if kind == 15:
        return f"{int.from_bytes(data[at : at + 2], 'big')} {_name(data, at + 2)[0]}"
    if kind == 16:
        text, end = b"", at + size
        while at < end:
            text += data[at + 1 : min(end, at + 1 + data[at])]
            at += 1 + data[at]
        return text.decode("utf-8", "replace")
    return _name(data, at)[0]


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name and where it ends; pointers may lead back only, and so often at most."""
    labels: list[str] = []
    end, jumps = -1, 0
    while True:
        size = data[at]
        if size >= 0xC0:
            end = end if end >= 0 else at + 2
            to = (size & 0x3F) << 8 | data[at + 1]
            jumps += 1
            if to >= at or jumps > MOST_JUMPS:
                raise Malformed("a name leads in circles")
            at = to
            continue
        at += 1
        if size == 0:
            return ".".join(labels).lower(), (end if end >= 0 else at)
        labels.append(data[at : at + size].decode("ascii", "replace"))
        at += size
        if len(labels) > 127:
            raise Malformed("a name has no end")
