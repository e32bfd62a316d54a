"""Every figure can be redone by hand from the rows behind it."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.explain import MaintenanceWindow, Row, explain
from monitor.ledger.spans import Correction, Span, overlay
from monitor.ledger.uptime import Shares, figures, shares, total
from monitor.ledger.workflow import Member, derive
from probes.words.hours import Interval
from probes.words.outcome import State
from tests.pure.ledger_kit import (
    INSTANTS,
    MINUTE,
    SECOND,
    TODAY,
    at,
    corrections,
    drawn,
    histories,
    intervals,
    picture_of,
    windows,
)


def probe(
    key: str,
    picture: str,
    *,
    critical: bool = True,
    since: int = 0,
    until: int | None = None,
    said: tuple[Correction, ...] = (),
) -> Member:
    return Member(key, drawn(picture), critical=critical, since=since, until=until, corrections=said)


def corrected(start: int, end: int, state: State, reason: str) -> Correction:
    return Correction(start, end, state, "Ana", reason)


def told(*members: Member, length: int, maintenance: list[MaintenanceWindow] | None = None) -> list[tuple[str, ...]]:
    """Each row as (picture letter, reasons…)."""
    found = explain(members, (0, length), absences=[(6, 8)], maintenance=maintenance or [])
    return [(picture_of([Span(0, 1, row.state)]), *row.because) for row in found.rows]


@st.composite
def stories(draw: st.DrawFn) -> tuple[list[Member], list[Interval], list[MaintenanceWindow]]:
    """Probes as observed, absences, and named maintenance of some or all of them."""
    members = []
    for number in range(draw(st.integers(0, 3))):
        since, until = draw(st.integers(-10, 40)), draw(st.none() | st.integers(0, 70))
        member = Member(f"p{number}", draw(histories()), critical=draw(st.booleans()), since=since, until=until)
        members.append(member)
    planned = []
    for number in range(draw(st.integers(0, 3))):
        start, end = sorted((draw(INSTANTS), draw(INSTANTS)))
        keys = draw(st.none() | st.frozensets(st.sampled_from(["p0", "p1", "p2"])))
        planned.append(MaintenanceWindow(start, end, f"w{number}", keys))
    return members, draw(intervals()), planned


def test_a_row_names_the_probes_that_decided_it() -> None:
    rows = told(probe("home", "uuddd-"), probe("books", "uuuddu"), length=6)
    assert rows == [("u",), ("d", "home"), ("d", "home", "books"), ("-", "home")]


def test_a_slow_probe_and_one_that_can_only_degrade_are_both_named() -> None:
    rows = told(probe("home", "ugu"), probe("extra", "udd", critical=False), length=3)
    assert rows == [("u",), ("g", "home", "extra"), ("g", "extra")]


def test_a_probe_that_can_only_degrade_is_no_reason_for_an_outage() -> None:
    assert told(probe("home", "ddu"), probe("extra", "ddd", critical=False), length=3) == [
        ("d", "home"),
        ("g", "extra"),
    ]


def test_a_probe_decides_only_from_the_day_it_joined_to_the_day_it_left() -> None:
    guest = probe("guest", "dddddd", since=2, until=4)
    assert told(probe("home", "uuuuuu"), guest, length=6) == [("u",), ("d", "guest"), ("u",)]


def test_the_keepers_absence_is_named_and_not_the_probe() -> None:
    assert told(probe("home", "uuuuu---uu"), length=10) == [
        ("u",),
        ("-", "home"),
        ("-", "showup was not running"),
        ("u",),
    ]


def test_maintenance_is_named_by_its_window_even_while_showup_was_not_running() -> None:
    nightly = MaintenanceWindow(2, 7, "nightly import")
    both = MaintenanceWindow(4, 5, "new server")
    story = explain([probe("home", "uuddddduu")], (0, 9), absences=[(6, 8)], maintenance=[nightly, both])
    assert [row.start for row in story.rows] == [0, 2, 4, 5, 7, 8]
    assert told(probe("home", "uuddddduu"), length=9, maintenance=[nightly, both]) == [
        ("u",),
        ("m", "nightly import"),
        ("m", "nightly import", "new server"),
        ("m", "nightly import"),
        ("-", "showup was not running"),
        ("u",),
    ]


def test_maintenance_of_one_probe_leaves_the_others_to_decide() -> None:
    moved = MaintenanceWindow(0, 3, "move of the calendar", frozenset({"books"}))
    assert told(probe("home", "udu"), probe("books", "ddd"), length=3, maintenance=[moved]) == [
        ("u",),
        ("d", "home"),
        ("u",),
    ]


def test_a_probe_already_in_maintenance_is_named_itself() -> None:
    assert told(probe("home", "umm"), length=3) == [("u",), ("m", "home")]


def test_time_without_a_critical_probe_says_so() -> None:
    rows = told(probe("home", "uuuu", since=2), probe("extra", "dddd", critical=False), length=3)
    assert rows == [("-", "no critical probe"), ("g", "extra")]


def test_a_correction_is_named_with_author_and_reason_instead_of_the_probe_also_when_it_made_it_up() -> None:
    said = (corrected(1, 3, State.UP, "a wrong check"), corrected(4, 5, State.DOWN, "customers called"))
    assert told(probe("home", "dddddd", said=said), length=6) == [
        ("d", "home"),
        ("u", "corrected by Ana: a wrong check"),
        ("d", "home"),
        ("d", "corrected by Ana: customers called"),
        ("d", "home"),
    ]


def test_of_two_corrections_the_later_is_named() -> None:
    said = (corrected(0, 4, State.UP, "first"), corrected(2, 4, State.UNKNOWN, "on second thoughts"))
    assert told(probe("home", "dddd", said=said), length=4) == [
        ("u", "corrected by Ana: first"),
        ("-", "corrected by Ana: on second thoughts"),
    ]


def test_a_correction_of_one_probe_leaves_the_others_to_decide_and_is_named_beside_them() -> None:
    one = probe("home", "dddd", said=(corrected(0, 2, State.UP, "a wrong check"),))
    assert told(one, probe("books", "dddd"), length=4) == [
        ("d", "books", "corrected by Ana: a wrong check"),
        ("d", "home", "books"),
    ]


def test_a_correction_of_absence_or_maintenance_is_the_reason_and_they_are_not() -> None:
    said = (corrected(1, 8, State.UP, "seen by hand"),)
    planned = [MaintenanceWindow(1, 3, "nightly import")]
    assert told(probe("home", "uuuuuu--uu", said=said), length=10, maintenance=planned) == [
        ("u",),
        ("u", "corrected by Ana: seen by hand"),
        ("u",),
    ]
    unknown = (corrected(5, 8, State.UNKNOWN, "nobody knows"), corrected(1, 3, State.MAINTENANCE, "the move"))
    assert told(probe("home", "uuuuuu--uu", said=unknown), length=10, maintenance=planned) == [
        ("u",),
        ("m", "corrected by Ana: the move"),
        ("u",),
        ("-", "corrected by Ana: nobody knows"),
        ("u",),
    ]


def test_the_working_can_be_redone_by_hand() -> None:
    """The keeper's death of the worked cases, as `showup explain` tells it."""
    seen = [
        Span(TODAY[0], at("10:00"), State.UP),
        Span(at("10:00"), at("10:02:40"), State.DOWN),
        Span(at("10:02:40"), at("10:20:15"), State.UNKNOWN),
        Span(at("10:20:15"), at("10:21"), State.DOWN),
        Span(at("10:21"), TODAY[1], State.UP),
    ]
    home = Member("home", seen, critical=True, since=0)
    story = explain([home], TODAY, absences=[(at("10:00:30"), at("10:20:10"))], maintenance=[], first_try=(1420, 1424))

    assert [(row.state.value, row.length // SECOND, row.because) for row in story.rows] == [
        ("up", 36_000, ()),
        ("down", 30, ("home",)),
        ("unknown", 1180, ("showup was not running",)),
        ("unknown", 5, ("home",)),
        ("down", 45, ("home",)),
        ("up", 49_140, ()),
    ]
    assert story.working() == (
        "uptime = (up + degraded) / (up + degraded + down) = 85,140 s / 85,215 s = 99.911 %",
        "coverage = known / (window − maintenance) = 85,215 s / 86,400 s = 98.628 %",
        "at least = (up + degraded) / (window − maintenance) = 85,140 s / 86,400 s = 98.541 %",
    )
    assert story.figures.first_try == 99_719


def test_the_working_shows_fractions_of_a_second_exactly_and_no_percentage_without_data() -> None:
    story = explain([probe("home", "uud")], (0, 3), absences=[], maintenance=[])
    assert story.working()[0].endswith("= 0.000002 s / 0.000003 s = 66.666 %")
    nothing = explain([], (0, MINUTE), absences=[], maintenance=[])
    assert nothing.working()[0].endswith("= 0 s / 0 s = no data")
    assert nothing.working()[2].endswith("= 0 s / 60 s = no data")


def test_an_empty_window_has_no_rows() -> None:
    story = explain([probe("home", "uu")], (1, 1), absences=[], maintenance=[])
    assert (story.rows, story.shares) == ([], Shares())


@given(stories(), windows())
def test_the_rows_are_the_derived_spans_and_sum_to_the_figures(
    story: tuple[list[Member], list[Interval], list[MaintenanceWindow]], window: Interval
) -> None:
    members, absences, planned = story
    laid = []
    for member in members:
        windows_of = [(each.start, each.end) for each in planned if each.covers(member.key)]
        spans = overlay(member.spans, absences=absences, maintenance=windows_of, window=window)
        laid.append(Member(member.key, spans, critical=member.critical, since=member.since, until=member.until))
    spans = derive(laid, window)

    found = explain(members, window, absences=absences, maintenance=planned)

    assert total([Span(row.start, row.end, row.state) for row in found.rows]) == found.shares == shares(spans, *window)
    assert picture_of(shifted(found.rows, by=10)) == picture_of(shifted(spans, by=10))
    assert found.figures == figures(found.shares)
    assert all((row.because == ()) == (row.state is State.UP) for row in found.rows)
    known = {"showup was not running", "no critical probe"}
    assert all(name in known or re.fullmatch("[pw][0-2]", name) for row in found.rows for name in row.because)
    for one, two in pairwise(found.rows):
        assert one.end == two.start
        assert (one.state, one.because) != (two.state, two.because)


@st.composite
def put_right(draw: st.DrawFn) -> tuple[list[Member], list[Interval], list[MaintenanceWindow]]:
    """The same stories, with corrections of each probe."""
    members, absences, planned = draw(stories())
    return [replace(member, corrections=draw(corrections())) for member in members], absences, planned


@given(put_right(), windows())
def test_corrected_rows_are_the_derived_spans_and_name_each_correction_that_counts(
    story: tuple[list[Member], list[Interval], list[MaintenanceWindow]], window: Interval
) -> None:
    members, absences, planned = story
    laid = []
    for member in members:
        of = [(each.start, each.end) for each in planned if each.covers(member.key)]
        spans = overlay(member.spans, absences=absences, maintenance=of, window=window, corrections=member.corrections)
        laid.append(replace(member, spans=spans))
    spans = derive(laid, window)

    found = explain(members, window, absences=absences, maintenance=planned)

    assert found.shares == shares(spans, *window)
    assert found.shares.total == window[1] - window[0]
    assert (found.figures.uptime is None) == (found.shares.known == 0)
    assert picture_of(shifted(found.rows, by=10)) == picture_of(shifted(spans, by=10))
    for row in found.rows:
        there = [one for one in members if one.since <= row.start and (one.until is None or row.start < one.until)]
        counting = {str(said) for one in there if (said := one.corrected(row.start)) is not None}
        assert {name for name in row.because if name.startswith("corrected by ")} == counting
        assert row.because or row.state is State.UP


def shifted(parts: list[Row] | list[Span], *, by: int) -> list[Span]:
    """The same parts later, so that what lies before 0 can be drawn."""
    return [Span(part.start + by, part.end + by, part.state) for part in parts]
