"""A store on each of the two databases, opened as the daemon opens it, with a clock that is pushed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from monitor.store.database import Store
from probes.words.clock import PushedClock
from tests.store.postgres import postgres

NOON = 1_795_435_200_000_000  # 2026-11-23 12:00 UTC


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """One PostgreSQL for all tests of this process."""
    with postgres() as url:
        yield url


@pytest.fixture
def postgres_url(server: str) -> str:
    """An empty database of its own."""
    import psycopg

    name = f"t{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("postgres"))])
def url(request: pytest.FixtureRequest) -> str:
    """Where the store is: "" is SQLite in the state folder."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def clock() -> PushedClock:
    """Noon, until it is pushed."""
    return PushedClock(NOON)


@pytest.fixture
async def store(url: str, tmp_path: Path, clock: PushedClock) -> AsyncIterator[Store]:
    """An open store, new and empty."""
    async with Store.open(url, folder=tmp_path, clock=clock, ballast=1 << 20) as opened:
        yield opened


@pytest.fixture
async def file_store(tmp_path: Path, clock: PushedClock) -> AsyncIterator[Store]:
    """The same on SQLite alone."""
    async with Store.open("", folder=tmp_path, clock=clock, ballast=1 << 20) as opened:
        yield opened
