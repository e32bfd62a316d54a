"""APScheduler as the clock: each due is called once, and a step of the wall clock is survived."""

import asyncio
import itertools
import time

import pytest

from monitor.engine.cadence import Every
from monitor.engine.clockwork import Clockwork
from probes.words.clock import SystemClock

TENTH = 100_000


async def test_each_due_is_called_once_and_in_time() -> None:
    clock, seen = SystemClock(), []
    works = Clockwork(clock, lambda name, due: seen.append((name, due, clock.now())))
    works.set("a", Every(TENTH, 17))
    works.set("b", Every(2 * TENTH, 17_017))
    await asyncio.sleep(1.05)
    works.close()
    for name, period, least in (("a", TENTH, 9), ("b", 2 * TENTH, 4)):
        dues = [due for which, due, _ in seen if which == name]
        assert len(dues) >= least
        assert [later - earlier for earlier, later in itertools.pairwise(dues)] == [period] * (len(dues) - 1)
    assert all(-2_000 < at - due < 90_000 for _, due, at in seen)


async def test_a_removed_name_is_called_no_more() -> None:
    seen: list[str] = []
    works = Clockwork(SystemClock(), lambda name, due: seen.append(name))
    works.set("a", Every(TENTH, 0))
    works.remove("a")
    works.remove("never-there")
    await asyncio.sleep(0.25)
    works.close()
    assert seen == []


async def test_a_wall_clock_set_back_an_hour_does_not_stop_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, seen = SystemClock(), []
    works = Clockwork(clock, lambda name, due: seen.append(due))
    works.set("a", Every(TENTH, 0))
    await asyncio.sleep(0.25)
    before, real = len(seen), time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() - 3600 * 10**9)
    assert clock.check() < -3_599_000_000
    import apscheduler.schedulers.base as base

    class Hours(base.datetime):  # type: ignore[misc,name-defined]
        @classmethod
        def now(cls, tz=None):  # type: ignore[no-untyped-def]
            return base.datetime.fromtimestamp(time.time_ns() / 1e9, tz)

    real_datetime = base.datetime
    monkeypatch.setattr(base, "datetime", Hours)
    Hours.fromtimestamp = real_datetime.fromtimestamp  # type: ignore[method-assign]
    works.realign()
    await asyncio.sleep(0.45)
    works.close()
    assert len(seen) >= before + 3
    assert [later - earlier for earlier, later in itertools.pairwise(seen)] == [TENTH] * (len(seen) - 1)
