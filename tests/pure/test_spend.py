"""What may be spent: the order in which a run degrades, turns within a minute, and how long a 429 holds back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.spend import (
    LONGEST_HOLD,
    UNITS,
    Account,
    Allowance,
    Want,
    decide,
    held_for,
    settled,
)
from probes.words.units import DAY, MINUTE, SECOND

NOON = 20_000 * DAY + DAY // 2
ONE = Want({"requests": 1, "tokens": 500, "usd": 0.001})


def account(name: str = "openai", **more: object) -> Account:
    limits = {key: more.pop(key) for key in ("requests", "tokens", "usd", "per_minute") if key in more}
    return Account(name, Allowance(**limits), **more)  # type: ignore[arg-type]


def test_what_fits_is_granted_whole() -> None:
    grant = decide(ONE, [account(tokens=500)], now=NOON)
    assert (grant.want, grant.why, grant.told()) == (ONE, "", {})


def test_the_judge_goes_first() -> None:
    want = Want({"requests": 2, "tokens": 900}, judge={"requests": 1, "tokens": 400})
    grant = decide(want, [account(tokens=600)], now=NOON)
    assert not grant.judge
    assert not grant.canary
    assert grant.want.amounts == {"requests": 1, "tokens": 500}
    assert grant.why == "today's 600 tokens for openai are used up"


def test_then_cases_of_a_golden_set_as_many_as_still_fit() -> None:
    want = Want({"requests": 6, "tokens": 900}, judge={"requests": 1, "tokens": 100}, cases=5)
    grant = decide(want, [account(tokens=1_000, spent={"tokens": 500})], now=NOON)
    assert (grant.cases, grant.judge, grant.canary) == (3, False, False)
    assert grant.want.amounts["tokens"] == pytest.approx(480)


def test_then_only_a_check_without_tokens_is_left() -> None:
    grant = decide(ONE, [account(usd=1.0, spent={"usd": 0.9995})], now=NOON)
    assert grant.canary
    assert grant.want.amounts == {"requests": 1}
    assert grant.told() == {"judge": False, "canary": True, "why": "today's 1.00 USD for openai are used up"}


def test_where_requests_themselves_are_used_up_nothing_is_asked_until_midnight() -> None:
    grant = decide(ONE, [account(requests=10, spent={"requests": 10})], now=NOON)
    assert grant.until == NOON + DAY // 2
    assert grant.why == "today's 10 requests for openai are used up"


def test_a_full_minute_is_waited_out() -> None:
    recent = tuple(NOON - at * SECOND for at in (50, 30, 10))
    grant = decide(ONE, [account(per_minute=3, recent=recent)], now=NOON)
    assert grant.until == NOON + 10 * SECOND, "when the first of the three is a minute old"
    assert decide(ONE, [account(per_minute=4, recent=recent)], now=NOON).until == 0


def test_more_requests_than_a_minute_holds_wait_for_an_empty_one_and_then_go() -> None:
    many = Want({"requests": 9})
    assert decide(many, [account(per_minute=3, recent=(NOON - SECOND,))], now=NOON).until == NOON + 59 * SECOND
    assert decide(many, [account(per_minute=3)], now=NOON).until == 0


def test_who_asked_to_be_left_alone_is() -> None:
    grant = decide(ONE, [account(), account("intake/production/books", held=NOON + MINUTE)], now=NOON)
    assert grant.until == NOON + MINUTE
    assert grant.why == "intake/production/books asked to be left alone for a while"


def test_an_answer_with_usage_costs_what_it_says() -> None:
    spent = {"asks": 1, "counted": 1, "tokens_in": 100, "tokens_out": 50}
    assert settled(ONE, spent, billed=False, price=(1.0, 2.0)) == {"requests": 1, "tokens": 150, "usd": 0.0002}


def test_a_call_that_timed_out_is_paid_for_as_reserved_and_one_that_was_refused_is_not() -> None:
    assert settled(ONE, {"asks": 1}, billed=True, price=(1.0, 2.0)) == {"requests": 1, "tokens": 500, "usd": 0.001}
    assert settled(ONE, {"asks": 1}, billed=False, price=(1.0, 2.0)) == {"requests": 1}


def test_a_429_is_obeyed_for_an_hour_at_most_and_without_a_time_ever_longer() -> None:
    assert held_for(17.5, 1) == 17_500_000
    assert held_for(1e12, 1) == LONGEST_HOLD, "a target that is broken or lies does not make us blind for ever"
    assert [held_for(None, n) // SECOND for n in (1, 2, 3, 9, 1_000)] == [30, 60, 120, 900, 900]


amounts = st.fixed_dictionaries({unit: st.floats(0, 1e6) for unit in UNITS})
allowances = st.builds(
    Allowance,
    requests=st.none() | st.floats(0, 1e6),
    tokens=st.none() | st.floats(0, 1e6),
    usd=st.none() | st.floats(0, 1e6),
    per_minute=st.none() | st.integers(1, 100),
)
accounts = st.builds(
    Account,
    name=st.sampled_from(["openai", "w/e/p"]),
    limits=allowances,
    spent=amounts,
    recent=st.lists(st.integers(NOON - 2 * MINUTE, NOON), max_size=120).map(lambda times: tuple(sorted(times))),
    held=st.sampled_from([0, NOON - 1, NOON + 1]),
)
wants = st.builds(Want, amounts=amounts, judge=amounts, cases=st.integers(0, 20))


@given(wants, st.lists(accounts, max_size=3))
def test_no_grant_ever_passes_a_limit(want: Want, listed: list[Account]) -> None:
    grant = decide(want, listed, now=NOON)
    if grant.until:
        assert grant.until > NOON
        assert not grant.want.amounts
    for one in listed:
        if not grant.until:
            lacking = one.lacks(grant.want)  # what is overspent already is no more touched
            assert not lacking or (grant.canary and not grant.want.amounts.get(lacking))
            assert one.held <= NOON
    assert bool(grant.told() or grant.until) == bool(grant.why)


@given(accounts, st.integers(1, 40))
def test_a_turn_leaves_no_minute_fuller_than_its_limit(one: Account, requests: int) -> None:
    limit = one.limits.per_minute
    at = one.free_at(requests, NOON)
    if limit is None:
        assert at == NOON
        return
    left = [time for time in one.recent if time > at - MINUTE]
    assert len(left) + min(requests, limit) <= max(limit, min(requests, limit))


@pytest.mark.parametrize("unit", ["tokens", "usd"])
def test_on_an_overspent_day_the_check_without_tokens_is_still_made(unit: str) -> None:
    over = Account("openai", Allowance(**{unit: 10}), {unit: 11.0, "requests": 3.0})
    for want in (Want({"requests": 1.0, unit: 2.0}), Want({"requests": 1.0})):
        found = decide(want, [over], now=0)
        assert (found.canary, found.until) == (True, 0), "an answer cost more than was reserved for it"
    none_left = Account("openai", Allowance(**{unit: 10}, requests=3), {unit: 11.0, "requests": 3.0})
    assert decide(Want({"requests": 1.0}), [none_left], now=0).until == DAY
