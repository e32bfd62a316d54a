"""The body of an answer, decoded by small steps and never beyond its limit: a bomb costs what is kept of it."""

from __future__ import annotations

import zlib
from typing import Protocol

LIMIT = 1_000_000  # decoded bytes kept of an answer
PIECES = 20_000  # pieces of an answer looked at: one byte a piece must not cost a second of everyone's time
_STEP = 64 * 1024  # bytes decoded at once


class Unreadable(Exception):
    """The body cannot be decoded."""


class _Plain:
    def feed(self, data: bytes, room: int) -> bytes:
        return data[: room + 1]


class _Zipped:
    """gzip and deflate. `window` is zlib's: 47 reads gzip and zlib headers, -15 none."""

    def __init__(self, coding: str) -> None:
        self._coding = coding
        self._inflate = zlib.decompressobj(47)
        self._begun = False

    def feed(self, data: bytes, room: int) -> bytes:
        out = bytearray()
        while data and len(out) <= room and not self._inflate.eof:
            out += self._step(data, min(_STEP, room + 1 - len(out)))
            data = self._inflate.unconsumed_tail
        return bytes(out)

    @property
    def cut_short(self) -> bool:
        return self._begun and not self._inflate.eof

    def _step(self, data: bytes, most: int) -> bytes:
        try:
            part = self._inflate.decompress(data, most)
        except zlib.error:
            if self._begun or self._coding != "deflate":
                raise Unreadable(f"it is not the {self._coding} it says it is") from None
            self._inflate = zlib.decompressobj(-15)  # "deflate" without the zlib header, as some servers send it
            try:
                part = self._inflate.decompress(data, most)
            except zlib.error:
                raise Unreadable("it is not the deflate it says it is") from None
        self._begun = True
        return part


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
