"""How attempts become spans, and what is laid over them when they are read."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.spans import (
    Correction,
    Late,
    Observation,
    Span,
    Tail,
    cut,
    fill,
    fold,
    hold_for,
    merge,
    overlay,
    paint,
)
from monitor.ledger.uptime import figures, shares
from probes.words.outcome import State
from tests.pure.ledger_kit import (
    HOUR,
    MINUTE,
    SECOND,
    STATES,
    corrections,
    drawn,
    histories,
    intervals,
    is_merged_cover,
    picture_of,
    windows,
)

UP, DOWN, UNKNOWN = State.UP, State.DOWN, State.UNKNOWN


@st.composite
def recordings(draw: st.DrawFn) -> list[Observation]:
    """Attempts in the order they were recorded, a few of them late."""
    moments = draw(st.lists(st.integers(0, 60), max_size=14))
    if draw(st.booleans()):
        moments.sort()
    return [Observation(moment, draw(STATES), draw(st.integers(1, 9))) for moment in moments]


def replay(recorded: list[Observation]) -> tuple[list[Span], Tail, list[Observation]]:
    """What a tail closed on the way, the tail, and what it refused as late."""
    closed: list[Span] = []
    late: list[Observation] = []
    tail = Tail()
    for observation in recorded:
        try:
            closed += tail.observe(observation)
        except Late:
            late.append(observation)
    return closed, tail, late


# -------------------------------------------------------------------------------------------------------------- hold


@pytest.mark.parametrize(
    ("period", "timeout", "hold"),
    [
        (MINUTE, 20 * SECOND, 140 * SECOND),  # twice the period
        (5 * MINUTE, 30 * SECOND, 630 * SECOND),  # where the two meet
        (HOUR, 30 * SECOND, 65 * MINUTE + 30 * SECOND),  # five minutes past the period
        (6 * MINUTE, 0, 11 * MINUTE),
        (4 * MINUTE, 0, 8 * MINUTE),
    ],
)
def test_a_state_outlives_its_period_by_a_period_or_five_minutes(period: int, timeout: int, hold: int) -> None:
    assert hold_for(period, timeout) == hold


def test_an_observation_that_holds_for_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0 µs, not 0"):
        Observation(0, UP, 0)


# -------------------------------------------------------------------------------------------------------------- fold


def test_a_state_holds_to_the_next_attempt_and_equal_states_are_one_span() -> None:
    seen = [Observation(0, UP, 9), Observation(3, UP, 9), Observation(5, DOWN, 9), Observation(7, UP, 9)]
    assert picture_of(fold(seen, until=10)) == "uuuuudduuu"
    assert len(fold(seen, until=10)) == 3


def test_after_its_hold_nothing_is_known() -> None:
    seen = [Observation(0, UP, 3), Observation(6, DOWN, 2)]
    assert picture_of(fold(seen, until=10)) == "uuu---dd--"


def test_a_hold_that_ends_on_the_next_attempt_leaves_no_gap() -> None:
    seen = [Observation(0, UP, 3), Observation(3, DOWN, 3)]
    assert fold(seen, until=6) == [Span(0, 3, UP), Span(3, 6, DOWN)]


def test_no_evidence_and_an_observation_of_no_evidence_are_one_span() -> None:
    seen = [Observation(0, UP, 2), Observation(5, UNKNOWN, 1), Observation(8, UP, 9)]
    assert fold(seen, until=9) == [Span(0, 2, UP), Span(2, 8, UNKNOWN), Span(8, 9, UP)]


def test_nothing_observed_folds_to_nothing() -> None:
    assert fold([], until=10) == []
    assert fold([Observation(12, UP, 5)], until=10) == []


# -------------------------------------------------------------------------------------------------------------- tail


def test_a_span_closes_when_the_state_changes_and_not_before() -> None:
    tail = Tail()
    assert (tail.last, tail.span_start, tail.state, tail.read(10)) == (None, None, None, [])
    assert tail.observe(Observation(0, UP, 9)) == []
    assert tail.observe(Observation(4, UP, 9)) == []
    assert (tail.span_start, tail.state) == (0, UP)
    assert tail.observe(Observation(8, DOWN, 9)) == [Span(0, 8, UP)]
    assert (tail.span_start, tail.state) == (8, DOWN)


def test_a_span_closes_when_its_hold_expired_and_the_gap_is_unknown() -> None:
    tail = Tail()
    tail.observe(Observation(0, UP, 3))
    assert tail.observe(Observation(7, UP, 3)) == [Span(0, 3, UP), Span(3, 7, UNKNOWN)]
    assert tail.span_start == 7


def test_an_unknown_gap_goes_on_when_the_next_attempt_says_unknown() -> None:
    tail = Tail()
    tail.observe(Observation(0, UP, 3))
    assert tail.observe(Observation(7, UNKNOWN, 3)) == [Span(0, 3, UP)]
    assert (tail.span_start, tail.state) == (3, UNKNOWN)
    assert tail.observe(Observation(20, UP, 3)) == [Span(3, 20, UNKNOWN)]


def test_the_tail_is_computed_when_read_and_reading_changes_nothing() -> None:
    tail = Tail()
    tail.observe(Observation(2, UP, 4))
    assert tail.read(2) == []
    assert tail.read(5) == [Span(2, 5, UP)]
    assert tail.read(9) == [Span(2, 6, UP), Span(6, 9, UNKNOWN)]
    assert tail.observe(Observation(5, DOWN, 4)) == [Span(2, 5, UP)]


@pytest.mark.parametrize("moment", [3, 5])
def test_a_late_result_is_named_and_changes_nothing(moment: int) -> None:
    tail = Tail()
    tail.observe(Observation(0, UP, 9))
    tail.observe(Observation(5, DOWN, 9))
    with pytest.raises(Late) as refusal:
        tail.observe(Observation(moment, UP, 9))
    assert (refusal.value.observation.at, refusal.value.newest.at) == (moment, 5)
    assert (tail.last, tail.read(7)) == (Observation(5, DOWN, 9), [Span(5, 7, DOWN)])


def test_what_does_not_belong_together_is_not_restored() -> None:
    with pytest.raises(ValueError, match="no open span of up"):
        Tail.from_last(0, UP, Observation(3, DOWN, 5))
    with pytest.raises(ValueError, match="since 4"):
        Tail.from_last(4, UP, Observation(3, UP, 5))


@given(recordings(), st.integers(0, 80))
def test_what_was_closed_on_the_way_plus_the_tail_is_what_folding_the_raw_attempts_gives(
    recorded: list[Observation], ahead: int
) -> None:
    closed, tail, _ = replay(recorded)
    until = max([ahead, *(observation.at for observation in recorded)])
    assert closed + tail.read(until) == fold(recorded, until=until)


@given(recordings())
def test_recomputing_without_the_late_ones_gives_the_same_spans(recorded: list[Observation]) -> None:
    _, _, late = replay(recorded)
    on_time = [observation for observation in recorded if not any(observation is one for one in late)]
    assert fold(sorted(on_time, key=lambda one: one.at), until=80) == fold(recorded, until=80)


@given(recordings(), st.data())
def test_a_restart_at_any_moment_changes_no_span(recorded: list[Observation], data: st.DataObject) -> None:
    stop = data.draw(st.integers(0, len(recorded)))
    before, tail, _ = replay(recorded[:stop])
    if tail.last is not None and tail.span_start is not None and tail.state is not None:
        tail = Tail.from_last(tail.span_start, tail.state, tail.last)
    after: list[Span] = []
    for observation in recorded[stop:]:
        if tail.last is None or observation.at > tail.last.at:
            after += tail.observe(observation)
    assert before + after + tail.read(80) == fold(recorded, until=80)


@given(recordings())
def test_spans_cover_all_time_from_the_first_attempt_and_neighbours_differ(recorded: list[Observation]) -> None:
    spans = fold(recorded, until=80)
    assert spans == [] if not recorded else is_merged_cover(spans, (recorded[0].at, 80))


@given(recordings(), st.integers(0, 80), st.integers(0, 80))
def test_a_later_reading_never_changes_an_earlier_moment(recorded: list[Observation], one: int, two: int) -> None:
    sooner, later = sorted((one, two))
    assert cut(fold(recorded, until=later), 0, sooner) == fold(recorded, until=sooner)


# ----------------------------------------------------------------------------------------------------------- overlay


def test_maintenance_comes_first_then_absence_then_what_was_observed() -> None:
    day = overlay(drawn("uuuuuddddd"), absences=[(2, 7)], maintenance=[(4, 6), (9, 12)], window=(0, 12))
    assert picture_of(day) == "uu--mm-ddmmm"


def test_a_correction_comes_before_all_and_of_two_the_later_counts() -> None:
    said = [Correction(1, 6, UP, "Ana", "a wrong check"), Correction(5, 10, DOWN, "Bo", "customers called")]
    laid = {"absences": [(2, 7)], "maintenance": [(4, 6), (9, 12)], "window": (0, 12)}
    assert picture_of(overlay(drawn("dddddddddddd"), **laid, corrections=said)) == "duuuudddddmm"
    assert picture_of(overlay(drawn("dddddddddddd"), **laid, corrections=said[::-1])) == "duuuuuddddmm"


def test_a_correction_holds_within_the_window_alone() -> None:
    said = [Correction(-5, 2, DOWN, "Ana", "early"), Correction(4, 90, UNKNOWN, "Ana", "late")]
    day = overlay(drawn("uuuuuu"), absences=[], maintenance=[], window=(0, 6), corrections=said)
    assert picture_of(day) == "dduu--"
    assert overlay(drawn("uu"), absences=[], maintenance=[], window=(1, 1), corrections=said) == []


def test_where_nothing_was_observed_it_is_unknown() -> None:
    assert picture_of(overlay(drawn("  uu  dd"), absences=[], maintenance=[], window=(0, 10))) == "--uu--dd--"
    assert overlay([], absences=[], maintenance=[], window=(3, 5)) == [Span(3, 5, UNKNOWN)]


def test_an_absence_joins_the_unknown_beside_it() -> None:
    day = overlay(drawn("uu--uu--dd"), absences=[(4, 6)], maintenance=[], window=(0, 10))
    assert day == [Span(0, 2, UP), Span(2, 8, UNKNOWN), Span(8, 10, DOWN)]


def test_an_interval_over_a_span_of_its_own_state_joins_it() -> None:
    day = overlay(drawn("u----u"), absences=[(2, 4)], maintenance=[], window=(0, 6))
    assert day == [Span(0, 1, UP), Span(1, 5, UNKNOWN), Span(5, 6, UP)]


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot end"):
        fill([], (5, 4))


def test_of_two_spans_that_overlap_the_earlier_counts() -> None:
    assert fill([Span(0, 6, UP), Span(4, 9, DOWN)], (0, 10)) == [Span(0, 6, UP), Span(6, 9, DOWN), Span(9, 10, UNKNOWN)]


def test_an_empty_span_leaves_no_trace() -> None:
    spans = [Span(0, 2, UP), Span(2, 2, DOWN), Span(2, 4, UNKNOWN), Span(4, 4, DOWN)]
    assert fill(spans, (0, 4)) == [Span(0, 2, UP), Span(2, 4, UNKNOWN)]


@given(histories(), intervals(), intervals(), windows())
def test_laid_over_or_not_the_window_is_covered_to_the_microsecond(
    spans: list[Span], absences: list[tuple[int, int]], maintenance: list[tuple[int, int]], window: tuple[int, int]
) -> None:
    day = overlay(spans, absences=absences, maintenance=maintenance, window=window)
    assert is_merged_cover(day, window)
    for number in range(*window):
        expected = next((span.state for span in spans if span.start <= number < span.end), UNKNOWN)
        expected = UNKNOWN if any(start <= number < end for start, end in absences) else expected
        expected = State.MAINTENANCE if any(start <= number < end for start, end in maintenance) else expected
        assert next(span.state for span in day if span.start <= number < span.end) is expected


@given(histories(), intervals(), intervals(), windows(), corrections())
def test_corrected_or_not_the_window_is_covered_and_no_data_is_no_percentage(
    spans: list[Span],
    absences: list[tuple[int, int]],
    maintenance: list[tuple[int, int]],
    window: tuple[int, int],
    said: list[Correction],
) -> None:
    before = overlay(spans, absences=absences, maintenance=maintenance, window=window)
    day = overlay(spans, absences=absences, maintenance=maintenance, window=window, corrections=said)
    assert is_merged_cover(day, window)
    for number in range(*window):
        expected = next(span.state for span in before if span.start <= number < span.end)
        for correction in said:
            expected = correction.state if correction.covers(number) else expected
        assert next(span.state for span in day if span.start <= number < span.end) is expected
    parts = shares(day, *window)
    assert parts.total == window[1] - window[0]
    assert (figures(parts).uptime is None) == (parts.known == 0)
    assert parts.known == 0 or 0 <= (figures(parts).uptime or 0) <= 100_000


@given(intervals(), windows())
def test_merged_intervals_neither_touch_nor_overlap_and_hold_the_same_moments(
    some: list[tuple[int, int]], window: tuple[int, int]
) -> None:
    merged = merge(some, within=window)
    inside = {n for start, end in some for n in range(start, end) if window[0] <= n < window[1]}
    assert {n for start, end in merged for n in range(start, end)} == inside
    assert all(one[1] < two[0] for one, two in pairwise(merged))


def test_painting_nothing_gives_back_the_very_cover() -> None:
    cover = drawn("uudd")
    assert paint(cover, [(2, 2), (9, 12)], state=UNKNOWN) is cover
    assert paint([], [(0, 4)], state=UNKNOWN) == []
