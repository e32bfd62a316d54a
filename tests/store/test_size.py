"""The record is small and appending to it is cheap: measured on a table of 600,000 runs, at 67 runs a second."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from monitor.store.codes import pack_phases
from monitor.store.database import Store
from monitor.store.rows import Rows, RunRow
from probes.words.clock import PushedClock
from tests.store.conftest import NOON
from tests.store.test_store import count_runs

LEDGERS = 1_000
APART = 1_000_000 // 67  # µs between two runs
GROUP = 17  # runs that share a commit: a quarter of a second of them


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


@pytest.mark.serial
async def test_a_million_runs_take_less_than_45_mb_and_a_run_writes_less_than_a_kilobyte_and_a_half(
    tmp_path: Path, clock: PushedClock
) -> None:
    dice = random.Random(1)
    number = 0
    file = tmp_path / "showup.db"
    await Store.open("", folder=tmp_path, clock=clock, ballast=0).close()
    empty = file.stat().st_size
    async with Store.open("", folder=tmp_path, clock=clock, ballast=0) as store:
        for _ in range(150):
            store.append(Rows([https_run(number + n, dice) for n in range(4_000)]))
            number += 4_000
            await store.flush()
        assert store.dropped == 0
    store = Store.open("", folder=tmp_path, clock=clock, ballast=0)
    before, began = written(), number
    for _ in range(800):
        for _ in range(GROUP):
            store.append(Rows([https_run(number, dice)]))
            number += 1
        await store.flush()
    assert await store.read(count_runs) == number
    await store.close()  # what is in the WAL is copied into the file, and counts
    a_run = (written() - before) / (number - began)
    size = (file.stat().st_size - empty) / number
    assert size < 45, f"{size:.1f} bytes a run"
    assert a_run < 1_500, f"{a_run:.0f} bytes written a run"
