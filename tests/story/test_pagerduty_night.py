"""A night with PagerDuty: the real keeper, the real library, and a local PagerDuty over TLS that keeps the real one's
rules. Somebody acknowledges there, gives it away, resolves it; PagerDuty lies, and is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from alerts import settle
from alerts.channels.pagerduty import oncalls, poll
from alerts.message import IncidentView
from monitor.app import Keeper
from monitor.sandbox.pagerduty import PagerDutyServer
from monitor.services import SERVICES
from probes.words.units import SECOND
from tests.serving import Page
from tests.story.keeping import incidents, kept, told, until, until_incident, write_config
from tests.story.test_jobs_called_back import free_port, serving

FIRST = "{at: 0m, notify: [pagerduty]}"
THEN_ANA = f"{FIRST}, {{at: 5m, notify: [ana]}}"
HOOK = "h" * 24


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with Page() as made:
        yield made


@pytest.fixture
async def there(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PagerDutyServer]:
    monkeypatch.setattr(poll, "POLL", 0.2)
    async with PagerDutyServer() as made:
        yield made


def channels(there: PagerDutyServer, more: str = "", *, api_key: bool = True) -> str:
    key = 'api_key: "${secret:PD_API}", ' if api_key else ""
    where = f'url: "{there.url}", api_url: "{there.url}", ca_file: "{there.ca_file}"'
    return f'pagerduty: {{routing_key: "${{secret:PD_ROUTING}}", {key}{where}{more}}}'


def secrets(there: PagerDutyServer) -> dict[str, str]:
    return {"PD_ROUTING": there.routing_key, "PD_API": there.api_key, "PD_HOOK": HOOK, "PD_OLD": "o" * 24}


def config(folder: Path, page: Page, there: PagerDutyServer, *, levels: str = FIRST, **options: Any) -> Path:
    given: dict[str, Any] = {"channels": channels(there), "warnings": "console", **options}
    return write_config(folder, page, levels=levels, secrets=secrets(there), **given)


async def breaks(keeper: Keeper, page: Page, there: PagerDutyServer, *, count: int = 1) -> IncidentView:
    """The page breaks, and PagerDuty has an incident of it."""
    page.well = False
    await until(lambda: len(there.incidents) == count)
    return (await incidents(keeper))[0]


def says(word: str) -> Callable[[IncidentView], bool]:
    return lambda view: word in told(view)


async def test_who_has_it_whom_it_told_and_who_answered_is_known_here(
    page: Page, there: PagerDutyServer, tmp_path: Path
) -> None:
    async with kept(config(tmp_path, page, there)) as keeper:
        await breaks(keeper, page, there)
        view = await until_incident(keeper, says("PagerDuty told First Responder at "))
        assert view.on_call.startswith("PagerDuty (told First Responder at ")
        assert (await SERVICES["incident"](keeper, id=view.public_id))["on_call"] == view.on_call
        there.reassign(there.incidents[0], "PSECND2")
        await until_incident(keeper, lambda view: view.on_call.startswith("PagerDuty (told Second Responder at "))
        there.acknowledge(there.incidents[0], "PSECND2")
        await until_incident(keeper, lambda view: (view.state, view.acked_by) == ("acknowledged", "Second Responder"))
        page.well = True
        await until_incident(keeper, lambda view: view.state == "resolved")
        await until(lambda: there.open_keys == [])
    assert len(there.incidents) == 1


async def test_an_answer_taken_back_there_begins_a_round_that_wakes_again_there(
    page: Page, there: PagerDutyServer, tmp_path: Path
) -> None:
    async with kept(config(tmp_path, page, there)) as keeper:
        view = await breaks(keeper, page, there)
        there.acknowledge(there.incidents[0])
        await until_incident(keeper, lambda view: view.state == "acknowledged")
        there.expire_ack(there.incidents[0])
        view = await until_incident(keeper, lambda view: view.round == 2)
        await until(lambda: len(there.incidents) == 2)
        assert "PagerDuty: nobody has it there any more" in told(view)
    assert [one.key for one in there.incidents] == [f"showup-{view.public_id}.1", f"showup-{view.public_id}.2"]
    assert [one.incident for one in there.woken][-1] == there.incidents[1].id, "a new key wakes"


async def test_a_persons_resolve_is_an_answer_and_pagerdutys_own_begins_a_round(
    page: Page, there: PagerDutyServer, tmp_path: Path
) -> None:
    async with kept(config(tmp_path, page, there)) as keeper:
        await breaks(keeper, page, there)
        there.account.resolve(there.incidents[0], there.service.id, there.now())  # as after four hours
        await until(lambda: len(there.incidents) == 2)
        there.resolve(there.incidents[1])
        view = await until_incident(keeper, lambda view: view.state == "acknowledged")
        await asyncio.sleep(0.5)
        sent = [one.body for one in there.received if one.what == "enqueue"]
        echoes = [one["dedup_key"] for one in sent if one["event_action"] == "acknowledge"]
        assert f"showup-{view.public_id}.2" not in echoes, "who answered there is not told so by us"
    assert "pagerduty closed it by itself while it still fails" in told(view)
    assert "the resolve counts as an acknowledgement" in told(view)
    assert view.acked_by == "First Responder"


@pytest.mark.parametrize("lie", ["no-incident", "disabled", "maintenance"])
async def test_a_202_of_which_nothing_came_is_a_failed_channel_and_the_next_level_does_not_wait(
    page: Page, there: PagerDutyServer, tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "VERIFY_AFTER", SECOND)
    if lie == "no-incident":
        there.faults.set(lie)
    else:
        there.service.status = lie
    async with kept(config(tmp_path, page, there, levels=THEN_ANA)) as keeper:
        page.well = False
        view = await until_incident(keeper, says("was not reached by pagerduty: accepted, but no incident came of it"))
        view = await until_incident(keeper, lambda view: view.level == 2)
        assert view.on_call == "PagerDuty (not reached), Ana Silva"
        assert "nobody could be told: the next level starts" in told(view)
        await until(lambda: len([one for one in there.received if one.what == "enqueue"]) >= 3, within=30)
        view = (await incidents(keeper))[0]
        assert [told(view).count(word) for word in ("was not reached by pagerduty", "told by pagerduty")] == [1, 1]
        there.faults.clear()
        there.service.status = "active"
        await until(lambda: len(there.incidents) == 1, within=20)
    assert len(there.woken) == 1, "once it works again, the same page wakes there, too"


async def test_without_a_rest_key_a_page_is_said_to_be_unverified(
    page: Page, there: PagerDutyServer, tmp_path: Path
) -> None:
    async with kept(config(tmp_path, page, there, channels=channels(there, api_key=False))) as keeper:
        await breaks(keeper, page, there)
        view = await until_incident(keeper, lambda view: bool(view.paged_at))
        assert view.on_call == "PagerDuty (accepted, unverified)"
        there.acknowledge(there.incidents[0])
        await asyncio.sleep(1)
        assert (await incidents(keeper))[0].state == "triggered", "nothing is heard, and nothing is pretended"


async def test_webhooks_tell_at_once_and_an_old_secret_still_counts(
    page: Page, there: PagerDutyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "POLL", 600.0)
    listen = f"127.0.0.1:{free_port()}"
    hooked = channels(there, ', webhook_secret: ["${secret:PD_HOOK}", "${secret:PD_OLD}"]', api_key=False)
    async with serving(config(tmp_path, page, there, channels=hooked, listen=listen)) as keeper:
        there.subscribe(f"http://{listen}/pagerduty", "o" * 24)
        await breaks(keeper, page, there)
        view = await until_incident(keeper, lambda view: view.on_call == "PagerDuty (First Responder)")
        there.reassign(there.incidents[0], "PSECND2")
        view = await until_incident(keeper, says("First Responder reassigned it to Second Responder at PagerDuty"))
        there.account.annotate(there.incidents[0], "Calling the vendor", "PSECND2", there.now())
        await until_incident(keeper, says("PagerDuty, note: Calling the vendor"))
        there.acknowledge(there.incidents[0], "PSECND2")
        view = await until_incident(keeper, lambda view: view.acked_by == "Second Responder")
        there.expire_ack(there.incidents[0], "PSECND2")
        view = await until_incident(keeper, says("Second Responder took the answer back there"))
        assert view.round == 2
        sent = [one for one in there.received if one.what == "webhook"]
        assert sent and all(one.accepted for one in sent)


async def test_webhooks_and_polling_together_say_everything_once(
    page: Page, there: PagerDutyServer, tmp_path: Path
) -> None:
    listen = f"127.0.0.1:{free_port()}"
    hooked = channels(there, ', webhook_secret: "${secret:PD_HOOK}"')
    async with serving(config(tmp_path, page, there, channels=hooked, listen=listen)) as keeper:
        there.subscribe(f"http://{listen}/pagerduty", HOOK)
        await breaks(keeper, page, there)
        await until_incident(keeper, says("PagerDuty told First Responder at "))
        there.acknowledge(there.incidents[0])
        await until_incident(keeper, lambda view: view.state == "acknowledged")
        await asyncio.sleep(1)
        lines = [event.kind for event in (await incidents(keeper))[0].events]
    assert [lines.count(kind) for kind in ("assigned", "told", "acknowledged")] == [1, 1, 1]


async def front(keeper: Keeper) -> dict[str, Any]:
    found: dict[str, Any] = (await SERVICES["oncall"](keeper))["front"]
    return found


async def named(keeper: Keeper, name: str) -> None:
    for _ in range(200):
        if (await front(keeper))["name"] == name:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(await front(keeper))


async def test_who_starts_while_pagerduty_is_down_still_knows_who_is_on_call(
    page: Page, there: PagerDutyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oncalls, "EVERY", 0.2)
    file = config(tmp_path, page, there)
    file.write_text(file.read_text() + "rotations: {front: {pagerduty_schedule: PSCHED1}}\n")

    async with kept(file) as keeper:
        assert (await front(keeper))["name"] == "First Responder", "known before anything is watched"
        assert (await front(keeper))["reason"] == "as PagerDuty tells"
        await asyncio.sleep(1)
        assert [view.subject for view in await incidents(keeper)] == [], "the end of what is known is no gap"
    there.faults.set("drop")
    async with kept(file) as keeper:
        found = await front(keeper)
        assert found["name"] == "First Responder"
        assert found["reason"].startswith("as PagerDuty told at ") and "; since then: " in found["reason"]
        there.faults.clear()
        await until(lambda: any(one.what == "rest.oncalls" and one.accepted for one in list(there.received)[-3:]))


async def test_a_rotation_that_is_moved_to_pagerduty_is_read_after_a_reload(
    page: Page, there: PagerDutyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oncalls, "EVERY", 0.2)
    file = config(tmp_path, page, there)
    async with kept(file) as keeper:
        file.write_text(file.read_text() + "rotations: {front: {pagerduty_schedule: PSCHED1}}\n")
        assert await keeper.reload() == ""
        await named(keeper, "First Responder")
