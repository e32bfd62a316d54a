"""Shifts of any length, hours, layers, and people who are away: still exactly one primary, or a declared gap."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.rotation import Cover, RotationSpec, duties, handoff, next_after, on_call
from alerts.shifts import LayerSpec, Turn, serves, turn_at
from probes.words.clock import moment
from probes.words.units import DAY, HOUR, MINUTE
from tests.pure.test_rotation import THREE, at, who

# --- shifts of any length ---------------------------------------------------------------------------------------------


def test_a_month_is_handed_over_on_its_day() -> None:
    monthly = RotationSpec(people=("ana", "bo"), starts=date(2026, 1, 10), shift="monthly", handoff="5 08:00")
    edges = [moment(handoff(monthly, number, zone="UTC")).strftime("%m-%d %H") for number in range(4)]
    assert edges == ["02-05 08", "03-05 08", "04-05 08", "05-05 08"]
    before, after = at(2026, 3, 5, 7, 59), at(2026, 3, 5, 8)
    assert [who(monthly, before), who(monthly, after)] == ["ana", "bo"]


def test_a_month_without_a_day_begins_on_the_first() -> None:
    monthly = RotationSpec(people=("ana", "bo"), starts=date(2026, 12, 1), shift="monthly", handoff="1 00:00")
    assert [who(monthly, at(2026, 12, 31, 23)), who(monthly, at(2027, 1, 1))] == ["ana", "bo"]


def test_half_days_are_handed_over_at_eight_and_at_eight() -> None:
    halves = RotationSpec(people=("ana", "bo"), starts=date(2026, 3, 1), shift="12h", handoff="08:00")
    assert [who(halves, at(2026, 3, 2, hour)) for hour in (7, 8, 19, 20, 23)] == ["bo", "ana", "ana", "bo", "bo"]


def test_three_days_are_three_days_on_the_wall_though_one_is_shorter() -> None:
    zone = "Europe/Berlin"
    three = RotationSpec(people=("ana", "bo"), starts=date(2026, 3, 27), shift="3d", handoff="09:00", timezone=zone)
    first, second = (handoff(three, number, zone="UTC") for number in (0, 1))
    assert (second - first) / HOUR == 71, "the clocks go forward in between"
    assert who(three, at(2026, 3, 30, 9, zone=zone)) == "bo"


def on_the_wall(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)  # type: ignore[misc,arg-type]


MONTHLY = LayerSpec.model_validate(
    {"people": ["ana", "bo"], "shift": "monthly", "handoff": "10 09:00", "starts": "2026-01-05"}
)


@pytest.mark.parametrize(
    ("wall", "number"),
    [((2025, 6, 1), 0), ((2026, 1, 10, 9), 0), ((2026, 2, 10, 8, 59), 0), ((2026, 2, 10, 9), 1), ((2026, 12, 31), 11),
     ((2027, 1, 10, 8, 59), 11), ((2027, 1, 10, 9), 12), ((2029, 3, 11), 38)],
)  # fmt: skip
def test_the_month_of_a_wall_clock_time(wall: tuple[int, ...], number: int) -> None:
    assert MONTHLY.first == on_the_wall(2026, 1, 10, 9)
    assert MONTHLY.number_near(on_the_wall(*wall)) == number


@pytest.mark.parametrize(
    ("wall", "number"),
    [((2026, 3, 1), 0), ((2026, 3, 2, 9), 0), ((2026, 3, 2, 20, 59), 0), ((2026, 3, 2, 21), 1), ((2026, 3, 4, 9), 4)],
)
def test_the_shift_of_a_wall_clock_time(wall: tuple[int, ...], number: int) -> None:
    layer = LayerSpec.model_validate(
        {"people": ["ana", "bo"], "shift": "12h", "handoff": "09:00", "starts": "2026-03-02"}
    )
    assert layer.number_near(on_the_wall(*wall)) == number


def test_a_turn_begins_with_its_handoff_and_the_first_one_has_no_beginning() -> None:
    zone = "UTC"
    first, second, third = (handoff(MONTHLY, number, zone=zone) for number in range(3))
    assert turn_at(MONTHLY, first, zone=zone) == Turn(0, None, second)
    assert turn_at(MONTHLY, second - 1, zone=zone) == Turn(0, None, second)
    assert turn_at(MONTHLY, second, zone=zone) == Turn(1, second, third)
    alone = LayerSpec(people=("ana",))
    assert turn_at(alone, second, zone=zone).end is None


@pytest.mark.parametrize(
    ("shift", "said"),
    [("daily", "daily"), ("weekly", "weekly"), ("monthly", "monthly"), ("36h", "every 1d12h"), ("3d", "every 3d")],
)
def test_how_long_a_shift_is_said(shift: str, said: str) -> None:
    handed = {"weekly": "Mon 09:00", "monthly": "1 09:00"}.get(shift, "09:00")
    layer = LayerSpec.model_validate(
        {"people": ["ana", "bo"], "shift": shift, "handoff": handed, "starts": "2026-03-02"}
    )
    assert layer.said() == said


@pytest.mark.parametrize("shift", ["1h", "366d"])
def test_the_shortest_and_the_longest_shift_are_taken(shift: str) -> None:
    assert RotationSpec(people=("ana", "bo"), shift=shift, starts=date(2026, 3, 2)).shift == shift


@pytest.mark.parametrize("shift", ["59m", "367d", "90s"])
def test_a_shift_beyond_them_is_not(shift: str) -> None:
    with pytest.raises(ValidationError):
        RotationSpec(people=("ana", "bo"), shift=shift, starts=date(2026, 3, 2))


# --- hours and layers -------------------------------------------------------------------------------------------------


SUN = RotationSpec.model_validate(
    {
        "layers": [
            {"people": ["tomo"], "timezone": "Asia/Tokyo", "hours": "Mon-Sun 08:00-16:00"},
            {"people": ["ana"], "timezone": "Europe/Berlin", "hours": "Mon-Sun 08:00-16:00"},
            {"people": ["dee"], "timezone": "America/Los_Angeles", "hours": "Mon-Sun 08:00-16:00"},
            {"people": ["cy"]},
        ]
    }
)


def test_the_duty_follows_the_sun() -> None:
    named = [who(SUN, at(2026, 7, 1, hour)) for hour in (0, 5, 7, 12, 15, 22)]
    assert named == ["tomo", "tomo", "ana", "ana", "dee", "dee"]
    assert who(SUN, at(2026, 7, 1, 14, 30)) == "cy", "between Berlin's end and Los Angeles' beginning"


def test_how_long_a_layer_serves_or_does_not() -> None:
    office = LayerSpec(people=("ana",), hours="Mon-Fri 08:00-18:00")
    for week in range(0, 60, 7):  # wherever the weeks are cut in which hours are laid out
        start = at(2026, 3, 2) + week * DAY
        assert serves(office, start + 12 * HOUR, zone="UTC") == (True, (start + 8 * HOUR, start + 18 * HOUR))
        assert serves(office, start + 18 * HOUR, zone="UTC") == (False, (start + 18 * HOUR, start + 32 * HOUR))
        assert serves(office, start + 5 * DAY, zone="UTC") == (
            False,
            (start + 4 * DAY + 18 * HOUR, start + 7 * DAY + 8 * HOUR),
        )
    always = LayerSpec(people=("ana",), hours="Mon-Sun 00:00-24:00")
    assert serves(always, at(2026, 3, 4), zone="UTC") == (True, (None, None))


def test_outside_its_hours_a_rotation_is_a_declared_gap() -> None:
    office = RotationSpec(people=("ana",), hours="Mon-Fri 08:00-18:00")
    assert who(office, at(2026, 3, 4, 12)) == "ana"
    night = on_call(office, at(2026, 3, 4, 20))
    assert (night.person, night.source, night.reason) == (None, "gap", "nobody serves at this hour")
    assert (night.start, night.end) == (at(2026, 3, 4, 18), at(2026, 3, 5, 8))
    weekend = on_call(office, at(2026, 3, 7, 12))
    assert (weekend.start, weekend.end) == (at(2026, 3, 6, 18), at(2026, 3, 9, 8))


def test_the_next_one_is_of_the_next_layer_that_serves() -> None:
    lines = RotationSpec.model_validate(
        {
            "layers": [
                {"people": ["ana", "bo"], "starts": "2026-03-02"},
                {"people": ["cy"], "hours": "Mon-Fri 08:00-18:00"},
            ]
        }
    )
    day, night = at(2026, 3, 4, 12), at(2026, 3, 4, 22)
    everyone = set(lines.everybody)
    assert next_after(lines, on_call(lines, day), among=everyone, at=day) == "cy"
    assert next_after(lines, on_call(lines, night), among=everyone, at=night) == "bo"


TWO_LINES = RotationSpec.model_validate(
    {
        "layers": [
            {"people": ["ana", "bo"], "starts": "2026-03-02", "shift": "daily", "handoff": "09:00"},
            {"people": ["cy", "dee"], "starts": "2026-03-02", "shift": "daily", "handoff": "09:00",
             "hours": "Mon-Sun 08:00-18:00"},
        ]
    }
)  # fmt: skip


def test_the_second_line_has_turns_too_and_whoever_has_it_then_is_next() -> None:
    everyone = set(TWO_LINES.everybody)
    for day, first, then in ((4, "ana", "cy"), (5, "bo", "dee"), (6, "ana", "cy")):
        noon = at(2026, 3, day, 12)
        duty = on_call(TWO_LINES, noon)
        assert (duty.person, duty.layer, duty.number) == (first, 0, day - 2)
        assert next_after(TWO_LINES, duty, among=everyone, at=noon) == then
        night = at(2026, 3, day, 22)
        assert (
            next_after(TWO_LINES, on_call(TWO_LINES, night), among=everyone, at=night)
            == {"ana": "bo", "bo": "ana"}[first]
        ), "the second line has gone home"


def test_asked_for_no_time_the_next_one_is_of_the_same_line() -> None:
    duty = on_call(TWO_LINES, at(2026, 3, 5, 12))
    assert next_after(TWO_LINES, duty, among=set(TWO_LINES.everybody)) == "ana"
    assert next_after(TWO_LINES, duty, among={"dee"}) == "dee", "when nobody else is there"


def test_in_a_gap_the_next_one_is_the_second_of_the_first_line() -> None:
    gone = [away(person, at(2026, 3, 3), at(2026, 3, 5)) for person in ("ana", "bo", "cy", "dee")]
    gap = on_call(TWO_LINES, at(2026, 3, 4, 12), aways=gone)
    assert (gap.person, gap.layer, gap.number, gap.name) == (None, 0, 0, "")
    assert next_after(TWO_LINES, gap, among=set(TWO_LINES.everybody)) == "bo"


# --- who is away ------------------------------------------------------------------------------------------------------


def away(person: str, start: int, end: int) -> Cover:
    return Cover("", start, end, person)


def test_the_turn_of_who_is_away_goes_to_the_next_in_order() -> None:
    gone = [away("ana", at(2026, 3, 3), at(2026, 3, 6))]
    found = on_call(THREE, at(2026, 3, 4), aways=gone)
    assert (found.person, found.slot, found.reason) == ("bo", "ana", "turn 1 of the rotation, as ana is away")
    assert (found.start, found.end) == (at(2026, 3, 3), at(2026, 3, 6))
    back = on_call(THREE, at(2026, 3, 6), aways=gone)
    assert (back.person, back.reason, back.start) == ("ana", "turn 1 of the rotation", at(2026, 3, 6))
    assert on_call(THREE, at(2026, 3, 3), aways=gone).person == "bo", "an absence counts from its first instant"
    assert next_after(THREE, found, among=set(THREE.people), at=at(2026, 3, 4), aways=gone) == "cy"


def test_the_absence_of_who_is_not_on_call_leaves_the_turn_as_it_is() -> None:
    gone = [away("cy", at(2026, 3, 3), at(2026, 3, 5))]
    assert on_call(THREE, at(2026, 3, 4), aways=gone) == on_call(THREE, at(2026, 3, 4))


def test_an_override_fills_a_gap_and_says_so() -> None:
    gone = [away(person, at(2026, 3, 3), at(2026, 3, 5)) for person in THREE.people]
    cover = Cover("front-line", at(2026, 3, 4), at(2026, 3, 5), "zoe")
    found = on_call(THREE, at(2026, 3, 4, 12), [cover], aways=gone)
    assert (found.person, found.source, found.reason) == ("zoe", "override", "takes over")
    assert (found.start, found.end) == (cover.start, cover.end)


def test_when_all_are_away_it_is_a_gap_and_a_second_layer_fills_it() -> None:
    gone = [away(person, at(2026, 3, 3), at(2026, 3, 5)) for person in THREE.people]
    alone = on_call(THREE, at(2026, 3, 4), aways=gone)
    assert (alone.person, alone.reason) == (None, "everybody is away")
    helped = RotationSpec.model_validate({"layers": [{"people": ["ana"]}, {"people": ["dee"]}]})
    assert on_call(helped, at(2026, 3, 4), aways=gone).person == "dee"


def test_an_override_by_somebody_who_is_away_does_not_count() -> None:
    cover, gone = (
        Cover("front-line", at(2026, 3, 4), at(2026, 3, 6), "bo"),
        [away("bo", at(2026, 3, 5), at(2026, 3, 7))],
    )
    assert on_call(THREE, at(2026, 3, 4, 12), [cover], aways=gone).person == "bo"
    found = on_call(THREE, at(2026, 3, 5, 12), [cover], aways=gone)
    assert (found.person, found.start, found.end) == ("ana", at(2026, 3, 5), at(2026, 3, 6))


LAYERS = st.lists(
    st.builds(
        lambda people, shift, hours, zone: {
            "people": people, "starts": "2026-03-01", "timezone": zone, "hours": hours, "shift": shift,
            **({} if shift == "weekly" else {"handoff": "1 07:30" if shift == "monthly" else "07:30"}),
        },
        people=st.lists(st.sampled_from(["ana", "bo", "cy", "dee"]), min_size=1, max_size=4, unique=True),
        shift=st.sampled_from(["daily", "weekly", "monthly", "12h", "3d", "36h"]),
        hours=st.sampled_from(["", "Mon-Fri 08:00-18:00", "Sat-Sun 00:00-24:00", "Mon-Sun 22:00-06:00", "Wed 02:00-02:30"]),  # noqa: E501
        zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    ),
    min_size=1, max_size=3,
)  # fmt: skip
TIMES = st.integers(0, 60).map(lambda step: at(2026, 3, 1) + step * 17 * HOUR)
COVERS = st.lists(st.builds(Cover, st.just("front"), TIMES, TIMES, st.sampled_from(["ana", "bo", "zoe"])), max_size=4)


@settings(max_examples=60, deadline=None)
@given(layers=LAYERS, covers=COVERS, gone=COVERS)
def test_whatever_the_layers_duties_tile_the_time_and_name_nobody_who_is_away(
    layers: list[dict[str, object]], covers: list[Cover], gone: list[Cover]
) -> None:
    spec = RotationSpec.model_validate({"layers": layers})
    start, end = at(2026, 3, 20), at(2026, 4, 8)
    found = list(duties(spec, start, end, covers, aways=gone))
    assert (found[0].start, found[-1].end) == (start, end)
    assert all(before.end == after.start for before, after in pairwise(found))
    for when in range(start, end, 7 * HOUR + 11 * MINUTE):
        (holder,) = [
            one for one in found if one.start is not None and one.end is not None and one.start <= when < one.end
        ]
        assert holder.person == on_call(spec, when, covers, aways=gone).person
        assert not any(one.person == holder.person and one.start <= when < one.end for one in gone)
        if holder.person is None:
            assert holder.source == "gap" and holder.reason
