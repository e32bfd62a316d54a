"""Request and Reply: what travels between the keeper and a probe host, as capped and validated JSON, never pickle.

One line of JSON a frame, several frames a write. The same frames travel on a pipe and through a queue.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

VERSION = 1
LARGEST = 4_000_000  # bytes; a larger frame is refused, so that a hostile target cannot fill the keeper
# What `Reply.witness` says beside the name of somebody who should be asked.
SHED, UNPAID, CAPPED, REFUSED = "shed", "spend", "length", "refused"
"""A host turned it away · nothing was left to spend · cut at the length that was asked for · the target said no to the
connection itself, so it is there."""
PHASES = ("dns", "connect", "tls", "first_byte", "total")  # order of Reply.phases


@dataclass(frozen=True, slots=True)
class Request:
    """One attempt to make.

    `job_id` names a prepared job; `job` is its content (see `probes.attempt.prepare`) and is sent the first time a
    host sees the id.
    `sent` is boot time in µs, for measuring how long the request waited; `late` is by how many µs it was late then.
    `timeout` and `cleanup` are seconds.
    `at` is µs since the epoch: the attempt's start as the ledger has it. `keep` asks for evidence even when it passes.
    `grant` is what is held back from it because of its spending (see `probes.spend.Grant.told`), {} for nothing.
    `memory` is what an attempt of this probe left (`learned["memory"]` of its reply) for the next.
    `cases` are the names of the golden cases that are this run's turn, [] for a probe that has none.
    `hook` is the address at which webhooks for it arrive, "" where there is none.
    `shed` counts how often running this probe was turned away by a loaded host just before: who was, goes first.
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
    shed: int = 0
    late: int = 0
    grant: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    cases: list[str] = field(default_factory=list)
    hook: str = ""
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
    `scores` are how golden cases came out: {case, verdict: right | wrong | unscored, expected, got, fields …}.
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
    scores: tuple[dict[str, Any], ...] = ()
    v: int = VERSION


def pack(frame: Request | Reply) -> bytes:
    """One line of JSON; fields at their default are left out, which halves a passing reply, as is NaN.

    Raises ValueError when it is too large, TypeError when something in it is not JSON.
    """
    defaults = _DEFAULTS[type(frame)]
    slim = {name: value for name, default in defaults if (value := getattr(frame, name)) != default}
    try:
        line = _encode(slim).encode()
    except ValueError:
        line = _encode(_finite(slim)).encode()
    if len(line) > LARGEST:
        raise ValueError(f"frame of {len(line)} bytes is over {LARGEST}")
    return line + b"\n"


def unpack_request(line: bytes) -> Request:
    """The Request in a line; raises ValueError on anything malformed."""
    return Request(**_object(line, Request))


def unpack_reply(line: bytes) -> Reply:
    """The Reply in a line; raises ValueError on anything malformed: what it watches may have taken a host over."""
    found = _object(line, Reply)
    for name, kind, shape in _INSIDE:
        if name in found:
            _check_inside(name, found[name], kind)
            found[name] = shape(found[name])
    return Reply(**found)


def _defaults(kind: type[Request] | type[Reply]) -> tuple[tuple[str, Any], ...]:
    """Each field with the value at which it is left out; what has no default always travels."""
    return tuple(
        (one.name, one.default_factory() if one.default_factory is not MISSING else one.default) for one in fields(kind)
    )


def _finite(value: Any) -> Any:
    """A JSON-like value without the numbers that JSON has no word for: None in a list, left out of a mapping."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        kept = {key: _finite(part) for key, part in value.items()}
        return {key: part for key, part in kept.items() if part is not None or value[key] is None}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not a number")


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_decode = json.JSONDecoder(parse_constant=_no_number).decode
_DEFAULTS = {kind: _defaults(kind) for kind in (Request, Reply)}
_NUMBER = (int, float)
_FURTHEST = 2**62  # of an integer: what the database can hold
_REQUEST: dict[str, Any] = {
    "number": int, "job_id": str, "run_id": str, "attempt": int, "at": int, "sent": int, "timeout": _NUMBER,
    "cleanup": _NUMBER, "job": dict, "secrets": dict, "keep": bool, "shed": int, "late": int, "grant": dict,
    "memory": dict, "cases": list,
    "hook": str, "v": int,
}  # fmt: skip
_REPLY: dict[str, Any] = {
    "number": int, "state": str, "failure": str, "sentence": str, "phase": str, "step": str, "waited": int, "took": int,
    "phases": list, "values": dict, "spent": dict, "versions": dict, "learned": dict, "cleanup_failed": list,
    "retry_after": _NUMBER, "witness": str, "evidence": dict, "scores": list, "v": int,
}  # fmt: skip
_INSIDE: tuple[tuple[str, Any, Callable[[Any], Any]], ...] = (
    ("phases", int, tuple), ("values", _NUMBER, dict), ("spent", _NUMBER, dict),
    ("versions", str, dict), ("cleanup_failed", str, tuple), ("scores", dict, tuple),
)  # fmt: skip
_NEEDED = {kind: {name for name, default in _DEFAULTS[kind] if default is MISSING} for kind in (Request, Reply)}


def _object(line: bytes, kind: type[Request] | type[Reply]) -> dict[str, Any]:
    known = _REQUEST if kind is Request else _REPLY
    if len(line) > LARGEST:
        raise ValueError("frame too large")
    try:
        found = _decode(line.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not a frame: {error}") from None
    if not isinstance(found, dict) or not isinstance(found.get("number"), int):
        raise ValueError("not a frame: no number")
    for name, value in found.items():
        if name not in known:
            raise ValueError(f"not a frame: unknown {name[:40]!r}")
        if not isinstance(value, known[name]):
            raise ValueError(f"not a frame: {name} is {type(value).__name__}")
        if type(value) is int and not -_FURTHEST < value < _FURTHEST:
            raise ValueError(f"not a frame: {name} is out of range")
    if missing := _NEEDED[kind] - found.keys():
        raise ValueError(f"not a frame: no {sorted(missing)[0]}")
    return found


def _check_inside(name: str, value: Any, kind: Any) -> None:
    for part in value.values() if isinstance(value, dict) else value:
        if not isinstance(part, kind) or (type(part) is int and not -_FURTHEST < part < _FURTHEST):
            raise ValueError(f"not a frame: {name} holds {type(part).__name__}")
