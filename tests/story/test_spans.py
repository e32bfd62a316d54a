"""Whatever happens to a probe, its spans as stored are those that its raw attempts give."""

import asyncio
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.ledger.spans import Observation, Span, fold
from monitor.status.history import read
from monitor.store.queries.history import last_runs
from monitor.store.queries.runs import attempts_of
from probes.words.errors import StoreError
from probes.words.units import SECOND
from tests.story.watch import BOOKS, MIDNIGHT, PLACE, Watch

ACTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([".", "x", "d", "b", "l", "x.", "xx.", "l.", "xd"]), st.integers(61, 900)),
        st.tuples(st.sampled_from(["restart", "reload"]), st.integers(0, 400)),
    ),
    min_size=1,
    max_size=12,
)


async def raw(watch: Watch) -> list[Observation]:
    """Every attempt as it is kept, in order."""
    ledger = watch.books.ledger
    runs = await watch.store.read(lambda session: last_runs(session, ledger, limit=500))
    further = await watch.store.read(lambda session: attempts_of(session, runs))
    found = []
    for run in runs:
        found.append(Observation(run.started, run.state, run.hold))
        found += [Observation(one.started, one.state, one.hold) for one in further.get((run.started, run.ledger), [])]
    return sorted(found, key=lambda one: one.at)


async def tell(acts: list[tuple[str, int]], folder: Path) -> None:
    async with Watch(folder) as watch:
        at = MIDNIGHT
        for act, seconds in acts:
            at += seconds * SECOND
            watch.clock.at = max(at, watch.clock.at)
            if act == "restart":
                await watch.restart()
            elif act == "reload":
                await watch.reload(watch.catalog)
            else:
                watch.world = _script(act)
                await watch.run()
                assert watch.books.tail.last is not None
        await watch.store.flush()
        attempts, now = await raw(watch), watch.clock.now() + 3600 * SECOND
        expected = fold(attempts, until=now)
        record = await watch.store.read(partial(read, start=MIDNIGHT, end=now, now=now))
        members = record.members.get(PLACE, [])
        stored: list[Span] = list(members[0].spans) if attempts else []
        assert _merged(stored) == expected
        assert BOOKS in watch.engine.tracks


def _script(letters: str) -> Callable[[str, int], str]:
    """Attempt by attempt, the last letter for ever."""
    left = iter(letters)
    return lambda probe, at: next(left, letters[-1])


def _merged(spans: list[Span]) -> list[Span]:
    """What a page sees: pieces of one state that touch are one."""
    found: list[Span] = []
    for span in spans:
        if found and (found[-1].state, found[-1].end) == (span.state, span.start):
            span = Span(found.pop().start, span.end, span.state)
        found.append(span)
    return found


async def test_a_first_run_that_the_store_refused_to_note_is_noted_when_it_accepts(tmp_path: Path) -> None:
    async with Watch(tmp_path) as watch:
        file, away = tmp_path / "showup.db", tmp_path / "away.db"
        file.rename(away)
        watch.world = _script("x")
        await watch.engine.run_now(BOOKS)
        with pytest.raises(StoreError):
            await watch.store.flush()
        away.rename(file)
        for _ in range(200):
            if watch.store.broken_since is None:
                break
            await asyncio.sleep(0.05)
        watch.clock.at += 60 * SECOND
        await watch.run()
        await watch.engine.beat()
        await watch.store.flush()
        now = watch.clock.now()
        record = await watch.store.read(partial(read, start=MIDNIGHT, end=now, now=now))
        assert [(span.start, span.end) for span in record.members[PLACE][0].spans] == [(MIDNIGHT, now)]


@given(ACTS)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
def test_the_stored_spans_and_the_raw_attempts_agree(acts: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(tell(acts, Path(folder)))
