"""A store on each of the two databases, opened as the daemon opens it, with a clock that is pushed."""

from __future__ import annotations

import asyncio
import shutil
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


def database(server: str, name: str, *, like: str = "template1") -> str:
    """Make a database on the server; returns its URL."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}".encode())
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(scope="session")
def made_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as it is after its first start, to be copied: making one takes a tenth of a second."""
    folder = tmp_path_factory.mktemp("made")
    asyncio.run(Store.open("", folder=folder, clock=PushedClock(NOON), ballast=0).close())
    return folder / "showup.db"


@pytest.fixture(scope="session")
def made_database(server: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same on PostgreSQL, to be used as a template."""
    folder = tmp_path_factory.mktemp("made")
    asyncio.run(Store.open(database(server, "made"), folder=folder, clock=PushedClock(NOON)).close())
    return "made"


@pytest.fixture
def postgres_url(server: str, made_database: str) -> str:
    """A database of its own."""
    return database(server, f"t{uuid4().hex}", like=made_database)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("postgres"))])
def url(request: pytest.FixtureRequest) -> str:
    """Where the store is: "" is SQLite in the state folder."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def clock() -> PushedClock:
    """Noon, until it is pushed."""
    return PushedClock(NOON)


@pytest.fixture
async def store(url: str, tmp_path: Path, clock: PushedClock, made_file: Path) -> AsyncIterator[Store]:
    """An open store with nothing in it."""
    if not url:
        shutil.copy(made_file, tmp_path)
    async with Store.open(url, folder=tmp_path, clock=clock, ballast=1 << 20) as opened:
        yield opened


@pytest.fixture
async def file_store(tmp_path: Path, clock: PushedClock, made_file: Path) -> AsyncIterator[Store]:
    """The same on SQLite alone."""
    shutil.copy(made_file, tmp_path)
    async with Store.open("", folder=tmp_path, clock=clock, ballast=1 << 20) as opened:
        yield opened
