"""What of an evidence stands beside an incident: the steps, what was asked, what came back; always short."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.beside import ANSWERED, ASKED, answered, excerpt

STEPS: Any = {
    "steps": [
        {
            "name": "ask",
            "took": 1_240_000,
            "ok": True,
            "requests": [
                {"method": "POST", "url": "https://a.example/chat", "status": 200, "request": "hi", "response": "hello"}
            ],
        },
        {
            "name": "booked",
            "took": 30_000_000,
            "ok": False,
            "requests": [
                {
                    "method": "GET",
                    "url": "https://a.example/b",
                    "status": None,
                    "request": "",
                    "failure": "no answer in 30 s",
                }
            ],
        },
        {"name": "told", "took": 0, "ok": False, "reached": False, "requests": []},
    ]
}


def test_steps_what_was_asked_and_what_came_back() -> None:
    assert excerpt(STEPS).splitlines() == [
        "ask 1.2 s → ✗ booked 30.0 s → told not reached",
        "GET https://a.example/b",
        "booked: no answer in 30 s",
    ]


def test_one_step_alone_needs_no_line_of_steps() -> None:
    assert excerpt({"steps": STEPS["steps"][:1]}) == "POST https://a.example/chat hi\nask 200: hello"


def test_nothing_is_said_of_nothing() -> None:
    assert [excerpt(body) for body in (None, [], {}, {"steps": None}, {"steps": [1]})] == [""] * 5


ANYTHING = st.recursive(st.none() | st.integers() | st.text(max_size=2_000), lambda inner: st.lists(inner, max_size=3)
                        | st.dictionaries(st.sampled_from(["steps", "requests", "name", "took", "ok", "status", "response", "request"]), inner))  # fmt: skip  # noqa: E501


@given(ANYTHING)
def test_whatever_an_evidence_holds_it_is_short(body: Any) -> None:
    assert len(answered(body)) <= ANSWERED
    assert len(excerpt(body)) <= ANSWERED + ASKED + 12 * 80
