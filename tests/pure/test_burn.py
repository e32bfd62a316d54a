"""Error budgets that are spent too fast: when a rule fires, and which rules never could."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.burn import FAILURES, Burning, Rule, burning, usual, why_never, worst
from monitor.ledger.slo import Slo
from monitor.ledger.uptime import Shares
from probes.words.units import DAY, HOUR, MINUTE

SLO = Slo(99_500, 30 * DAY)
FAST = Rule(HOUR, 5 * MINUTE, 14.4, True)


def shares(length: int, down: float, *, unknown: float = 0.0) -> Shares:
    bad, dark = int(length * down), int(length * unknown)
    return Shares(up=length - bad - dark, down=bad, unknown=dark)


def fires(long: float, short: float, failures: int = FAILURES, rule: Rule = FAST) -> Burning | None:
    return burning(rule, SLO, long=shares(rule.long, long), short=shares(rule.short, short), failures=failures)


def test_the_usual_rules_of_thirty_days_are_those_of_the_workbook() -> None:
    assert [(rule.name, rule.short // MINUTE, rule.rate, rule.pages) for rule in usual(SLO, MINUTE)] == [
        ("1h", 5, 14.4, True),
        ("6h", 30, 6.0, True),
        ("1d", 120, 3.0, False),
        ("3d", 360, 1.0, False),
    ]


def test_a_rate_follows_the_length_of_the_window() -> None:
    assert [rule.rate for rule in usual(Slo(99_500, 90 * DAY), MINUTE)] == [43.2, 18.0, 9.0, 3.0]


def test_usual_rules_that_could_never_fire_are_left_out() -> None:
    assert [rule.name for rule in usual(Slo(90_000, 30 * DAY), MINUTE)] == ["6h", "1d", "3d"], "14.4 x 10 % is all"
    assert [rule.name for rule in usual(SLO, 30 * MINUTE)] == ["6h", "1d", "3d"], "two runs an hour cannot fail thrice"
    assert [rule.name for rule in usual(Slo(99_500, DAY), MINUTE)] == ["1h", "6h", "1d"]


def test_a_rule_fires_while_both_windows_are_over_the_limit() -> None:
    found = fires(0.08, 0.5)
    assert found is not None
    assert (round(found.spent, 6), round(found.burns, 6)) == (0.08, 16.0)


@pytest.mark.parametrize(
    ("long", "short", "failures", "why"),
    [
        (0.07, 1.0, 9, "7 % of an hour is under 14.4 x 0.5 %"),
        (0.5, 0.0, 9, "it is over"),
        (0.5, 0.07, 9, "it is nearly over"),
        (0.5, 1.0, 2, "two failures are no rate"),
        (0.072, 0.5, 9, "exactly the limit is not over it"),
    ],
)
def test_a_rule_does_not_fire(long: float, short: float, failures: int, why: str) -> None:
    assert fires(long, short, failures) is None, why


def test_what_nobody_watched_is_neither_good_nor_bad() -> None:
    half_known = shares(HOUR, 0.05, unknown=0.5)
    assert burning(FAST, SLO, long=half_known, short=shares(5 * MINUTE, 1.0), failures=3) is not None
    assert burning(FAST, SLO, long=Shares(unknown=HOUR), short=Shares(unknown=MINUTE), failures=3) is None
    assert burning(FAST, SLO, long=half_known, short=Shares(unknown=MINUTE), failures=3) is None


@pytest.mark.parametrize(
    ("rule", "slo", "period", "words"),
    [
        (Rule(HOUR, HOUR, 2, True), SLO, MINUTE, "the short window of 1h is not shorter than the long one"),
        (Rule(31 * DAY, DAY, 2, True), SLO, MINUTE, "31d is longer than the objective's own window"),
        (Rule(HOUR, MINUTE, 200, True), SLO, MINUTE, "200 times the budget is more than all of the time"),
        (Rule(HOUR, MINUTE, 0.5, True), SLO, MINUTE, "a rate of 0.5 keeps the promise"),
        (Rule(HOUR, MINUTE, 2, True), SLO, 21 * MINUTE, "runs every 21m cannot fail 3 times within 1h"),
    ],
)
def test_settings_that_are_impossible_say_so(rule: Rule, slo: Slo, period: int, words: str) -> None:
    reason = why_never(rule, slo, period)
    assert reason is not None
    assert reason.startswith(words)
    assert ": write " in reason


def test_what_pages_is_told_before_what_does_not() -> None:
    slow, fast = Burning(Rule(DAY, HOUR, 3, False), 1.0, 200.0), Burning(FAST, 0.1, 20.0)
    assert worst([slow, fast]) is fast
    assert worst([]) is None


@given(
    target=st.integers(1, 99_999), days=st.integers(1, 400), minutes=st.integers(1, 2_000),
    long=st.floats(0, 1), short=st.floats(0, 1),
)  # fmt: skip
def test_every_usual_rule_fires_when_all_is_down_and_never_when_all_is_well(
    target: int, days: int, minutes: int, long: float, short: float
) -> None:
    slo = Slo(target, days * DAY)
    for rule in usual(slo, minutes * MINUTE):
        assert why_never(rule, slo, minutes * MINUTE) is None
        everything = burning(rule, slo, long=Shares(down=rule.long), short=Shares(down=rule.short), failures=FAILURES)
        assert everything is not None
        assert burning(rule, slo, long=Shares(up=rule.long), short=Shares(up=rule.short), failures=99) is None
        found = burning(rule, slo, long=shares(rule.long, long), short=shares(rule.short, short), failures=99)
        assert found is None or found.burns > rule.rate * 0.999
