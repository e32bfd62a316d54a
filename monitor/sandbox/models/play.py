"""A stream in its time, and what a fault does to it on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from monitor.sandbox.faults import Fault
from monitor.sandbox.models.answers import Dialect, Piece
from monitor.sandbox.models.refusals import ModelRefused

# Faults that break a stream off in its middle with an error: which refusal stands in the error.
ERRORS = {
    "error-in-stream": "server-error",
    "overloaded-in-stream": "overloaded",
    "limited-in-stream": "rate-limited",
}
PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in to the proxy</h1></body></html>"


async def play(
    dialect: Dialect,
    pieces: Sequence[Piece],
    fault: Fault | None,
    *,
    pace: float,
    pause: Callable[[float], Awaitable[bool]],
) -> AsyncIterator[bytes]:
    """The pieces, with what lies between them. `pause` waits, and says False when the server closed meanwhile."""
    kind = fault.kind if fault else ""
    middle, said = (sum(p.kind == "word" for p in pieces) + 1) // 2, 0
    for piece in pieces:
        if said == middle and piece.kind in ("word", "ending", "terminal"):
            if kind in ("cut", "no-end"):
                return
            if fault is not None and kind in ERRORS:
                yield broken_off(dialect, fault)
                return
        wait = _wait(piece, said, middle, fault, pace)
        if wait and not await pause(wait):
            return
        said += piece.kind == "word"
        if kind == "no-done" and piece.kind == "terminal":
            continue
        yield changed(dialect, piece.data, fault)
        while kind == "endless" and piece.kind == "word" and await pause(0.0):
            yield piece.data


def _wait(piece: Piece, said: int, middle: int, fault: Fault | None, pace: float) -> float:
    """Seconds between this piece and the one before."""
    kind = fault.kind if fault else ""
    stops = (kind == "no-first-token" and said == 0) or (kind == "idle-gap" and said == middle)
    if fault is not None and stops and piece.kind in ("word", "ending", "terminal"):
        return fault.lasts(600)
    if piece.kind != "word":
        return 0.0
    return fault.lasts(0.2) if fault is not None and kind == "slow-tokens" else pace


def broken_off(dialect: Dialect, fault: Fault) -> bytes:
    """The error that ends a stream."""
    status, code, message = dialect.refusals[ERRORS[fault.kind]]
    return dialect.fail_inside(ModelRefused(status, code, fault.text or message))


def changed(dialect: Dialect, data: bytes, fault: Fault | None) -> bytes:
    """What is sent in place of a piece, or of a whole answer."""
    if fault is not None and fault.kind == "contract-changed":
        for old, new in dialect.renames:
            data = data.replace(old, new)
    if fault is not None and fault.kind == "not-json" and data:
        data = data.replace(b"{", b"<").replace(b"}", b">").replace(b'"', b"'")
    return data
