"""Whether a customer was still treated well while a model failed: every answer, and what they would have minded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.cli.rules import rules
from monitor.engine.polite import Given, answers, faults
from monitor.sandbox.models.answers import GARBAGE
from probes.frames import Reply
from probes.words.failure import FACTS, Failure

SORRY = "Our assistant is having a short break. Please call us on 555-0100."
CHAT = {"post": "/chat", "reply": "$.reply"}


def nothing_more(text: str) -> list[str]:
    return []


def reply(failure: str | None = None, sentence: str = "it went wrong", **evidence: Any) -> Reply:
    state = FACTS[Failure(failure)].state if failure else "up"
    return Reply(1, state, failure, sentence if failure else "", evidence=evidence or None)


def said(text: str, *, status: int = 200, asked: bool = True) -> list[Given]:
    return [Given(text, status, asked)]


@pytest.mark.parametrize("failure", [None, "wrong", "refused", "contract_changed"])
def test_another_answer_than_hoped_for_is_polite_all_the_same(failure: str | None) -> None:
    assert faults(reply(failure), said(SORRY), nothing_more) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "without a word"),
        (" \n ", "without a word"),
        (GARBAGE["mojibake"], "cannot be read"),
        ('Traceback (most recent call last):\n  File "app.py", line 3', "a stack trace"),
        ("TypeError: Cannot read properties of undefined\n    at Chat.reply (/srv/app/chat.js:12:9)", "a stack trace"),
        ("openai.RateLimitError: please wait", "the name of an exception"),
        ("Sorry: Internal Server Error", "an error page"),
        ("We failed with status code 503, try later", "a status code"),
        ('{"detail": "no"}', "an error in JSON"),
        ("You exceeded your current quota", "the provider's own words"),
        ("Your appointment is on undefined", "what a program says for nothing"),
        ("null", "what a program says for nothing"),
    ],
)
def test_what_a_customer_minds_in_an_answer(text: str, reason: str) -> None:
    found = faults(reply(), said(text), nothing_more)
    assert len(found) == 1 and reason in found[0], found


@pytest.mark.parametrize(
    "text",
    [
        SORRY,
        "We are closed at the moment; the error was ours, and we are sorry.",
        "It is 500 metres from the station, at 404 Main Street.",
        "None of our dentists is free on Monday. Shall we look at Tuesday?",
        "Apologies, I cannot look into the calendar right now. A person will write to you within the hour.",
    ],
)
def test_plain_words_are_polite(text: str) -> None:
    assert faults(reply("wrong"), said(text), nothing_more) == []


@pytest.mark.parametrize(
    "failure",
    ["unreachable", "auth", "quota", "rate_limited", "provider_down", "app_error", "timeout", "truncated", "empty",
     "garbage", "slow"],
)  # fmt: skip
def test_no_answer_a_broken_one_or_a_late_one_is_not_polite(failure: str) -> None:
    [reason] = faults(reply(failure, "127.0.0.1 took too long"), said(SORRY), nothing_more)
    assert FACTS[Failure(failure)].sentence in reason and "took too long" in reason


@pytest.mark.parametrize("failure", [str(one) for one, facts in FACTS.items() if facts.state == "unknown"])
def test_what_nobody_could_look_at_passes_no_drill(failure: str) -> None:
    [reason] = faults(reply(failure), said(SORRY), nothing_more)
    assert reason.startswith("nobody could look")


def test_a_status_speaks_where_the_words_do_not() -> None:
    assert faults(reply("contract_changed"), said(SORRY, status=422), nothing_more) == ["answered 422"]
    broken = said("<h1>Book online</h1>", status=503, asked=False)
    assert faults(reply("wrong"), broken, nothing_more)[0] == "answered 503"
    page = said("<script>if (x === undefined) retry()</script> Error 404 is our café's name", asked=False)
    assert [one for one in faults(reply(), page, nothing_more) if "answer:" in one] == []


def test_a_story_that_breaks_off_before_any_answer_is_not_polite() -> None:
    [reason] = faults(reply("wrong", "the page lacks its form"), said("<h1>Hello</h1>", asked=False), nothing_more)
    assert "no answer was given" in reason


def test_a_users_own_rules_are_held_against_what_was_said() -> None:
    own = rules([{"contains-any": ["call us", "try again"]}, {"not-contains": "GPT"}])
    assert faults(reply("wrong"), said(SORRY), own) == []
    [reason] = faults(reply("wrong"), said("The GPT may call us back, call us"), own)
    assert "GPT" in reason
    assert len(faults(reply("wrong"), said("Good bye"), own)) == 1


def test_answers_are_read_out_of_the_evidence() -> None:
    asked = {"method": "POST", "url": "https://x.example/chat", "status": 200, "response": json.dumps({"reply": SORRY})}
    page = {"method": "GET", "url": "https://x.example/", "status": 200, "response": "<h1>Book</h1>"}
    never = {"method": "GET", "url": "https://x.example/", "status": 0, "failure": "refused"}
    booked = {"method": "POST", "url": "https://x.example/bookings", "status": 201, "response": "{}"}
    found = answers(reply("wrong", steps=[{"requests": [page, asked]}, {"requests": [never, booked]}]), CHAT)
    assert found == [Given("<h1>Book</h1>", 200, False), Given(SORRY, 200, True), Given("{}", 201, False)]
    whole = answers(reply("wrong", steps=[{"requests": [booked]}]), {})
    assert whole == [Given("{}", 201, True)], "without a chat, whatever is posted is asked"
    cut = asked | {"response": '{"reply": "Our assis'}
    assert answers(reply("wrong", steps=[{"requests": [cut]}]), CHAT)[0].text == '{"reply": "Our assis'


@given(st.text(max_size=400), st.integers(100, 599), st.booleans(), st.sampled_from([None, *map(str, Failure)]))
def test_any_answer_is_judged_and_each_reason_is_harmless(
    text: str, status: int, asked: bool, failure: str | None
) -> None:
    found = faults(reply(failure, text), [Given(text, status, asked)], nothing_more)
    assert all(one.isprintable() for one in found)
    if status >= 500:
        assert found, "an error of the server's is never polite"
