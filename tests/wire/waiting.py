"""Waiting for something to become true, for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], object], seconds: float = 10) -> None:
    """Return as soon as it holds; TimeoutError when it does not within `seconds`."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  # what is waited for belongs to a library and sets no event
            await asyncio.sleep(0.01)
