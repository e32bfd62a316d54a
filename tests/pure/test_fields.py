"""Two documents, field by field: what counts as right, what is said when it is not, and the rules about it."""

from __future__ import annotations

import json
import random
import time
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.checks.absent import Absent
from probes.checks.fields import FieldResult, Rules, accuracy, compare, summary
from probes.checks.rules import misnamed

INVOICE = {
    "number": "2026-0042",
    "supplier": "Müller & Söhne GmbH",
    "due": "2026-12-01",
    "total": 1250.5,
    "paid": False,
    "lines": [{"sku": "A1", "count": 2, "price": "€ 500.00"}, {"sku": "B2", "count": 1, "price": "€ 250.50"}],
}

ORDER = "write dates: day-first or dates: month-first"


def bad(expected: Any, got: Any, **rules: Any) -> list[str]:
    """What is said of every field that is not right."""
    return [result.says for result in compare(expected, got, Rules.model_validate(rules)) if not result.ok]


def test_a_document_read_as_people_write_is_right_in_every_field() -> None:
    got = {
        "number": " 2026-0042",
        "supplier": "MÜLLER &  SÖHNE GMBH",
        "due": "1. Dezember 2026",
        "total": "1.250,50 €",
        "paid": "no",
        "lines": [
            {"sku": "a1", "count": "2", "price": "500,00 EUR"},
            {"sku": "B2", "count": 1.0, "price": "EUR 250.50"},
        ],
        "currency": "EUR",
    }
    results = compare(INVOICE, got)
    assert len(results) == 11
    assert accuracy(results) == 1.0
    assert summary(results) == "11 of 11 fields right"


def test_each_field_that_is_not_right_says_why() -> None:
    got = {**INVOICE, "total": 120, "due": None, "lines": [{"sku": "A1", "count": 2, "price": "$500.00"}]}
    results = compare(INVOICE, got)
    assert {result.path: (result.verdict, result.why) for result in results if not result.ok} == {
        "$.due": ("missing", 'null instead of "2026-12-01"'),
        "$.total": ("wrong", "120 instead of 1250.5"),
        "$.lines[0].price": ("wrong", '"$500.00" is of another currency, instead of "€ 500.00"'),
        "$.lines[1].sku": ("missing", 'missing instead of "B2"'),
        "$.lines[1].count": ("missing", "missing instead of 1"),
        "$.lines[1].price": ("missing", 'missing instead of "€ 250.50"'),
    }
    assert accuracy(results) == 5 / 11
    assert summary(results) == (
        '5 of 11 fields right; $.due: null instead of "2026-12-01"; $.total: 120 instead of 1250.5; '
        '$.lines[0].price: "$500.00" is of another currency, instead of "€ 500.00"; and 3 more'
    )
    assert [result.field for result in results][-1] == "$.lines[*].price"


@pytest.mark.parametrize("got", [Absent("$.invoice"), None, "text", [], 5])
def test_no_document_misses_every_field(got: Any) -> None:
    results = compare(INVOICE, got)
    assert len(results) == 11
    assert {result.verdict for result in results} == {"missing"}
    assert accuracy(results) == 0.0


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1234.5, "1,234.50"), (1234.5, "1 234,50"), (1234.5, "1'234.5"), (-12.5, "(12.50)"), (-12.5, "12,50-"),
        (1234, "1,234"), (0.1 + 0.2, 0.3), (19, "19 %"), (5, 5.0), ("1250.50", 1250.5), ("10115", 10115),
        ("2026-12-01", "01.12.2026"), ("2026-12-01", "Dec 1st, 2026"), ("2026-12-01", "Tuesday, 1 December 2026"),
        ("2026-12-01", "1 de diciembre de 2026"), ("2026-12-01", "1 décembre 2026"), ("2026-12-25", "12/25/2026"),
        ("2026-12-01", "2026-12-01T23:10:00Z"), ("2026-12-01T10:00:00Z", "2026-12-01T11:00:00+01:00"),
        ("€ 12.50", "12,50 €"), ("$1,000.00", "USD 1000"), ("CHF 12.-", "12 CHF"), ("- $5", "$-5"),
        ("it’s “so”", "It's \"so\""), (None, ""), (None, None), ([], None),
        ({}, {}), (True, "yes"), (float("nan"), float("nan")),
    ],
)  # fmt: skip
def test_what_means_the_same_is_right(expected: Any, got: Any) -> None:
    assert bad(expected, got) == []


