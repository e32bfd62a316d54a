"""What the store promises: durable when it says so, in order, one at a time, and nobody waits for long."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from monitor.store import queries
from monitor.store.codes import STATES
from monitor.store.database import Store
from monitor.store.rows import EvidenceRow, Rows, RunRow, SpanRow
from monitor.store.tables import Ledger, Note
from probes.words.clock import PushedClock
from probes.words.errors import StoreError, StoreLocked, StoreNewer
from probes.words.outcome import State
from tests.store.conftest import NOON

SECOND = 1_000_000
HOLD = 130 * SECOND


def passing(number: int, *, ledger: int = 1) -> RunRow:
    return RunRow(NOON + number * SECOND, ledger, 900, 42_000, STATES[State.UP], None, HOLD, None)


def count_runs(session: Session) -> int:
    return int(session.connection().execute(text("SELECT count(*) FROM run")).scalar_one())


async def test_what_a_write_did_is_there_after_the_store_is_opened_again(
    url: str, tmp_path: Path, clock: PushedClock
) -> None:
    async with Store.open(url, folder=tmp_path, clock=clock, ballast=0) as store:
        await store.write(lambda session: queries.remember(session, "published", {"at": 5}, now=NOON))
    async with Store.open(url, folder=tmp_path, clock=clock, ballast=0) as store:
        assert await store.read(lambda session: queries.read_note(session, "published")) == {"at": 5}


async def test_a_write_returns_what_its_function_returned_and_may_use_the_tables_classes(store: Store) -> None:
    def act(session: Session) -> int:
        session.add(Ledger(id=7, workflow="w", environment="production", probe="p", location="here", created=NOON))
        session.flush()
        return len(session.exec(select(Ledger)).all())

    assert await store.write(act) == 1
    kept = await store.read(lambda session: session.exec(select(Ledger)).one())
    assert (kept.id, kept.workflow) == (7, "w")


async def test_what_a_write_raises_undoes_it_and_nothing_else(store: Store) -> None:
    def stumble(session: Session) -> None:
        queries.remember(session, "half", 1, now=NOON)
        raise LookupError("on purpose")

    wholes = [store.write(lambda session, n=n: queries.remember(session, f"whole{n}", n, now=NOON)) for n in range(3)]
    done = await asyncio.gather(wholes[0], store.write(stumble), *wholes[1:], return_exceptions=True)
    assert [type(each) for each in done] == [type(None), LookupError, type(None), type(None)]
    notes = await store.read(lambda session: sorted(note.key for note in session.exec(select(Note))))
    assert notes == ["whole0", "whole1", "whole2"]
    assert store.broken_since is None


async def test_a_mistake_in_a_statement_is_the_callers_and_does_not_break_the_store(store: Store) -> None:
    with pytest.raises(DBAPIError):
        await store.write(lambda session: session.connection().execute(text("SELECT nothing FROM nowhere")))
    assert store.broken_since is None
    assert await store.write(lambda session: 5) == 5


async def test_a_write_sees_everything_that_was_appended_before_it(store: Store) -> None:
    for number in range(300):
        store.append(Rows(runs=[passing(number)]))
    assert await store.write(count_runs) == 300
    assert store.waiting == 0


async def test_what_is_appended_is_committed_within_a_quarter_of_a_second_unasked(store: Store) -> None:
    store.append(Rows(runs=[passing(1)]))
    began = time.monotonic()
    while await store.read(count_runs) == 0:
        assert time.monotonic() - began < 5
        await asyncio.sleep(0.01)
    assert time.monotonic() - began > 0.15, "it waits a little for others to share the commit"


async def test_many_appends_share_few_commits(file_store: Store) -> None:
    commits = 0
    last = file_store.last_commit

    def look(_: Session) -> int:
        return file_store.last_commit

    for number in range(60):
        file_store.append(Rows(runs=[passing(number)]))
        file_store._writer._clock.push(1)  # so that each commit shows
        await asyncio.sleep(0.01)
        if (now := await file_store.read(look)) != last:
            commits, last = commits + 1, now
    await file_store.flush()
    assert 1 <= commits <= 8


async def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match="a read tried to write"):
        await store.read(lambda session: queries.remember(session, "sly", 1, now=NOON))
    assert store.broken_since is None
    assert await store.read(lambda session: queries.read_note(session, "sly")) is None
    await store.write(lambda session: queries.remember(session, "open", 1, now=NOON))


async def test_writes_do_not_overlap_and_keep_their_order(store: Store) -> None:
    def add(session: Session) -> int:
        seen = queries.read_note(session, "n") or 0
        queries.remember(session, "n", seen + 1, now=NOON)
        return int(seen)

    assert await asyncio.gather(*(store.write(add) for _ in range(200))) == list(range(200))


async def test_who_stops_waiting_does_not_stop_the_write(store: Store) -> None:
    waiting = asyncio.ensure_future(store.write(lambda session: queries.remember(session, "kept", 1, now=NOON)))
    await asyncio.sleep(0)
    waiting.cancel()
    await store.flush()
    assert await store.read(lambda session: queries.read_note(session, "kept")) == 1


async def test_the_loop_turns_while_the_store_works(store: Store) -> None:
    turned = 0

    async def turn() -> None:
        nonlocal turned
        while True:
            await asyncio.sleep(0.005)
            turned += 1

    turning = asyncio.ensure_future(turn())
    await store.write(lambda session: time.sleep(0.3))
    turning.cancel()
    assert turned >= 20


async def test_a_read_waits_for_one_commit_at_most(store: Store) -> None:
    slow = [asyncio.ensure_future(store.write(lambda session: time.sleep(0.002))) for _ in range(300)]
    await asyncio.sleep(0.05)
    began = time.monotonic()
    await store.read(lambda session: None)
    waited = time.monotonic() - began
    await asyncio.gather(*slow)
    assert waited < 0.5, "64 writes share a commit; 300 would take 0.6 s and more"


async def test_closing_commits_what_waits(url: str, tmp_path: Path, clock: PushedClock) -> None:
    store = Store.open(url, folder=tmp_path, clock=clock, ballast=0)
    store.append(Rows(runs=[passing(1)], spans=[SpanRow(1, NOON, NOON + SECOND, 0)]))
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.read(count_runs)
    async with Store.open(url, folder=tmp_path, clock=clock, ballast=0) as again:
        assert await again.read(count_runs) == 1
        assert again.last_commit == NOON + SECOND


async def test_a_second_showup_is_told_who_has_the_database(
    store: Store, url: str, tmp_path: Path, clock: PushedClock
) -> None:
    with pytest.raises(StoreLocked, match="another showup") as told:
        Store.open(url, folder=tmp_path, clock=clock)
    assert told.value.hint
    await store.flush()


async def test_the_record_lies_in_the_state_folder_however_that_is_written(
    tmp_path: Path, clock: PushedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Store.open("", folder=Path("state"), clock=clock, ballast=0):
        assert (tmp_path / "state" / "showup.db").exists()
    async with Store.open("sqlite:///other.db", folder=Path("state"), clock=clock, ballast=0):
        assert (tmp_path / "state" / "other.db").exists()


async def test_the_database_of_a_newer_showup_is_left_alone(url: str, tmp_path: Path, clock: PushedClock) -> None:
    async with Store.open(url, folder=tmp_path, clock=clock, ballast=0) as store:
        await store.write(
            lambda session: session.connection().execute(text("UPDATE alembic_version SET version_num = '9876'"))
        )
    with pytest.raises(StoreNewer, match=r"newer showup.*9876") as told:
        Store.open(url, folder=tmp_path, clock=clock)
    assert "that version" in told.value.hint


async def test_rows_that_cannot_be_stored_take_no_others_along(store: Store) -> None:
    broken = RunRow(NOON, 5, 1, 1, 0, None, HOLD)._replace(took=None)
    for number in range(5):
        store.append(Rows(runs=[passing(number)]))
        store.append(Rows(runs=[broken], evidence=[EvidenceRow(NOON, 5, 1, 0, {"steps": []})]))
    await store.flush()
    assert await store.read(count_runs) == 5
    assert store.dropped == 10
    assert store.broken_since is None


async def test_appending_the_same_run_twice_keeps_one(store: Store) -> None:
    store.append(Rows(runs=[passing(1)], spans=[SpanRow(1, NOON, NOON + 5, 0)]))
    store.append(Rows(runs=[passing(1)], spans=[SpanRow(1, NOON, NOON + 5, 2)]))
    assert await store.write(count_runs) == 1
    spans = await store.read(lambda session: queries.spans_between(session, 1, start=NOON, end=NOON + 9))
    assert [span.state for span in spans] == [State.UP], "a span is never changed"


def test_an_address_that_cannot_be_used_is_named(tmp_path: Path, clock: PushedClock) -> None:
    for wrong, said in (("mysql://x/y", "mysql"), ("no address", "cannot be read")):
        with pytest.raises(StoreError, match=said) as told:
            Store.open(wrong, folder=tmp_path, clock=clock)
        assert "sqlite://" in told.value.hint.lower()


async def test_a_state_folder_that_it_makes_is_for_its_owner_alone(tmp_path: Path, clock: PushedClock) -> None:
    async with Store.open("", folder=tmp_path / "state", clock=clock, ballast=0):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_state_folder_that_cannot_be_made_is_said_to_be_so(tmp_path: Path, clock: PushedClock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be made: Not a directory"):
        Store.open("", folder=tmp_path / "file" / "state", clock=clock)
