"""A slice of what `make dst` checks whole."""

from __future__ import annotations

import pytest

from tests.dst.matrix import check, transitions, zones


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/New_York"])
def test_a_zone_whose_clocks_change_has_one_primary_at_every_instant(zone: str) -> None:
    found = check(zone, shifts=("12h", "weekly", "monthly"), clocks=("00:00", "02:30"))
    assert found.instants > 500 and found.handoffs > 100
    assert (found.nobody, found.unlike, found.late) == ([], [], [])


def test_the_zones_are_found_by_looking() -> None:
    assert len(transitions("Europe/Berlin")) == 10
    assert transitions("Asia/Tokyo") == []
    assert {"Europe/Berlin", "America/Santiago", "Australia/Lord_Howe"} <= set(zones())
