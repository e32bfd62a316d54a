"""The latest runs of each ledger, and the last ones of one, found without reading what lies between."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import func, select, text
from sqlmodel import Session

from monitor.store.codes import FAIL
from monitor.store.queries.counts import tallied
from monitor.store.queries.ground import ALWAYS, DAY, EVIDENCE, MANY, RUN, TALLY, parts, rows
from monitor.store.queries.runs import COLUMNS, RunView, between, read_runs, view
from monitor.store.tables import RARE

RARE_HOLD = 1_200_000_000  # µs; see `tables.RARE`
FIRST_SLICE = 120_000_000  # µs read at first when going back in time; doubled while not enough is found
TOGETHER = 3_600_000_000  # µs; ledgers whose latest runs are this near each other are read together


def latest_runs(session: Session, ledgers: Collection[int], *, count: int = 1) -> dict[int, list[RunView]]:
    """The newest runs of each of these ledgers, at most `count` each and newest first; those that never ran are left
    out.

    This is what a restart begins with. What was counted (`counts.tally`) tells where each ledger's newest run is.
    """
    newest = {run.ledger: run for run in read_runs(session, _newest_keys(session, set(ledgers)))}
    found = {ledger: [run] for ledger, run in newest.items()}
    if count == 1 or not found:
        return found
    top = max(run.started for run in newest.values())
    near = [run for run in newest.values() if run.hold < RARE_HOLD and run.started > top - TOGETHER]
    _read_together(session, near, count=count, found=found)
    for run in newest.values():
        if run not in near:
            found[run.ledger] = last_runs(session, run.ledger, limit=count)
    return found


def last_runs(session: Session, ledger: int, *, limit: int = 20, before: int = ALWAYS) -> list[RunView]:
    """At most `limit` runs of one ledger that started before `before` (µs), newest first, however long ago that was."""
    found: list[RunView] = []
    for start, end, counted in _chunks(session, ledger, before):
        wanted, end = limit - len(found), min(end, before)
        rare = _rare_runs(session, ledger, start, end) if counted else []
        if counted and len(rare) == counted:  # so it was rare all that day
            found += rare[:wanted]
        else:
            found += _read_back(session, ledger, start, end, wanted=wanted)
        if len(found) >= limit:
            break
    return found


def failed_runs(session: Session, ledger: int, *, start: int = 0, end: int = ALWAYS, limit: int = 100) -> list[RunView]:
    """At most `limit` runs of one ledger that started in [start, end) and had an attempt that did not pass, newest
    first.

    They are found by their evidence, so as far back as that is kept.
    """
    asked = (
        select(EVIDENCE.c.started)
        .distinct()
        .where(EVIDENCE.c.ledger == ledger, EVIDENCE.c.kind == FAIL)
        .where(EVIDENCE.c.started >= start, EVIDENCE.c.started < end)
        .order_by(EVIDENCE.c.started.desc())
        .limit(limit)
    )
    return read_runs(session, [(int(found[0]), ledger) for found in rows(session, asked)])


def _newest_keys(session: Session, ledgers: set[int]) -> list[tuple[int, int]]:
    """(started, ledger) of each ledger's newest run: from what is not counted yet, else from the last day that was."""
    asked = (
        select(RUN.c.ledger, func.max(RUN.c.started)).where(RUN.c.started >= tallied(session)).group_by(RUN.c.ledger)
    )
    newest = {ledger: started for ledger, started in rows(session, asked) if ledger in ledgers}
    for some in parts(ledgers - newest.keys()):
        last = select(TALLY.c.ledger, func.max(TALLY.c.last)).where(TALLY.c.ledger.in_(some)).group_by(TALLY.c.ledger)
        newest.update((ledger, started) for ledger, started in rows(session, last))
    return [(started, ledger) for ledger, started in newest.items()]


def _read_together(session: Session, newest: Sequence[RunView], *, count: int, found: dict[int, list[RunView]]) -> None:
    """Go back in time over all ledgers at once until each has its runs, or is beyond where they can be (a period is
    under a hold)."""
    floor = {run.ledger: run.started - count * run.hold for run in newest}
    ends = {run.ledger: run.started for run in newest}
    upper, size = max(ends.values(), default=0), FIRST_SLICE
    while floor:
        lower = max(upper - size, min(floor.values()))
        open_ones = list(floor) if len(floor) <= MANY else None
        for row in rows(session, between(lower, upper, ledgers=open_ones)):
            if row.ledger in floor and row.started < ends[row.ledger] and len(found[row.ledger]) < count:
                found[row.ledger].append(view(row))
        floor = {ledger: low for ledger, low in floor.items() if low < lower and len(found[ledger]) < count}
        upper, size = lower, size * 2


def _chunks(session: Session, ledger: int, before: int) -> Iterator[tuple[int, int, int | None]]:
    """Times in which this ledger ran, newest first: (start, end, how many runs), None where they are not counted
    yet."""
    until = tallied(session)
    if before > until:
        yield until, ALWAYS, None
    asked = select(TALLY.c.day, TALLY.c.runs).where(TALLY.c.ledger == ledger, TALLY.c.day < -(-before // DAY))
    for day, runs in rows(session, asked.order_by(TALLY.c.day.desc())):
        yield day * DAY, min((day + 1) * DAY, until), runs


def _rare_runs(session: Session, ledger: int, start: int, end: int) -> list[RunView]:
    """The runs of a probe that runs rarely, by their own index."""
    asked = select(*COLUMNS).where(RUN.c.ledger == ledger, text(f"({RARE})"))
    asked = asked.where(RUN.c.started >= start, RUN.c.started < end).order_by(RUN.c.started.desc())
    return list(map(view, rows(session, asked)))


def _read_back(session: Session, ledger: int, start: int, end: int, *, wanted: int) -> list[RunView]:
    """Go back in time through everybody's runs for those of one ledger, in slices that grow."""
    if end >= ALWAYS:
        last = rows(session, select(func.max(RUN.c.started)).where(RUN.c.started >= start))[0][0]
        end = start if last is None else int(last) + 1
    found: list[RunView] = []
    size = FIRST_SLICE
    while end > start and len(found) < wanted:
        lower = max(start, end - size)
        some = between(lower, end, ledgers=[ledger]).limit(wanted - len(found))
        found += map(view, rows(session, some))
        end, size = lower, size * 2
    return found
