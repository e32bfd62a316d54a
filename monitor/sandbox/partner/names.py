"""A small name server, over UDP and TCP, that says what it is told to and misbehaves at a switch."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

NUMBERS = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28}
_KINDS = {number: kind for kind, number in NUMBERS.items()}
FAULTS = ("silent", "servfail", "refused", "garbage", "cut", "circle", "stranger")


class NameServer:
    """`async with NameServer({"x.example": {"MX": ["10 mail.x.example"]}}) as names:`, then `names.address`.

    `records` may be changed while it runs. `fault`: silent, servfail, refused, garbage, cut (the rest is had by TCP),
    circle (a name that leads to itself), stranger (answers with another number).
    """

    def __init__(self, records: Mapping[str, Mapping[str, Sequence[str]]], *, ttl: int = 300) -> None:
        self.records: dict[str, dict[str, list[str]]] = {
            name: {kind: list(values) for kind, values in kinds.items()} for name, kinds in records.items()
        }
        self.ttl, self.fault, self.port, self.asked = ttl, "", 0, 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for _ in range(20):  # the port has to be free for both
            self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = self._tcp.sockets[0].getsockname()[1]
            with suppress(OSError):
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
                )
                return self
            self._tcp.close()
        raise OSError("no port is free for both UDP and TCP")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            size = int.from_bytes(await reader.readexactly(2), "big")
            answer = self.answer(await reader.readexactly(size), whole=True)
            if answer is not None:
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        writer.close()

    def answer(self, query: bytes, *, whole: bool = False) -> bytes | None:
        """What is said to a question, None for nothing."""
        self.asked += 1
        name, at = _read_name(query, 12)
        kind = _KINDS.get(int.from_bytes(query[at : at + 2], "big"), "")
        asked = query[12 : at + 4]
        if self.fault == "silent":
            return None
        if self.fault == "garbage":
            return query[:2] + b"\x81\x80" + b"\xff" * 9
        known = self.records.get(name)
        code = {"servfail": 2, "refused": 5}.get(self.fault, 0 if known is not None else 3)
        values = (known or {}).get(kind, []) if not code else []
        cut = self.fault == "cut" and not whole
        body = b"" if cut else b"".join(self._record(kind, value) for value in values)
        count = 0 if cut else len(values)
        number = bytes(byte ^ 0xFF for byte in query[:2]) if self.fault == "stranger" else query[:2]
        flags = 0x8180 | code | (0x0200 if cut else 0)
        return number + struct.pack("!HHHHH", flags, 1, count, 0, 0) + asked + body

    def _record(self, kind: str, value: str) -> bytes:
        data = b"\xc0\x0c" if self.fault == "circle" else _data(kind, value)
        owner = b"\xc0\xff" if self.fault == "circle" else b"\xc0\x0c"
        return owner + struct.pack("!HHIH", NUMBERS[kind], 1, self.ttl, len(data)) + data


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = self._server.answer(data)
        if answer is not None:
            self._transport.sendto(answer, addr)


def _read_name(data: bytes, at: int) -> tuple[str, int]:
    labels = []
    while data[at]:
        labels.append(data[at + 1 : at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(labels), at + 1


def _name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.rstrip(".").split(".")) + b"\0"


def _data(kind: str, value: str) -> bytes:
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind == "MX":
        weight, _, host = value.partition(" ")
        return int(weight).to_bytes(2, "big") + _name(host)
    if kind == "TXT":
        parts = [value.encode()[at : at + 255] for at in range(0, len(value.encode()), 255)] or [b""]
        return b"".join(bytes([len(part)]) + part for part in parts)
    return _name(value)
