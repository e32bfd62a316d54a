"""Pages that are held back: by whom, until when, what that was, and that it pages when the time is over."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from sqlmodel import Session, select

from alerts import holding
from alerts.message import Purpose
from alerts.tables import Incident
from monitor.app import Keeper
from monitor.chores import mutes as chore
from monitor.config.load import load_text
from monitor.services import SERVICES
from probes.words.errors import Refused
from probes.words.units import DAY
from tests.story.watch import CONFIG, MIDNIGHT, SECRETS, Watch, clock_of, said

NIGHTLY = """
maintenance:
  nightly: {workflows: intake, cron: "0 2 * * *", for: 1h, reason: Backup}
"""


def keeper_of(watch: Watch) -> Keeper:
    """A keeper around the engine of a story."""
    some = cast(Any, None)
    return Keeper(Path(), watch.folder, some, watch.clock, watch.store, watch.desk, cast(Any, watch.providers),
                  watch.dispatcher, cast(Any, watch), watch.engine, some, some)  # fmt: skip


async def ask(watch: Watch, name: str, **given: Any) -> Any:
    return await SERVICES[name](keeper_of(watch), **given)


async def look(watch: Watch) -> None:
    await chore.look(keeper_of(watch))
    await watch.deliver()


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    async with Watch(tmp_path, load_text(CONFIG + NIGHTLY, secrets=SECRETS)) as watch:
        yield watch


async def test_maintenance_that_comes_again_is_laid_a_week_ahead_once(watch: Watch) -> None:
    await look(watch)
    await look(watch)
    found = (await ask(watch, "maintenances"))["windows"]
    assert [one["from"] for one in found] == [f"2030-01-0{day}T02:00:00+00:00" for day in range(1, 8)]
    assert {(one["recurring"], one["reason"], one["author"]) for one in found} == {
        ("nightly", "Backup", "the configuration")
    }


async def test_an_outage_that_outlives_its_recurring_window_pages_at_its_end(watch: Watch) -> None:
    await look(watch)
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("02:10"))
    await watch.pass_to(clock_of("02:59"))
    assert watch.paged == []
    held, _tomorrow = (await ask(watch, "mutes"))["mutes"]
    assert (held["held"], held["state"]) == ("1 incident, 1 is held still", "now")
    await watch.pass_to(clock_of("03:00"))
    (incident,) = await watch.incidents()
    assert watch.paged == ["ana"]
    assert said(incident.paged_at) == "03:00:00"
    await look(watch)
    told = [one.headline for one in watch.providers["console"].of(Purpose.INFO)]
    assert told == ["The maintenance of intake/production is over; held back: 1 incident, 1 is paging now"]


async def test_what_the_configuration_no_longer_says_is_taken_back_and_the_past_stays(watch: Watch) -> None:
    await look(watch)
    await watch.pass_to(clock_of("04:00"))
    watch.catalog = replace(watch.catalog, maintenance={})
    await watch.engine.reload(watch.catalog)
    await look(watch)
    assert (await ask(watch, "maintenances"))["windows"] == []
    assert [one["state"] for one in (await ask(watch, "maintenances", past=True))["windows"]] == ["over"]
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("02:10", day=MIDNIGHT + DAY))
    assert watch.paged == ["ana"]


async def test_one_that_somebody_ended_is_not_laid_again(watch: Watch) -> None:
    await look(watch)
    first = (await ask(watch, "maintenances"))["windows"][0]
    await ask(watch, "maintenance_end", id=first["id"], by="Ana")
    await look(watch)
    assert len((await ask(watch, "maintenances"))["windows"]) == 6
    with pytest.raises(Refused, match="under way or to come"):
        await ask(watch, "maintenance_end", id=first["id"])


async def test_a_keeper_that_comes_up_within_a_window_lays_the_rest_of_it(tmp_path: Path) -> None:
    async with Watch(tmp_path, load_text(CONFIG + NIGHTLY, secrets=SECRETS), start=clock_of("02:30")) as watch:
        await look(watch)
        first = (await ask(watch, "maintenances"))["windows"][0]
        assert (first["from"], first["until"]) == ("2030-01-01T02:30:00+00:00", "2030-01-01T03:00:00+00:00")


def test_the_wall_clock_holds_when_the_clocks_change() -> None:
    text = CONFIG + NIGHTLY.replace("for: 1h", "for: 1h, timezone: Europe/Berlin")
    (plan,) = load_text(text, secrets=SECRETS).maintenance.values()
    spring = 1_901_059_200_000_000  # 2030-03-30 00:00 UTC, the night before the change
    assert [said(at) for at in plan.starts(spring, spring + 3 * DAY - 1)] == ["01:00:00", "01:00:00", "00:00:00"]


async def test_a_mute_says_what_it_held_back_and_pages_when_it_is_lifted(watch: Watch) -> None:
    made = await ask(watch, "mute", workflow="intake", length="2h", reason="demo data", by="Ana")
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("00:10"))
    assert watch.paged == []
    done = await ask(watch, "unmute", id=made["id"], by="Bo")
    await watch.deliver()
    assert watch.paged == ["ana"]
    assert done["held"].startswith("1 incident")
    assert [one["lifted_by"] for one in (await ask(watch, "mutes", past=True))["mutes"]] == ["Bo"]
    assert (await ask(watch, "mutes"))["mutes"] == []


async def test_a_mute_of_what_paged_already_holds_the_levels_that_follow(watch: Watch) -> None:
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("00:10"))
    await ask(watch, "mute", workflow="all", length="30m", reason="known", by="ana")
    await watch.pass_to(clock_of("00:30"))
    assert watch.paged == ["ana"]
    await watch.pass_to(clock_of("00:50"))
    assert watch.paged[:2] == ["ana", "bo"]
    (incident,) = await watch.incidents()
    assert "pages are held until 2030-01-01 00:" in "\n".join(event.text for event in incident.events)


async def test_nothing_is_said_to_page_while_the_mute_that_holds_its_phone_lasts(watch: Watch) -> None:
    """A page that could not leave, or was to ring later, is held though no level is."""
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("00:10"))
    await ask(watch, "mute", workflow="all", length="2m", reason="known", by="ana")

    def hold(session: Session) -> None:
        (row,) = session.exec(select(Incident)).all()
        holding.say(session, row, holding.mutes(session, watch.clock.now())[0], now=watch.clock.now())

    await watch.store.write(hold)
    (one,) = (await ask(watch, "mutes"))["mutes"]
    assert one["held"] == "1 incident, 1 is held still"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"workflow": "monitor", "length": "1h"}, "own troubles"),
        ({"workflow": "all", "length": "8d"}, "7 days at most"),
        ({"workflow": "intke", "length": "1h"}, "no workflow"),
        ({"workflow": "intake", "length": "soon"}, "soon"),
    ],
)
async def test_a_mute_that_would_be_forgotten_is_refused(watch: Watch, given: dict[str, str], why: str) -> None:
    with pytest.raises(Refused, match=why):
        await ask(watch, "mute", reason="x", by="Ana", **given)


async def test_windows_that_follow_each_other_page_at_the_end_of_the_last(watch: Watch) -> None:
    await ask(watch, "maintenance", workflow="intake", length="30m", reason="one", at="2030-01-01T10:00")
    await ask(watch, "maintenance", workflow="intake", length="30m", reason="two", at="2030-01-01T10:30")
    await ask(watch, "maintenance", workflow="intake", length="45m", reason="over both", at="2030-01-01T10:20")
    watch.world = lambda probe, at: "x"
    await watch.run(at=clock_of("10:05"))
    await watch.pass_to(clock_of("11:04:59"))
    assert watch.paged == []
    await watch.pass_to(clock_of("11:05"))
    assert watch.paged == ["ana"]
