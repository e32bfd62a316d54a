"""The real keeper in this process, on a real database and real probe hosts, a page to watch and a phone to ring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alerts.message import IncidentView
from monitor import app, assembly
from monitor.systemd import Silence
from probes.words.clock import SystemClock
from tests.serving import Page

real = SystemClock()
HEAD = """\
site: {{title: Northside Dental, timezone: UTC}}
monitor: {{policy: wake-us}}
defaults: {{policy: wake-us, every: 1s, timeout: 700ms, cleanup: 100ms, attempts: 1}}
web: {{listen: "{listen}"}}
channels: {{{channels}}}
people: {{ana: {{name: Ana Silva, phone: ["ntfy:${{secret:ANA_PHONE}}"]}}}}
policies: {{wake-us: {{levels: [{levels}], warnings: [{warnings}]}}}}
workflows:
  intake:
    title: Intake agent
    promise: A patient who writes in is answered
    url: "{url}"
    probes:
"""
HOME = "home: {get: /, check: [{contains: Book online}]}"


def write_config(
    folder: Path,
    page: Page,
    *probes: str,
    channels: str,
    levels: str = "{at: 0m, notify: [ana]}",
    warnings: str = "ana",
    listen: str = "",
    secrets: Mapping[str, str] | None = None,
) -> Path:
    """A configuration file with these probes, its secrets beside it."""
    head = HEAD.format(listen=listen, channels=channels, levels=levels, warnings=warnings, url=page.url)
    file = folder / "showup.yaml"
    file.write_text(head + "".join(f"      {probe}\n" for probe in probes or (HOME,)))
    env = folder / ".env"
    env.touch(0o600)
    given = {"ANA_PHONE": "ana", **(secrets or {})}
    env.write_text("".join(f"{name}={value}\n" for name, value in given.items()))
    return file


@asynccontextmanager
async def kept(config: Path) -> AsyncIterator[app.Keeper]:
    """The keeper of a configuration, serving; it is stopped at the end, as a service is."""
    keeper = await assembly.build(config, folder=config.parent / "state")
    ready = asyncio.Event()
    task = asyncio.create_task(app.serve(keeper, notifier=Silence(), ready=ready.set))
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        yield keeper
    finally:
        keeper.stopping.set()
        await asyncio.wait_for(task, 30)


async def until(holds: Callable[[], Any], *, within: float = 15.0) -> float:
    """Wait until it holds; the seconds it took."""
    began = real.mono()
    while not holds():
        assert real.mono() - began < within, "it never came"
        await asyncio.sleep(0.05)
    return real.mono() - began


async def incidents(keeper: app.Keeper) -> list[IncidentView]:
    """All incidents there ever were, newest first, as alerts shows them."""
    now = keeper.clock.now()
    return await keeper.store.read(lambda session: keeper.desk.views(session, now=now, since=0))


async def until_incident(
    keeper: app.Keeper, holds: Callable[[IncidentView], bool], *, within: float = 15.0
) -> IncidentView:
    """Wait for an incident of which this holds."""
    began = real.mono()
    while True:
        found = [incident for incident in await incidents(keeper) if holds(incident)]
        if found:
            return found[0]
        assert real.mono() - began < within, await incidents(keeper)
        await asyncio.sleep(0.05)


def told(incident: IncidentView) -> str:
    """Its timeline as one text."""
    return "\n".join(event.text for event in incident.events)
