"""Moments as others write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.words.moments import http_date, iso_moment

TEN = datetime(2026, 11, 23, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["Mon, 23 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 2026 10:00:00 -0000", "Mon, 23 Nov 2026 11:00:00 +0100"]
)
def test_a_date_of_http_is_utc_where_it_names_no_zone(text: str) -> None:
    assert http_date(text) == TEN


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-23T10:00:00Z", TEN),
        ("2026-11-23T02:00:00.000-08:00", TEN),
        ("2026-11-23T10:00:00", None),
        ("2026-11-23", None),
        ("soon", None),
    ],
)
def test_iso_8601_has_to_say_its_offset(text: str, at: datetime | None) -> None:
    assert iso_moment(text) == at


@given(st.text(alphabet=st.sampled_from("0123456789:-+TZ., MonNvGT"), max_size=40) | st.text(max_size=40))
def test_whatever_is_written_is_a_moment_with_a_zone_or_none(text: str) -> None:
    for found in (http_date(text), iso_moment(text)):
        assert found is None or found.utcoffset() is not None
