"""Whatever a job says, whenever showup is off: up rests on a good report, down on a bad one or on silence we heard."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitor.engine.heartbeats import Word
from monitor.store.queries.runs import RunView
from probes.words.failure import Failure
from probes.words.outcome import State
from probes.words.units import HOUR, MINUTE, SECOND
from tests.story.jobs import Night, with_jobs
from tests.story.watch import MIDNIGHT

EVERY = ("{heartbeat: 6h, grace: 1h}", '{cron: "0 */6 * * *", grace: 1h}')
GRACE = HOUR
ACTS = st.one_of(
    st.tuples(st.sampled_from(list(Word)), st.integers(1, 9 * 60)),
    st.tuples(st.just("off"), st.integers(1, 9 * 60)),
    st.tuples(st.just("restart"), st.integers(1, 4 * 60)),
)


@given(st.sampled_from(EVERY), st.lists(ACTS, min_size=1, max_size=7))
@example(EVERY[0], [(Word.SUCCESS, 474), ("restart", 233), ("restart", 184), ("restart", 224)])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
async def test_up_and_down_each_rest_on_what_was_heard(written: str, acts: list[tuple[object, int]]) -> None:
    said: list[tuple[int, Word]] = []
    away: list[tuple[int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        async with Night(Path(folder), with_jobs(nightly=written)) as night:
            for act, minutes in acts:
                at = night.clock.at + minutes * MINUTE
                if act == "off":
                    await night.engine._sign_of_life(night.clock.at)
                    away.append((night.clock.at, at))
                    await night.off(at)
                    continue
                await night.live(at)
                if isinstance(act, Word):
                    said.append((night.clock.at, act))
                    await night.said(act)
                else:
                    away.append((night.clock.at, night.clock.at))
                    await night.restart()
            await night.live(night.clock.at + 8 * HOUR)
            await night.engine.heartbeats.look(night.clock.at, frozenset())
            runs = await night.recorded()
            still_open = [one for one in await night.incidents(None) if one.subject != "monitor"]
    for run in runs:
        assert_rests_on_evidence(run, said, away)
    assert [run.started for run in runs] == sorted({run.started for run in runs})
    known = [run.state for run in runs if run.state is not State.UNKNOWN]
    assert bool(still_open) is bool(known and known[-1] is State.DOWN)
    reports = [at for at, word in said if word in (Word.SUCCESS, Word.FAILURE)]
    made = [run for run in runs if run.failure in (None, Failure.HEARTBEAT_FAILED)]
    assert len(made) == len(reports), "each is a run"


def assert_rests_on_evidence(run: RunView, said: list[tuple[int, Word]], away: list[tuple[int, int]]) -> None:
    """The rules T2 and T3, of one run of a job."""
    at = run.started
    heard = [word for moment, word in said if abs(moment - at) < SECOND]
    if run.state is State.UP:
        assert Word.SUCCESS in heard
    elif run.failure is Failure.HEARTBEAT_FAILED:
        assert Word.FAILURE in heard
    elif run.failure is Failure.HEARTBEAT_MISSED:
        assert at <= MIDNIGHT or not [1 for moment, word in said if word is Word.SUCCESS and at - GRACE < moment < at]
        off = [1 for start, end in away if end > start and start < at and end > at - GRACE]  # a moment hides nothing
        assert not off, "we were off while it was due"
    else:
        assert (run.state, run.failure) == (State.UNKNOWN, Failure.MONITOR_FAULT)
        assert [1 for start, end in away if end >= at - 3 * GRACE], "nothing kept us from hearing it"
