"""Whether one value is what was expected: as text, number, money or date; and if not, why."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any

from probes.checks.general import a_kind, same
from probes.checks.reading import Amount, TwoWays, apart, read_date, read_money, read_number
from probes.checks.rules import Rules, Tolerance, plain_text
from probes.checks.say import say
from probes.words.text import clean

_YES, _NO = frozenset({"true", "yes"}), frozenset({"false", "no"})
_NOUNS = {"money": "amount", "number": "number"}


def differs(expected: Any, got: Any, kind: str, allowed: Tolerance | None, rules: Rules) -> str:
    """Why `got` is not what was expected, "" when it is.

    `kind` is what was declared; without it what is expected shows it: a number, an ISO date, an amount with its
    currency, else text.
    """
    if isinstance(expected, date):  # as YAML reads 2026-12-01
        expected = expected.isoformat()
    if same(expected, got) or (expected != expected and got != got):
        return ""
    if expected is None:
        return "" if rules.normalise and got in ("", [], {}) else f"{say(got)} where nothing is expected"
    if kind == "exact" or (not rules.normalise and allowed is None and not kind):
        return _instead(got, expected)
    if isinstance(got, dict | list):
        return f"{a_kind(got)} instead of {say(expected)}"
    if isinstance(expected, bool):
        meant = plain_text(got) if isinstance(got, str) else ""
        return "" if meant in (_YES if expected else _NO) else _instead(got, expected)
    try:
        return _by_kind(expected, got, kind or _shown(expected), allowed, rules)
    except TwoWays as unsure:
        return clean(str(unsure), 200)


def _shown(expected: Any) -> str:
    """The kind that an expected value shows."""
    if isinstance(expected, int | float):
        return "number"
    if isinstance(expected, str):
        if expected[:4].isdecimal() and expected[4:5] == "-" and read_date(expected) is not None:
            return "date"
        amount = read_money(expected)
        if amount is not None and amount.currency:
            return "money"
    return "text"


def _by_kind(expected: Any, got: Any, kind: str, allowed: Tolerance | None, rules: Rules) -> str:
    if kind == "text":
        return _text(expected, got, allowed, rules)
    if kind == "date":
        return _date(expected, got, allowed, rules)
    mine, theirs = (_amount(value, rules.decimals or "") for value in (expected, got))
    if mine is None or theirs is None:
        alike = isinstance(expected, str) and isinstance(got, str) and plain_text(expected) == plain_text(got)
        return "" if alike else f"{say(got)}, which is no {_NOUNS[kind]}, instead of {say(expected)}"
    if kind == "money" and mine.currency and mine.currency != theirs.currency:
        trouble = "is of another currency" if theirs.currency else "has no currency"
        return f"{say(got)} {trouble}, instead of {say(expected)}"
    return "" if _near(mine.number, theirs.number, allowed) else _instead(got, expected)


def _amount(value: Any, decimals: str) -> Amount | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Amount(Decimal(value))
    if isinstance(value, float):
        return Amount(Decimal(str(value))) if math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    number = read_number(value.strip().removesuffix("%"), decimals)
    return Amount(number) if number is not None else read_money(value, decimals)


def _near(expected: Decimal, got: Decimal, allowed: Tolerance | None) -> bool:
    if allowed is None:
        return expected == got or math.isclose(expected, got, rel_tol=1e-9, abs_tol=0)
    limit = allowed.amount * (abs(expected) / 100 if allowed.unit == "percent" else 1)
    return abs(expected - got) <= limit


def _date(expected: Any, got: Any, allowed: Tolerance | None, rules: Rules) -> str:
    order = rules.dates or ""
    mine = read_date(expected, order) if isinstance(expected, str) else None
    theirs = read_date(got, order) if isinstance(got, str) else None
    if mine is None or theirs is None:
        return f"{say(got)}, which is no date, instead of {say(expected)}"
    if not _has_time(expected) and allowed is None:  # a day is expected, at whatever time of it
        return "" if mine.date() == theirs.date() else _instead(got, expected)
    limit = float(allowed.amount) if allowed is not None and allowed.unit == "time" else 0.0
    return "" if apart(mine, theirs) <= limit else _instead(got, expected)


def _has_time(text: str) -> bool:
    return ":" in text


def _text(expected: Any, got: Any, allowed: Tolerance | None, rules: Rules) -> str:
    mine, theirs = (value if isinstance(value, str) else say(value, 200) for value in (expected, got))
    one, other = plain_text(mine), plain_text(theirs)
    if one == other:
        return ""
    if allowed is not None and allowed.unit == "percent":
        from rapidfuzz.distance import Levenshtein

        if Levenshtein.normalized_distance(one, other) * 100 <= float(allowed.amount):
            return ""
    number = read_number(mine, rules.decimals or "")
    if number is not None and ("." in mine or "," in mine) and not isinstance(got, bool):
        found = _amount(got, rules.decimals or "")
        if found is not None and _near(number, found.number, allowed if allowed and allowed.unit != "time" else None):
            return "" if not isinstance(got, str) else f"{_instead(got, expected)} (as text; declare it a number)"
    return _instead(got, expected)


def _instead(got: Any, expected: Any) -> str:
    return f"{say(got)} instead of {say(expected)}"
