"""What ends one day is told of 30, 14, 7 and 1 days before, once each, over restarts, until it is renewed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from monitor.config.catalog import Catalog
from monitor.engine.parts import Parts
from probes.frames import Reply, Request
from probes.words.units import DAY, SECOND
from tests.story.watch import BOOKS, CONFIG, MIDNIGHT, Watch, configure

HOST = "intake.example.com"


class Years(Watch):
    """A watch over days: `learned` and `values` are what every attempt sees of its target."""

    learned: Mapping[str, Any] = {}
    values: Mapping[str, float] = {}
    known: Mapping[str, str] = {}

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        self.asked.append((f"{job['workflow']}/{job['environment']}/{job['probe']}", request))
        return Reply(request.number, "up", learned=dict(self.learned), values=dict(self.values), took=20_000)

    def _parts(self) -> Parts:
        return replace(super()._parts(), secrets=lambda names: {name: self.known.get(name, "") for name in names})

    async def look(self, at: int) -> None:
        """What the keeper does at a moment: a run, and its look around."""
        self.clock.at = max(self.clock.at, at)
        await self.engine.run_now(BOOKS)
        for _ in range(2):
            self.clock.at += 31 * SECOND
            await self.engine.beat()
            await self.settle()

    async def day(self, *days: float) -> None:
        """So many days after the beginning."""
        for day in days:
            await self.look(MIDNIGHT + int(day * DAY))

    @property
    def told(self) -> list[str]:
        """The warnings that were posted, without whom they are about."""
        return [line.partition(": ")[2] for line in self.warned]


def certificate(ends: float, *, began: float | None = None, host: str = HOST) -> dict[str, Any]:
    found: dict[str, Any] = {"certificates": {host: MIDNIGHT + int(ends * DAY)}}
    return found | ({"began": {host: MIDNIGHT + int(began * DAY)}} if began is not None else {})


def watch(folder: Path, catalog: Catalog | None = None) -> Years:
    return Years(folder, catalog or configure(every=None, cron="0 0 1 1 *"))


def written(text: str, **books: Any) -> Catalog:
    """The usual configuration with more in it."""
    return configure(text, every=None, cron="0 0 1 1 *", **books)


async def test_a_certificate_is_told_of_at_each_step_and_a_person_is_woken_on_the_last_day(tmp_path: Path) -> None:
    async with watch(tmp_path) as years:
        years.learned = certificate(40, began=-50)
        await years.day(1, 9, 10.5, 11, 20, 26.2, 30, 33.5)
        assert years.told == [
            f"the certificate of {HOST} ends in 29 days, on 2030-02-10",
            f"the certificate of {HOST} ends in 13 days, on 2030-02-10",
            f"the certificate of {HOST} ends in 6 days, on 2030-02-10",
        ]
        assert years.paged == [], "it can wait"
        await years.day(39.5)
        assert years.paged == ["ana"]
        [incident] = await years.incidents()
        assert (incident.title, str(incident.severity)) == ("Intake agent", "error")
        assert incident.sentence == f"the certificate of {HOST} ends in 11 h, on 2030-02-10 at 00:00 UTC"

        years.learned = certificate(130, began=39)
        await years.day(39.6)
        assert (await years.incidents())[0].state == "triggered", "another address may have the old one"
        await years.day(39.62)
        [incident] = await years.incidents()
        assert incident.state == "resolved" and "was renewed" in str(incident.events)
        figures = await years.figures(MIDNIGHT, MIDNIGHT + 39 * DAY)
        assert figures.uptime == 100_000, "a warning is nobody's downtime"


async def test_a_host_whose_addresses_differ_is_told_of_once(tmp_path: Path) -> None:
    async with watch(tmp_path) as years:
        for number in range(12):
            years.learned = certificate(40 if number % 2 else 10, began=-50)
            await years.day(1 + number / 1440)
        assert len(await years.incidents()) == 1 and len(years.warned) == 1


async def test_each_step_is_told_once_also_by_a_keeper_that_is_restarted_all_the_time(tmp_path: Path) -> None:
    async with watch(tmp_path) as years:
        years.learned, told = certificate(40, began=-50), list[str]()
        for day in (5, 10.1, 10.2, 12, 26.1, 26.2, 33.1, 33.2, 38):
            await years.day(day)
            told += years.warned
            await years.restart()
            await years.day(day + 0.01)
            assert years.warned == [], f"day {day}: it was told before"
        assert len(told) == 3
        for day in (39.1, 39.2, 39.3):
            await years.day(day)
            await years.restart()
        pages = [event for event in (await years.incidents())[0].events if event.kind == "opened"]
        assert len(await years.incidents()) == 1 and len(pages) == 1


async def test_what_a_person_resolves_is_quiet_until_the_next_step(tmp_path: Path) -> None:
    async with watch(tmp_path) as years:
        years.learned = certificate(40, began=-50)
        await years.day(12)
        await years.react("resolve", by="Ana")
        await years.day(13, 14)
        await years.restart()
        await years.day(15)
        assert len(await years.incidents()) == 1 and years.warned == []
        await years.day(27)
        assert [line.partition(" ends ")[2] for line in years.told] == ["in 12 days, on 2030-02-10"]


async def test_a_step_in_the_first_half_of_a_life_is_none(tmp_path: Path) -> None:
    async with watch(tmp_path) as years:
        years.learned = certificate(6, began=0)  # a short-lived certificate, renewed every other day
        await years.day(0.1, 2, 3.9)
        assert years.warned == []
        await years.day(5.2)
        assert years.paged == ["ana"], "and a day before the end it was not"


async def test_a_workflow_names_its_own_steps_or_none(tmp_path: Path) -> None:
    own = CONFIG.replace("    probes:", "    expiry: [20d, 2d]\n    probes:")
    async with watch(tmp_path, written(own)) as years:
        years.learned = certificate(40, began=-60)
        await years.day(11, 15, 20.5, 30, 38.2)
        assert [line.partition(" ends ")[2][:10] for line in years.told] == ["in 19 days", "in 1 day, "]
    none = CONFIG.replace("    probes:", "    expiry: []\n    probes:")
    async with Years(tmp_path / "none", written(none)) as years:
        years.learned = certificate(3)
        await years.day(0.1, 2.5, 5)
        assert years.warned == [] and years.paged == []


async def test_where_nothing_is_verified_nobody_is_woken(tmp_path: Path) -> None:
    loose = CONFIG.replace("    probes:", "    verify: false\n    probes:")
    async with watch(tmp_path, written(loose)) as years:
        years.learned = certificate(3)
        await years.day(0.1, 2.5, 5)
        assert years.paged == [] and "ends in 2 days, on 2030-01-04" in years.told[0]
        assert years.told[-1].endswith("ended on 2030-01-04, 2 days ago")


async def test_those_of_another_policy_are_told_too(tmp_path: Path) -> None:
    second = """\
  site:
    title: The site
    url: "https://intake.example.com"
    policy: owner
    probes: {home: {get: /, cron: "0 0 1 1 *", check: [{contains: x}]}}
