"""Shapes are learned blind to values, and what differs from one is as bad as it is for whoever reads the answers."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.contract import Severity, compare
from probes.kinds.contract.baseline import Baseline, learn, written
from probes.shape import MOST_PATHS, dump, dynamic_in, load, merged, observe, packed

SWITCHES = ("$.slots[].state",)


def slots(count: int = 6) -> dict[str, Any]:
    listed: list[dict[str, Any]] = []
    for number in range(count):
        slot = {"id": number, "start": "10:00", "state": ("free", "busy")[number % 2], "end": None}
        listed.append(slot | ({"note": "bring your card"} if number % 3 == 0 else {}))
    return {"slots": listed, "total": count, "by_day": {"2026-11-26": {"free": 3}}, "place": {"street": "Main"}}


def shape(*documents: Any) -> dict[str, Any]:
    return dump(merged([observe(one, switches=SWITCHES) for one in documents]))


def differences(before: Any, now: Any, *, times: int = 20, absent: dict[str, int] | None = None) -> list[str]:
    known = load(shape(*[before] * times))
    found, _ = compare(known, observe(now, switches=SWITCHES, dynamic=dynamic_in(known)), absent or {})
    return [f"{one.severity}: {one.said()}" for one in found]


def changed(**to: Any) -> dict[str, Any]:
    """The slots with something else in each; None takes a key away."""
    document = slots()
    for slot in document["slots"]:
        for name, value in to.items():
            slot[name] = value
            if value is ...:
                del slot[name]
    return document


def test_a_shape_says_what_is_there_and_how_often_and_no_value() -> None:
    found = shape(*[slots()] * 20)
    assert found["$.slots[].note"] == {"is": "text", "in": "40 of 120"}
    assert found["$.slots[].end"] == {"is": "null", "in": "120 of 120"}
    assert found["$.slots[].state"] == {"is": "text", "in": "120 of 120", "one_of": ["busy", "free"]}
    assert found["$.by_day{}.free"] == {"is": "number", "in": "20 of 20"}
    assert not any(word in json.dumps(found) for word in ("card", "10:00", "Main", "2026"))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (changed(start=...), ["breaking: $.slots[].start is gone from 6 of 6 objects"]),
        (changed(start=..., starts_at="9"), [
            "breaking: $.slots[].start is gone from 6 of 6 objects; is it $.slots[].starts_at now?",
            "info: $.slots[].starts_at is new (text)"]),
        (changed(id="7"), ["breaking: $.slots[].id is text instead of number (6 of 6)"]),
        (changed(start=None), ["breaking: $.slots[].start is null, which it never was (6 of 6)"]),
        (changed(state="tentative"), ['breaking: $.slots[].state has a new value: "tentative"']),
        (changed(end="11:00"), ["info: $.slots[].end is text, and was always null before"]),
        (changed(holder={"name": "x"}), ["info: $.slots[].holder is new (object)"]),
        ({**slots(), "slots": []}, []),
        ({**slots(), "by_day": {"2030-01-01": {"free": 1}, "2030-01-02": {"free": 2}}}, []),
        ({**slots(), "total": 6.5}, []),
        ({**slots(), "place": "Main"}, ["breaking: $.place is text instead of object (1 of 1)"]),
        ([], ["breaking: $ is list instead of object (1 of 1)"]),
    ],
)  # fmt: skip
def test_each_difference_is_as_bad_as_it_is(now: Any, said: list[str]) -> None:
    assert differences(slots(), now) == said


def test_what_few_samples_showed_is_no_promise() -> None:
    now = {"slots": [{"id": 1}, {"id": 2, "start": "10:00"}]}
    assert differences({"slots": [{"id": 0, "start": "9:00"}]}, now, times=2) == [
        "warning: $.slots[].start is gone from 1 of 2 objects"
    ]


def test_a_field_that_comes_and_goes_is_missed_when_it_is_no_chance_any_more() -> None:
    known, absent, said = load(shape(*[slots()] * 20)), dict[str, int](), list[str]()
    whole = slots()["slots"]
    without = observe({"slots": [{key: part for key, part in slot.items() if key != "note"} for slot in whole]})
    for run in range(1, 6):
        found, absent = compare(known, without, absent)
        warned = [one for one in found if one.path == "$.slots[].note"]
        assert absent == {"$.slots[].note": 6 * run}
        said.append("warning" if warned else "")
        assert all(one.severity is Severity.WARNING for one in warned)
    assert said == ["", "", "warning", "warning", "warning"], "two thirds are without it: 18 in a row are no chance"
    _, absent = compare(known, observe({"slots": []}), absent)
    assert absent == {"$.slots[].note": 30}, "an empty list says nothing"
    _, absent = compare(known, observe(slots()), absent)
    assert absent == {}


def test_keys_that_come_and_go_are_data() -> None:
    names = [f"room{chr(97 + number)}" for number in range(20)]
    documents = [{"rooms": {name: {"free": 1} for name in names[at : at + 3]}} for at in range(15)]
    found = shape(*documents)
    assert set(found) == {"$", "$.rooms", "$.rooms{}", "$.rooms{}.free"}
    known = load(found)
    assert compare(known, observe({"rooms": {"another": {"free": 2}}}, dynamic=dynamic_in(known)), {})[0] == []


def test_a_hostile_document_costs_what_is_looked_at() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = {"a": deep}
    wide = {f"k{number}x": [number] for number in range(50_000)}
    for document in (deep, wide, {"k" * 1_000_000: 1}, [[[]] * 1_000] * 300):
        tree = observe(document)
        assert 0 < len(tree) <= MOST_PATHS
        assert max(map(len, tree)) < 3_000
        load(dump(tree))


def test_what_was_not_looked_at_is_never_taken_for_missing() -> None:
    before = {"first": [{"x": 1}] * 3, "then": {"a": 1}, "last": [{"deep": {"deeper": {"b": 2}}}] * 3}
    now = {"first": [{"x": 1, "y": {"z": [1] * 50}}] * 20_000, "then": {"a": 1}, "last": before["last"]}
    assert differences(before, now) == ["info: $.first[].y is new (object)"]
    wide = {f"k{number}": {f"x{inner}": 1 for inner in range(200)} for number in range(250)}
    assert [said for said in differences(wide, wide) if said.startswith("breaking")] == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.text(max_size=8), part, max_size=4),
    max_leaves=25,
)


@given(st.lists(JSON, min_size=1, max_size=4))
def test_what_was_learned_from_never_differs(documents: list[Any]) -> None:
    seen = [{"it": {"status": [200], "type": "application/json", "shape": packed(observe(one))}} for one in documents]
    data = json.loads(written(learn(seen, day="2026-11-26")))
    known = Baseline.load(data).steps["it"].shape
    for one in documents:
        found, _ = compare(known, observe(deepcopy(one), dynamic=dynamic_in(known)), {})
        assert [each.said() for each in found if each.severity is Severity.BREAKING] == []


@given(JSON, JSON)
def test_comparing_answers_whatever_comes(before: Any, now: Any) -> None:
    known = load(shape(before))
    for one in compare(known, observe(now, dynamic=dynamic_in(known)), {"$.a": 3})[0]:
        assert one.said() and one.severity in set(Severity)


@given(JSON)
def test_a_baseline_that_is_none_is_refused_in_words(data: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Baseline.load({"contract": 1, "steps": {"it": data}} if not isinstance(data, dict) else data)
