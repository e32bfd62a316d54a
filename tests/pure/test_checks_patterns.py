"""No pattern hangs, and no JSONPath is anything but what the standard says."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import Any

import jsonpath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probes.checks import Absent
from probes.checks.paths import compile_path
from probes.checks.patterns import TIME, PatternTooSlow, compile_pattern

SLOW = [
    r"(a|aa)+$",
    r"(?:\w+\s?)*!$",
    r"a.*a.*a.*a.*a.*b",
    r"(\w+)\s\1\s\1x",
    r"([a-z]+){3}x",
    r"(?=(a|aa)*c)x",
    r"(a|a?)+$",
]


@pytest.mark.parametrize(
    "text", [r"(a+)+$", r"(a*)*b", r"(?:a|b+)*c", r"(x{1,20}){2,30}", r"((a+))+", r"(?:(?:\d+))*x"]
)
def test_a_repeat_of_a_repeat_is_refused_when_it_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="a repeat of a repeat"):
        compile_pattern(text)


@pytest.mark.parametrize(
    "text", [r"^\d{2}:\d{2}$", r"(?:\d{1,3}\.){3}\d{1,3}", r"(\w+\s)+", r"(?i)book(ed|ing)\b.*10:00", "a++b"]
)
def test_what_people_write_is_accepted(text: str) -> None:
    try:
        assert compile_pattern(text).search("192.168.1.1 Booked for 10:00 aab\n12:30") is not None or text.startswith(
            "^"
        )
    except ValueError as error:  # possessive repeats came with 3.11
        assert "multiple repeat" in str(error)


@pytest.mark.parametrize("text", SLOW)
def test_a_slow_pattern_is_stopped_and_says_so(text: str) -> None:
    began = time.process_time()
    try:
        compile_pattern(text).search("a" * 40_000 + " !")
    except PatternTooSlow as slow:
        assert "was stopped after 0.1 s" in str(slow) and slow.hint
    assert time.process_time() - began < TIME + 0.15


def test_after_a_stopped_search_the_next_one_is_right() -> None:
    with pytest.raises(PatternTooSlow):
        compile_pattern(r"(a|aa)+$").search("a" * 5_000 + "!")
    assert compile_pattern(r"b(.*)d").search("abcd") is not None


def test_outside_the_main_thread_the_beginning_of_the_text_is_searched() -> None:
    found: list[Any] = []
    text = "x" * 1_000 + " needle " + "x" * 10_000 + " late"
    names = ("needle.*", ".*late")
    thread = threading.Thread(target=lambda: found.extend(compile_pattern(name).search(text) for name in names))
    thread.start()
    thread.join(20)
    assert found[0] is not None and found[1] is None


@settings(max_examples=60)
@given(st.text(alphabet="ab(|)*+?.[]{}1,^$\\w", max_size=14), st.text(alphabet="ab ", max_size=30))
def test_whatever_is_written_ends_soon(pattern: str, text: str) -> None:
    began = time.process_time()
    try:
        found = compile_pattern(pattern).search(text * 50)
        assert (found is None) == (re.search(pattern, text * 50) is None) or time.process_time() - began < 1
    except (ValueError, PatternTooSlow):
        pass
    assert time.process_time() - began < 2


names = st.text(alphabet="abc", min_size=1, max_size=2)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(alphabet="xy", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)
paths = st.lists(names.map(".{}".format) | st.integers(0, 3).map("[{}]".format), max_size=4).map(
    lambda parts: "$" + "".join(parts)
)


@given(documents, paths)
def test_the_quick_way_finds_what_the_standard_finds(document: Any, path: str) -> None:
    found = jsonpath.JSONPathEnvironment(strict=True).compile(path).findall(document)
    mine = compile_path(path)(document)
    assert found == ([] if isinstance(mine, Absent) else [mine])


def test_a_path_for_several_places_gives_a_list() -> None:
    document = {"slots": [{"at": "10:00"}, {"at": "11:00"}], "none": []}
    assert compile_path("$.slots[*].at")(document) == ["10:00", "11:00"]
    assert compile_path("$.none[*].at")(document) == []
    assert compile_path("$.slots[?@.at == '11:00'].at")(document) == ["11:00"]
    assert compile_path("$['slots'][-1].at")(document) == "11:00"
    assert isinstance(compile_path("$['nothing']")(document), Absent)
    assert isinstance(compile_path("$['a b']")("text"), Absent)


@pytest.mark.parametrize("path", ["slots", "$.", "$[", "$.a | $.b", "$.a[?", "$" + ".a" * 600, ""])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="JSONPath"):
        compile_path(path)


def test_a_pattern_in_a_path_does_not_hang_either() -> None:
    look = compile_path("$[?match(@.x, '(a|aa)+')]")
    began = time.process_time()
    with contextlib.suppress(PatternTooSlow):
        look([{"x": "a" * 3_000 + "!"}])
    assert time.process_time() - began < 0.5


def test_an_absent_value_is_false_and_cannot_be_used() -> None:
    absent = compile_path("$.a")({})
    assert not absent and repr(absent) == "Absent('$.a': nothing)"
    for use in (str, len, list, int, lambda value: f"{value}", lambda value: value["x"], lambda value: value.name):
        with pytest.raises(LookupError, match=r"\$\.a is absent"):
            use(absent)
