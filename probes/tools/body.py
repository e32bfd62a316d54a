"""The body of an answer, decoded by small steps and never beyond its limit: a bomb costs what is kept of it."""

from __future__ import annotations

import zlib
from typing import Any, Protocol

LIMIT = 1_000_000  # decoded bytes kept of an answer
PIECES = 20_000  # pieces of an answer looked at: one byte a piece must not cost a second of everyone's time
_MEMBER = b"\x1f\x8b"  # how a gzip begins
_STEP = 64 * 1024  # bytes decoded at once


class Unreadable(Exception):
    """The body cannot be decoded."""


class _Plain:
    def feed(self, data: bytes, room: int) -> bytes:
        return data[: room + 1]


class _Zipped:
    """gzip, in any number of members, and deflate, with zlib's header or (as some servers send it) without."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._inflate: Any = zlib.decompressobj(31) if coding == "gzip" else None  # of deflate, two bytes tell
        self._held = b""
        self._begun = False

    def feed(self, data: bytes, room: int) -> bytes:
        self._begun = self._begun or bool(data)
        if self._inflate is None:
            self._held += data
            if len(self._held) < 2:
                return b""
            data, first = self._held, int.from_bytes(self._held[:2], "big")
            self._inflate = zlib.decompressobj(15 if first % 31 == 0 and first >> 8 & 15 == 8 else -15)
        out = bytearray()
        try:
            while data and len(out) <= room:
                if self._inflate.eof and not data.startswith(_MEMBER):
                    break
                self._inflate = zlib.decompressobj(31) if self._inflate.eof else self._inflate
                out += self._inflate.decompress(data, min(_STEP, room + 1 - len(out)))
                data = self._inflate.unused_data or self._inflate.unconsumed_tail
        except zlib.error:
            raise Unreadable(f"it is not the {self._coding} it says it is") from None
        return bytes(out)

    @property
    def cut_short(self) -> bool:
        return self._begun and (self._inflate is None or not self._inflate.eof)


class Decoder(Protocol):
    """Turns bytes of the wire into bytes of the answer, at most `room + 1` of them."""

    def feed(self, data: bytes, room: int) -> bytes: ...


def decoder(coding: str) -> Decoder:
    """The decoder for a Content-Encoding; raises Unreadable for one that was not asked for."""
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return _Plain()
    if coding in ("gzip", "x-gzip", "deflate"):
        return _Zipped(coding.removeprefix("x-"))
    raise Unreadable(f"it is encoded as {coding[:40]}, which was not asked for")


def is_cut_short(decoder: Decoder) -> bool:
    """True when a packed body stopped before its own end."""
    return isinstance(decoder, _Zipped) and decoder.cut_short
