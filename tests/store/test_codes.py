"""What is squeezed into a row comes out of it again, and a number once given means the same for ever."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from monitor.store import codes
from monitor.store.queries.runs import view
from monitor.store.rows import RunRow, stored
from probes.words.failure import Failure
from probes.words.outcome import State

LENGTH = st.integers(0, 10**10)  # µs; nearly three hours


def test_the_numbers_of_states_and_failures_are_those_of_the_first_release() -> None:
    assert [state.value for state in sorted(codes.STATES, key=codes.STATES.__getitem__)] == [
        "up", "degraded", "down", "maintenance", "unknown",
    ]  # fmt: skip
    assert [failure.value for failure in sorted(codes.FAILURES, key=codes.FAILURES.__getitem__)][:22] == [
        "monitor_fault", "probe_bug", "host_lost", "skipped", "unreachable", "auth", "quota", "rate_limited",
        "provider_down", "app_error", "timeout", "truncated", "empty", "refused", "contract_changed", "garbage",
        "wrong", "expiring", "slow", "unscored", "heartbeat_missed", "heartbeat_failed",
    ]  # fmt: skip
    assert sorted(codes.FAILURES.values()) == list(range(1, len(codes.FAILURES) + 1))


def test_every_state_and_failure_has_a_number() -> None:
    assert set(codes.STATES) == set(State)
    assert set(codes.FAILURES) == set(Failure)


def test_a_number_of_a_later_version_is_unknown_and_not_a_guess() -> None:
    assert codes.state_of(7) is State.UNKNOWN
    assert codes.failure_of(4_000) is None


@given(
    started=st.integers(0, 1 << 50),
    ledger=st.integers(1, (1 << 20) - 1),
    lateness=LENGTH,
    took=LENGTH,
    state=st.sampled_from(State),
    failure=st.none() | st.sampled_from(Failure),
    hold=LENGTH,
    attempts=st.integers(1, 256),
    result=st.sampled_from(State),
    late=st.booleans(),
)
@example(1, 1, 0, 0, State.UP, None, 1_500, 1, State.UP, False)
def test_a_run_comes_out_of_its_row_as_it_went_in(
    started: int, ledger: int, lateness: int, took: int, state: State, failure: Failure | None, hold: int,
    attempts: int, result: State, late: bool,
) -> None:  # fmt: skip
    coded = codes.state_code(state), codes.failure_code(failure)
    row = RunRow(started, ledger, lateness, took, *coded, hold, None, attempts, codes.state_code(result), int(late))
    seen = view(stored(row))
    assert (seen.started, seen.ledger, seen.lateness, seen.took, seen.hold) == (started, ledger, lateness, took, hold)
    assert (seen.state, seen.failure, seen.attempts, seen.result, seen.late) == (state, failure, attempts, result, late)
    assert seen.scheduled == started - lateness
    assert stored(row).code < 1 << 31, "it is an INTEGER on PostgreSQL"


def test_the_code_of_the_usual_run_is_zero_and_takes_no_byte() -> None:
    up = codes.state_code(State.UP)
    assert codes.run_code(state=up, failure=None, attempts=1, result=up, late=0) == 0


@given(st.lists(st.just(-1) | LENGTH, max_size=8).map(tuple), LENGTH)
def test_phases_come_out_as_they_went_in_to_the_nearest_ten_microseconds(phases: tuple[int, ...], took: int) -> None:
    packed = codes.pack_phases(phases, took=took)
    seen = codes.unpack_phases(packed, took=took)
    assert len(seen) == len(phases)
    for was, now in zip(phases, seen, strict=True):
        assert (now == -1) == (was == -1)
        assert abs(now - was) <= codes.UNIT // 2 or was == -1


def test_the_phases_of_a_usual_request_take_less_than_ten_bytes() -> None:
    packed = codes.pack_phases((2_100, 18_400, 39_000, 118_000, 178_300), took=178_600)
    assert packed is not None
    assert len(packed) <= 9
