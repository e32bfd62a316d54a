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


# Run.code is five small facts in one integer, so that the run nearly every run is (up, at the first attempt) takes no
# byte for them.
RESULT_BITS, STATE_SHIFT, LATE_SHIFT, ATTEMPTS_SHIFT, FAILURE_SHIFT = 7, 3, 6, 7, 15
ENDS = ~(0xFF << ATTEMPTS_SHIFT | RESULT_BITS)  # what stays of a code when a run of several attempts ends


def run_code(*, state: int, failure: int | None, attempts: int, result: int, late: int) -> int:
    """The facts of a run in one integer: `result` of the run, `state` and `failure` of its first attempt, how many
    attempts (to 256)."""
    return (
        result
        | state << STATE_SHIFT
        | late << LATE_SHIFT
        | min(attempts, 256) - 1 << ATTEMPTS_SHIFT
        | (failure or 0) << FAILURE_SHIFT
    )


def end_code(*, attempts: int, result: int) -> int:
    """The part of a run's code that its end decides."""
    return result | min(attempts, 256) - 1 << ATTEMPTS_SHIFT


def hold_code(hold: int) -> int:
    """A hold (µs) as it is kept: whole milliseconds as such, which saves a byte a run; anything else as negative µs."""
    return -hold if hold % 1000 else hold // 1000


def hold_of(code: int) -> int:
    """The hold in µs behind a code."""
    return -code if code < 0 else code * 1000


UNIT = 10  # µs; phases are kept to the nearest ten


def pack_phases(phases: tuple[int, ...], *, took: int) -> bytes | None:
    """Phases of a request in one or two bytes each: µs, -1 where there was none, in the order of
    `probes.frames.PHASES`.

    Kept to 10 µs. The last two, `first_byte` and `total`, are nearly what is left of the one after it (`took`, µs of
    the attempt, after `total`), so only the difference is kept. None for no phases.
    """
    if not phases:
        return None
    packed = bytearray()
    for number in _differences(phases, took):
        while number > 0x7F:
            packed.append(number & 0x7F | 0x80)
            number >>= 7
        packed.append(number)
    return bytes(packed)


def _differences(phases: tuple[int, ...], took: int) -> list[int]:
    """Small non-negative numbers for phases: 0 for none, else one more than its tens of µs or than its folded
    difference."""
    tens = [-1 if length < 0 else (length + UNIT // 2) // UNIT for length in phases]
    numbers = [number + 1 for number in tens]
    if tens[-1] >= 0:
        numbers[-1] = _folded(took // UNIT - tens[-1]) + 1
        if len(tens) > 1 and tens[-2] >= 0:
            numbers[-2] = _folded(tens[-1] - sum(max(0, number) for number in tens[:-1])) + 1
    return numbers


def unpack_phases(packed: bytes | None, *, took: int) -> tuple[int, ...]:
    """What `pack_phases` was given, to 10 µs; () for None."""
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
        numbers[-1] = took // UNIT - _unfolded(numbers[-1])
        if len(numbers) > 1 and numbers[-2] >= 0:
            numbers[-2] = numbers[-1] - _unfolded(numbers[-2]) - sum(max(0, tens) for tens in numbers[:-2])
    return tuple(-1 if tens < 0 else tens * UNIT for tens in numbers)


def _folded(number: int) -> int:
    """Signed to unsigned, small staying small: 0, -1, 1, -2 … become 0, 1, 2, 3 …"""
    return number * 2 if number >= 0 else -number * 2 - 1


def _unfolded(number: int) -> int:
    return number // 2 if number % 2 == 0 else -(number + 1) // 2
