"""How a script's process ended, in words: what its author has to know to find the line."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from probes.frames import Reply, Request, unpack_reply
from probes.stack import Frame, author_frame, read_stack, shorten
from probes.words.failure import Failure
from probes.words.secret import Redactor
from probes.words.text import clean

PRINTED = 64 << 10  # bytes of prints that become evidence
_NOTE = 1_000  # characters of prints in a note
_SHOWN = 12  # frames
_UNCAUGHT = {
    signal.SIGKILL: "killed; if nobody did it, memory had run out",
    signal.SIGXCPU: "stopped, as it had used more processor time than the attempt may last",
    signal.SIGSEGV: "brought down by a crash in native code",
}


@dataclass(frozen=True, slots=True)
class End:
    """What is known of a process that ended: `status` as waitpid gives it, `why` it was stopped ("" when it was not:
    blocked, overrun, processes, flood, cancelled), and what came out of its three pipes."""

    request: Request
    file: str
    status: int
    why: str
    said: bytes
    printed: bytes
    dump: bytes


def reply_of(end: End, *, folder: str, waited: int) -> Reply:
    """The reply of an attempt whose process has ended: its own when it gave one, else what became of it."""
    hide = Redactor.of(end.request.secrets.values())
    printed = clean(hide.text(end.printed[:PRINTED].decode("utf-8", "replace")), PRINTED, lines=True)
    own = _own(end) if not end.why else None
    if own is not None:
        return _with_prints(own, printed)
    frames = read_stack(end.dump.decode("utf-8", "replace"))
    sentence = clean(hide.text(_sentence(end, frames, folder)), 300)
    failure = Failure.HOST_LOST if end.why == "cancelled" else Failure.PROBE_BUG
    evidence: dict[str, Any] = {"steps": [], "cleanups": [], "notes": []}
    if frames:
        evidence["stack"] = clean("\n".join(frame.said(folder) for frame in frames[:_SHOWN]), 4_000, lines=True)
        evidence["notes"].append(clean("stopped at " + " ← ".join(frame.said(folder) for frame in frames[:4]), _NOTE))
    bare = Reply(end.request.number, "unknown", failure, sentence, waited=waited, evidence=evidence)
    return _with_prints(bare, printed)


def _own(end: End) -> Reply | None:
    """The reply that the process itself gave, None unless it is one whole reply to this request and nothing else."""
    try:
        reply = unpack_reply(end.said.removesuffix(b"\n")) if end.said.endswith(b"\n") else None
    except ValueError:
        return None
    return reply if reply is not None and reply.number == end.request.number else None


def _with_prints(reply: Reply, printed: str) -> Reply:
    if not printed.strip() or (reply.evidence is None and reply.failure is None):
        return reply
    record = {"steps": [], "cleanups": [], "notes": [], **(reply.evidence or {})}
    note = f"printed: {clean(printed.strip(), _NOTE, lines=True)}"
    return replace(reply, evidence={**record, "notes": [*record["notes"], note], "printed": printed})


def _sentence(end: End, frames: Sequence[Frame], folder: str) -> str:
    """What happened, where, and what to write instead."""
    frame = author_frame(frames, end.file)
    place = frame.place(folder) if frame else ""
    at = f" at {place}" if place else f" in {shorten(end.file, folder)}" if end.file else ""
    limit = f"{end.request.timeout:g} s"
    said = {
        "blocked": f"the probe blocked{at} and was stopped after {limit}: await what waits, or use asyncio.to_thread",
        "overrun": f"the probe did not end{at} when its {limit} and its clean-up time were over: let it be cancelled",
        "processes": f"the probe{at} started process after process and was stopped",
        "flood": "the probe wrote without end into the pipe of its host",
        "cancelled": "the attempt was called off",
    }
    return said[end.why] if end.why else _by_itself(end, at if place else "")


def _by_itself(end: End, at: str) -> str:
    number = end.status & 0x7F
    if number:
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return f"the probe's process was {_UNCAUGHT.get(signal.Signals(number), 'ended')}{at} ({name})"
    if end.said:
        return "the probe wrote something of its own into the pipe of its host"
    code = end.status >> 8
    return f"the probe's process ended by itself (exit code {code}) before its attempt did: let the function return"
