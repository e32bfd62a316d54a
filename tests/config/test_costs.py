"""What a run costs: said, counted, estimated by a stated rule at a declared price, or unknown; never made up."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.catalog import Costs
from monitor.config.costs import ANSWER, costs_of, tokens_of
from monitor.config.load import load_text
from monitor.config.provider_section import ProviderSection
from probes.spec import read
from probes.words.errors import ConfigError

MODEL = {"dialect": "openai", "model": "m", "max_tokens": 100}
OWN = {"post": "/chat", "send": {"message": "${ask}"}, "reply": "$.reply"}
CHECK = [{"contains": "x"}]
SITE = "workflows: {w: {url: http://127.0.0.1:9, probes: {p: {get: /, check: [{contains: x}]%s}}}}"


def provider(**more: Any) -> ProviderSection:
    return ProviderSection.model_validate({"model": "m", "price": {"input": 2, "output": 10}, **more})


def costs(probe: dict[str, Any], chat: dict[str, Any] | None = None, **providers: ProviderSection) -> Costs:
    return costs_of(read(probe), chat or {}, providers)


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"ask": text, "check": CHECK, **more}


def test_a_plain_request_costs_itself_and_no_tokens() -> None:
    assert costs({"get": "/", "check": CHECK}, MODEL) == Costs({"requests": 1.0})


def test_a_question_costs_what_is_sent_and_the_longest_answer() -> None:
    found = costs(ask("x" * 400), {**MODEL, "system": "y" * 41}, openai=provider())
    assert found.amounts == {"requests": 1, "asks": 1, "tokens": 100 + 11 + 100, "usd": (111 * 2 + 100 * 10) / 1e6}
    assert (found.estimated, found.provider) == ({"tokens", "usd"}, "openai")


def test_an_answer_that_nobody_limits_counts_by_the_stated_rule() -> None:
    assert costs(ask("xxxx"), {"dialect": "openai"}).amounts["tokens"] == 1 + ANSWER


def test_a_conversation_sends_all_that_was_said_again_and_steps_do_not() -> None:
    turns: list[Any] = ["x" * 40, ask("x" * 40), "x" * 40]
    talk = costs({"chat": turns}, MODEL).amounts["tokens"]
    steps = costs({"steps": [ask("x" * 40), {"get": "/"}, ask("x" * 40), ask("x" * 40)]}, MODEL).amounts["tokens"]
    assert (talk, steps) == (10 + (20 + 100) + (30 + 200) + 300, 30 + 300)


@given(st.lists(st.text(min_size=1).filter(lambda text: "$" not in text), min_size=1, max_size=5), st.integers(1, 4000))
def test_no_estimate_is_less_than_its_parts(questions: list[str], limit: int) -> None:
    found = costs({"chat": [ask(text) for text in questions]}, {**MODEL, "max_tokens": limit}).amounts["tokens"]
    assert found >= sum(map(tokens_of, questions)) + limit * len(questions)
    assert tokens_of("".join(questions)) == ceil(len("".join(questions)) / 4)


def test_no_price_is_made_up() -> None:
    free = provider(price=None)
    for there in ({}, {"openai": free}, {"openai": provider(model="other")}, {"a": provider(), "b": provider()}):
        assert "usd" not in costs(ask("hi"), MODEL, **there).amounts


def test_the_provider_with_the_same_model_is_paid_before_one_that_names_none() -> None:
    assert costs(ask("hi"), MODEL, a=provider(model=""), b=provider()).provider == "b"
    assert costs(ask("hi"), MODEL, a=provider(model="")).provider == "a"


def test_what_an_endpoint_of_its_own_costs_is_known_to_its_author_alone() -> None:
    assert costs(ask("hi"), OWN, openai=provider()).amounts.keys() == {"requests", "asks"}
    found = costs(ask("hi", costs={"tokens": 900, "usd": 0.002, "records": 1}), OWN, openai=provider())
    assert found == Costs({"requests": 1, "asks": 1, "tokens": 900, "usd": 0.002, "records": 1}, provider="openai")


def test_what_is_said_stands_instead_of_what_is_estimated() -> None:
    found = costs(ask("hi", costs={"tokens": 7}), MODEL, openai=provider())
    assert (found.amounts["tokens"], "usd" in found.amounts, found.estimated) == (7, False, frozenset())
    found = costs(ask("hi", costs={"usd": 7}), MODEL, openai=provider())
    assert (found.amounts["usd"], found.estimated) == (7, {"tokens"})


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([{"post": "/a", "check": CHECK}], 1),
        ([{"post": "/a", "check": CHECK, "cleanup": {"delete": "/a"}}], 0),
        ([{"post": "/a", "check": CHECK}, {"put": "/b"}, {"get": "/c"}], 2),
        ([{"ask": "hi", "check": CHECK}], 0),
    ],
)
def test_a_record_is_left_by_what_writes_and_has_no_clean_up(steps: list[Any], left: int) -> None:
    assert costs({"steps": steps}).amounts.get("records", 0) == left


def test_a_script_costs_what_it_says() -> None:
    said = {"requests": 2, "asks": 1, "tokens": 900, "usd": "0.5", "records": 0}
    found = costs({"kind": "script", "function": "f", "costs": said})
    assert found.amounts == {"requests": 2, "asks": 1, "tokens": 900, "usd": 0.5, "records": 0}


@pytest.mark.parametrize(
    ("written", "what"),
    [
        ("costs: {tokns: 1}", "unknown key 'tokns'; did you mean tokens?"),
        ("costs: {tokens: -1}", "tokens"),
        ("costs: {usd: much}", "not an amount of money"),
    ],
)
def test_costs_that_are_none_are_refused(written: str, what: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_text(SITE % f", {written}")
    assert what in str(error.value)


def test_no_costs_hold_for_every_probe() -> None:
    with pytest.raises(ConfigError, match="unknown key 'costs'"):
        load_text("defaults: {costs: {usd: 1}}\n" + SITE % "")