@pytest.mark.parametrize(
    ("expected", "got", "why"),
    [
        ("00123", 123, '$: 123 instead of "00123"'),
        ("1.10", "1.1", '$: "1.1" instead of "1.10" (as text; declare it a number)'),
        (1, True, "$: true, which is no number, instead of 1"),
        (True, 1, "$: 1 instead of true"),
        (5, "five", '$: "five", which is no number, instead of 5'),
        (5, [5], "$: a list instead of 5"),
        ("2026-12-01", "03/04/2026", f"$: 03/04/2026 can be read in two ways; {ORDER}"),
        ("2026-12-01", "soon", '$: "soon", which is no date, instead of "2026-12-01"'),
        ("€ 12.50", "12.50", '$: "12.50" has no currency, instead of "€ 12.50"'),
        (None, "x", '$: "x" where nothing is expected'),
        ([], [1], "$[0]: 1 is one too many"),
        ({}, 5, "$: a number instead of {}"),
    ],
)
def test_what_does_not_is_wrong(expected: Any, got: Any, why: str) -> None:
    assert bad(expected, got) == [why]


def test_tolerances_are_numbers_shares_and_times() -> None:
    expected = {"total": 100, "rate": 50, "due": "2026-12-01", "name": "Acme Limited"}
    got = {"total": 100.01, "rate": 50.5, "due": "2026-12-02", "name": "Acme Limitd"}
    assert len(bad(expected, got)) == 4
    rules = {"$.total": 0.01, "$.rate": "1%", "$.due": "1d", "$.name": "10%"}
    assert bad(expected, got, tolerance=rules) == []
    further = {"total": 100.02, "rate": 50.6, "due": "2026-12-03", "name": "Acne Ltd"}
    assert len(bad(expected, further, tolerance=rules)) == 4


def test_a_kind_is_declared_where_the_value_does_not_show_it() -> None:
    assert bad({"v": "1.10"}, {"v": "1.1"}, kinds={"$.v": "number"}) == []
    assert bad({"v": "Ja"}, {"v": "ja"}, kinds={"$.v": "exact"}) == ['$.v: "ja" instead of "Ja"']
    whole = {"v": {"a": 1}}
    assert bad(whole, {"v": {"a": 1, "b": 2}}, kinds={"$.v": "exact"}) == ['$.v: {"a": 1, "b": 2} instead of {"a": 1}']
    assert bad({"v": "12"}, {"v": "12 €"}, kinds={"$.v": "money"}) == []
    assert bad({"v": "Ja"}, {"v": "ja"}, normalise=False) == ['$.v: "ja" instead of "Ja"']


def test_dates_and_decimals_are_read_as_declared() -> None:
    assert bad("2026-04-03", "03/04/2026", dates="day-first") == []
    assert bad("2026-03-04", "03/04/2026", dates="month-first") == []
    assert bad(1234, "1.234", decimals="comma") == []
    assert bad(1.234, "1,234", decimals="comma") == []


def test_a_list_in_any_order_or_by_a_key() -> None:
    lines = INVOICE["lines"]
    assert isinstance(lines, list)
    turned = {"lines": [*reversed(lines)]}
    assert len(bad({"lines": lines}, turned)) == 6
    assert bad({"lines": lines}, turned, lists={"$.lines": "any-order"}) == []
    assert bad({"lines": lines}, turned, lists={"$.lines": "sku"}) == []
    wrong = {"lines": [{"sku": "B2", "count": 9, "price": "€ 250.50"}, {"sku": "C3"}]}
    assert bad({"lines": lines}, wrong, lists={"$.lines": "sku"}) == [
        '$.lines[sku=A1].sku: missing instead of "A1"',
        "$.lines[sku=A1].count: missing instead of 2",
        '$.lines[sku=A1].price: missing instead of "€ 500.00"',
        "$.lines[sku=B2].count: 9 instead of 1",
        '$.lines[1]: {"sku": "C3"} is one too many',
    ]


def test_in_any_order_as_many_are_paired_as_can_be() -> None:
    rules = Rules.model_validate({"lists": {"$": "any-order"}, "tolerance": {"$[*]": 1}})
    assert accuracy(compare([1, 2, 3], [2, 3, 4], rules)) == 1.0  # 1 goes with 2 only, though 2 fits itself


