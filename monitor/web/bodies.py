"""Bodies from anybody: read to a cap and within a time, so that none fills the memory or holds a place for long."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

READ_WITHIN = 10.0  # seconds that a body may take to come
DRAINED = 16_000_000  # bytes that are read and thrown away, so that a client that sends too much hears our answer


@dataclass(frozen=True, slots=True)
class Body:
    """What was read: `data` up to the cap, `cut` when there was more, `whole` when its end came in time."""

    data: bytes
    cut: bool = False
    whole: bool = True


async def read_body(request: Request, most: int) -> Body:
    """A request's body, the first `most` bytes of it; never raises for what the other side does."""
    kept, size = bytearray(), 0
    try:
        async with asyncio.timeout(READ_WITHIN):
            async for chunk in request.stream():
                size += len(chunk)
                kept += chunk[: max(0, most - len(kept))]
                if size > DRAINED:
                    return Body(bytes(kept), cut=True, whole=False)
    except (TimeoutError, ClientDisconnect):
        return Body(bytes(kept), cut=size > most, whole=False)
    return Body(bytes(kept), cut=size > most)
