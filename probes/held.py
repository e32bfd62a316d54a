"""What this machine itself cost an attempt: time in which nothing could be done here is not the target's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from probes.frames import Reply
from probes.words.failure import Failure
from probes.words.text import clean

LEAST = 0.1  # seconds; less says nothing
# The part of an attempt's length that, held up here, leaves a verdict about time without proof. A limit on speed may be
# missed by little; a deadline is far beyond what a target takes that answers at all.
SHARES: Mapping[str, float] = {Failure.SLOW: 0.1, Failure.TIMEOUT: 0.25}


def processor(pid: int | str = "self") -> tuple[float, float] | None:
    """Seconds that a process had a processor, and seconds that it waited for one, since it began; None where the
    kernel does not say. A wait counts once it is over.

    The first fields of `/proc/PID/schedstat`, see sched-stats in the kernel's documentation.
    """
    try:
        with open(f"/proc/{pid}/schedstat", "rb") as file:
            had, waited, *_ = map(int, file.read().split())
    except (OSError, ValueError):
        return None
    return had / 1e9, waited / 1e9


def wants_processor(pid: int) -> bool:
    """True while a process runs, or would if it had a processor; False while it sleeps, is stopped or is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"R"
    except (OSError, IndexError):
        return False


def excused(reply: Reply, held: float) -> Reply:
    """The reply; when the attempt was `held` up here for too many seconds to call the target late, one that says so."""
    share = SHARES.get(reply.failure or "")
    if share is None or held < LEAST or held * 1e6 < share * reply.took:
        return reply
    said = f"this machine held the attempt up for {held:.1f} s, so its times prove nothing; seen was: {reply.sentence}"
    return replace(reply, state="unknown", failure=Failure.MONITOR_FAULT.value, sentence=clean(said, 300), phase="")