def test_more_keys_are_allowed_unless_they_are_not_and_more_entries_never_are() -> None:
    assert bad({"a": 1}, {"a": 1, "b": 2}) == []
    assert bad({"a": 1}, {"a": 1, "b": 2}, extra="wrong") == ["$.b: 2 was not expected"]
    assert bad({"a": 1}, {"a": 1, "b": 2}, extra="wrong", ignore="$.b") == []
    assert bad({"a": [1]}, {"a": [1, 2]}) == ["$.a[1]: 2 is one too many"]


def test_an_endless_list_is_told_in_part() -> None:
    results = compare([{"a": 1}], [{"a": number} for number in range(50_000)], Rules(lists={"$": "any-order"}))
    assert len(results) < 200
    assert not all(result.ok for result in results)


@pytest.mark.parametrize("lists", [{}, {"$.lines": "any-order"}, {"$.lines": "sku"}])
def test_no_document_takes_time_however_large(lists: Any) -> None:
    lines = INVOICE["lines"]
    hostile = {"lines": [{"sku": str(number), "count": [[[]]]} for number in range(300_000)], "more": {"a": 1}}
    began = time.process_time()
    results = compare({"lines": lines}, hostile, Rules.model_validate({"lists": lists, "extra": "wrong"}))
    assert time.process_time() - began < 0.5
    assert len(results) < 200


def test_rules_about_fields_that_there_are_not_are_found() -> None:
    rules = Rules.model_validate({"tolerance": {"$.totl": 1, "$.lines[*].price": 1}, "lists": {"$.lines": "sku"}})
    assert list(misnamed([INVOICE], rules)) == [
        "tolerance names $.totl, which is not among what is expected; did you mean $.total?"
    ]


@pytest.mark.parametrize("tolerance", ["x", -1, True, None, "1x", "%", float("nan")])
def test_what_is_no_tolerance_is_refused(tolerance: Any) -> None:
    with pytest.raises(ValueError, match="not a tolerance"):
        Rules.model_validate({"tolerance": {"$.a": tolerance}})
    with pytest.raises(ValueError, match=r"no path of a field; write \$\.total"):
        Rules.model_validate({"tolerance": {"total": 1}})


def test_rules_survive_their_way_through_json() -> None:
    rules = Rules.model_validate({"tolerance": {"$.a": 0.5, "$.b": "2%"}, "dates": "day-first", "ignore": ["$.c"]})
    assert Rules.model_validate(json.loads(rules.model_dump_json())) == rules


# -- what always holds

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_DOCUMENTS = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


@given(_DOCUMENTS, st.sampled_from(["allowed", "wrong"]), st.booleans())
def test_every_document_is_what_it_is(document: Any, extra: Any, normalise: bool) -> None:
    assert all(result.ok for result in compare(document, document, Rules(extra=extra, normalise=normalise)))


@given(_DOCUMENTS, _DOCUMENTS)
def test_whatever_came_is_judged_and_a_share_is_a_share(expected: Any, got: Any) -> None:
    results = compare(expected, got)
    assert 0.0 <= accuracy(results) <= 1.0
    assert all(result.ok or result.why for result in results)
    assert all(isinstance(result, FieldResult) and len(result.says) < 800 for result in results)


_FEW = st.lists(st.integers(0, 6) | st.sampled_from(["a", "b"]), max_size=8)


@given(_FEW, _FEW, st.randoms())
def test_the_order_of_either_list_means_nothing_where_none_is_meant(
    expected: list[Any], got: list[Any], shuffle: random.Random
) -> None:
    rules = Rules.model_validate({"lists": {"$": "any-order"}, "tolerance": {"$[*]": 1}})
    before = accuracy(compare(expected, got, rules))
    shuffle.shuffle(expected)
    shuffle.shuffle(got)
    assert accuracy(compare(expected, got, rules)) == before


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from(["", ",", "'"]))
def test_a_number_is_read_back_however_it_is_grouped(number: Any, mark: str) -> None:
    english = f"{number:,.2f}".replace(",", mark)
    continental = english.translate(str.maketrans(",.", ".,"))
    expected = float(number)
    assert bad(expected, english) == []
    assert bad(expected, continental) == []
    assert bad(expected, f"{continental} €") == []


@given(st.dates(min_value=date(1970, 1, 1), max_value=date(2069, 12, 31)))
def test_a_day_is_read_back_in_every_form(day: Any) -> None:
    forms = ["%d.%m.%Y", "%Y/%m/%d", "%d %B %Y", "%B %d, %Y", "%d-%b-%y", "%a, %d %b %Y", "%Y-%m-%d 12:30"]
    for form in forms:
        assert bad(day.isoformat(), day.strftime(form)) == [], form
