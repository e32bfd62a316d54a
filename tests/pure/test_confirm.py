"""Confirm and recover, told as short stories of runs."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.confirm import Change, Level, Progress, Ran, advance

MINUTE = 60_000_000
LETTERS = {".": Level.PASS, "d": Level.DEGRADED, "x": Level.FAIL, "?": Level.UNKNOWN}


def story(runs: str, *, confirm: tuple[int, int] = (1, 1), recover: int = 2) -> list[tuple[int, Change]]:
    progress, changes = Progress(), []
    for number, letter in enumerate(runs):
        at = number * MINUTE
        progress, change = advance(progress, Ran(LETTERS[letter], at, at + 5), confirm=confirm, recover=recover)
        if change:
            changes.append((number, change))
    return changes


def test_one_failed_run_is_signalled_and_two_passes_end_it() -> None:
    opened, closed = story("..x..")
    assert (opened[0], opened[1].level, opened[1].since) == (2, Level.FAIL, 2 * MINUTE + 5)
    assert (closed[0], closed[1].level) == (4, Level.PASS)


def test_two_of_two_begins_with_the_first_failure() -> None:
    (opened,) = story("xx", confirm=(2, 2))
    assert opened == (1, Change(Level.FAIL, 5, "2 of 2 runs"))


def test_two_of_three_sees_an_intermittent_fault() -> None:
    assert story("x.x", confirm=(2, 3))[0][0] == 2
    assert story("x..x..x", confirm=(2, 3)) == []


def test_a_single_pass_between_failures_does_not_end_it() -> None:
    assert [number for number, _ in story("x.x.x..")] == [0, 6]


def test_unknown_neither_opens_nor_confirms_nor_resolves() -> None:
    assert story("????") == []
    assert story("x?x", confirm=(2, 2))[0][0] == 2
    assert [number for number, _ in story("x.?.")] == [0, 3]


def test_slow_is_signalled_apart_and_getting_worse_is_a_change() -> None:
    changes = story("dx..")
    assert [(number, change.level) for number, change in changes] == [
        (0, Level.DEGRADED),
        (1, Level.FAIL),
        (3, Level.PASS),
    ]
    assert changes[1][1].since == 5


def test_a_failure_that_became_slowness_is_no_more_than_that() -> None:
    changes = story("xdx.d..")
    assert [(number, change.level) for number, change in changes] == [
        (0, Level.FAIL),
        (4, Level.DEGRADED),
        (6, Level.PASS),
    ]
    assert {change.since for _, change in changes} == {5}, "it is one trouble"
    assert [number for number, _ in story("xxddddd", confirm=(2, 5))] == [1, 3], "old failures do not count again"


def test_it_fails_again_and_is_told_again() -> None:
    assert [change.level for _, change in story("xddx")] == [Level.FAIL, Level.DEGRADED, Level.FAIL]


@given(st.text("..xd?", max_size=60), st.sampled_from([(1, 1), (2, 2), (2, 3), (3, 5)]), st.integers(1, 3))
def test_changes_alternate_between_worse_and_recovered(runs: str, confirm: tuple[int, int], recover: int) -> None:
    level = Level.PASS
    for _, change in story(runs, confirm=confirm, recover=recover):
        eased = (level, change.level) == (Level.FAIL, Level.DEGRADED)
        assert eased or (change.level > level if change.level else level > Level.PASS)
        level = change.level


def test_a_run_that_was_put_off_after_one_try_wants_a_second_one_before_anybody_is_called() -> None:
    first, change = advance(Progress(), Ran(Level.FAIL, 1, 1, early=True), confirm=(1, 1), recover=2)
    assert change is None
    _, found = advance(first, Ran(Level.FAIL, 2, 2, early=True), confirm=(1, 1), recover=2)
    assert found is not None and (found.level, found.since) == (Level.FAIL, 1)
    passed, _ = advance(first, Ran(Level.PASS, 2, 2), confirm=(1, 1), recover=2)
    assert advance(passed, Ran(Level.FAIL, 3, 3, early=True), confirm=(1, 1), recover=2)[1] is None


def test_a_run_that_failed_every_time_it_was_tried_wants_no_second_one() -> None:
    _, change = advance(Progress(), Ran(Level.FAIL, 1, 1), confirm=(1, 1), recover=2)
    assert change is not None