"""
    async with watch(tmp_path, written(CONFIG + second)) as years:
        years.learned = certificate(30, began=-60)
        await years.day(29.5)
        assert sorted(years.paged) == ["ana", "cy"]
        assert sorted(one.title for one in await years.incidents()) == ["Intake agent", "The site"]
        await years.reload(written(CONFIG))
        await years.day(29.6)
        assert sorted(one.state for one in await years.incidents()) == ["resolved", "triggered"]


KEYS = """
keys:
  stripe: {rotated: 2029-12-01, max_age: 90d, renew: "https://stripe.example/keys", workflows: intake}
  spare: {expires: 2030-02-10}
"""


async def test_declared_keys_and_their_renewal(tmp_path: Path) -> None:
    async with watch(tmp_path, written(CONFIG + KEYS)) as years:
        await years.day(29.5)
        assert sorted(years.warned) == [
            "Intake agent has something about to expire: the key stripe ends in 29 days, on 2030-03-01; "
            "renew it: https://stripe.example/keys",
            "showup has something about to expire: the key spare ends in 10 days, on 2030-02-10",
        ]
        renewed = KEYS.replace("2029-12-01", "2030-02-08").replace("2030-02-10", "2031-02-10")
        await years.reload(written(CONFIG + renewed))
        await years.day(29.6)
        assert {one.state for one in await years.incidents()} == {"resolved"}


def part(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def token(day: float) -> str:
    ends = (MIDNIGHT + int(day * DAY)) // SECOND
    return f"{part({'alg': 'HS256'})}.{part({'exp': ends, 'iat': ends - 90 * 86_400, 'sub': 'who-it-is'})}.c2lnbmVk"


async def test_a_token_in_a_secret_says_itself_when_it_ends_and_is_shown_to_nobody(tmp_path: Path) -> None:
    secret = CONFIG.replace("    probes:", '    auth: {bearer: "${secret:ANA}"}\n    probes:')
    years = watch(tmp_path, written(secret))
    years.known = {"ANA": token(20)}
    async with years:
        await years.day(7)
        assert years.told == ["the token in the secret ANA ends in 12 days, on 2030-01-21"]
        shown = str(await years.incidents())
        assert "who-it-is" not in shown and years.known["ANA"] not in shown
        years.known = {"ANA": token(110)}
        await years.reload(written(secret))
        await years.day(8)
        assert [one.state for one in await years.incidents()] == ["resolved"]


async def test_an_interface_that_was_given_notice_and_one_that_took_it_back(tmp_path: Path) -> None:
    name = "GET /slots of cal.example"
    async with watch(tmp_path, written(CONFIG, partner="calendar")) as years:
        years.learned = {"notices": {name: MIDNIGHT + 20 * DAY}}
        await years.day(1, 6.5)
        said = f"calendar's interface {name}, as it announces itself (Sunset), ends in 13 days, on 2030-01-21"
        assert years.told[-1] == said
        [incident] = await years.incidents()
        assert incident.blame == "partner"
        await years.restart()
        years.learned = {"notices": {name: 0}}
        await years.day(7, 7.02)
        assert [one.state for one in await years.incidents()] == ["resolved"]


async def test_a_rate_limit_that_runs_out_is_a_warning_after_three_runs_and_over_after_three(tmp_path: Path) -> None:
    async with watch(tmp_path, written(CONFIG, partner="calendar")) as years:
        years.values = {"headroom_requests": 0.12, "headroom_tokens": 0.8}
        await years.day(1, 1.1)
        assert years.warned == [], "a limit by the minute is nearly used up now and then"
        await years.day(1.2, 1.3)
        said = "only 12 % of requests, 80 % of tokens left of calendar's rate limits, as books sees them"
        assert years.told == [said]
        await years.restart()
        await years.day(1.4)
        assert years.warned == [] and len(await years.incidents(since=None)) == 1
        years.values = {"headroom_requests": 0.2}
        await years.day(2, 2.1, 2.2, 2.3)
        assert [one.state for one in await years.incidents()] == ["resolved"]
        assert years.paged == []


async def test_what_a_hostile_host_learned_for_us_does_not_get_far(tmp_path: Path) -> None:
    async with watch(tmp_path) as years:
        for learned in (
            certificate(3, host="elsewhere.example"),
            {"certificates": {HOST: -5}, "began": {HOST: "x"}},
            {"notices": {f"{number} \x1b[31m": MIDNIGHT + DAY for number in range(500)}},
            {"notices": [1, 2], "certificates": "x", "memory": {"big": "x" * 9_000}},
        ):
            years.learned = learned
            await years.day(0.2)
        assert len(years.engine.expiries.notices) <= 20 and years.engine.expiries.known == {}
        assert "\x1b" not in str(await years.incidents()) and years.books.memory == {}


async def test_what_an_attempt_left_is_handed_to_the_next_one_over_a_restart(tmp_path: Path) -> None:
    async with watch(tmp_path) as years:
        years.learned = {"memory": {"absent": {"slots": 3}}}
        await years.day(1)
        years.learned = {}
        await years.day(1.1)
        await years.restart()
        await years.day(1.2)
        assert [request.memory for _, request in years.asked] == [{}, *[{"absent": {"slots": 3}}] * 2]


def test_steps_may_be_hours() -> None:
    assert configure(CONFIG.replace("    probes:", "    expiry: 36h\n    probes:")).workflows["intake"].expiry == (
        timedelta(hours=36),
    )
