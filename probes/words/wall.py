"""Wall-clock time of a zone as instants: day edges and opening hours that are right on both days of a clock change.

A wall time that spring skips is the first valid instant after the gap; one that autumn repeats is its first occurrence.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_DAY = timedelta(days=1)


def instant(wall: datetime, zone: tzinfo) -> int:
    """The µs since the epoch at which a clock on the wall of `zone` shows `wall` (naive)."""
    at = _micros(wall.replace(tzinfo=zone, fold=0))
    if wall_of(at, zone) == wall:
        return at
    # Skipped. Read with either offset, `wall` lies on either side of the change: find the first instant after it.
    before, after = _micros(wall.replace(tzinfo=zone, fold=1)), at
    while after - before > 1:
        middle = (before + after) // 2
        if wall_of(middle, zone) < wall:
            before = middle
        else:
            after = middle
    return after


def wall_of(at: int, zone: tzinfo) -> datetime:
    """What a clock on the wall of `zone` shows at an instant, naive."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(zone).replace(tzinfo=None, fold=0)


@lru_cache(maxsize=64)  # a page draws every workflow over the same days
def day_edges(zone: tzinfo, today: date, count: int) -> tuple[int, ...]:
    """The count + 1 midnights that bound the `count` days ending with `today`, oldest first, 23 to 25 hours apart."""
    first = today - (count - 1) * _DAY
    return tuple(instant(datetime.combine(first + number * _DAY, time()), zone) for number in range(count + 1))


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICRO
