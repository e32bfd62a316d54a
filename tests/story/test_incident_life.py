"""What people do to an incident at night: merge it, say how severe it is, report it. Nobody is left untold by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.signal import Severity
from monitor.sandbox.phone import PhoneServer
from monitor.services import SERVICES
from probes.words.errors import Refused
from probes.words.units import MINUTE
from tests.serving import Page
from tests.story.keeping import kept, until_incident, write_config
from tests.story.night import Night

BILLING = {"subject": "billing/production", "title": "Billing"}


async def two(night: Night) -> tuple[str, str]:
    """Two incidents, the second with two members."""
    one, other = await night.fails(), await night.fails(**BILLING)
    await night.fails("pays", **BILLING)
    return one, other


async def test_what_a_mute_holds_speaks_for_nobody() -> None:
    night = Night()
    await night.mute("6h")
    held, other = await two(night)
    with pytest.raises(Refused, match="held by a mute"):
        await night.merge(other, held)
    assert (await night.view(other)).next_at is not None
    await night.pass_time("1h")
    assert night.broken_rules == []


async def test_what_was_merged_pages_by_itself_a_while_after_the_other_one_ended() -> None:
    night = Night()
    one, other = await two(night)
    await night.merge(other, one)
    told = len(night.ntfy.pages)
    await night.pass_time("3m")
    assert len(night.ntfy.pages) == told, "the other one speaks for both"
    await night.passes()
    await night.pass_time("6m")
    seen = await night.view(other)
    assert seen.merged_into == "" and seen.next_at is not None and len(night.ntfy.pages) > told
    said = [event.text for event in seen.events if event.kind == "unfolded"]
    assert said == [f"{name} still fails though what it was merged into is over" for name in ("books", "pays")]
    assert night.broken_rules == []


async def test_a_merge_and_a_severity_say_why_nobody_is_woken_any_more() -> None:
    night = Night()
    one, other = await two(night)
    await night.merge(other, one)
    await night.severity(one, "warning")
    stops = [
        event.text for name in (other, one) for event in (await night.view(name)).events if event.kind == "stopped"
    ]
    assert stops[0] == f"nobody is woken any more: {one} speaks for it"
    assert stops[1] == "nobody is woken any more: Ana says it is warning; Bo would have been next"
    await night.pass_time("10m")
    assert (await night.view(other)).next_at is not None, "who spoke for it wakes nobody now"
    assert night.broken_rules == []


async def test_a_customer_who_noticed_before_showup_was_first_and_it_began_then() -> None:
    night = Night()
    name = await night.fails(last_good=night.clock.now() - 9 * MINUTE)
    await night.report(since=night.clock.now() - 4 * MINUTE)
    seen = await night.view(name)
    assert (seen.noticed_by, seen.opened - seen.began) == ("customer", 4 * MINUTE)


async def test_the_last_good_run_is_known_though_a_customer_was_first() -> None:
    night = Night()
    name, good = await night.report(), night.clock.now() - 9 * MINUTE
    await night.fails(severity=Severity.ERROR, last_good=good)
    assert (await night.view(name)).last_good == good


async def test_the_report_on_what_is_over_shows_what_was_seen(tmp_path: Path) -> None:
    async with Page() as page, PhoneServer() as phone:
        config = write_config(tmp_path, page, channels=f'ntfy: {{url: "{phone.url}"}}')
        async with kept(config) as keeper:
            page.well = False
            await until_incident(keeper, lambda one: bool(one.paged_at))
            page.well = True
            over = await until_incident(keeper, lambda one: one.state == "resolved")
            text = (await SERVICES["incident_report"](keeper, id=over.public_id))["markdown"]
    asked = page.url.replace("://", r"\://")
    assert f"What was seen:\n\n> GET {asked}/\\\n> get / 503: closed\n\nWhat it answers" in text
    assert "What it answers when it is well:\n\n> get / 200: Book online" in text
