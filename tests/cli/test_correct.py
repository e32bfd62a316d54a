"""`showup correct` as a user runs it, where no daemon runs: what it says, and its exit codes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from monitor.store.codes import state_code
from monitor.store.database import Store
from monitor.store.queries.ledgers import begin_ledger, resolve_ledger, set_memberships
from monitor.store.rows import Rows, RunRow, SpanRow
from probes.words.clock import SystemClock
from probes.words.outcome import State
from probes.words.units import HOUR, MINUTE, SECOND
from tests.cli.target import configure
from tests.cli.test_main import showup


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration, and in its state folder an hour in which `home` was down."""
    configure(tmp_path, "http://127.0.0.1:9")
    asyncio.run(_record(tmp_path / "state"))
    return tmp_path


async def _record(place: Path) -> None:
    place.mkdir()
    clock, down = SystemClock(), state_code(State.DOWN)
    now, key = clock.now(), ("intake", "production", "home", "here")
    async with Store.open("", folder=place, clock=clock, ballast=0) as store:
        number = await store.write(lambda session: resolve_ledger(session, key, now=now - HOUR))
        await store.write(lambda session: set_memberships(session, {number: "down"}, now=now - HOUR))
        await store.write(lambda session: begin_ledger(session, number, at=now - HOUR))
        run = RunRow(now - MINUTE, number, 0, 20_000, down, 1, 90 * SECOND)
        store.append(Rows(runs=[run], spans=[SpanRow(number, now - HOUR, now - MINUTE, down)]))
        await store.flush()


def test_a_correction_is_told_back_and_explained(folder: Path) -> None:
    done = showup(
        "correct", "intake", "--from", "50m", "--to", "40m", "--as", "up", "--reason", "a wrong check", "--by", "Ana",
        folder=folder,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("intake/production counts as up, 2")
    assert last == "Shown beside it: a wrong check (Ana)"
    done = showup("explain", "intake", "--json", folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["seconds"]["up"] == 600
    assert [one["author"] for one in found["corrections"]] == ["Ana"]
    drawn = " ".join(showup("explain", "intake", folder=folder).stdout.split())
    assert "by Ana: a wrong check" in drawn
    assert "counts as up, for all probes" in drawn


def test_what_is_wrong_with_it_is_2_and_a_line(folder: Path) -> None:
    words = ("--from", "50m", "--to", "40m", "--as", "up", "--reason")
    done = showup("correct", "intak", *words, "x", folder=folder)
    assert (done.returncode, done.stderr) == (2, "showup: there is no workflow intak; did you mean intake?\n")
    done = showup("correct", "intake", *words, " ", folder=folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    done = showup("correct", "intake", *words[:-1], folder=folder)
    assert done.returncode == 2
    assert "--reason" in done.stderr


def test_maintenance_of_the_past_is_sent_to_it(folder: Path) -> None:
    done = showup("maintenance", "intake", "--for", "1h", "--in", "-2h", "--reason", "move", folder=folder)
    said = "showup: maintenance cannot begin in the past; for what is over: showup correct\n"
    assert (done.returncode, done.stderr) == (2, said)
