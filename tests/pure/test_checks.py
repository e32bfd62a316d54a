"""Every matcher holds where it should, and says what is wrong in a sentence where it should not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.checks import RULES, Absent, Note, Subject, reference
from probes.checks.general import same
from probes.checks.texture import garbled, refuses
from probes.words.errors import ProbeBug
from probes.words.failure import Failure
from tests.pure.answer_cases import ANSWERS

LONG = "The same words come again and again and nothing else does. " * 20


class Pad:
    """Where the checks of a test are written down."""

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def note(self, note: Note) -> None:
        self.notes.append(note)


class Whole:
    """A whole reply, as far as checks ask about it."""

    def __init__(self, code: int = 200, finished: str = "stop") -> None:
        self.code = code
        self.finished = finished
        self.model = "gpt-5-mini-2026-01-15"
        self.called_tools: list[Any] = []
        self.seen = 0

    def see_status(self) -> None:
        self.seen += 1

    def status_failure(self) -> Failure:
        return Failure.APP_ERROR if self.code >= 500 else Failure.CONTRACT_CHANGED


def checked(value: Any, matcher: str, *args: Any, negated: bool = False, unit: str = "", whole: Any = None) -> Note:
    pad = Pad()
    subject = Subject(value, pad, source="$.x" if unit != "reply" else "reply", unit=unit)
    subject.reply = whole
    getattr(subject.not_ if negated else subject, matcher)(*args)
    (note,) = pad.notes
    return note


CASES = [
    ("equals", ("10:00",), "10:00", '$.x equals "10:00"', "22:00", '$.x should equal "10:00", got "22:00"'),
    ("equals", (5,), 5.0, "$.x equals 5", "5", '$.x should equal 5, got "5" (text, not number)'),
    ("equals", (True,), True, "$.x equals true", 1, "$.x should equal true, got 1 (number, not boolean)"),
    ("equals", (None,), None, "$.x equals null", {"a": 1}, '$.x should equal null, got {"a": 1} (object, not null)'),
    ("one_of", ("a", 2), 2, '$.x is one of "a", 2', "c", '$.x should be one of "a", 2, got "c"'),
    ("exists", (), None, "$.x exists", Absent("$.x"), "$.x should exist, got nothing"),
    ("is_a", ("number",), 3, '$.x is of the kind "number"', "3", '$.x should be of the kind "number", got "3"'),
    ("contains", ("ok",), "all ok", '$.x contains "ok"', "no", '$.x should contain "ok", got "no"'),
    ("contains", ("a",), ["a", "b"], '$.x contains "a"', ["b"], '$.x should contain "a", got ["b"]'),
    (
        "contains_all",
        ("a", "b"),
        "ab",
        '$.x contains all of "a", "b"',
        "a",
        '$.x should contain all of "a", "b", got "a", without "b"',
    ),
    (
        "contains_any",
        ("a", "b"),
        "b",
        '$.x contains one of "a", "b"',
        "c",
        '$.x should contain one of "a", "b", got "c"',
    ),
    (
        "icontains",
        ("Ok",),
        "OK!",
        '$.x contains "Ok" in any case',
        "no",
        '$.x should contain "Ok" in any case, got "no"',
    ),
    ("starts_with", ("He",), " Hello", '$.x starts with "He"', "Oh", '$.x should start with "He", got "Oh"'),
    ("ends_with", ("lo",), "Hello ", '$.x ends with "lo"', "Oh", '$.x should end with "lo", got "Oh"'),
    ("regex", (r"^\d+$",), "12", r"$.x matches /^\d+$/", "1a", r'$.x should match /^\d+$/, got "1a"'),
    ("non_empty", (), "a", "$.x is not blank", " ", '$.x should not be blank, got ""'),
    ("non_empty", (), [0], "$.x is not blank", None, "$.x should not be blank, got nothing"),
    ("length", (2,), "ab", "$.x has the length 2", [1], "$.x should have the length 2, got 1 in [1]"),
    (
        "min_length",
        (2,),
        [1, 2],
        "$.x has at least the length 2",
        "a",
        '$.x should have at least the length 2, got 1 in "a"',
    ),
    (
        "max_length",
        (1,),
        {"a": 1},
        "$.x has at most the length 1",
        "ab",
        '$.x should have at most the length 1, got 2 in "ab"',
    ),
    ("is_json", (), "[1]", "$.x is JSON", "[1", '$.x should be JSON, got "[1"'),
    (
        "json_schema",
        ({"type": "object", "required": ["id"]},),
        {"id": 1},
        "$.x fits the JSON Schema",
        {"di": 1},
        "$.x should fit the JSON Schema, got $: 'id' is a required property",
    ),
    (
        "readable",
        (),
        "Grüße, naïve café",
        "$.x can be read",
        LONG,
        "$.x should be readable, got the same words over and over",
    ),
    ("below", ("1.5s",), 1.2, "$.x is below 1.5 s", 2.31, "$.x should be below 1.5 s, got 2.31"),
    ("above", (5,), "6", "$.x is above 5", "5", '$.x should be above 5, got "5"'),
    ("at_most", (5,), 5, "$.x is at most 5", 5.001, "$.x should be at most 5, got 5.001"),
    ("at_least", (5,), 5, "$.x is at least 5", 4, "$.x should be at least 5, got 4"),
    ("between", (1, 3), 3, "$.x is between 1 and 3", 4, "$.x should be between 1 and 3, got 4"),
    *ANSWERS,
]


@pytest.mark.parametrize(("matcher", "args", "right", "holds", "wrong", "fails"), CASES)
def test_a_matcher_says_what_holds_and_what_does_not(
    matcher: str, args: tuple[Any, ...], right: Any, holds: str, wrong: Any, fails: str
) -> None:
    good, bad = checked(right, matcher, *args), checked(wrong, matcher, *args)
    assert (good.ok, good.says) == (True, holds)
    assert (bad.ok, bad.says) == (False, fails)
    # its not- form is right where it is wrong, unless nothing was there to judge
    assert checked(right, matcher, *args, negated=True).ok is False
    assert checked(wrong, matcher, *args, negated=True).ok is True


def test_the_status_is_that_of_the_whole_reply() -> None:
    for codes, code in (((200,), 200), ((200, "3xx"), 302), (("2xx",), 204), (("204",), 204)):
        note = checked("text", "status", *codes, unit="reply", whole=Whole(code))
        assert note.ok and note.says.startswith("reply has the status")
    failed = checked("text", "status", 200, unit="reply", whole=Whole(503))
    assert failed.says == "reply should have the status 200, got 503"
    assert failed.failure is Failure.APP_ERROR
    assert checked("text", "status", 404, unit="reply", whole=Whole(200)).failure is Failure.CONTRACT_CHANGED


def test_the_reason_to_finish_is_that_of_a_model() -> None:
    assert checked("text", "finish_reason", "stop", unit="reply", whole=Whole()).ok
    failed = checked("text", "finish_reason", "stop", unit="reply", whole=Whole(finished="length"))
    assert failed.says == 'reply should finish because of "stop", got length'


WHOLE = {"status", "finish_reason", "model_is", "tool_called", "tool_args_match", "tool_sequence"}


def test_every_matcher_has_a_case_above() -> None:
    assert {rule.method for rule in RULES.values()} == {case[0] for case in CASES} | WHOLE


def test_every_matcher_is_documented() -> None:
    rows = reference()
    assert [row["key"] for row in rows] == list(RULES)
    assert all(row["doc"].endswith(".") and row["python"].startswith(f".{RULES[row['key']].method}(") for row in rows)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
@pytest.mark.parametrize("negated", [False, True])
def test_what_is_absent_holds_nothing_not_even_a_denial(rule: Any, negated: bool) -> None:
    if rule.name == "exists":
        assert checked(Absent("$.x"), "exists", negated=True).ok
        return
    case = next((case for case in CASES if case[0] == rule.method), None)
    args = case[1] if case else {"status": (200,), "tool-args-match": ({"book": {}},)}.get(rule.name, ("stop",))
    note = checked(Absent("$.x", "nothing"), rule.method, *args, negated=negated)
    assert not note.ok
    assert note.failure is Failure.CONTRACT_CHANGED
    assert note.says.endswith(", got nothing")


@pytest.mark.parametrize(
    ("value", "matcher", "args", "said"),
    [
        (["a"], "starts_with", ("a",), 'got ["a"], which is no text but a list'),
        ("soon", "below", (3,), 'got "soon", which is no number but a text'),
        (True, "below", (3,), "got true, which is no number but a boolean"),
        (7, "length", (1,), "got 7, which is a number and has no length"),
        ("x", "status", (200,), 'got "x", which has no status'),
    ],
)
def test_a_value_of_the_wrong_kind_is_a_changed_contract(
    value: Any, matcher: str, args: tuple[Any, ...], said: str
) -> None:
    for negated in (False, True):
        note = checked(value, matcher, *args, negated=negated)
        assert not note.ok and said in note.says
        assert note.failure is Failure.CONTRACT_CHANGED


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("  \n", Failure.EMPTY),
        ("I'm sorry, but I can't help with that request.", Failure.REFUSED),
        ("As an AI language model, I do not have calendars", Failure.REFUSED),
        ("Your booking is confirm\ufffd\ufffd\ufffd\ufffd", Failure.GARBAGE),
        ("Ihr Termin fÃ¼r MÃ¤rz ist notiert", Failure.GARBAGE),
        (LONG, Failure.GARBAGE),
        ("You are booked for 22:00.", Failure.WRONG),
    ],
)
def test_a_wrong_reply_is_named_by_what_is_wrong_with_it(text: str, failure: Failure) -> None:
    note = checked(text, "contains", "10:00", unit="reply", whole=Whole())
    assert (note.ok, note.failure) == (False, failure)


def test_a_page_that_says_sorry_is_no_refusal_of_a_model() -> None:
    class Page:
        code = 200

    note = checked("I'm sorry, we can't help you", "contains", "x", unit="reply", whole=Page())
    assert note.failure is Failure.WRONG


@given(st.text(max_size=300))
def test_ordinary_answers_are_rarely_called_garbled(text: str) -> None:
    assert isinstance(garbled(text), str)
    assert isinstance(refuses(text), bool)
    letters = " ".join(f"word{number} {number}" for number in range(len(text)))
    assert garbled(letters) == ""


@pytest.mark.parametrize(
    ("matcher", "args", "said"),
    [
        ("regex", ("(a+)+",), "a repeat of a repeat"),
        ("regex", ("(",), "not a regular expression"),
        ("contains", ("",), "every text contains"),
        ("contains", (5,), "put it in quotes"),
        ("contains_all", (), "at least one text"),
        ("below", ("fast",), "not a duration"),
        ("between", (3, 1), "counts up"),
        ("length", (-1,), "not a whole number"),
        ("status", ("20",), "is no status"),
        ("is_a", ("int",), "not a kind of value"),
        ("json_schema", ({"type": "objekt"},), "not a JSON Schema"),
    ],
)
def test_a_matcher_that_can_never_be_right_is_the_authors_mistake(
    matcher: str, args: tuple[Any, ...], said: str
) -> None:
    subject = Subject("x", Pad(), place=("/home/me/journeys/books.py", 12))
    with pytest.raises(ProbeBug, match=said) as caught:
        getattr(subject, matcher)(*args)
    assert caught.value.where == "journeys/books.py:12"


def test_matchers_follow_each_other_and_take_names() -> None:
    pad = Pad()
    Subject("booked for 10:00", pad).contains(text="booked").not_.contains("sorry").regex(pattern=r"\d\d:\d\d")
    assert [(note.name, note.ok) for note in pad.notes] == [("contains", True), ("not-contains", True), ("regex", True)]
    assert pad.notes[1].says == 'the value does not contain "sorry"'


def test_a_denial_that_fails_says_so() -> None:
    note = checked("an error came", "contains", "error", negated=True)
    assert note.says == '$.x should not contain "error", got "an error came"'


def test_a_reply_is_equal_whatever_space_surrounds_it() -> None:
    assert checked("ok\n", "equals", "ok", unit="reply").ok
    assert not checked("ok\n", "equals", "ok").ok


def test_a_measured_time_is_said_with_its_unit() -> None:
    assert checked(2.31, "below", "1.5s", unit="s").says == "$.x should be below 1.5 s, got 2.31 s"


def test_a_document_without_end_is_said_shortly() -> None:
    deep: Any = "end"
    for _ in range(3_000):
        deep = {"a": [deep]}
    note = checked(deep, "equals", "x")
    assert (
        note.says == '$.x should equal "x", got {"a": [{"a": [{"a": …}]}]} (object, not text)' or len(note.says) < 200
    )


def test_a_schema_fetches_nothing() -> None:
    schema = {"$ref": "http://127.0.0.1:9/schema.json"}
    note = checked({"a": 1}, "json_schema", schema)
    assert not note.ok and "a reference that leads nowhere" in note.says


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_value_is_the_same_as_its_own_json(value: Any) -> None:
    assert same(value, json.loads(json.dumps(value)))


@given(json_values, st.sampled_from([case[:2] for case in CASES]), st.booleans())
def test_no_value_makes_a_matcher_raise(value: Any, case: tuple[str, tuple[Any, ...]], negated: bool) -> None:
    note = checked(value, case[0], *case[1], negated=negated)
    assert isinstance(note.ok, bool)
    assert len(note.says) < 2_000
