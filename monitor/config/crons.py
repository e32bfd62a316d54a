"""Standard cron expressions: the shortest gap of one, and the next fire; 0 and 7 are Sunday, DST is right."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from probes.words.clock import micros

GAPS_LOOKED_AT = 200  # fires compared to find the shortest gap
_FROM = datetime(2026, 1, 1, tzinfo=UTC)  # any fixed day: a gap must not depend on when it is asked for
_WRITE = "write five fields such as 30 7 * * 1-5"


@lru_cache(4096)
def shortest_gap(expression: str, zone: str) -> int:
    """µs between the two nearest fires of an expression; raises ValueError with what to write instead."""
    from cronsim import CronSim, CronSimError

    try:
        fires = list(islice(CronSim(expression, _FROM.astimezone(ZoneInfo(zone))), GAPS_LOOKED_AT))
    except CronSimError as error:
        raise ValueError(f"not a cron expression ({str(error).lower()}); {_WRITE}") from None
    gaps = [micros(later) - micros(earlier) for earlier, later in pairwise(fires)]
    if not gaps:
        raise ValueError(f"a cron expression that never runs twice; {_WRITE}")
    return min(gaps)


def next_fire(expression: str, zone: ZoneInfo, at: datetime) -> datetime:
    """The first fire strictly after an aware moment: once in the hour that repeats, at the next valid moment in a
    gap."""
    from cronsim import CronSim

    found: datetime = next(CronSim(expression, at.astimezone(zone)))
    return found
