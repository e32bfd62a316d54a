"""Error budgets that are spent too fast, as people hear of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlmodel import Session

from alerts.message import IncidentView
from alerts.signal import Signal
from monitor.chores import burn
from probes.words.units import HOUR, MINUTE, SECOND
from tests.story.watch import CONFIG, Watch, clock_of, configure

PROMISED = CONFIG.replace("    policy: wake-us\n", "    policy: wake-us\n    slo: {target: 99.5%, window: 30d}\n")
SUBJECT = "budget:intake/production"


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    async with Watch(tmp_path, configure(PROMISED)) as watch:
        yield watch


async def look(watch: Watch) -> list[Signal]:
    """What the chore tells of now, told."""
    await watch.engine.beat()  # a sign of life: what the keeper was not there for is unknown
    await watch.store.flush()
    now = watch.clock.now()

    def read(session: Session) -> list[Signal]:
        told = [one for one in watch.desk.open_members(session) if one.subject.startswith("budget:")]
        return burn.changes(session, watch.catalog, burn.watched(watch.catalog), told, now=now)

    found = await watch.store.read(read)
    for signal in found:
        watch.engine.teller.tell(signal)
    await watch.settle()
    return found


async def told(watch: Watch) -> list[IncidentView]:
    return [one for one in await watch.incidents() if one.subject == SUBJECT]


async def hour(watch: Watch, *, flaky: int) -> None:
    """Two hours in which each `flaky`-th run fails at first and passes when it is tried again."""
    start = clock_of("10:00")
    for number, at in enumerate(range(start, start + 2 * HOUR, MINUTE)):
        bad = number >= 60 and number % flaky == 0
        watch.world = lambda probe, when, at=at, bad=bad: "x" if bad and when < at + 40 * SECOND else "."  # type: ignore[misc]
        await watch.run(at=at)


async def test_what_fails_and_passes_again_pages_nobody_until_the_budget_burns(watch: Watch) -> None:
    await hour(watch, flaky=3)
    assert watch.paged == [], "each run passed in the end"
    (signal,) = await look(watch)
    assert "times what 99.5 % allows" in signal.sentence
    assert "of the error budget of 30d is left" in signal.sentence
    (incident,) = await told(watch)
    assert (incident.severity, incident.state) == ("error", "triggered")
    assert incident.headline.startswith("Intake agent spends its error budget too fast")
    assert watch.paged == ["ana"]


async def test_it_is_told_once_then_it_eases_and_is_over_when_the_short_windows_are_well(watch: Watch) -> None:
    await hour(watch, flaky=3)
    await look(watch)
    assert await look(watch) == []
    watch.world = lambda probe, when: "."
    await watch.runs(clock_of("12:00"), clock_of("12:40"), every=60)
    (signal,) = await look(watch)
    assert (signal.condition, signal.severity) == ("failing", "warning"), "three days still burn, slowly"
    (incident,) = await told(watch)
    assert (incident.severity, incident.next_at) == ("warning", None), "nobody is woken any more"
    woken = list(watch.paged)
    await watch.runs(clock_of("12:40"), clock_of("18:10"), every=60)
    (signal,) = await look(watch)
    assert signal.condition == "passing"
    (incident,) = await told(watch)
    assert incident.state == "resolved"
    assert watch.paged == woken


async def test_rare_failures_are_within_the_promise(watch: Watch) -> None:
    await hour(watch, flaky=30)
    assert await look(watch) == []


async def test_an_outage_that_pages_is_not_told_twice(watch: Watch) -> None:
    await watch.runs(clock_of("10:00"), clock_of("10:30"), every=60)
    watch.world = lambda probe, when: "x"
    await watch.runs(clock_of("10:30"), clock_of("10:45"), every=60)
    assert await look(watch) == [], "its own incident pages"
    watch.world = lambda probe, when: "."
    await watch.runs(clock_of("10:45"), clock_of("10:49"), every=60)
    assert await look(watch) == [], "whoever was paged knows"


async def test_a_mute_holds_it(watch: Watch) -> None:
    await watch.maintenance(clock_of("11:50"), clock_of("12:30"))
    await hour(watch, flaky=3)
    assert await look(watch) == []


async def test_an_objective_that_is_gone_closes_what_was_told(watch: Watch) -> None:
    await hour(watch, flaky=3)
    await look(watch)
    await watch.reload(configure(CONFIG))
    (signal,) = await look(watch)
    assert signal.condition == "gone"
    (incident,) = await told(watch)
    assert incident.state == "resolved"


def test_alerts_can_be_switched_off_or_written() -> None:
    off = configure(PROMISED.replace("window: 30d", "window: 30d, burn: false"))
    assert burn.watched(off) == []
    own = configure(PROMISED.replace("window: 30d", "window: 30d, burn: [{long: 2h, rate: 10, pages: true}]"))
    (found,) = burn.watched(own)
    assert [(rule.name, rule.short // MINUTE, rule.rate, rule.pages) for rule in found.rules] == [("2h", 10, 10, True)]
