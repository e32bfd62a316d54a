"""When probes run: spread, stable, right across the clock changes."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.engine.cadence import Every, cron, offset_of
from probes.words.clock import micros, moment
from probes.words.units import DAY, HOUR, MINUTE, SECOND

NEW_YORK = "America/New_York"


def local(at: int, zone: str = NEW_YORK) -> str:
    return moment(at).astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M")


def fires(expression: str, zone: str, start: datetime, count: int) -> list[int]:
    at = micros(start)
    rule = cron(expression, zone)
    found = []
    for _ in range(count):
        at = rule.after(at)
        found.append(at)
    return found


@given(st.integers(1, 10**17), st.sampled_from([SECOND, 15 * SECOND, MINUTE, 5 * MINUTE, HOUR]), st.text())
def test_an_interval_always_moves_forward_by_at_most_its_period(at: int, period: int, name: str) -> None:
    rule = Every(period, offset_of(name, period))
    due = rule.after(at)
    assert at < due <= at + period
    assert rule.after(due) == due + period
    assert rule.missed(due, due + 3 * period) == 2


def test_a_thousand_probes_of_one_minute_are_spread_over_it() -> None:
    per_second = [0] * 60
    for number in range(1000):
        per_second[offset_of(f"w/production/p{number}", MINUTE) // SECOND] += 1
    assert max(per_second) < 40


def test_weekday_one_is_monday_and_seven_is_sunday() -> None:
    start = datetime(2026, 11, 25, tzinfo=UTC)
    assert moment(fires("0 9 * * 1", "UTC", start, 1)[0]).strftime("%a %H:%M") == "Mon 09:00"
    assert moment(fires("0 9 * * 7", "UTC", start, 1)[0]).strftime("%a") == "Sun"
    assert moment(fires("0 9 * * 0", "UTC", start, 1)[0]).strftime("%a") == "Sun"


def test_a_nightly_run_happens_once_in_the_night_that_repeats_an_hour() -> None:
    found = fires("30 1 * * *", NEW_YORK, datetime(2026, 10, 31, 12, tzinfo=UTC), 3)
    assert [local(at) for at in found] == ["11-01 01:30", "11-02 01:30", "11-03 01:30"]
    assert found[1] - found[0] == DAY + HOUR


def test_a_nightly_run_in_the_hour_that_is_skipped_still_happens() -> None:
    found = fires("30 2 * * *", NEW_YORK, datetime(2026, 3, 7, 12, tzinfo=UTC), 3)
    assert [local(at)[:5] for at in found] == ["03-08", "03-09", "03-10"]


@pytest.mark.parametrize("bad", ["61 * * * *", "every day", "0 0 31 2 *", ""])
def test_a_bad_expression_says_what_to_write(bad: str) -> None:
    with pytest.raises(ValueError, match="write five fields"):
        cron(bad, "UTC")


def test_the_period_of_a_cron_cadence_is_its_shortest_gap() -> None:
    assert cron("0 9,10 * * *", "UTC").period == HOUR
