"""What was told of each run, read back from the record: for the confirm rule, and for what only many runs tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from monitor.engine import golden
from monitor.engine.confirm import Level, Progress, Ran
from monitor.engine.retry import put_off
from monitor.engine.track import Track
from monitor.store.queries.history import last_runs
from monitor.store.queries.runs import AttemptView, RunView
from probes.words.outcome import State

if TYPE_CHECKING:
    from sqlmodel import Session

RUNS_WEIGHED = 2_000  # newest runs that a flake rate is measured over again
_LEVEL = {State.UP: Level.PASS, State.DEGRADED: Level.DEGRADED, State.DOWN: Level.FAIL}


def ran_of(run: RunView, further: list[AttemptView], *, attempts: int) -> Ran:
    """A run as the confirm rule takes it, from its record; `attempts` is how many it might have had."""
    tries = [(run.started, run.state), *((attempt.started, attempt.state) for attempt in further)]
    bad = [at for at, state in tries if _LEVEL.get(state, Level.UNKNOWN) >= Level.DEGRADED]
    last = further[-1].failure if further else run.failure
    early = put_off(last, len(tries), of=attempts)
    return Ran(_LEVEL.get(run.result, Level.UNKNOWN), run.started, bad[0] if bad else run.started, early=early)


def weigh_back(
    session: Session,
    track: Track,
    newest: list[RunView],
    attempts: Mapping[tuple[int, int], list[AttemptView]],
    *,
    before: Progress,
    now: int,
) -> None:
    """What only more runs than the newest tell: the odds of a probe, and the window of a golden one."""
    probe, said = track.probe, dict[int, str]()
    runs = last_runs(session, track.ledger, limit=RUNS_WEIGHED)
    if probe.golden is not None:
        track.answers, said = golden.read_back(session, probe.golden, track.ledger, now=now)
        scored = next((run for run in runs if run.started in said), None)
        golden.stood(probe.golden, track.answers, scored.result if scored else State.UNKNOWN)
        if scored is not None and scored.started == newest[0].started and track.last and track.answers.said:
            track.last.sentence, track.unknown_since = track.answers.said.sentence, 0
    finished = [
        golden.Finished(
            ran_of(run, attempts.get((run.started, run.ledger), []), attempts=probe.attempts),
            str(run.failure or ""),
            run.started in said,
            said.get(run.started, ""),
        )
        for run in reversed(runs)
    ]
    track.odds, track.progress = golden.replayed(
        finished,
        golden=probe.golden is not None,
        period=track.cadence.period,
        confirm=probe.confirm,
        recover=probe.recover,
        before=before,
        newest=len(newest),
    )
