"""Time in which this machine stood still is not held against the target."""

from __future__ import annotations

import os
import subprocess
import time

from hypothesis import given
from hypothesis import strategies as st

from probes.frames import Reply
from probes.held import LEAST, SHARES, excused, processor, wants_processor
from probes.words.failure import Failure

LATE = Reply(1, "down", "timeout", "no answer came in time", phase="total", took=8_000_000)


def test_a_time_out_that_the_machine_slept_through_is_our_fault_and_says_what_was_seen() -> None:
    reply = excused(LATE, 7.5)
    assert (reply.state, reply.failure, reply.phase) == ("unknown", "monitor_fault", "")
    assert "held the attempt up for 7.5 s" in reply.sentence
    assert "no answer came in time" in reply.sentence


def test_a_short_stall_excuses_no_time_out() -> None:
    assert excused(LATE, 1.9) is LATE


def test_what_is_said_of_the_answer_itself_is_never_excused() -> None:
    wrong = Reply(1, "down", "wrong", "got 22:00", took=1_000_000)
    assert excused(wrong, 60.0) is wrong


@given(
    st.sampled_from([*map(str, Failure), None]),
    st.integers(0, 60_000_000),
    st.floats(0, 120, allow_nan=False),
)
def test_only_verdicts_about_time_are_excused(failure: str | None, took: int, held: float) -> None:
    before = Reply(1, "down" if failure else "up", failure, "said", took=took)
    after = excused(before, held)
    if after is not before:
        assert failure in SHARES
        assert held >= LEAST
        assert held * 1e6 >= SHARES[failure] * took
        assert (after.state, after.failure, after.took) == ("unknown", "monitor_fault", took)


def test_the_kernel_tells_how_long_a_process_had_a_processor() -> None:
    began = processor()
    assert began is not None
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    now = processor(os.getpid())
    assert now is not None
    assert 0.03 < now[0] - began[0] < 5
    assert now[1] >= began[1]


def test_who_runs_wants_a_processor_and_who_sleeps_does_not() -> None:
    assert wants_processor(os.getpid())
    sleeper = subprocess.Popen(["sleep", "30"])
    try:
        time.sleep(0.2)
        assert not wants_processor(sleeper.pid)
    finally:
        sleeper.kill()
        sleeper.wait()
    assert not wants_processor(2**22 + 1)


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    assert processor(2**22 + 1) is None
