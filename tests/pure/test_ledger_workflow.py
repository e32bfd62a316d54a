"""How a workflow follows from its probes, and a probe from its locations."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.spans import Span, fill
from monitor.ledger.workflow import Member, derive, quorum
from probes.words.hours import Interval
from probes.words.outcome import State
from tests.pure.ledger_kit import DAY, HOUR, MINUTE, STATES, drawn, histories, is_merged_cover, picture_of, windows

# From best to worst, as the rule orders them; maintenance stands outside.
ORDER = {State.UP: 0, State.DEGRADED: 1, State.UNKNOWN: 2, State.DOWN: 3}


def critical(picture: str, *, since: int = 0, until: int | None = None) -> Member:
    return Member("critical", drawn(picture), critical=True, since=since, until=until)


def degrading(picture: str) -> Member:
    return Member("degrading", drawn(picture), critical=False, since=0)


def derived(*members: Member, length: int) -> str:
    return picture_of(derive(members, (0, length)))


@st.composite
def memberships(draw: st.DrawFn) -> list[Member]:
    """Up to four probes, critical or not, that come and go."""
    members = []
    for number in range(draw(st.integers(0, 4))):
        since, until = draw(st.integers(-10, 60)), draw(st.none() | st.integers(-10, 70))
        members.append(Member(f"p{number}", draw(histories()), critical=draw(st.booleans()), since=since, until=until))
    return members


def state_at(spans: list[Span], moment: int) -> State:
    return next((span.state for span in spans if span.start <= moment < span.end), State.UNKNOWN)


def worst_at(members: list[Member], moment: int) -> State:
    """The rule of the workflow, moment by moment and word by word."""
    present = [one for one in members if one.since <= moment and (one.until is None or moment < one.until)]
    held = [state_at(list(one.spans), moment) for one in present if one.critical]
    counting = [state for state in held if state is not State.MAINTENANCE]
    if not held:
        return State.UNKNOWN
    if not counting:
        return State.MAINTENANCE
    worst = max(counting, key=ORDER.__getitem__)
    spoilt = any(
        state_at(list(one.spans), moment) in (State.DOWN, State.DEGRADED) for one in present if not one.critical
    )
    return State.DEGRADED if worst is State.UP and spoilt else worst


# ----------------------------------------------------------------------------------------------------------- worst-of


def test_the_worst_critical_probe_decides_down_then_unknown_then_degraded_then_up() -> None:
    assert derived(critical("udg-udg-"), critical("uuuugggg"), length=8) == "udg-gdg-"
    assert derived(critical("dddd"), critical("u-gd"), length=4) == "dddd"
    assert derived(critical("----"), critical("u-gd"), length=4) == "---d"


def test_a_probe_that_affects_degraded_can_only_degrade() -> None:
    assert derived(critical("uuuuu"), degrading("udg-m"), length=5) == "ugguu"
    assert derived(critical("d-gm"), degrading("dddd"), length=4) == "d-gm"


def test_a_probe_in_maintenance_drops_out_and_when_all_did_it_is_maintenance() -> None:
    assert derived(critical("mmmmm"), critical("udg-m"), length=5) == "udg-m"
    assert derived(critical("mm"), degrading("ud"), length=2) == "mm"


def test_without_a_critical_probe_nothing_is_known() -> None:
    assert derived(degrading("udgm-"), length=5) == "-----"
    assert derived(length=3) == "---"


def test_where_a_probe_has_no_span_it_is_unknown() -> None:
    assert derived(critical("u  u"), critical("uuuu"), length=5) == "u--u-"


def test_membership_is_dated_so_that_a_new_probe_does_not_rewrite_history() -> None:
    old, new = critical("uuuuuuuu"), critical("    dddd", since=4)
    assert derived(old, length=8) == "uuuuuuuu"
    assert derived(old, new, length=8) == "uuuudddd"


def test_a_probe_that_left_no_longer_counts_but_what_it_saw_still_does() -> None:
    left = critical("dddd----", until=4)
    assert derived(critical("uuuuuuuu"), left, length=8) == "dddduuuu"


def test_before_the_first_probe_was_a_member_nothing_is_known() -> None:
    assert derived(critical("uuuu", since=2, until=3), length=4) == "--u-"
    assert derived(critical("uuuu", since=3, until=2), length=4) == "----"


@given(memberships(), windows())
def test_the_derived_spans_follow_the_rule_at_every_moment_and_cover_the_window(
    members: list[Member], window: Interval
) -> None:
    spans = derive(members, window)
    assert is_merged_cover(spans, window)
    assert [state_at(spans, moment) for moment in range(*window)] == [worst_at(members, n) for n in range(*window)]


@given(memberships(), st.data())
def test_when_a_probe_gets_worse_the_workflow_never_gets_better(members: list[Member], data: st.DataObject) -> None:
    if not members:
        members = [critical("u" * 60)]
    chosen = data.draw(st.integers(0, len(members) - 1))
    start, end = sorted((data.draw(st.integers(0, 60)), data.draw(st.integers(0, 60))))
    bad = data.draw(st.sampled_from([State.DEGRADED, State.UNKNOWN, State.DOWN]))
    member = members[chosen]
    worse = [
        Span(span.start + n, span.start + n + 1, bad if start <= span.start + n < end and lesser else span.state)
        for span in fill(member.spans, (0, 60))
        for n in range(span.length)
        for lesser in [span.state is not State.MAINTENANCE and ORDER[span.state] < ORDER[bad]]
    ]
    changed = Member(member.key, worse, critical=member.critical, since=member.since, until=member.until)
    before = derive(members, (0, 60))
    after = derive([*members[:chosen], changed, *members[chosen + 1 :]], (0, 60))
    for moment in range(60):
        one, two = state_at(before, moment), state_at(after, moment)
        # A probe of `affects: degraded` that is lost from sight no longer degrades: no evidence is not a fault.
        if member.critical or bad is not State.UNKNOWN:
            assert one is two or ORDER[two] > ORDER[one]


@given(memberships(), st.permutations(range(4)))
def test_the_order_of_the_probes_does_not_matter(members: list[Member], order: list[int]) -> None:
    shuffled = [members[number] for number in order if number < len(members)]
    assert derive(shuffled, (0, 60)) == derive(members, (0, 60))


@pytest.mark.serial
def test_a_quarter_of_a_workflow_with_two_probes_is_derived_in_well_under_a_page_s_time() -> None:
    edges = sorted([n * 31 * HOUR for n in range(71)] + [90 * DAY])
    flips = [State.UP, State.DOWN]
    first = [Span(a, b, flips[n % 2]) for n, (a, b) in enumerate(pairwise(edges)) if a < b]
    second = [Span(max(0, one.start - MINUTE), one.end - MINUTE, one.state) for one in first]
    members = [Member("a", first, critical=True, since=0), Member("b", second, critical=True, since=0)]
    best = float("inf")
    for _ in range(50):
        begun = time.perf_counter()
        spans = derive(members, (0, 90 * DAY))
        best = min(best, time.perf_counter() - begun)
    assert len(spans) > 60
    assert best < 0.0004, f"{best * 1e3:.3f} ms"  # 0.1 ms here; the page has 100 of them to draw in 60 ms


# ------------------------------------------------------------------------------------------------------------- quorum


def agreed(*pictures: str, length: int) -> str:
    return picture_of(quorum([drawn(picture) for picture in pictures], (0, length)))


def test_one_location_speaks_for_itself() -> None:
    assert agreed("udg-m", length=5) == "udg-m"


def test_of_two_locations_both_must_see_it_down() -> None:
    assert agreed("dddd", "du-g", length=4) == "dg-g"


def test_of_three_locations_two_downs_are_down_and_one_only_degrades() -> None:
    assert agreed("dddd", "dduu", "du-u", length=4) == "dd-g"


def test_downs_and_unknowns_together_at_quorum_are_unknown() -> None:
    assert agreed("--d-", "-ddu", "uuud", length=4) == "--d-"
    assert agreed("-", "u", "u", length=1) == "u"
    assert agreed("-", "d", "u", "u", length=1) == "g"


def test_of_five_locations_three_are_a_quorum() -> None:
    assert agreed("dd-", "dd-", "udd", "uu-", "uuu", length=3) == "gd-"


def test_a_slow_location_degrades_unless_the_quorum_says_worse() -> None:
    assert agreed("ggg", "udd", "uud", length=3) == "ggd"


def test_locations_in_maintenance_drop_out_of_the_count() -> None:
    assert agreed("m", "d", "u", length=1) == "g"
    assert agreed("m", "d", "d", length=1) == "d"
    assert agreed("m", "m", "d", length=1) == "d"
    assert agreed("m", "m", length=1) == "m"


def test_no_location_is_no_evidence() -> None:
    assert quorum([], (0, 4)) == [Span(0, 4, State.UNKNOWN)]


def test_a_location_added_today_does_not_make_yesterday_unknown() -> None:
    old, new = drawn("dddddddd"), drawn("    dddd")
    assert picture_of(quorum([old, new], (0, 8))) == "----dddd"
    assert picture_of(quorum([old, new], (0, 8), terms=[(0, None), (4, None)])) == "dddddddd"
    assert picture_of(quorum([old, drawn("uuuu")], (0, 8), terms=[(0, None), (0, 4)])) == "ggggdddd"


@given(st.lists(histories(), max_size=5), windows())
def test_a_quorum_follows_the_rule_at_every_moment_and_covers_the_window(
    locations: list[list[Span]], window: Interval
) -> None:
    spans = quorum(locations, window)
    assert is_merged_cover(spans, window)
    for moment in range(*window):
        held = [state for one in locations if (state := state_at(one, moment)) is not State.MAINTENANCE]
        need = len(held) // 2 + 1
        downs, unknowns = held.count(State.DOWN), held.count(State.UNKNOWN)
        if not held:
            expected = State.MAINTENANCE if locations else State.UNKNOWN
        elif downs >= need:
            expected = State.DOWN
        elif downs + unknowns >= need:
            expected = State.UNKNOWN
        else:
            expected = State.DEGRADED if downs or State.DEGRADED in held else State.UP
        assert state_at(spans, moment) is expected


@given(st.lists(histories(), min_size=1, max_size=4), st.integers(0, 3), STATES)
def test_one_location_alone_is_what_it_saw(locations: list[list[Span]], number: int, state: State) -> None:
    alone = locations[number % len(locations)]
    assert quorum([alone], (0, 60)) == fill(alone, (0, 60))
    agreeing = [[Span(0, 60, state)] for _ in locations]
    assert quorum(agreeing, (0, 60)) == [Span(0, 60, state)]
