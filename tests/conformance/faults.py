"""Fault × dialect: the figures and the table."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator, Sequence

from bench.figure import Figure
from monitor.sandbox.models.server import LABELS
from tests.conformance.page import Page, cell, seconds, table
from tests.conformance.rows import ROWS, Row
from tests.conformance.stage import DIALECTS, Seen, Stage

_WHERE = re.compile(r"(?:127\.0\.0\.1|localhost):\d+")
SAID = 110  # characters of a sentence in the table
ABOUT = """\
Times are from the start of the attempt to its verdict, with limits in time of half a second where a row waits. A dash:
the dialect has no way to say such a thing. `?` behind who is blamed: suspected, as nothing but the failure says so.
"""


async def look() -> list[Seen]:
    """Every row in every dialect."""
    async with Stage() as stage:
        return await stage.see_all()


def figures(page: Page) -> Iterator[Figure]:
    """How many rows are right, how many are called a probe's bug, and the worst time beside its deadline."""
    seen = asyncio.run(look())
    page.add("Faults", ABOUT + "\n" + _table(seen))
    for one in seen:
        for fault in one.faults():
            print(f"{one.row.name}, {one.dialect}: {fault} ({one.reply.sentence})", file=sys.stderr)
    right = sum(not one.faults() for one in seen)
    yield Figure("rows", len(seen), least=200)
    yield Figure("rows_right", right, least=len(seen))
    yield Figure("called_probe_bug", sum(one.failure == "probe_bug" for one in seen), most=0)
    slowest = max(seen, key=lambda one: one.seconds / one.row.within)
    remark = f"{slowest.row.name}, {slowest.dialect}"
    yield Figure("slowest_detection", slowest.seconds, "s", most=slowest.row.within, remark=remark)


def _table(seen: Sequence[Seen]) -> str:
    by_place = {(one.row.name, one.dialect): one for one in seen}
    rows = [_line(row, [by_place.get((row.name, dialect)) for dialect in DIALECTS]) for row in ROWS]
    return table(["what is broken", "showup says", "blamed", *DIALECTS, "in words"], rows)


def _line(row: Row, found: Sequence[Seen | None]) -> list[str]:
    """One fault: what most dialects have in common, and in a cell what its dialect has otherwise."""
    there = [one for one in found if one is not None]
    names = [_called(one) for one in there]
    main = max(names, key=names.count)
    first = next(one for one in there if _called(one) == main)
    cells = ["–" if one is None else _cell(one, main) for one in found]
    said = cell(_WHERE.sub("the target", first.reply.sentence)[:SAID])
    return [row.name, *([f"`{main[0]}`", main[1]] if main[0] else ["all is well", ""]), *cells, said]


def _called(one: Seen) -> tuple[str, str]:
    return one.failure, one.blame + ("?" if one.verdict.suspected else "")


def _cell(one: Seen, main: tuple[str, str]) -> str:
    name, blame = _called(one)
    other = [part for part, usual in ((f"`{name}`", f"`{main[0]}`"), (blame, main[1])) if part != usual]
    return " ".join([seconds(one.seconds), *other])


def expected(dialect: str) -> list[Row]:
    """The rows that apply to a dialect."""
    return [row for row in ROWS if row.expected(LABELS[dialect], dialect) is not None]
