"""Moments to come, as people say them."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.services.moments import DAYS, ahead
from probes.words.errors import Refused
from probes.words.units import DAY, SECOND
from probes.words.wall import wall_of

NOW = 1_795_683_600 * SECOND  # Thu 2026-11-26 09:00 UTC


@pytest.mark.parametrize(
    ("text", "wall"),
    [
        ("Thu 23:00", "2026-11-26 23:00"),
        ("Thu 01:00", "2026-12-03 01:00"),
        ("friday 09:30", "2026-11-27 09:30"),
        ("tomorrow 09:30", "2026-11-27 09:30"),
        ("00:10", "2026-11-27 00:10"),
        ("2026-11-28T22:00", "2026-11-28 22:00"),
        ("2026-11-28T22:00Z", "2026-11-28 23:00"),
    ],
)
def test_a_moment_is_on_the_wall_of_the_site(text: str, wall: str) -> None:
    assert f"{wall_of(ahead(text, 'Europe/Berlin', now=NOW), ZoneInfo('Europe/Berlin')):%Y-%m-%d %H:%M}" == wall


@pytest.mark.parametrize("text", ["", "Thx 14:00", "25:00", "soon", "2020-01-01T10:00", "today 00:00"])
def test_what_is_no_moment_or_over_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(Refused) as caught:
        ahead(text, "Europe/Berlin", now=NOW)
    assert "write" in caught.value.hint


@given(
    st.sampled_from(DAYS), st.integers(0, 23), st.integers(0, 59), st.integers(0, 400 * DAY),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)  # fmt: skip
def test_a_weekday_is_its_next_one(day: str, hour: int, minute: int, later: int, zone: str) -> None:
    now = NOW + later
    found = ahead(f"{day} {hour}:{minute:02}", zone, now=now)
    assert now < found <= now + 8 * DAY
    assert wall_of(found, ZoneInfo(zone)).weekday() in {DAYS.index(day), (DAYS.index(day) + 1) % 7}
