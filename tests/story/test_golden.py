"""Days of a golden set: whose turn it is, when people are told, when it is over, and what a restart remembers."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from monitor.engine.confirm import Level
from monitor.engine.keeping import sweep
from monitor.store.queries.history import last_runs
from monitor.store.queries.scores import last_scores
from probes.words.outcome import State
from probes.words.units import HOUR, MINUTE
from tests.store.kit import explained
from tests.story.answers import CASES, GOLDEN, Answers, configured
from tests.story.watch import clock_of

START = clock_of("10:00")


def run_number(at: int) -> int:
    return (at - START) // (5 * MINUTE)


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Answers]:
    async with Answers(tmp_path, configured()) as watch:
        yield watch


async def runs(watch: Answers, first: int, last: int) -> None:
    """The runs from number `first` up to, not with, `last`."""
    await watch.runs(START + first * 5 * MINUTE, START + last * 5 * MINUTE, every=300, name=GOLDEN)


async def states(watch: Answers) -> list[State]:
    await watch.store.flush()
    found = await watch.store.read(lambda session: last_runs(session, watch.knows.ledger, limit=500))
    return [run.result for run in reversed(found)]


async def test_every_case_is_asked_in_turn_and_none_twice_before_all_others(watch: Answers) -> None:
    await runs(watch, 0, 12)
    asked = [name for _, request in watch.asked for name in request.cases]
    assert sorted(asked) == sorted(CASES), "60 cases in 12 runs of 5"
    await runs(watch, 12, 24)
    assert set(Counter(name for _, request in watch.asked for name in request.cases).values()) == {2}


async def test_too_few_cases_are_unknown_and_say_how_many_there_are(watch: Answers) -> None:
    await runs(watch, 0, 9)
    assert set(await states(watch)) == {State.UNKNOWN}
    assert watch.knows.last.sentence == "45 of 47 cases scored"
    assert watch.knows.unknown_since == 0, "that is no blindness"
    await runs(watch, 9, 10)
    assert (await states(watch))[-1] is State.UP


async def test_answers_that_get_worse_page_once_with_how_bad_and_how_sure(watch: Answers) -> None:
    broken = {name for name in CASES if int(name[-2:]) % 3 == 0}
    await runs(watch, 0, 20)
    assert watch.paged == []
    watch.answer = lambda case, at: "wrong" if case in broken else "right"
    await runs(watch, 20, 60)
    assert watch.paged[0] == "ana"
    (incident,) = await watch.incidents()
    assert incident.failure == "wrong"
    assert "answers are right (95 % sure: " in incident.sentence
    assert "surely under the target of 95 %" in incident.sentence
    assert "book taken for cancel: " in incident.sentence
    assert incident.sure.endswith("cases right")
    assert (await states(watch))[-1] is State.DOWN


async def test_it_is_over_when_as_many_new_answers_as_the_rule_needs_are_right_and_not_when_the_window_has_forgotten(
    watch: Answers,
) -> None:
    watch.answer = lambda case, at: "wrong" if run_number(at) in range(20, 40) else "right"
    await runs(watch, 0, 40)
    assert watch.knows.progress.open is Level.FAIL
    await runs(watch, 40, 48)
    assert (await states(watch))[-1] is State.DOWN, "40 of the newest 47 are right"
    await runs(watch, 48, 51)
    (incident,) = await watch.incidents()
    assert incident.resolved_at is not None
    await runs(watch, 51, 80)
    assert len(await watch.incidents()) == 1, "the window began anew: what is over does not page again"


async def test_a_set_that_is_wholly_wrong_pages_before_the_window_is_full(watch: Answers) -> None:
    watch.answer = lambda case, at: "wrong"
    await runs(watch, 0, 1)
    assert watch.paged == ["ana"], "0 of 5 is under the floor, whatever the others will say"


async def test_runs_without_any_answer_page_after_two_and_are_down_from_their_start(watch: Answers) -> None:
    await runs(watch, 0, 12)
    watch.world = lambda probe, at: "x"
    await runs(watch, 12, 13)
    assert watch.paged == []
    await runs(watch, 13, 14)
    assert watch.paged == ["ana"]
    (incident,) = await watch.incidents()
    assert (incident.failure, incident.began) == ("timeout", START + 12 * 5 * MINUTE)
    watch.world = lambda probe, at: "."
    await runs(watch, 14, 16)
    assert (await watch.incidents())[0].resolved_at is not None


async def test_an_outage_before_there_are_enough_scores_ends_when_there_are_answers_again(watch: Answers) -> None:
    watch.world = lambda probe, at: "x" if run_number(at) < 2 else "."
    await runs(watch, 0, 4)
    (incident,) = await watch.incidents()
    assert incident.resolved_at is not None
    assert (await states(watch))[-1] is State.UNKNOWN


async def test_an_attempt_that_got_no_answer_does_not_speak_for_a_run_that_was_scored(watch: Answers) -> None:
    watch.world = lambda probe, at: "x" if (at - START) % (5 * MINUTE) == 0 else "."
    await runs(watch, 0, 4)
    assert await states(watch) == [State.UNKNOWN] * 4
    assert (len(watch.asked), watch.paged) == (8, [])
    assert watch.asked[0][1].cases == watch.asked[1][1].cases, "it is the same turn"


async def test_right_answers_that_are_slow_are_a_warning_once_it_is_confirmed(watch: Answers) -> None:
    await runs(watch, 0, 12)
    watch.world = lambda probe, at: "d" if run_number(at) in (12, 20, 21) else "."
    await runs(watch, 12, 20)
    assert watch.warned == []
    assert (await states(watch))[12] is State.DEGRADED
    await runs(watch, 20, 22)
    assert (len(watch.warned), watch.paged) == (1, [])


async def test_every_third_run_without_an_answer_is_told_though_never_two_follow_each_other(watch: Answers) -> None:
    await runs(watch, 0, 40)
    watch.world = lambda probe, at: "x" if run_number(at) % 3 == 0 else "."
    await runs(watch, 40, 80)
    assert watch.paged[0] == "ana"
    (incident,) = await watch.incidents()
    assert "runs failed, where" in incident.sure
    assert incident.resolved_at is None, "two good runs in a row are no recovery from this"
    watch.world = lambda probe, at: "."
    await runs(watch, 80, 100)
    assert (await watch.incidents())[0].resolved_at is not None


async def test_what_could_not_be_scored_counts_neither_way(watch: Answers) -> None:
    await runs(watch, 0, 20)
    before = len(watch.knows.answers.window.cases)
    watch.answer = lambda case, at: "unscored"
    await runs(watch, 20, 25)
    assert len(watch.knows.answers.window.cases) == before
    assert watch.knows.answers.said.right == before


@pytest.mark.parametrize("cut", [5, 15, 30, 45, 55, 70])
async def test_a_restart_changes_nothing(watch: Answers, cut: int) -> None:
    bad = range(25, 45)
    watch.answer = lambda case, at: "wrong" if run_number(at) in bad and int(case[-2:]) % 2 else "right"
    watch.world = lambda probe, at: "x" if run_number(at) in (10, 50, 53, 56, 57) else "."
    await runs(watch, 0, cut)
    knows = watch.knows
    before = (knows.answers.window, knows.answers.said, knows.answers.last, knows.odds, knows.progress.open)
    await watch.restart()
    knows = watch.knows
    after = (knows.answers.window, knows.answers.said, knows.answers.last, knows.odds, knows.progress.open)
    assert after == before
    paged = len(watch.paged)
    await watch.settle()
    assert len(watch.paged) == paged


async def test_scores_go_with_their_runs(watch: Answers) -> None:
    from dataclasses import replace
    from datetime import timedelta

    await runs(watch, 0, 12)
    await watch.store.flush()
    keep = replace(watch.catalog.keep, runs=timedelta(minutes=29))
    await sweep(watch.store, keep, now=START + HOUR)
    left = await watch.store.read(lambda session: last_scores(session, watch.knows.ledger, limit=1_000))
    assert len(left) == 25, "five runs of five cases"


async def test_fewer_cases_are_asked_when_no_more_may_be_spent(tmp_path: Path) -> None:
    catalog = configured("spend: {requests: 12, per: day}")
    async with Answers(tmp_path, catalog) as watch:
        await runs(watch, 0, 3)
        assert [len(request.cases) for _, request in watch.asked] == [5, 5, 2]
        asked = [name for _, request in watch.asked for name in request.cases]
        assert len(set(asked)) == 12, "and the turn goes on where it was"


async def test_a_run_that_asks_no_case_takes_nobodys_turn(tmp_path: Path) -> None:
    catalog = configured("spend: {requests: 12, per: day}")
    async with Answers(tmp_path, catalog) as watch:
        await runs(watch, 0, 9)
        await watch.run(GOLDEN, at=START + 24 * HOUR)
        asked = [name for _, request in watch.asked for name in request.cases]
        assert tuple(asked) == tuple(watch.knows.probe.golden.order[:17])


async def test_a_reload_goes_on_where_it_was_without_reading_thousands_of_scores_again(watch: Answers) -> None:
    await runs(watch, 0, 12)
    before, asked = watch.knows.answers.window, []
    read = watch.store.write

    async def counted(act):  # type: ignore[no-untyped-def]
        def listened(session):  # type: ignore[no-untyped-def]
            return explained(session, lambda same: asked.append(act(same)))

        lines = await read(listened)
        assert not [line for line in lines if "ix_score" in line]
        return asked[-1]

    watch.store.write = counted  # type: ignore[method-assign]
    await watch.engine.reload(watch.catalog)
    watch.store.write = read  # type: ignore[method-assign]
    assert watch.knows.answers.window == before
    await runs(watch, 12, 13)
    assert (await states(watch))[-1] is State.UP
