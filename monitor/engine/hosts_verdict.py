"""What an attempt gets to hear when its host, and not the probe, has the last word."""

from __future__ import annotations

from typing import Any

from monitor.engine.hosts_facts import Asked
from probes.frames import Reply
from probes.stack import author_frame, read_stack
from probes.words.failure import Failure
from probes.words.secret import Redactor
from probes.words.text import clean

_SHOWN = 20  # frames


def bare(asked: Asked, failure: Failure, sentence: str) -> Reply:
    """A reply that only says why there is none."""
    return Reply(asked.request.number, "unknown", failure.value, clean(sentence, 300))


def of_host(asked: Asked, is_culprit: bool, *, reason: str, dump: str, stalled: bool) -> Reply:
    """The reply to an attempt that was under way when its host was lost: who held the host up is told where."""
    if not is_culprit:
        return bare(asked, Failure.HOST_LOST, f"the host was lost: {reason}")
    frames = read_stack(dump)
    frame = author_frame(frames) or (frames[0] if frames else None)
    at = f" at {frame.place()}" if frame else ""
    did = "held up its host for over a second" if stalled else f"brought its host down ({reason})"
    hide = Redactor.of(asked.request.secrets.values())
    evidence: dict[str, Any] | None = None
    if frames:
        stack = "\n".join(one.said() for one in frames[:_SHOWN])
        note = "stopped at " + " ← ".join(one.said() for one in frames[:4])
        evidence = {
            "steps": [],
            "cleanups": [],
            "notes": [hide.text(clean(note, 1_000))],
            "stack": hide.text(clean(stack, 4_000, lines=True)),
        }
    sentence = hide.text(clean(f"the probe {did}{at}", 300))
    return Reply(asked.request.number, "unknown", Failure.PROBE_BUG.value, sentence, evidence=evidence)
