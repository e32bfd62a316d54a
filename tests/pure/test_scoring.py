"""The window of a golden set: what it says, when it recovers, whose turn it is, and what must always hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.accuracy import Golden
from monitor.engine.confirm import Level, Ran
from monitor.engine.odds import Odds, weigh
from monitor.engine.scoring import (
    Asked,
    Window,
    accuracy,
    bounds_of,
    confusions,
    flipped,
    following,
    judged,
    now_right,
    score,
    worst_fields,
)
from probes.words.failure import Failure
from probes.words.outcome import State
from probes.words.units import HOUR, MINUTE

NAMES = [f"case {number}" for number in range(60)]
RULES = Golden(0.95, 0.80, 47, 5, dict.fromkeys(NAMES, ""), window_cases=200)
STEP = 5 * MINUTE
VERDICT = {".": True, "x": False, "?": None}


def told(story: str, rules: Golden = RULES) -> tuple[Window, list[State]]:
    """The window after these answers, one a run, and what it said after each."""
    window, states = Window(), []
    for number, letter in enumerate(story):
        at = (number + 1) * STEP
        window, said = score(rules, window, [Asked(at, NAMES[number % 60], VERDICT[letter])], now=at)
        states.append(said.state)
    return window, states


def test_it_is_unknown_until_there_are_enough_and_up_from_then_on() -> None:
    _, states = told("." * 60)
    assert states[:46] == [State.UNKNOWN] * 46
    assert states[46:] == [State.UP] * 14


def test_it_is_down_when_even_the_upper_bound_is_under_the_target() -> None:
    window, states = told("." * 100 + "x" * 14)
    assert states.index(State.DOWN) > 100
    assert bounds_of(window.cases).high < 0.95


def test_under_the_minimum_only_what_is_under_the_floor_is_down() -> None:
    assert told("xxxxx")[1] == [State.UNKNOWN] * 4 + [State.DOWN], "of five none: a wonder, were 80 % right"
    assert told("xx.xx")[1][-1] is State.UNKNOWN


def test_what_may_be_chance_and_may_be_bad_degrades() -> None:
    window, states = told("." * 42 + "x" * 5)
    assert states[-1] is State.DEGRADED
    assert bounds_of(window.cases).high >= 0.95


def test_a_fault_that_is_over_is_not_remembered_for_as_long_as_the_window_is() -> None:
    window, states = told("." * 60 + "x" * 60 + "." * 47)
    assert states[119] is State.DOWN and states[-1] is State.UP
    assert len(window.cases) <= 52
    assert State.DOWN not in told("." * 60 + "x" * 60 + "." * 200)[1][-150:]


def test_what_could_not_be_scored_changes_nothing() -> None:
    plain, mixed = told("." * 50 + "x" * 5)[0], told("?".join("." * 50 + "x" * 5))[0]
    assert [one.right for one in mixed.cases] == [one.right for one in plain.cases]


def test_a_case_that_is_worded_otherwise_begins_anew() -> None:
    window, _ = told("x" * 30 + "." * 30)
    other = replace(RULES, cases={**RULES.cases, **dict.fromkeys(NAMES[:30], "new words")})
    after, said = score(other, window, [], now=HOUR)
    assert len(after.cases) == 30 and said.right == 30


def test_a_window_of_time_forgets_what_is_older() -> None:
    rules = replace(RULES, window_cases=0, window=10 * STEP)
    assert len(told("." * 60, rules)[0].cases) == 11


@given(st.text(".x?", max_size=150), st.integers(20, 120))
def test_a_window_is_never_longer_than_it_may_be_and_says_what_its_share_says(story: str, size: int) -> None:
    rules = replace(RULES, window_cases=max(47, size))
    window, states = told(story, rules)
    assert len(window.cases) <= max(47, size)
    said = judged(rules, window)
    assert (said.failure is None) is (said.state is State.UP)
    assert said.right == sum(bool(one.right) for one in window.cases) and said.of == len(window.cases)
    if said.state is State.UP:
        assert bounds_of(window.cases).high >= 0.95
        assert accuracy(window.cases) >= 0.95 or bounds_of(window.cases).low > 0.80
    if states and states[-1] is State.UNKNOWN:
        assert said.of < 47


@given(st.text(".x", max_size=150))
def test_after_right_answers_enough_it_is_always_up_again(story: str) -> None:
    assert told(story + "." * 260)[1][-1] is State.UP


@given(st.text(".x", min_size=1, max_size=120))
def test_one_more_right_answer_never_takes_it_down(story: str) -> None:
    before, after = told(story)[1][-1], told(story + ".")[1][-1]
    assert not (after is State.DOWN and before in (State.UP, State.DEGRADED))


# -- whose turn it is


@given(st.integers(1, 40), st.integers(1, 50), st.integers(1, 30))
def test_every_case_is_asked_equally_often(cases: int, count: int, runs: int) -> None:
    order, last, asked = NAMES[:cases], "", list[str]()
    for _ in range(runs):
        turn = following(order, last, count)
        assert len(set(turn)) == len(turn) == min(cases, count)
        asked += turn
        last = turn[-1]
    times = Counter(asked)
    assert max(times.values()) - min(times.get(name, 0) for name in order) <= 1


def test_a_case_that_is_gone_begins_the_turns_anew() -> None:
    assert following(["a", "b"], "gone", 1) == ["a"]
    assert following([], "a", 3) == []


# -- flips, pairs, fields


def answers(**stories: str) -> list[Asked]:
    found = [Asked(at, case, mark == ".") for case, story in stories.items() for at, mark in enumerate(story)]
    return sorted(found, key=lambda one: one.at)


def test_a_case_is_what_the_most_of_its_newest_three_answers_are() -> None:
    found = now_right(answers(flake="..x", lost=".xx", back="xxx..", two="x.", one="x"))
    assert found == {"flake": True, "lost": False, "back": True, "two": True, "one": False}


def test_six_cases_that_got_worse_are_no_chance_and_five_may_be() -> None:
    baseline = dict.fromkeys(NAMES, True)
    for number, real in ((5, False), (6, True)):
        flips = flipped(baseline, answers(**{f"case {each}": "xxx" for each in range(number)}))
        assert (len(flips.regressed), flips.are_real) == (number, real)
    assert not flipped({}, answers(a="xxx")).are_real


def test_what_got_worse_is_named_and_degrades_or_takes_down_as_it_says() -> None:
    bad = {*NAMES[:6]}
    rules = replace(RULES, baseline=dict.fromkeys(NAMES, True), window_cases=400)
    window = Window()
    for at in range(1, 361):
        name = NAMES[at % 60]
        window, said = score(rules, window, [Asked(at, name, name not in bad or at < 240)], now=at)
    assert said.state is State.DEGRADED and said.failure is Failure.WRONG
    assert "6 cases got worse since the baseline and 0 better" in said.sentence
    assert "regressed: case 0, case 1, case 2 and 3 more" in said.sentence
    assert judged(replace(rules, regressed="down"), window).state is State.DOWN


def test_pairs_and_fields_are_told_the_worst_first() -> None:
    pair = [Asked(1, "a", False, "cancel", "book"), Asked(2, "a", False, "cancel", "book")]
    pair += [Asked(3, "b", False, "x", "y")]
    assert confusions(pair) == [("cancel", "book", 2), ("x", "y", 1)]
    fields = [Asked(1, "a", False, fields={"$.total": False, "$.due": True})]
    fields += [Asked(2, "b", True, fields={"$.total": True})]
    assert worst_fields(fields) == [("$.total", 1, 2)]


# -- odds


def run_of(letters: str, *, soft: bool = True) -> list[tuple[int, Ran]]:
    odds, found = Odds(), []
    for number, letter in enumerate(letters):
        ran = Ran(Level.FAIL if letter == "x" else Level.PASS, number, number)
        odds, ran = weigh(odds, ran, soft=soft, period=STEP, is_open=False)
        found.append((number, ran))
    return found


def test_one_wrong_answer_is_no_failure_yet_and_many_are() -> None:
    assert [ran.level for _, ran in run_of("x")] == [Level.UNKNOWN]
    sure = [number for number, ran in run_of("." * 100 + "xxxxx") if ran.sure]
    assert sure == [102], "a probe that never failed: three are enough"


def test_what_is_sure_when_it_is_seen_is_left_to_the_confirm_rule() -> None:
    assert [ran.level for _, ran in run_of("x.x", soft=False)] == [Level.FAIL, Level.PASS, Level.FAIL]


def test_a_pass_counts_only_once_the_test_has_cleared() -> None:
    levels = [ran.level for _, ran in run_of("." * 100 + "xxxx" + "." * 20)][104:]
    assert levels[:8] == [Level.UNKNOWN] * 8
    assert levels[-1] is Level.PASS


@pytest.mark.parametrize("story", ["?" * 5])
def test_what_is_unknown_weighs_nothing(story: str) -> None:
    odds = Odds(100, 3)
    for at, _ in enumerate(story):
        assert weigh(odds, Ran(Level.UNKNOWN, at, at), soft=True, period=STEP, is_open=True)[0] is odds
