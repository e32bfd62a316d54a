"""A keeper that is built and asked over the web, its loops not running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from monitor.app import Keeper
from monitor.assembly import build
from tests.story.watch import CONFIG, SECRETS

KEPT = """
clients: {north: {name: North Dental, public: false}}
web: {url: "https://watch.example.com"}
"""


def written(folder: Path, text: str = CONFIG + KEPT) -> Path:
    """A configuration with its secrets beside it."""
    place = folder / "showup.yaml"
    if KEPT in text:
        text = text.replace("title: Intake agent", "title: Intake agent\n    client: north")
    place.write_text(text)
    env = folder / ".env"
    env.touch(0o600)
    env.write_text("".join(f"{name}={value}\n" for name, value in SECRETS.items()))
    return place


@asynccontextmanager
async def built(folder: Path, text: str = CONFIG + KEPT) -> AsyncIterator[Keeper]:
    """A keeper of this configuration, closed again at the end."""
    made = await build(written(folder, text), folder=folder / "state")
    try:
        yield made
    finally:
        await made.engine.drain(1)
        for channel in made.channels.values():
            await channel.close()
        await made.store.close()


def asking(app: Any) -> httpx.AsyncClient:
    """Ask an app as its server does; what it raises is a 500, as it would be there."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://keeper")
