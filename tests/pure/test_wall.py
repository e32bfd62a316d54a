"""Wall clocks: eight o'clock and midnight are where a reader of that zone sees them, on both days of a change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given
from hypothesis import strategies as st

from probes.words.wall import day_edges, instant, wall_of
from tests.pure.ledger_kit import HOUR

NEW_YORK = ZoneInfo("America/New_York")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def shown(wall: str, zone: ZoneInfo = NEW_YORK) -> str:
    """When a clock on the wall of the zone shows that, in UTC."""
    return (_EPOCH + timedelta(microseconds=instant(datetime.fromisoformat(wall), zone))).isoformat(timespec="minutes")


def test_a_wall_time_is_the_instant_a_clock_there_shows_it() -> None:
    assert shown("2026-07-01 08:00") == "2026-07-01T12:00+00:00"
    assert shown("2026-12-01 08:00") == "2026-12-01T13:00+00:00"


def test_a_time_that_spring_skips_is_the_first_instant_after() -> None:
    assert shown("2026-03-08 02:00") == "2026-03-08T07:00+00:00"
    assert shown("2026-03-08 02:30") == "2026-03-08T07:00+00:00"
    assert shown("2026-03-08 03:00") == "2026-03-08T07:00+00:00"


def test_a_time_that_autumn_repeats_is_its_first() -> None:
    assert shown("2026-11-01 01:30") == "2026-11-01T05:30+00:00"


def test_where_the_clock_changes_at_midnight_the_day_begins_at_one() -> None:
    santiago = ZoneInfo("America/Santiago")
    begins = instant(datetime.fromisoformat("2026-09-06"), santiago)
    assert wall_of(begins, santiago).isoformat() == "2026-09-06T01:00:00"
    assert wall_of(begins - 1, santiago).isoformat() == "2026-09-05T23:59:59.999999"


def test_in_every_zone_the_days_of_a_year_follow_each_other_and_none_is_lost_or_doubled() -> None:
    for name in sorted(available_timezones()):
        zone = ZoneInfo(name)
        edges = day_edges.__wrapped__(zone, date(2026, 12, 31), 365)
        lengths = {(end - start) / HOUR for start, end in pairwise(edges)}
        assert lengths <= {22, 23, 23.5, 24, 24.5, 25, 26}, name
        for number, edge in enumerate(edges[:-1]):
            day = date(2026, 1, 1) + timedelta(days=number)
            assert wall_of(edge, zone).date() == day, name
            assert wall_of(edge - 1, zone).date() < day, name


@given(
    st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo", "Antarctica/Troll"]),
    st.datetimes(datetime.fromisoformat("2024-01-01"), datetime.fromisoformat("2036-01-01")),
)
def test_an_instant_shows_its_wall_time_or_is_the_first_after_the_gap(name: str, wall: datetime) -> None:
    zone = ZoneInfo(name)
    found = instant(wall, zone)
    assert wall_of(found, zone) >= wall
    assert wall_of(found - 1, zone) < wall
    assert instant(wall + timedelta(minutes=1), zone) >= found
