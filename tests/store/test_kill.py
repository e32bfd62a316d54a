"""Killed at any moment, the store has lost nothing that it said was written, and opens again as if nothing had been."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.store import queries
from monitor.store.database import Store
from probes.words.clock import PushedClock
from tests.store.conftest import NOON
from tests.store.test_store import count_runs

BUSY = """
import asyncio, sys
from pathlib import Path
from monitor.store import queries
from monitor.store.database import Store
from monitor.store.rows import Rows, RunRow
from probes.words.clock import PushedClock

async def main(url, folder, first):
    async with Store.open(url, folder=Path(folder), clock=PushedClock(5), ballast=0) as store:
        number = int(first)
        while True:
            number += 1
            for n in range(5):
                store.append(Rows([RunRow(number * 10 + n, 1, 0, 0, 0, None, 1000)]))
            await store.write(lambda session: queries.remember(session, "n", number, now=5))
            print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("seed", range(2))
async def test_what_was_said_to_be_written_is_there_after_a_kill(url: str, tmp_path: Path, seed: int) -> None:
    said = 0
    dice = random.Random(seed)
    for _ in range(2):
        command = [sys.executable, "-c", BUSY, url, str(tmp_path), str(said)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as busy:
            assert busy.stdout is not None
            for line in busy.stdout:
                said = int(line)
                if dice.random() < 0.02:
                    break
            busy.kill()
            said = max([said, *map(int, busy.stdout)])  # it may have said more before it died
        async with Store.open(url, folder=tmp_path, clock=PushedClock(NOON), ballast=0) as store:
            kept = await store.read(lambda session: queries.read_note(session, "n"))
            assert said <= kept <= said + 1
            assert await store.read(count_runs) in {kept * 5, kept * 5 + 5}, "what was appended before it, too"
            said = kept
