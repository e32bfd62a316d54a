"""The size of the record and what writing it costs: a table of 600,000 runs, then 67 runs a second."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlmodel import Session, text

from bench.figure import Figure, Scale
from monitor.store.codes import pack_phases
from monitor.store.database import Store
from monitor.store.rows import Rows, RunRow
from probes.words.clock import Clock, PushedClock

NOON = 1_795_435_200_000_000  # 2026-11-23 12:00 UTC
BEFORE = 600_000  # runs that are there already
LEDGERS = 1_000
APART = 1_000_000 // 67  # µs between two runs
GROUP, GROUPS = 17, 800  # runs that share a commit: a quarter of a second of them


def record(scale: Scale) -> Iterator[Figure]:
    """Bytes of a run in the file, and bytes written for it."""
    with TemporaryDirectory(prefix="bench-store-") as folder:
        size, written = asyncio.run(measure(Path(folder), PushedClock(NOON)))
    yield Figure("database per 1M runs", size, "MB", most=45)
    yield Figure("written per run", written, "B", most=1_500)


async def measure(folder: Path, clock: Clock) -> tuple[float, float]:
    """Bytes a run takes (which is MB a million), and bytes written for one on a table of `BEFORE`."""
    dice = random.Random(1)
    number = 0
    file = folder / "showup.db"
    await Store.open("", folder=folder, clock=clock, ballast=0).close()
    empty = file.stat().st_size
    async with Store.open("", folder=folder, clock=clock, ballast=0) as store:
        for _ in range(BEFORE // 4_000):
            store.append(Rows([https_run(number + n, dice) for n in range(4_000)]))
            number += 4_000
            await store.flush()
        assert store.dropped == 0
    store = Store.open("", folder=folder, clock=clock, ballast=0)
    before, began = written(), number
    for _ in range(GROUPS):
        for _ in range(GROUP):
            store.append(Rows([https_run(number, dice)]))
            number += 1
        await store.flush()
    assert await store.read(count_runs) == number
    await store.close()  # what is in the WAL is copied into the file, and counts
    return (file.stat().st_size - empty) / number, (written() - before) / (number - began)


def https_run(number: int, dice: random.Random) -> RunRow:
    """A run as it is over the Internet: name, connection, TLS and answer, each of its own length."""
    dns, connect, tls = dice.randint(300, 5_000), dice.randint(5_000, 30_000), dice.randint(10_000, 50_000)
    first_byte, rest = int(dice.lognormvariate(11.4, 0.5)), dice.randint(300, 3_000)
    total = dns + connect + tls + first_byte + rest
    took = total + dice.randint(50, 600)
    phases = pack_phases((dns, connect, tls, first_byte, total), took=took)
    return RunRow(
        NOON + number * APART, number % LEDGERS + 1, dice.randint(300, 3_000), took, 0, None, 130_000_000, phases
    )


def written() -> int:
    """Bytes this process has handed to the system for writing, the WAL's and the database's alike."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["wchar"])


def count_runs(session: Session) -> int:
    """How many runs are kept."""
    return int(session.connection().execute(text("SELECT count(*) FROM run")).scalar_one())
