"""Which entry of one list goes with which of another, when their order means nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from probes.checks.rules import plain_text
from probes.checks.say import plain, say

Pairs = list[tuple[int, int | None]]
MOST_ENTRIES = 5_000  # of a list that are looked at by their key
MOST_LOOKS = 2_000  # comparisons of two entries; what is left then is paired in order


def in_any_order(expected: Sequence[Any], got: Sequence[Any], share: Callable[[Any, Any], float]) -> Pairs:
    """Each expected entry with the one that is it; what has none, with the one most like it; None where none is left.

    As many entries as can be are paired with one that is wholly right, whatever the order of either list.
    """
    width = max(1, min(MOST_LOOKS // max(1, len(expected)), 4 * len(expected) + 16))
    rows, columns = range(min(len(expected), MOST_LOOKS)), range(min(len(got), width))
    shares = {(row, column): share(expected[row], got[column]) for row in rows for column in columns}
    taken: dict[int, int] = {}  # column to row
    for row in rows:
        _place(row, columns, shares, taken, set())
    pairs: dict[int, int] = {row: column for column, row in taken.items()}
    rest = sorted(((-worth, row, column) for (row, column), worth in shares.items() if row not in pairs))
    used = set(taken)
    for worth, row, column in rest:
        if worth < 0 and row not in pairs and column not in used:
            pairs[row] = column
            used.add(column)
    free = iter([column for column in range(min(len(got), len(expected) + len(used))) if column not in used])
    return [(row, pairs[row] if row in pairs else next(free, None)) for row in range(len(expected))]


def _place(
    row: int, columns: range, shares: Mapping[tuple[int, int], float], taken: dict[int, int], seen: set[int]
) -> bool:
    """Find a place for `row`, moving others when they have another: the way to as many pairs as there can be."""
    for column in columns:
        if shares[row, column] < 1 or column in seen:
            continue
        seen.add(column)
        if column not in taken or _place(taken[column], columns, shares, taken, seen):
            taken[column] = row
            return True
    return False


def by_key(expected: Sequence[Any], got: Sequence[Any], key: str) -> tuple[Pairs, list[str]]:
    """Each expected entry with the one that has the same value under `key`, and what each is called."""
    there: dict[str, list[int]] = {}
    for number, entry in enumerate(islice(got, MOST_ENTRIES)):
        there.setdefault(_named(entry, key), []).append(number)
    pairs: Pairs = []
    for number, entry in enumerate(expected):
        found = there.get(_named(entry, key))
        pairs.append((number, found.pop(0) if found else None))
    return pairs, [_shown(entry, key, number) for number, entry in enumerate(expected)]


def _named(entry: Any, key: str) -> str:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    return "" if value is None else plain_text(plain(value) if not isinstance(value, float) else f"{value:g}")


def _shown(entry: Any, key: str, number: int) -> str:
    value = entry.get(key) if isinstance(entry, Mapping) else None
    return str(number) if value is None else say(value, 40).strip('"')
