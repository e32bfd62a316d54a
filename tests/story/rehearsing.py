"""A keeper whose people can be told by a phone and by PagerDuty, both local, and drills of its one workflow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.message import Reaction
from monitor.app import Keeper
from monitor.sandbox.pagerduty import PagerDutyServer
from monitor.sandbox.phone import PhoneServer
from monitor.services import SERVICES
from tests.serving import Page
from tests.story.keeping import HOME, kept, real, write_config

CHANNELS = """ntfy: {{url: "{phone}"}}, pagerduty: {{routing_key: "${{secret:PD}}", api_key: "${{secret:PD_API}}", \
url: "{pd}", api_url: "{pd}", ca_file: "{ca}"}}"""


@dataclass(slots=True)
class Neighbours:
    """What a keeper watches and tells, and its configuration."""

    page: Page
    phone: PhoneServer
    pagerduty: PagerDutyServer
    config: Path


@dataclass(slots=True)
class Town(Neighbours):
    """A keeper with its neighbours."""

    keeper: Keeper

    async def ask(self, name: str, **given: Any) -> Any:
        """What a service answers."""
        return await SERVICES[name](self.keeper, **given)

    async def until(
        self, number: str, holds: Callable[[dict[str, Any]], Any], *, within: float = 20.0
    ) -> dict[str, Any]:
        """The report of a drill once this holds of it."""
        began = real.mono()
        while True:
            found: dict[str, Any] = await self.ask("drill", id=number)
            if holds(found):
                return found
            assert real.mono() - began < within, found
            await asyncio.sleep(0.05)

    async def answer(self, incident: str) -> None:
        """Ana takes the page."""
        told = Reaction(action="ack", incident=incident, by="Ana Silva", via="Slack", person="ana")
        assert (await self.keeper.react(told)).accepted


@asynccontextmanager
async def neighbours(
    folder: Path,
    *probes: str,
    levels: str = "{at: 0m, notify: [ana, pagerduty]}",
    more: str = "",
    warnings: str = "ana",
    listen: str = "",
) -> AsyncIterator[Neighbours]:
    """They serve; `more` stands at the end of the configuration, or instead of its `monitor`."""
    async with Page() as page, PhoneServer() as phone, PagerDutyServer() as pagerduty:
        given = {"phone": phone.client_url, "pd": pagerduty.client_url, "ca": pagerduty.ca_file}
        tokens = pagerduty.tokens()
        config = write_config(
            folder, page, *(probes or (HOME,)), channels=CHANNELS.format(**given), levels=levels, warnings=warnings,
            listen=listen, secrets={"PD": tokens["routing_key"], "PD_API": tokens["api_key"]},
        )  # fmt: skip
        text = config.read_text()
        config.write_text(
            text.replace("monitor: {policy: wake-us}", more) if more.startswith("monitor:") else text + more
        )
        yield Neighbours(page, phone, pagerduty, config)


@asynccontextmanager
async def town(folder: Path, *probes: str, **given: str) -> AsyncIterator[Town]:
    """The keeper among them, serving; takes what `neighbours` takes."""
    async with neighbours(folder, *probes, **given) as one, kept(one.config) as keeper:
        yield Town(one.page, one.phone, one.pagerduty, one.config, keeper)
