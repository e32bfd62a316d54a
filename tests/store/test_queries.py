"""What the record is asked, on both databases."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from monitor.ledger.spans import Span
from monitor.store import queries
from monitor.store.codes import FAIL, GOOD
from monitor.store.database import Store
from monitor.store.rows import EvidenceRow, Rows, SpanRow, SpendEntry
from probes.words.errors import Refused
from probes.words.names import run_key
from probes.words.outcome import State
from tests.store.conftest import NOON
from tests.store.kit import DAY, HOUR, MINUTE, SECOND, fill, retried, run_row

KEY = ("intake", "production", "home", "here")


async def test_a_ledger_is_made_once_and_a_rename_carries_its_history(store: Store) -> None:
    first = await store.write(lambda session: queries.resolve_ledger(session, KEY, now=NOON))
    again = await store.write(lambda session: queries.resolve_ledger(session, KEY, now=NOON + 5))
    other = await store.write(lambda session: queries.resolve_ledger(session, (*KEY[:2], "deep", "here"), now=NOON))
    assert (first, again, other) == (1, 1, 2)
    renamed = (*KEY[:2], "front-door", "here")
    assert await store.write(lambda session: queries.resolve_ledger(session, renamed, was="home", now=NOON)) == first
    assert await store.write(lambda session: queries.resolve_ledger(session, renamed, was="home", now=NOON)) == first
    assert [ledger.key for ledger in await store.read(queries.ledgers)] == [renamed, (*KEY[:2], "deep", "here")]


async def test_the_first_scheduled_run_is_noted_once(store: Store) -> None:
    await store.write(lambda session: queries.resolve_ledger(session, KEY, now=NOON))
    assert await store.write(lambda session: queries.begin_ledger(session, 1, at=NOON + 7)) == NOON + 7
    assert await store.write(lambda session: queries.begin_ledger(session, 1, at=NOON + 9)) == NOON + 7


async def test_membership_is_dated_so_that_the_past_stays(store: Store) -> None:
    async def want(wanted: dict[int, str], at: int) -> int:
        return await store.write(lambda session: queries.set_memberships(session, wanted, now=at))

    assert await want({1: "down", 2: "down"}, NOON) == 2
    assert await want({1: "down", 2: "down"}, NOON + 5) == 0
    assert await want({1: "degraded"}, NOON + 10) == 3
    assert await want({1: "degraded", 2: "down"}, NOON + 20) == 1
    seen = [(each.ledger, each.since - NOON, each.until and each.until - NOON, each.affects)
            for each in await store.read(queries.memberships)]  # fmt: skip
    assert seen == [(1, 0, 10, "down"), (1, 10, None, "degraded"), (2, 0, 10, "down"), (2, 20, None, "down")]
    assert await want({2: "degraded"}, NOON + 20) == 3, "what never counted for any time leaves no trace"
    assert len(await store.read(lambda session: queries.memberships(session, [2]))) == 2


async def test_a_run_is_found_by_its_public_id_with_its_attempts(store: Store) -> None:
    await fill(store, retried(NOON, 5, states=(State.DOWN, State.DOWN, State.UP)))
    await fill(store, Rows([run_row(NOON, 6)]))
    found = await store.read(lambda session: queries.read_run(session, NOON, 5))
    assert found is not None
    assert (found.state, found.result, found.attempts, found.first_try, found.passed) == (
        State.DOWN, State.UP, 3, False, True,
    )  # fmt: skip
    assert run_key(found.id) == (NOON, 5)
    assert found.phases == (-1, 400, 900, 30_000, 34_000)
    further = (await store.read(lambda session: queries.attempts_of(session, [found])))[NOON, 5]
    assert [(each.n, each.started - NOON, each.state) for each in further] == [
        (2, 20 * SECOND, State.DOWN), (3, 40 * SECOND, State.UP),
    ]  # fmt: skip
    assert await store.read(lambda session: queries.read_run(session, NOON, 7)) is None


async def test_spans_that_reach_into_a_window_are_found_whole(store: Store) -> None:
    spans = [SpanRow(ledger, NOON + n * 10, NOON + n * 10 + 10, n % 3) for ledger in (1, 2) for n in range(9)]
    await fill(store, Rows(spans=spans))
    found = await store.read(lambda session: queries.spans_of(session, [2, 3], start=NOON + 25, end=NOON + 40))
    assert found == {2: [Span(NOON + 20, NOON + 30, State.DOWN), Span(NOON + 30, NOON + 40, State.UP)], 3: []}
    for name in ("a", "b", "c"):
        await store.write(partial(queries.resolve_ledger, key=("w", "p", name, "here"), now=NOON))
    last = await store.read(lambda session: queries.last_spans(session, [1, 3]))
    assert last == {1: Span(NOON + 80, NOON + 90, State.DOWN)}


async def test_evidence_is_kept_by_attempt_and_only_the_newest_good_one(store: Store) -> None:
    def good(at: int, ledger: int) -> EvidenceRow:
        return EvidenceRow(at, ledger, 1, GOOD, {"steps": [{"name": "ask", "took": at - NOON}]})

    await fill(store, Rows(evidence=[good(NOON, 1), good(NOON, 2)]))
    await fill(store, Rows(evidence=[good(NOON + 5, 1), EvidenceRow(NOON + 3, 1, 2, FAIL, {"why": "ünïcode ✗"})]))
    kept = await store.read(lambda session: queries.last_good(session, 1))
    assert kept is not None
    assert (kept.started, kept.good, kept.body) == (NOON + 5, True, {"steps": [{"name": "ask", "took": 5}]})
    assert await store.read(lambda session: queries.evidence_of(session, NOON, 1)) == []
    assert await store.read(lambda session: queries.last_good(session, 2)) is not None
    failed = await store.read(lambda session: queries.last_failure(session, 1))
    assert failed is not None
    assert (failed.n, failed.body, run_key(failed.run)) == (2, {"why": "ünïcode ✗"}, (NOON + 3, 1))


async def test_the_latest_runs_are_found_however_long_ago_they_were(store: Store) -> None:
    often = [run_row(NOON + n * 15 * SECOND, ledger) for n in range(400) for ledger in (1, 2)]
    daily = [run_row(NOON - n * DAY + 1, 3, hold=2 * DAY) for n in range(5)]
    stopped = [run_row(NOON - 3 * DAY + n * MINUTE, 4) for n in range(3)]
    await fill(store, Rows(often + daily + stopped))

    async def look(count: int) -> dict[int, list[int]]:
        found = await store.read(lambda session: queries.latest_runs(session, [1, 2, 3, 4, 9], count=count))
        return {ledger: [run.started for run in runs] for ledger, runs in found.items()}

    for until in (0, NOON - 2 * DAY, NOON + 30 * MINUTE, NOON + DAY):
        await store.write(lambda session, at=until: queries.tally(session, until=at))
        newest = {1: often[-1].started, 2: often[-1].started, 3: NOON + 1, 4: stopped[-1].started}
        assert await look(1) == {ledger: [at] for ledger, at in newest.items()}
        three = await look(3)
        assert three[1] == [run.started for run in often[-1:-7:-2]]
        assert three[3] == [run.started for run in daily[:3]]
        assert three[4] == [run.started for run in stopped[::-1]]


@pytest.mark.parametrize("counted", [0, NOON - DAY, NOON + 20 * MINUTE, NOON + DAY])
async def test_the_last_runs_of_one_are_found_among_everybodys(store: Store, counted: int) -> None:
    """Also of one that ran often, then rarely, then often again."""
    mine = [run_row(NOON - 2 * DAY + n * MINUTE, 1) for n in range(10)]
    mine += [run_row(NOON - 2 * DAY + n * HOUR, 1, hold=2 * HOUR) for n in range(1, 40)]
    mine += [run_row(NOON + n * MINUTE, 1) for n in range(30)]
    others = [run_row(NOON - 2 * DAY + n * 10 * MINUTE + 5, 2) for n in range(300)]
    await fill(store, Rows(mine + others))
    await store.write(lambda session: queries.tally(session, until=counted))
    expected = [run.started for run in mine[::-1]]
    for limit, before in ((20, NOON + DAY), (60, NOON + DAY), (500, NOON + DAY), (25, NOON - DAY + 30 * MINUTE)):
        found = await store.read(lambda session, n=limit, at=before: queries.last_runs(session, 1, limit=n, before=at))
        assert [run.started for run in found] == [at for at in expected if at < before][:limit]


async def test_failed_runs_are_found_by_their_evidence(store: Store) -> None:
    def failure(at: int, n: int = 1) -> EvidenceRow:
        return EvidenceRow(at, 1, n, FAIL, {})

    for hours in range(4):
        at = NOON + hours * HOUR
        rows = retried(at, 1, states=(State.DOWN, State.DOWN))
        await fill(store, Rows(rows.runs, rows.attempts, rows.ends, [failure(at), failure(at, 2)]))
        await fill(store, Rows([run_row(at + MINUTE)]))
    found = await store.read(lambda session: queries.failed_runs(session, 1, start=NOON + 1, limit=2))
    assert [run.started for run in found] == [NOON + 3 * HOUR, NOON + 2 * HOUR]


async def test_absences_lie_between_the_times_the_keeper_was_up(store: Store) -> None:
    async def alive(start: int, end: int) -> None:
        await store.write(lambda session: queries.begin_alive(session, now=start))
        await store.write(lambda session: queries.extend_alive(session, start, now=end))

    async def away(start: int, end: int) -> list[tuple[int, int]]:
        return await store.read(lambda session: queries.absences(session, start, end))

    assert await away(0, 1000) == []
    await alive(100, 200)
    await alive(300, 400)
    await alive(450, 900)
    assert await away(0, 1000) == [(200, 300), (400, 450)], "before the first start there was nothing to be absent from"
    assert await away(250, 420) == [(250, 300), (400, 420)]
    assert await away(300, 400) == []
    assert await away(210, 290) == [(210, 290)]
    assert await away(850, 990) == [], "what follows the last sign of life is not known to be an absence"


async def test_a_window_cannot_begin_in_the_past_and_ends_early_without_rewriting(store: Store) -> None:
    said: dict[str, Any] = {"author": "first", "reason": "upgrade"}

    async def add(subject: str, start: int, end: int, **more: Any) -> int | None:
        return await store.write(
            lambda session: queries.add_window(session, subject, start=start, end=end, now=NOON, **said, **more)
        )

    with pytest.raises(Refused, match="in the past"):
        await add("", NOON - 1, NOON + 5)
    with pytest.raises(Refused, match="must end"):
        await add("", NOON + 5, NOON + 5)
    first = await add("intake/production", NOON, NOON + HOUR)
    nightly = await add("", NOON + DAY, NOON + DAY + HOUR, source="nightly")
    assert await add("", NOON + DAY, NOON + DAY + HOUR, source="nightly") is None, "it was made already"
    assert first is not None
    assert nightly is not None
    found = await store.read(lambda session: queries.windows(session, NOON, NOON + 2 * DAY))
    assert [window.id for window in found] == [first, nightly]
    assert found[0].covers("intake", "production", "home")
    assert not found[0].covers("intake", "staging", "home")
    assert found[1].covers("anything", "at", "all")
    for at, ended in ((NOON + MINUTE, True), (NOON + 2 * MINUTE, False)):
        assert await store.write(lambda session, at=at: queries.end_window(session, first, now=at)) is ended
    assert await store.write(lambda session: queries.end_window(session, nightly, now=NOON + HOUR))
    left = await store.read(lambda session: queries.windows(session, NOON, NOON + 2 * DAY))
    assert [(window.start, window.end) for window in left] == [(NOON, NOON + MINUTE)]


async def test_a_correction_is_a_row_with_author_and_reason(store: Store) -> None:
    said: dict[str, Any] = {"author": "first", "reason": "the probe looked at the wrong page", "now": NOON}
    number = await store.write(
        lambda session: queries.add_correction(session, 1, State.UNKNOWN, start=NOON - HOUR, end=NOON, **said)
    )
    with pytest.raises(Refused, match="over"):
        await store.write(
            lambda session: queries.add_correction(session, 1, State.UP, start=NOON, end=NOON + 1, **said)
        )
    with pytest.raises(Refused, match="author"):
        nobody = said | {"author": " "}
        await store.write(lambda session: queries.add_correction(session, 1, State.UP, start=1, end=2, **nobody))
    found = await store.read(lambda session: queries.corrections(session, 1, NOON - MINUTE, NOON + MINUTE))
    assert [(each.id, each.state, each.author) for each in found] == [(number, State.UNKNOWN, "first")]


async def test_corrections_of_several_ledgers_come_at_once_as_they_were_made(store: Store) -> None:
    async def put(ledger: int, state: State, start: int, end: int, reason: str = "seen by hand") -> None:
        said: dict[str, Any] = {"author": "Ana", "reason": reason, "now": NOON + DAY}
        await store.write(lambda session: queries.add_correction(session, ledger, state, start=start, end=end, **said))

    for number, state in enumerate(State):  # the newest speaks of the oldest time
        await put(1, state, NOON + (9 - number) * MINUTE, NOON + (10 - number) * MINUTE)
    await put(2, State.UP, NOON, NOON + HOUR, "für „Ana“ ✗ <b>")
    await put(3, State.DOWN, NOON, NOON + HOUR)
    found = await store.read(
        lambda session: queries.corrections_of(session, [1, 2, 9], start=NOON + 6 * MINUTE, end=NOON + 9 * MINUTE)
    )
    assert [each.state for each in found.pop(1)] == list(State)[1:4]
    assert [each.state for each in found[2]] == [State.UP]
    assert list(found) == [2], "one that has none, or was not asked for, is not there"
    assert (found[2][0].reason, found[2][0].created) == ("für „Ana“ ✗ <b>", NOON + DAY)
    assert await store.read(lambda session: queries.corrections_of(session, [], start=NOON, end=NOON + DAY)) == {}
    with pytest.raises(Refused, match="must end after"):
        await put(1, State.UP, NOON, NOON)


async def test_notes_generations_and_spend_are_remembered(store: Store) -> None:
    await store.write(lambda session: queries.remember(session, "published", {"at": 1}, now=NOON))
    await store.write(lambda session: queries.remember(session, "published", [1, "zwei"], now=NOON + 1))
    assert await store.read(lambda session: queries.read_note(session, "published")) == [1, "zwei"]
    assert await store.read(lambda session: queries.noted_at(session, "published")) == NOON + 1
    await store.write(lambda session: queries.forget(session, "published"))
    assert await store.read(lambda session: queries.read_note(session, "published")) is None
    begun = [
        await store.write(lambda session, n=n, f=f: queries.begin_generation(session, f, now=NOON + n))
        for n, f in enumerate("aaba")
    ]
    assert begun == [True, False, True, True]
    assert [fingerprint for _, fingerprint in await store.read(queries.generations)] == ["a", "b", "a"]
    for day in (100, 100, 101):
        store.append(Rows(spends=[SpendEntry("openai", day, "usd", 0.25), SpendEntry("openai", day, "requests", 2)]))
        await store.flush()
    assert await store.read(lambda session: queries.spend_between(session, 100, 100)) == {
        "openai": {"usd": 0.5, "requests": 4}
    }
