"""Confirm and recover: which runs make a page, and which end it. Pure; says nothing about uptime."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum


class Level(IntEnum):
    """How bad a run was. UNKNOWN neither opens, confirms nor resolves."""

    UNKNOWN = -1
    PASS = 0
    DEGRADED = 1
    FAIL = 2


@dataclass(frozen=True, slots=True)
class Ran:
    """One finished run: its level, its start and the start of its first failed attempt (µs).

    `sure` is what makes its failure certain already, "" while it wants confirming. `early`: it was asked to come back
    later than it could, so it ended before it was tried again.
    """

    level: Level
    at: int
    first_failure: int
    sure: str = ""
    early: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of one probe. `open` is the level that was signalled (PASS: nothing is open).

    `recent` are the newest known runs, oldest first; `passes` the unbroken passes since the last bad run.
    """

    recent: tuple[Ran, ...] = ()
    open: Level = Level.PASS
    since: int = 0
    passes: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What a run changed: `level` PASS means recovered. `since` is the first failure of the unbroken series; `sure`
    says the evidence."""

    level: Level
    since: int
    sure: str


def advance(progress: Progress, ran: Ran, *, confirm: tuple[int, int], recover: int) -> tuple[Progress, Change | None]:
    """The next progress, and the change it brings, if any.

    `confirm` is (k, n): k of the newest n known runs are at least this bad. Recovery is `recover` passes in a row.
    After as many runs that passed or were degraded, what failed is no more than degraded: nobody is woken any longer.
    """
    if ran.level is Level.UNKNOWN:
        return progress, None
    k, n = confirm
    if ran.early:  # one attempt alone confirms nothing: the next run has to find the same
        k, n = max(k, 2), max(n, 2)
    recent = (*progress.recent, ran)[-max(n, recover, 2) :]
    if ran.level is Level.PASS:
        passes = progress.passes + 1
        if progress.open is not Level.PASS and passes >= recover:
            done = Progress(recent, passes=passes)
            return done, Change(Level.PASS, progress.since, f"{passes} runs passed")
        # runs that only slow down after a failure keep it open; a full pass never changes what is open by itself
        return replace(progress, recent=recent, passes=passes), None
    now = Progress(recent, progress.open, progress.since, 0)
    for level in (Level.FAIL, Level.DEGRADED):
        bad = [run for run in recent[-n:] if run.level >= level]
        sure = ran.sure if ran.level >= level else ""
        if ran.level < level or (len(bad) < k and not sure) or level <= progress.open:
            continue
        since = progress.since if progress.open is not Level.PASS else bad[0].first_failure
        said = sure or f"{len(bad)} of {len(recent[-n:])} runs"
        return replace(now, open=level, since=since), Change(level, since, said)
    calm = recent[-recover:]
    if progress.open is Level.FAIL and len(calm) == recover and all(run.level < Level.FAIL for run in calm):
        said = f"{recover} runs without a failure, not all of them right"
        return replace(now, open=Level.DEGRADED), Change(Level.DEGRADED, progress.since, said)
    return now, None


def replay(
    runs: list[Ran],
    *,
    confirm: tuple[int, int],
    recover: int,
    before: Progress = Progress(),
) -> Progress:
    """The progress after these runs: what a restart restores from the record, and from what was told `before` them."""
    progress = before
    for ran in runs:
        progress, _ = advance(progress, ran, confirm=confirm, recover=recover)
    return progress
