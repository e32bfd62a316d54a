"""What changed of what answers, on both databases: kept once, found by time, and what was in force."""

from __future__ import annotations

from monitor.store.database import Store
from monitor.store.queries.changes import changes, in_force, newest
from monitor.store.queries.ledgers import resolve_ledger
from monitor.store.retention import delete_runs
from monitor.store.rows import ChangedRow, Rows
from tests.store.conftest import NOON
from tests.store.kit import MINUTE, explained

ROWS = (
    ChangedRow(1, NOON, "model", "", "a"),
    ChangedRow(1, NOON, "version", "", "7"),
    ChangedRow(1, NOON + MINUTE, "model", "a", "b"),
    ChangedRow(2, NOON + MINUTE, "model", "", "c"),
    ChangedRow(1, NOON + 3 * MINUTE, "model", "b", "a"),
)


async def keep(store: Store) -> None:
    for _ in range(2):  # a commit of unknown outcome is tried again
        store.append(Rows(changes=ROWS))
        await store.flush()


async def test_what_is_written_twice_is_kept_once_in_order(store: Store) -> None:
    await keep(store)
    found = await store.read(lambda session: changes(session, [1]))
    assert [(one.name, one.before, one.after) for one in found] == [
        ("model", "", "a"), ("version", "", "7"), ("model", "a", "b"), ("model", "b", "a"),
    ]  # fmt: skip
    assert found[2].said == "model a → b"


async def test_a_window_has_what_changed_in_it_and_before_it_what_was_in_force(store: Store) -> None:
    await keep(store)
    start, end = NOON + MINUTE, NOON + 3 * MINUTE
    within = await store.read(lambda session: changes(session, [1, 2], start=start, end=end))
    assert [(one.ledger, one.after) for one in within] == [(1, "b"), (2, "c")]
    before = await store.read(lambda session: newest(session, [1, 2], before=start))
    assert {(one.ledger, one.name): one.after for one in before} == {(1, "model"): "a", (1, "version"): "7"}
    assert in_force(before, start) == {"model": "a", "version": "7"}


async def test_of_each_name_the_newest_is_found(store: Store) -> None:
    await keep(store)
    found = await store.read(lambda session: newest(session, [1, 2]))
    assert {(one.ledger, one.name): one.after for one in found} == {
        (1, "model"): "a", (1, "version"): "7", (2, "model"): "c",
    }  # fmt: skip
    assert await store.read(lambda session: newest(session, [])) == []


async def test_all_of_it_is_found_by_its_index(file_store: Store) -> None:
    await keep(file_store)
    for ask in (lambda session: changes(session, [1], start=NOON), lambda session: newest(session, [1, 2])):
        plan = await file_store.read(lambda session, ask=ask: explained(session, ask))
        assert any("ix_changed_ledger_at_name" in line for line in plan)
        assert not [line for line in plan if line.startswith("SCAN changed") and "INDEX" not in line]


async def test_what_changed_long_ago_goes_with_its_runs_and_what_is_in_force_stays(store: Store) -> None:
    await store.write(lambda session: resolve_ledger(session, ("w", "production", "p", "here"), now=NOON))
    await store.write(lambda session: resolve_ledger(session, ("w", "production", "q", "here"), now=NOON))
    await keep(store)
    await store.write(lambda session: delete_runs(session, before=NOON + 2 * MINUTE))
    left = await store.read(lambda session: changes(session, [1, 2]))
    assert [(one.ledger, one.name, one.after) for one in left] == [
        (1, "version", "7"), (2, "model", "c"), (1, "model", "a"),
    ]  # fmt: skip
