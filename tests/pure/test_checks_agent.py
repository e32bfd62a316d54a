"""What an agent did: the tools it called, how, and in which order; which model it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.checks import Note, Subject
from probes.checks.served import is_known, is_same
from probes.words.errors import ProbeBug
from probes.words.failure import Failure


class Notes:
    """Where checks are written down."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, note: Note) -> None:
        """Keep one."""
        self.notes.append(note)


class Agent:
    """An answer that called tools."""

    def __init__(self, *calls: tuple[str, dict[str, Any]], model: str = "", finished: str = "stop") -> None:
        self.called_tools = [{"name": name, "arguments": given, "id": ""} for name, given in calls]
        self.model, self.finished = model, finished


BOOKED = Agent(
    ("find_slots", {"day": "2026-12-24"}),
    ("book", {"day": "2026-12-24", "time": "10:00", "seats": 2, "guest": {"name": "Test 7"}}),
    model="gpt-5-mini-2026-01-15",
)
SILENT = Agent()


def asked(agent: Agent, method: str, *args: Any, negated: bool = False) -> Note:
    """What came of one check of an answer."""
    notes = Notes()
    subject = Subject("Done.", notes, source="reply", unit="reply")
    subject.reply = agent
    getattr(subject.not_ if negated else subject, method)(*args)
    return notes.notes[0]


@pytest.mark.parametrize(
    ("method", "args", "holds"),
    [
        ("tool_called", ("book",), True),
        ("tool_called", ("find_*",), True),
        ("tool_called", ("*",), True),
        ("tool_called", ("cancel",), False),
        ("tool_sequence", ("find_slots", "book"), True),
        ("tool_sequence", ("book",), True),
        ("tool_sequence", ("book", "find_slots"), False),
        ("tool_sequence", ("book", "book"), False),
        ("tool_args_match", ({"book": {"time": "10:00", "seats": 2}},), True),
        ("tool_args_match", ({"book": {"seats": 2.0}},), True),
        ("tool_args_match", ({"book": {"seats": "2"}},), False),
        ("tool_args_match", ({"book": {"seats": "/^[0-9]+$/"}},), True),
        ("tool_args_match", ({"book": {"guest": {"name": "/^Test/"}}},), True),
        ("tool_args_match", ({"book": {"guest": {"name": "/^Guest/"}}},), False),
        ("tool_args_match", ({"book": {}, "find_slots": {"day": "2026-12-24"}},), True),
        ("tool_args_match", ({"book": {}, "cancel": {}},), False),
        ("tool_args_match", ({"book": {"table": 4}},), False),
        ("model_is", ("gpt-5-mini",), True),
        ("model_is", ("gpt-5", "openai/gpt-5-mini"), True),
        ("model_is", ("gpt-5",), False),
        ("finish_reason", ("stop", "tool_calls"), True),
        ("finish_reason", ("length",), False),
    ],
)
def test_what_holds_of_an_agent(method: str, args: tuple[Any, ...], holds: bool) -> None:
    assert asked(BOOKED, method, *args).ok is holds
    assert asked(BOOKED, method, *args, negated=True).ok is not holds


def test_no_call_at_all() -> None:
    assert asked(SILENT, "tool_called", "*", negated=True).ok
    failed = asked(SILENT, "tool_called", "book")
    assert (failed.says, failed.failure) == ('reply should call the tool "book", got no tool call', Failure.WRONG)


def test_a_wrong_argument_is_shown_with_those_there_were() -> None:
    says = asked(BOOKED, "tool_args_match", {"book": {"time": "22:00"}}).says
    assert says.startswith('reply should call tools with {"book": {"time": "22:00"}}, got book({"day": "2026-12-24"')


def test_another_model_is_a_changed_contract() -> None:
    failed = asked(BOOKED, "model_is", "claude-sonnet-4")
    assert (failed.failure, failed.actual) == (Failure.CONTRACT_CHANGED, "gpt-5-mini-2026-01-15")
    assert asked(SILENT, "model_is", "gpt-5").actual == "no model named"


def test_what_is_no_agent_has_called_nothing() -> None:
    notes = Notes()
    Subject("text", notes).tool_called("book")
    assert not notes.notes[0].ok
    assert "which has no tool calls; check the answer of an ask itself" in notes.notes[0].says


@pytest.mark.parametrize("wrong", ["book", {}, {"book": "10:00"}, {"book": {"time": "/(/"}}])
def test_arguments_that_cannot_be_checked(wrong: Any) -> None:
    with pytest.raises(ProbeBug):
        asked(BOOKED, "tool_args_match", wrong)


@pytest.mark.parametrize(
    ("asked_for", "served", "same"),
    [
        ("gpt-5-mini", "gpt-5-mini-2026-01-15", True),
        ("gpt-4", "gpt-4-0613", True),
        ("gpt-5", "gpt-5-mini-2026-01-15", False),
        ("gpt-5-mini-2026-01-15", "gpt-5-mini-2026-01-15", True),
        ("gpt-5-mini-2026-01-15", "gpt-5-mini-2026-06-30", False),
        ("gpt-5-mini-2026-01-15", "gpt-5-mini", True),
        ("openai/gpt-5-mini", "gpt-5-mini", True),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20260115", True),
        ("claude-sonnet-4", "us.anthropic.claude-sonnet-4-20250514-v1:0", True),
        ("claude-sonnet-4", "claude-opus-4", False),
        ("claude-sonnet-4@20250514", "claude-sonnet-4@20250514", True),
        ("llama3.2", "llama3.2:latest", True),
        ("llama3.2:3b", "llama3.2:1b", False),
        ("gemini-2.5-flash", "gemini-2.5-flash-002", True),
        ("GPT-5-Mini", "gpt-5-mini", True),
    ],
)
def test_a_snapshot_is_the_model_it_is_of(asked_for: str, served: str, same: bool) -> None:
    assert is_same(asked_for, served) is same


def test_which_names_look_like_a_vendors() -> None:
    assert all(map(is_known, ["gpt-5", "o3-mini", "claude-opus-4", "meta-llama/Llama-3.3-70B", "qwen3:8b"]))
    assert not any(map(is_known, ["intake", "prod-model", "ours", "opus", "yiddish-bot"]))


@given(st.text(max_size=60))
def test_every_name_is_the_same_as_itself(name: str) -> None:
    assert is_same(name, name)
