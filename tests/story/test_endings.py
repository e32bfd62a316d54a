"""What ends one day is told of 30, 14, 7 and 1 days before, once each, over restarts, until it is renewed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monitor.config.catalog import Catalog
from probes.frames import Reply, Request
from probes.words.units import DAY, HOUR, SECOND
from tests.story.watch import BOOKS, CONFIG, MIDNIGHT, Watch, configure

HOST = "intake.example.com"


class Years(Watch):
    """A watch over days: `learned` is what every attempt sees of its target."""

    learned: Mapping[str, Any] = {}
    values: Mapping[str, float] = {}

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        self.asked.append((f"{job['workflow']}/{job['environment']}/{job['probe']}", request))
        return Reply(request.number, "up", learned=dict(self.learned), values=dict(self.values), took=20_000)

    async def look(self, at: int) -> None:
        """What the keeper does at a moment: a run, and its look around."""
        self.clock.at = max(self.clock.at, at)
        await self.engine.run_now(BOOKS)
        for _ in range(2):
            self.clock.at += 31 * SECOND
            await self.engine.beat()
            await self.settle()

    async def day(self, day: float) -> None:
        """So many days after the beginning."""
        await self.look(MIDNIGHT + int(day * DAY))


def certificate(ends: float, *, began: float | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"certificates": {HOST: MIDNIGHT + int(ends * DAY)}}
    return found | ({"began": {HOST: MIDNIGHT + int(began * DAY)}} if began is not None else {})


def watch(folder: Path, catalog: Catalog | None = None) -> Years:
    return Years(folder, catalog or configure(every=None, cron="0 0 1 1 *"))


async def test_a_certificate_is_told_of_at_each_step_and_a_person_is_woken_on_the_last_day(tmp_path: Path) -> None:
    async with watch(tmp_path) as years:
        years.learned = certificate(40, began=-50)
        for day in (1, 9, 10.5, 11, 20, 26.2, 30, 33.5):
            await years.day(day)
        assert [line.partition(": ")[2] for line in years.warned] == [
            f"the certificate of {HOST} ends in 29 days, on 2030-02-10",
            f"the certificate of {HOST} ends in 13 days, on 2030-02-10",
            f"the certificate of {HOST} ends in 6 days, on 2030-02-10",
        ]
        assert years.paged == [], "it can wait"
        await years.day(39.5)
        assert len(years.paged) == 1 and "ends in 11 h, on 2030-02-10 at 00:00 UTC" in years.paged[0]
        [incident] = await years.incidents()
        assert incident.title == "Intake agent" and str(incident.severity) == "error"

        years.learned = certificate(130, began=39)
        await years.day(39.6)
        [incident] = await years.incidents()
        assert incident.state == "resolved" and "renewed" in str(incident.events)
