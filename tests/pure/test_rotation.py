"""Handoffs in wall-clock time: always exactly one primary, whatever a zone does to its clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.rotation import Cover, RotationSpec, duties, handoff, next_after, on_call, turn
from alerts.shifts import instant_of as instant
from probes.words.clock import micros, moment
from probes.words.units import DAY, HOUR, MINUTE, SECOND

THREE = RotationSpec(people=("ana", "bo", "cy"), starts=date(2026, 3, 2), handoff="Mon 09:00")
ZONES = sorted(
    zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix", "right"))
)
SHIFTING = [  # an hour, half an hour, midnight, a day that never was, a day twice, before and after the equator
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("America/Santiago", date(2026, 9, 6)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
]


def at(*parts: int, zone: str = "UTC", fold: int = 0) -> int:
    return micros(datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC))  # type: ignore[misc,arg-type]


def who(spec: RotationSpec, when: int, *, zone: str = "UTC") -> str | None:
    return on_call(spec, when, zone=zone).person


# --- turns ------------------------------------------------------------------------------------------------------------


def test_people_take_turns_from_monday_to_monday() -> None:
    zone = "America/New_York"
    assert who(THREE, at(2026, 3, 2, 9, zone=zone), zone=zone) == "ana"
    assert who(THREE, at(2026, 3, 9, 8, 59, 59, zone=zone), zone=zone) == "ana"
    assert who(THREE, at(2026, 3, 9, 9, zone=zone), zone=zone) == "bo"
    assert who(THREE, at(2026, 3, 16, 9, zone=zone), zone=zone) == "cy"
    assert who(THREE, at(2026, 3, 23, 9, zone=zone), zone=zone) == "ana"


def test_a_handoff_is_exact_to_the_microsecond() -> None:
    edge = at(2026, 3, 9, 9)
    assert [who(THREE, edge - 1), who(THREE, edge)] == ["ana", "bo"]


def test_the_first_handoff_is_the_first_that_falls_on_or_after_the_start() -> None:
    midweek = THREE.model_copy(update={"starts": date(2026, 3, 4)})
    assert moment(handoff(midweek, 0, zone="UTC")) == datetime(2026, 3, 9, 9, tzinfo=UTC)


def test_until_the_first_handoff_the_first_person_is_on_call() -> None:
    duty = turn(THREE, at(2020, 1, 1))
    assert (duty.person, duty.start) == ("ana", None)


def test_one_person_needs_no_start_and_never_hands_off() -> None:
    duty = on_call(RotationSpec(people=("ana",)), at(2026, 7, 1))
    assert (duty.person, duty.end) == ("ana", None)


def test_the_rotation_has_its_own_zone_or_the_sites() -> None:
    berlin = THREE.model_copy(update={"timezone": "Europe/Berlin"})
    when = at(2026, 3, 9, 8)  # 09:00 in Berlin
    assert (who(berlin, when, zone="America/New_York"), who(THREE, when)) == ("bo", "ana")


def test_daily_turns() -> None:
    daily = RotationSpec(people=("ana", "bo"), starts=date(2026, 3, 1), shift="daily", handoff="22:00")
    assert [who(daily, at(2026, 3, day, 23)) for day in (1, 2, 3)] == ["ana", "bo", "ana"]


# --- clocks that jump -------------------------------------------------------------------------------------------------


def test_a_time_that_never_was_becomes_the_first_moment_after_it() -> None:
    assert instant(datetime.fromisoformat("2026-03-08 02:30"), "America/New_York") == at(2026, 3, 8, 7)
    assert instant(datetime.fromisoformat("2026-04-24 00:00"), "Africa/Cairo") == at(2026, 4, 23, 22)
    assert instant(datetime.fromisoformat("2011-12-30 09:00"), "Pacific/Apia") == at(2011, 12, 30, 10)


def test_a_time_that_comes_twice_is_its_first() -> None:
    assert instant(datetime.fromisoformat("2026-11-01 01:30"), "America/New_York") == at(2026, 11, 1, 5, 30)


def test_a_shift_over_the_change_is_an_hour_shorter_or_longer_and_touches_its_neighbours() -> None:
    lengths = {}
    for name, first in (("spring", date(2026, 3, 2)), ("autumn", date(2026, 10, 26))):
        spec = THREE.model_copy(update={"starts": first})
        edges = [handoff(spec, number, zone="America/New_York") for number in range(3)]
        lengths[name] = [(after - before) / HOUR for before, after in pairwise(edges)]
    assert lengths == {"spring": [167, 168], "autumn": [169, 168]}


@pytest.mark.parametrize(("zone", "day"), SHIFTING)
@pytest.mark.parametrize("clock", ["00:00", "01:30", "02:00", "02:30", "09:00", "23:59"])
def test_every_half_minute_of_a_weekend_of_change_has_exactly_one_primary(zone: str, day: date, clock: str) -> None:
    spec = RotationSpec(people=("ana", "bo"), starts=day - timedelta(days=3), shift="daily", handoff=clock)
    start = micros(datetime(day.year, day.month, day.day, tzinfo=UTC)) - DAY
    before = turn(spec, start, zone=zone)
    for when in range(start, start + 3 * DAY, 30 * SECOND):
        duty = turn(spec, when, zone=zone)
        assert duty.person in spec.people
        assert duty.end is not None and (duty.start is None or duty.start <= when) and when < duty.end
        if duty.number != before.number:
            # a zone that skips a day skips a turn: both would begin at the same instant
            assert duty.start is not None and before.end is not None and duty.start >= before.end
            assert duty.number == before.number + 1 or handoff(spec, before.number + 1, zone=zone) == duty.start
            before = duty
    assert before.number > turn(spec, start, zone=zone).number


@settings(max_examples=300)
@given(
    zone=st.sampled_from(ZONES),
    when=st.integers(at(1975, 1, 1), at(2040, 1, 1)),
    starts=st.dates(date(1975, 1, 1), date(2035, 1, 1)),
    people=st.integers(1, 5),
    weekly=st.booleans(),
    minute=st.integers(0, 24 * 60 - 1),
    weekday=st.sampled_from(["Mon", "Wed", "Sun"]),
)
def test_any_zone_any_moment_one_primary_until_the_next(
    zone: str, when: int, starts: date, people: int, weekly: bool, minute: int, weekday: str
) -> None:
    clock = f"{minute // 60:02}:{minute % 60:02}"
    names = tuple(f"person-{number}" for number in range(people))
    spec = RotationSpec(
        people=names,
        starts=starts,
        handoff=f"{weekday} {clock}" if weekly else clock,
        shift="weekly" if weekly else "daily",
    )
    duty = turn(spec, when, zone=zone)
    assert duty.person in names
    assert duty.start is None or duty.start <= when
    assert duty.end is None or when < duty.end
    if duty.end is not None:
        assert turn(spec, duty.end - 1, zone=zone) == duty
        after = turn(spec, duty.end, zone=zone)
        assert after.start == duty.end
        assert after.number > duty.number
    if duty.start is not None:
        assert turn(spec, duty.start, zone=zone) == duty


# --- overrides --------------------------------------------------------------------------------------------------------


def test_an_override_takes_over_for_its_time_and_says_from_whom() -> None:
    cover = Cover("front-line", at(2026, 3, 4), at(2026, 3, 5), "bo", "ana", "dentist")
    inside = on_call(THREE, at(2026, 3, 4, 12), [cover])
    assert (inside.person, inside.source, inside.reason, inside.slot) == (
        "bo",
        "override",
        "takes over from ana",
        "ana",
    )
    assert (inside.start, inside.end) == (cover.start, cover.end)
    before, after = on_call(THREE, cover.start - 1, [cover]), on_call(THREE, cover.end, [cover])
    assert (before.person, before.end) == ("ana", cover.start)
    assert (after.person, after.start) == ("ana", cover.end)


def test_of_two_overrides_the_one_made_last_holds() -> None:
    first = Cover("front-line", at(2026, 3, 4), at(2026, 3, 6), "bo")
    last = Cover("front-line", at(2026, 3, 5), at(2026, 3, 7), "cy")
    people = [on_call(THREE, at(2026, 3, day, 12), [first, last]).person for day in (4, 5, 6, 7)]
    assert people == ["bo", "cy", "cy", "ana"]


@given(
    covers=st.lists(
        st.builds(
            Cover,
            rotation=st.just("front-line"),
            start=st.integers(0, 40).map(lambda day: at(2026, 3, 1) + day * 11 * HOUR),
            end=st.integers(0, 40).map(lambda day: at(2026, 3, 1) + day * 11 * HOUR),
            person=st.sampled_from(["ana", "bo", "zoe"]),
        ),
        max_size=6,
    ),
    begin=st.integers(0, 20),
)
def test_duties_leave_no_gap_and_no_overlap(covers: list[Cover], begin: int) -> None:
    start = at(2026, 3, 1) + begin * DAY
    end = start + 20 * DAY
    found = list(duties(THREE, start, end, covers, zone="America/New_York"))
    assert (found[0].start, found[-1].end) == (start, end)
    assert all(before.end == after.start for before, after in pairwise(found))
    assert all((before.person, before.source) != (after.person, after.source) for before, after in pairwise(found))
    for when in range(start, end, 5 * HOUR + 7 * MINUTE):
        holders = [
            duty for duty in found if duty.start is not None and duty.end is not None and duty.start <= when < duty.end
        ]
        assert [duty.person for duty in holders] == [on_call(THREE, when, covers, zone="America/New_York").person]


# --- who is next ------------------------------------------------------------------------------------------------------


def test_next_is_the_next_in_order_who_is_there_and_not_on_call() -> None:
    everyone = set(THREE.people)
    now = on_call(THREE, at(2026, 3, 4))
    covered = on_call(THREE, at(2026, 3, 4), [Cover("front-line", at(2026, 3, 4), at(2026, 3, 5), "bo")])
    assert next_after(THREE, now, among=everyone) == "bo"
    assert next_after(THREE, covered, among=everyone) == "cy"
    assert next_after(THREE, now, among=everyone - {"bo"}) == "cy"
    assert next_after(THREE, now, among={"ana"}) is None


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "write `people`"),
        ({"people": ["ana"], "pagerduty_schedule": "P1"}, "write `people`"),
        ({"people": ["ana", "bo"]}, "starts:"),
        ({"people": ["Ana Ash"]}, "no person's key"),
        ({"people": ["ana"], "handoff": "Monday 9"}, "write Mon 09:00"),
        ({"people": ["ana"], "handoff": "09:00"}, "names its day"),
        ({"people": ["ana"], "shift": "daily", "handoff": "Mon 09:00"}, "names no day"),
        ({"people": ["ana"], "handoff": "Mon 24:00"}, "write Mon 09:00"),
        ({"people": ["ana"], "timezone": "Mars/Olympus"}, "Europe/Berlin"),
        ({"people": ["ana"], "timezone": "../../etc/passwd"}, "Europe/Berlin"),
        ({"pagerduty_schedule": "P1/../x"}, "pattern"),
        ({"people": ["ana"], "shift": "monthly", "handoff": "Mon 09:00"}, "write 1 09:00"),
        ({"people": ["ana"], "shift": "fortnightly"}, "write weekly"),
        ({"people": ["ana"], "shift": "10m"}, "between 1h and 366d"),
        ({"people": ["ana"], "shift": "3d", "handoff": "Mon 09:00"}, "write handoff: 09:00"),
        ({"people": ["ana"], "hours": "Mo 8-9"}, "write them like"),
        ({"layers": [{"hours": "Mon 08:00-12:00"}]}, "layer 1 has nobody"),
        ({"layers": [{"people": ["ana"]}], "people": ["bo"]}, "write `people`"),
    ],
)
def test_a_wrong_rotation_is_refused_with_what_to_write(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RotationSpec.model_validate(given)
    assert said in str(caught.value)


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


# --- who is away ------------------------------------------------------------------------------------------------------


def away(person: str, start: int, end: int) -> Cover:
    return Cover("", start, end, person)


def test_the_turn_of_who_is_away_goes_to_the_next_in_order() -> None:
    gone = [away("ana", at(2026, 3, 3), at(2026, 3, 6))]
    found = on_call(THREE, at(2026, 3, 4), aways=gone)
    assert (found.person, found.slot, found.reason) == ("bo", "ana", "turn 1 of the rotation, as ana is away")
    assert (found.start, found.end) == (at(2026, 3, 3), at(2026, 3, 6))
    assert on_call(THREE, at(2026, 3, 6), aways=gone).person == "ana"
    assert next_after(THREE, found, among=set(THREE.people), at=at(2026, 3, 4), aways=gone) == "cy"


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
        hours=st.sampled_from(["", "Mon-Fri 08:00-18:00", "Sat-Sun 00:00-24:00", "Mon-Sun 22:00-06:00", "Wed 02:00-02:30"]),
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
