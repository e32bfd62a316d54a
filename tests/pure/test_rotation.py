"""Handoffs in wall-clock time: always exactly one primary, whatever a zone does to its clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.rotation import Cover, Duty, RotationSpec, duties, handoff, next_after, on_call, turn
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


def test_an_override_without_length_or_that_ends_before_it_begins_is_not_there_at_all() -> None:
    noon = at(2026, 3, 4, 12)
    plain = on_call(THREE, noon)
    for start, end in ((noon, noon), (noon + HOUR, noon - HOUR), (noon - HOUR, noon - HOUR)):
        assert on_call(THREE, noon, [Cover("front-line", start, end, "bo")]) == plain


def test_whom_only_pagerduty_knows_is_named_by_whoever_takes_over() -> None:
    base = Duty(person=None, start=None, end=None, source="pagerduty", reason="as PagerDuty tells", name="Dee")
    cover = Cover("front-line", at(2026, 3, 4), at(2026, 3, 5), "bo")
    found = on_call(THREE, at(2026, 3, 4, 12), [cover], base=base)
    assert (found.person, found.reason, found.name) == ("bo", "takes over from Dee", "")
    before = on_call(THREE, at(2026, 3, 3), [cover], base=base)
    assert (before.person, before.name, before.start, before.end) == (None, "Dee", None, cover.start)


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
        ({"layers": [{"people": ["ana"]}], "timezone": "Europe/Berlin"}, "timezone beside layers counts for none"),
        ({"layers": [{"people": ["ana"]}] * 21}, "at most 20"),
        ({"pagerduty_schedule": "P" * 41}, "at most 40"),
        ({"pagerduty_policy": "P" * 41}, "at most 40"),
    ],
)
def test_a_wrong_rotation_is_refused_with_what_to_write(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RotationSpec.model_validate(given)
    assert said in str(caught.value)


def test_a_rotation_as_long_as_it_may_be_is_taken_and_an_id_may_be_one_letter() -> None:
    assert len(RotationSpec.model_validate({"layers": [{"people": ["ana"]}] * 20}).every_layer) == 20
    for key in ("P", "P" * 40):
        assert RotationSpec(pagerduty_schedule=key).pagerduty_schedule == key
        assert RotationSpec(pagerduty_policy=key).pagerduty_policy == key
