"""What a person says of a time that is over: it changes figures, is shown beside them, and edits nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import Session

from monitor.ledger.explain import Explanation
from monitor.ledger.spans import Span
from monitor.status import build, history, render
from monitor.store.queries.history import last_runs
from monitor.store.queries.presence import add_correction
from monitor.store.queries.spans import spans_between
from probes.words.outcome import State
from probes.words.units import HOUR, MINUTE
from tests.store.kit import explained
from tests.story.test_status_page import HOSTILE, Page
from tests.story.watch import BOOKS, CONFIG, PLACE, Watch, clock_of, configure

TWO = CONFIG + "      home: {get: /, every: 1m, check: [{contains: Book online}]}\n"
HOME = "intake/production/home"
TEN, ELEVEN = clock_of("10:00"), clock_of("11:00")


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    """An hour in which the check of `books` was wrong from 10:20 to 10:40."""
    async with Watch(tmp_path, configure(TWO)) as watch:
        wrong = range(clock_of("10:20"), clock_of("10:40"))
        watch.world = lambda probe, at: "x" if probe == BOOKS and at in wrong else "."
        for at in range(TEN, ELEVEN, MINUTE):
            await watch.run(HOME, at=max(at, watch.clock.at))
            await watch.run(BOOKS)
        await watch.pass_to(ELEVEN)
        yield watch


async def correct(
    watch: Watch,
    state: State,
    start: str,
    end: str,
    reason: str = "a wrong check",
    *,
    probes: tuple[str, ...] = (BOOKS,),
) -> None:
    """Ana puts right what was recorded of these probes."""
    numbers, now = [watch.engine.tracks[name].ledger for name in probes], watch.clock.now()

    def write(session: Session) -> None:
        for number in numbers:
            add_correction(
                session, number, state, start=clock_of(start), end=clock_of(end), author="Ana", reason=reason, now=now
            )

    await watch.store.write(write)


async def record(watch: Watch, *, until: int = ELEVEN) -> history.Record:
    await watch.store.flush()
    return await watch.store.read(partial(history.read, start=TEN, end=until, now=until))


async def story(watch: Watch) -> Explanation:
    found = (await record(watch)).explain(PLACE)
    assert found is not None
    return found


async def site(watch: Watch) -> dict[str, bytes]:
    await watch.store.flush()
    now, catalog = watch.clock.now(), watch.catalog
    made = await watch.store.read(lambda session: build.make_pages(session, catalog, watch.desk, now=now))
    return render.files(made)


async def observed(watch: Watch) -> tuple[list[Span], int, tuple[int, int]]:
    """What no correction may touch: the spans and runs as they are kept, and the first tries."""
    ledger = watch.books.ledger
    await watch.store.flush()
    spans = await watch.store.read(lambda session: spans_between(session, ledger, start=0, end=1 << 62))
    runs = await watch.store.read(lambda session: last_runs(session, ledger, limit=500))
    found = await record(watch)
    firsts = await watch.store.read(lambda session: history.firsts(session, found, PLACE, TEN))
    return spans, sum(run.result is State.DOWN for run in runs), firsts


async def test_a_correction_changes_the_figures_and_nothing_that_was_observed(watch: Watch) -> None:
    before, kept = (await record(watch)).figures(PLACE, TEN), await observed(watch)
    assert before.uptime is not None
    assert before.uptime < 70_000
    await correct(watch, State.UP, "10:15", "10:45")
    found = await story(watch)
    assert found.figures.uptime == (await record(watch)).figures(PLACE, TEN).uptime == 100_000
    assert sum(row.length for row in found.rows) == found.shares.total == HOUR
    assert await observed(watch) == kept
    assert kept[1] > 0
    assert [row.because for row in found.rows] == [(), ("corrected by Ana: a wrong check",), ()]
    assert [(row.start, row.end) for row in found.rows][1] == (clock_of("10:15"), clock_of("10:45"))


async def test_the_later_word_counts_and_what_was_corrected_to_unknown_is_no_percentage(watch: Watch) -> None:
    await correct(watch, State.UP, "10:00", "11:00", "first")
    await correct(watch, State.UNKNOWN, "10:00", "11:00", "on second thoughts", probes=(BOOKS, HOME))
    found = await story(watch)
    assert (found.shares.unknown, found.figures.uptime, found.figures.coverage) == (HOUR, None, 0)
    assert [row.because for row in found.rows] == [("corrected by Ana: on second thoughts",)]


async def test_a_correction_counts_over_an_absence_and_over_maintenance(watch: Watch) -> None:
    await watch.engine.beat()
    await watch.fall()
    watch.clock.at = clock_of("12:00")
    await watch.rise()
    await watch.maintenance(clock_of("12:00"), clock_of("13:00"))
    for name in (BOOKS, HOME):
        await watch.run(name, at=max(clock_of("12:59"), watch.clock.at))
    await watch.pass_to(clock_of("13:00"))
    both = (BOOKS, HOME)
    await correct(watch, State.DOWN, "11:30", "12:30", "customers called", probes=both)
    found = (await record(watch, until=clock_of("13:00"))).explain(PLACE)
    assert found is not None
    said = [(row.start, row.state) for row in found.rows if row.because == ("corrected by Ana: customers called",)]
    assert said == [(clock_of("11:30"), State.DOWN)]
    assert found.shares.down > HOUR
    assert found.shares.maintenance == HOUR // 2


async def test_the_page_shows_it_under_its_workflow_with_reason_and_author(watch: Watch) -> None:
    await correct(watch, State.UP, "10:20", "10:41")
    await correct(watch, State.DOWN, "10:50", "10:50:30", "customers called", probes=(BOOKS, HOME))
    files = await site(watch)
    text = Page(files["index.html"].decode()).text
    assert "Corrected: 1 Jan 2030, 10:20 to 10:41 counts as up for books. a wrong check (Ana)" in text
    assert "Corrected: 1 Jan 2030, 10:50:00 to 10:50:30 counts as down. customers called (Ana)" in text
    (intake,) = json.loads(files["status.json"])["workflows"]
    assert [(one["start"], one["state"], one["probes"], one["author"]) for one in intake["corrections"]] == [
        ("2030-01-01T10:50:00+00:00", "down", [], "Ana"),
        ("2030-01-01T10:20:00+00:00", "up", ["books"], "Ana"),
    ]
    assert intake["days"][-1]["microseconds"]["down"] == 30_000_000


async def test_a_hostile_reason_is_text_and_nothing_else(watch: Watch) -> None:
    await correct(watch, State.UP, "10:20", "10:41", HOSTILE)
    files = await site(watch)
    shown = Page(files["index.html"].decode())
    assert "img" not in shown.tags
    assert "<img src=x onerror=alert(1)>{{7*7}}" in shown.text
    assert b"<img" not in files["index.html"]
    assert json.loads(files["status.json"])["workflows"][0]["corrections"][0]["reason"] == HOSTILE


async def test_corrections_are_asked_for_once_a_page_and_by_an_index(watch: Watch) -> None:
    catalog, now = watch.catalog, watch.clock.now()
    lines = await watch.store.read(
        lambda session: explained(session, lambda one: build.make_pages(one, catalog, watch.desk, now=now))
    )
    (line,) = [line for line in lines if "correction" in line]
    assert line.startswith("SEARCH correction USING INDEX ix_correction_ledger_end")
    assert b"Corrected:" not in (await site(watch))["index.html"]
