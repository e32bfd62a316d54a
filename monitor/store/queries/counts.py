"""How many runs there were and how they ended, by UTC day: counted once when their time is over, added up when read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, cast, func, literal_column, select
from sqlmodel import Session

from monitor.store.codes import PASSED, RESULT_BITS, STATE_SHIFT, STATES
from monitor.store.queries.ground import DAY, RUN, TALLY, parts, rows
from monitor.store.queries.notes import remember
from monitor.store.tallies import TALLIED, add_counts, tallied_until
from probes.words.outcome import State


@dataclass(frozen=True, slots=True)
class DayCount:
    """The runs of one ledger in one UTC day (`day` counts from 1970-01-01); what neither passed nor failed is
    unknown."""

    day: int
    runs: int
    first: int
    passed: int
    failed: int


def tallied(session: Session) -> int:
    """Up to when runs are counted (µs), 0 when none are."""
    return tallied_until(session.connection())


def tally(session: Session, *, until: int) -> int:
    """Count the runs that started before `until` and are not counted yet; how many there were.

    Call it every few minutes with `until` some minutes ago, so that nearly every run has ended by then; those that have
    not are put right when they end. Reads each run once, by its key.
    """
    since = tallied(session)
    if until <= since:
        return 0
    counted = [dict(found._mapping) for found in rows(session, _count(since, until))]
    add_counts(session.connection(), counted)
    remember(session, TALLIED, until, now=until)
    return sum(each["runs"] for each in counted)


def daily_counts(session: Session, ledgers: Sequence[int], *, start: int, end: int) -> dict[int, list[DayCount]]:
    """The counts of each ledger by UTC day, from the day `start` (µs) falls in up to `end`; every ledger asked for is
    there.

    The days are whole at their beginning: of the first, runs before `start` count too.
    """
    first, until = start // DAY, min(end, max(tallied(session), start // DAY * DAY))
    found: dict[int, dict[int, DayCount]] = {ledger: {} for ledger in ledgers}
    for some in parts(found):
        asked = select(TALLY).where(TALLY.c.ledger.in_(some), TALLY.c.day >= first, TALLY.c.day < -(-end // DAY))
        for each in rows(session, asked):
            found[each.ledger][each.day] = DayCount(each.day, each.runs, each.first, each.passed, each.failed)
    for each in rows(session, _count(until, end)):
        if each.ledger in found:
            days = found[each.ledger]
            before = days.get(each.day, DayCount(each.day, 0, 0, 0, 0))
            days[each.day] = DayCount(
                each.day,
                before.runs + each.runs,
                before.first + each.first,
                before.passed + each.passed,
                before.failed + each.failed,
            )
    return {ledger: [days[day] for day in sorted(days)] for ledger, days in found.items()}


def first_try(session: Session, ledgers: Sequence[int], *, start: int, end: int) -> dict[int, tuple[int, int]]:
    """For each ledger, how many runs passed at their first attempt and how many there were; days as in
    `daily_counts`."""
    counts = daily_counts(session, ledgers, start=start, end=end)
    return {ledger: (sum(day.first for day in days), sum(day.runs for day in days)) for ledger, days in counts.items()}


def _count(start: int, end: int) -> Select[Any]:
    # PostgreSQL takes two parameters for two values, so what is grouped by must be spelled out
    day = RUN.c.started.op("/")(literal_column(str(DAY)))
    result = RUN.c.code.op("&")(literal_column(str(RESULT_BITS)))
    state = RUN.c.code.op(">>")(literal_column(str(STATE_SHIFT))).op("&")(literal_column(str(RESULT_BITS)))
    return (
        select(
            RUN.c.ledger,
            day.label("day"),
            func.count().label("runs"),
            _how_many(state <= PASSED).label("first"),
            _how_many(result <= PASSED).label("passed"),
            _how_many(result == STATES[State.DOWN]).label("failed"),
            func.max(RUN.c.started).label("last"),
        )
        .where(RUN.c.started >= start, RUN.c.started < end)
        .group_by(RUN.c.ledger, day)
    )


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(cast(condition, Integer))
