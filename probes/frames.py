"""Request and Reply: what travels between the keeper and a probe host, as capped and validated JSON, never pickle.

One line of JSON a frame, several frames a write. The same frames travel on a pipe and through a queue.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

VERSION = 1
LARGEST = 4_000_000  # bytes; a larger frame is refused, so that a hostile target cannot fill the keeper
PHASES = ("dns", "connect", "tls", "first_byte", "total")  # order of Reply.phases


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt to make.

    `job_id` names a prepared job; `job` is its content (see `probes.attempt.prepare`) and is sent the first time a
    host sees the id.
    `sent` is boot time in µs, for measuring how long the request waited. `timeout` and `cleanup` are seconds.
    `at` is µs since the epoch: the attempt's start as the ledger has it. `keep` asks for evidence even when it passes.
    """

    number: int
    job_id: str
    run_id: str
    attempt: int
    at: int
    sent: int
    timeout: float
    cleanup: float = 10.0
    job: dict[str, Any] | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    keep: bool = False
    v: int = VERSION


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one attempt. Times are µs; offsets count from the attempt's start.

    `phases` follows PHASES, -1 where there was none, summed over the attempt's requests (a single-step probe: that
    request's).
    `values` are the measured numbers checks can use (`first_token`, `worst_gap`, `tokens_out` …; seconds where they
    are times).
    `evidence` is the full record (steps, checks, excerpts; see probes.journal) of a failure or a kept success,
    redacted in the host.
    """

    number: int
    state: str
    failure: str | None = None
    sentence: str = ""
    phase: str = ""
    step: str = ""
    waited: int = 0
    took: int = 0
    phases: tuple[int, ...] = ()
    values: dict[str, float] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    learned: dict[str, Any] = field(default_factory=dict)
    cleanup_failed: tuple[str, ...] = ()
    retry_after: float | None = None
    witness: str = ""
    evidence: dict[str, Any] | None = None
    v: int = VERSION


def pack(frame: Request | Reply) -> bytes:
    """One line of JSON; fields at their default are left out, which halves a passing reply."""
    slim = {
        key: value
        for key, value in asdict(frame).items()
        if value not in (None, "", 0, (), {}, False) or key == "number"
    }
    line = json.dumps(slim, separators=(",", ":")).encode()
    if len(line) > LARGEST:
        raise ValueError(f"frame of {len(line)} bytes is over {LARGEST}")
    return line + b"\n"


def unpack_request(line: bytes) -> Request:
    """The Request in a line; raises ValueError on anything malformed."""
    return Request(**_object(line, Request))


def unpack_reply(line: bytes) -> Reply:
    """The Reply in a line; raises ValueError on anything malformed, as a host may have been taken over by what it
    watches."""
    found = _object(line, Reply)
    found["phases"] = tuple(int(number) for number in found.get("phases", ()))
    found["cleanup_failed"] = tuple(str(text) for text in found.get("cleanup_failed", ()))
    return Reply(**found)


def _object(line: bytes, kind: type[Request] | type[Reply]) -> dict[str, Any]:
    if len(line) > LARGEST:
        raise ValueError("frame too large")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a frame: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("number"), int):
        raise ValueError("not a frame: no number")
    known = set(kind.__dataclass_fields__)
    if unknown := set(found) - known:
        raise ValueError(f"not a frame: unknown {sorted(unknown)[:3]}")
    return found
