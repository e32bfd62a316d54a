"""The small integers that stand for states and failures in the database; both tables only ever grow."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from probes.words.failure import Failure
from probes.words.outcome import State

# 0 and 1 take no byte in an SQLite row, so the two that nearly every run ends in come first.
STATES: Mapping[State, int] = MappingProxyType(
    {State.UP: 0, State.DEGRADED: 1, State.DOWN: 2, State.MAINTENANCE: 3, State.UNKNOWN: 4}
)
FAILURES: Mapping[Failure, int] = MappingProxyType(
    {
        Failure.MONITOR_FAULT: 1,
        Failure.PROBE_BUG: 2,
        Failure.HOST_LOST: 3,
        Failure.SKIPPED: 4,
        Failure.UNREACHABLE: 5,
        Failure.AUTH: 6,
        Failure.QUOTA: 7,
        Failure.RATE_LIMITED: 8,
        Failure.PROVIDER_DOWN: 9,
        Failure.APP_ERROR: 10,
        Failure.TIMEOUT: 11,
        Failure.TRUNCATED: 12,
        Failure.EMPTY: 13,
        Failure.REFUSED: 14,
        Failure.CONTRACT_CHANGED: 15,
        Failure.GARBAGE: 16,
        Failure.WRONG: 17,
        Failure.EXPIRING: 18,
        Failure.SLOW: 19,
        Failure.UNSCORED: 20,
        Failure.HEARTBEAT_MISSED: 21,
        Failure.HEARTBEAT_FAILED: 22,
    }
)
FAIL, GOOD = 0, 1  # Evidence.kind

PASSED = STATES[State.DEGRADED]  # a code up to this one is a pass

_STATE = {code: state for state, code in STATES.items()}
_FAILURE = {code: failure for failure, code in FAILURES.items()}


def state_code(state: State) -> int:
    """The integer kept for a state."""
    return STATES[state]


def state_of(code: int) -> State:
    """The state behind a code; a code of a later version reads as unknown, for nothing is made up."""
    return _STATE.get(code, State.UNKNOWN)


def failure_code(failure: Failure | None) -> int | None:
    """The integer kept for a failure; None for none."""
    return None if failure is None else FAILURES[failure]


def failure_of(code: int | None) -> Failure | None:
    """The failure behind a code; None for none and for a code of a later version."""
    return None if code is None else _FAILURE.get(code)


def pack_phases(phases: tuple[int, ...], *, took: int) -> bytes | None:
    """Phases of a request (µs, -1 where there was none, in the order of `probes.frames.PHASES`) in one to three bytes each.

    The last, `total`, is kept as what it lacks to `took` (µs of the whole attempt), which it nearly equals. None for no phases.
    """
    if not phases:
        return None
    last = len(phases) - 1
    packed = bytearray()
    for place, length in enumerate(phases):
        if length < 0:
            packed.append(0)
            continue
        number = (_folded(took - length) if place == last else length) + 1
        while number > 0x7F:
            packed.append(number & 0x7F | 0x80)
            number >>= 7
        packed.append(number)
    return bytes(packed)


def unpack_phases(packed: bytes | None, *, took: int) -> tuple[int, ...]:
    """What `pack_phases` was given; () for None."""
    if not packed:
        return ()
    numbers: list[int] = []
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number - 1)
            number = shift = 0
    if numbers[-1] >= 0:
        numbers[-1] = took - _unfolded(numbers[-1])
    return tuple(numbers)


def _folded(number: int) -> int:
    """Signed to unsigned, small staying small: 0, -1, 1, -2 … become 0, 1, 2, 3 …"""
    return number * 2 if number >= 0 else -number * 2 - 1


def _unfolded(number: int) -> int:
    return number // 2 if number % 2 == 0 else -(number + 1) // 2
