"""What jobs and people say is kept on both databases, the newest of it, and each word once."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.store.database import Store
from monitor.store.queries import flags, pings
from monitor.store.queries.flags import ACCEPTED, OPEN, REJECTED, Said
from tests.store.conftest import NOON
from tests.store.kit import HOUR, MINUTE, explained


async def say(store: Store, at: int, kind: int = 1, *, ledger: int = 1, body: str = "") -> None:
    await store.write(partial(pings.add_ping, ledger=ledger, at=at, kind=kind, status=3, rid="r", body=body))


async def flag(store: Store, key: str, at: int = NOON, *, subject: str = "w/p", asked: str = "") -> tuple[int, bool]:
    said = Said("app", key, asked=asked)
    return await store.write(lambda session: flags.add_flag(session, subject, said, at=at))


async def test_a_word_is_kept_with_what_came_with_it(store: Store) -> None:
    body = "naïve \x00 ☃ " * 500
    await say(store, NOON, kind=2, body=body)
    await say(store, NOON + 1, kind=3)
    found = await store.read(lambda session: pings.pings_after(session, {1: NOON - 1, 2: 0}))
    assert [(one.at, one.kind, one.status, one.rid) for one in found[1]] == [(NOON, 2, 3, "r"), (NOON + 1, 3, 3, "r")]
    assert found[2] == []
    assert await store.read(lambda session: pings.body_of(session, found[1][0].id)) == body
    assert await store.read(lambda session: pings.body_of(session, found[1][1].id)) == ""
    assert await store.read(lambda session: pings.body_of(session, 999)) == ""
    after = await store.read(lambda session: pings.pings_after(session, {1: NOON}))
    assert [one.at for one in after[1]] == [NOON + 1]


async def test_of_each_kind_the_newest_are_kept_so_that_talk_drowns_no_start(store: Store) -> None:
    await say(store, NOON, kind=0)
    for number in range(pings.KEPT + 30):
        await say(store, NOON + MINUTE + number, kind=3)
    found = (await store.read(lambda session: pings.pings_after(session, {1: 0})))[1]
    assert [one.kind for one in found] == [0] + [3] * pings.KEPT
    assert found[1].at == NOON + MINUTE + 30
    last = await store.read(lambda session: pings.last_pings(session, [1, 2]))
    assert {ledger: one.at for ledger, one in last.items()} == {1: NOON + MINUTE + pings.KEPT + 29}


async def test_the_same_key_counts_once_in_a_workflow(store: Store) -> None:
    first, again = await flag(store, "a", asked="one"), await flag(store, "a", asked="two")
    other = await flag(store, "a", subject="w/staging")
    assert (first[1], again, other[1]) == (True, (first[0], False), True)
    [kept] = await store.read(lambda session: flags.list_flags(session, subject="w/p"))
    assert (kept.asked, kept.state, kept.reviewed_at) == ("one", OPEN, None)


async def test_a_flag_is_reviewed_once_and_counts_no_longer(store: Store) -> None:
    numbers = [(await flag(store, str(number), NOON + number * MINUTE))[0] for number in range(3)]
    review = partial(flags.review_flag, number=numbers[0], by="Ana", at=NOON + HOUR)
    assert await store.write(partial(review, state=REJECTED)) is True
    assert await store.write(partial(review, state=ACCEPTED)) is False
    times = await store.read(lambda session: flags.open_times(session, {"w/p": NOON - 1, "other/p": 0}))
    assert times == {"w/p": [NOON + MINUTE, NOON + 2 * MINUTE], "other/p": []}
    newest = await store.read(lambda session: flags.newest_open(session, ["w/p"], 1))
    assert [one.id for one in newest["w/p"]] == [numbers[2]]
    shown = await store.read(lambda session: flags.find_flag(session, numbers[0]))
    assert shown is not None and (shown.state, shown.reviewed_by, shown.reviewed_at) == (REJECTED, "Ana", NOON + HOUR)
    assert "key" not in flags.as_json(shown)


async def test_of_a_workflow_only_so_many_are_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flags, "KEPT", 5)
    for number in range(9):
        await flag(store, str(number), NOON + number)
    found = await store.read(flags.list_flags)
    assert [one.key for one in found] == ["8", "7", "6", "5", "4"]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=20))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_open_is_what_was_said_and_not_reviewed(store: Store, said: list[tuple[int, int]]) -> None:
    await store.write(lambda session: session.connection().exec_driver_sql("DELETE FROM flag"))
    keys = {}
    for subject, key in said:
        keys[(subject, key)] = await flag(store, str(key), NOON + key, subject=f"{subject}/p")
    wanted = {f"{subject}/p": NOON - 1 for subject in range(4)}
    times = await store.read(lambda session: flags.open_times(session, wanted))
    assert times == {f"{one}/p": sorted(NOON + key for subject, key in keys if subject == one) for one in range(4)}


async def test_both_are_found_by_their_index(file_store: Store) -> None:
    await say(file_store, NOON)
    await flag(file_store, "a")
    asked = [
        lambda session: pings.pings_after(session, {1: 0}),
        lambda session: pings.last_pings(session, [1]),
        lambda session: flags.open_times(session, {"w/p": 0}),
        lambda session: flags.list_flags(session, subject="w/p"),
    ]
    for ask in asked:
        plan = await file_store.read(lambda session, ask=ask: explained(session, ask))
        assert "SCAN ping" not in str(plan) and "SCAN flag" not in str(plan), plan
