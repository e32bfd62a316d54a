"""The stage on which probes are tried."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.probes.stage import Stage


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Stage() as made:
        yield made
