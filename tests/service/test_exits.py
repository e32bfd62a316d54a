"""When failed exits are too many, as a rule that needs no systemd."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.service import exits
from monitor.service.exits import AGAIN, ENOUGH, WINDOW, Exits, decide
from probes.words.units import MINUTE, SECOND

NIGHT = 1_795_406_400_000_000
RESULTS = ["exit-code", "signal", "watchdog", "timeout", "oom-kill", "core-dump", "resources", "unknown"]


def test_the_third_failed_exit_in_five_minutes_pages() -> None:
    found = Exits()
    pages = []
    for seconds in (0, 100, 299):
        verdict = decide(found, "exit-code", now=NIGHT + seconds * SECOND)
        found = verdict.exits
        pages.append(verdict.page)
    assert pages == [False, False, True]


def test_failures_that_lie_apart_do_not_page() -> None:
    found = Exits()
    for number in range(20):
        verdict = decide(found, "signal", now=NIGHT + number * 3 * MINUTE)
        found = verdict.exits
        assert not verdict.page


def test_a_meant_stop_counts_for_nothing() -> None:
    found = Exits((NIGHT - 2, NIGHT - 1))
    verdict = decide(found, "success", now=NIGHT)
    assert (verdict.exits, verdict.page) == (found, False)


def test_while_it_goes_on_the_page_comes_again_every_fifteen_minutes() -> None:
    found, pages = Exits(), []
    for second in range(0, 3600, 20):
        now = NIGHT + second * SECOND
        verdict = decide(found, "exit-code", now=now)
        found = verdict.exits
        if verdict.page:
            pages.append(second)
            found = Exits(found.failed, now)
    assert pages == [40, 940, 1840, 2740]


def test_a_page_that_reached_nobody_is_tried_at_the_next_exit() -> None:
    found = Exits((NIGHT - 3, NIGHT - 2, NIGHT - 1), paged=0)
    assert decide(found, "exit-code", now=NIGHT).page


@given(
    steps=st.lists(st.tuples(st.integers(0, 10 * MINUTE), st.sampled_from([*RESULTS, "success"])), max_size=60),
)
def test_a_page_always_has_three_failures_behind_it_and_none_too_soon_before(steps: list[tuple[int, str]]) -> None:
    now, found, failed, paged = NIGHT, Exits(), list[int](), 0
    for wait, result in steps:
        now += wait
        verdict = decide(found, result, now=now)
        found = verdict.exits
        failed += [now] if result != "success" else []
        recent = [at for at in failed if at >= now - WINDOW]
        wanted = result != "success" and len(recent) >= ENOUGH and (not paged or now - paged >= AGAIN)
        assert verdict.page == wanted
        if verdict.page:
            paged = now
            found = Exits(found.failed, paged)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"failed": 3, "paged": 0}', '{"failed": ["x"], "paged": 1}', "\0"])
def test_a_broken_memory_is_no_memory(tmp_path: Path, content: str) -> None:
    (tmp_path / exits.FILE).write_text(content)
    assert exits.read_exits(tmp_path) == Exits()


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    exits.keep_exits(tmp_path, Exits((1, 2), 3))
    exits.leave_due(tmp_path, "it failed 3 times")
    assert exits.read_exits(tmp_path) == Exits((1, 2), 3)
    assert exits.due(tmp_path) == "it failed 3 times"
    exits.settle_due(tmp_path, now=9)
    assert (exits.due(tmp_path), exits.read_exits(tmp_path).paged) == ("", 9)
