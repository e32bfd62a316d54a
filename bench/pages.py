"""The status page of 100 workflows over 90 days, made by the real engine in fast motion."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlmodel import Session

from alerts.desk import Desk
from bench.figure import Figure, Scale
from monitor.config.catalog import Catalog
from monitor.config.load import load
from monitor.config.secrets import Secrets
from monitor.engine.fastforward import FastForward, Happening, Story
from monitor.status import bars, build, render
from monitor.store.database import Store
from probes.words.clock import PushedClock
from probes.words.units import DAY, MINUTE

NOON = 1_795_435_200_000_000  # 2026-11-23 12:00 UTC
WORKFLOWS = 100
MOMENTS, TOGETHER = 20, 10  # moments of trouble, and workflows that have it then
KINDS = (
    ("down", "app_error", "GET / answered 503"),
    ("degraded", "slow", "it took 6.2 s, its budget is 4 s"),
)


def pages(scale: Scale) -> Iterator[Figure]:
    """Milliseconds from the record to the files of the site."""
    with TemporaryDirectory(prefix="bench-pages-") as folder:
        yield from asyncio.run(_measure(Path(folder), scale))


async def _measure(folder: Path, scale: Scale) -> list[Figure]:
    place = folder / "showup.yaml"
    place.write_text(json.dumps(_sections()))
    catalog = load(place, secrets=Secrets({}))
    async with Store.open("", folder=folder, clock=PushedClock(NOON), ballast=0) as store:
        await FastForward(catalog, store, _story(catalog), chance=random.Random(2).random).run()
        desk = Desk(lambda: catalog.book)

        def make(session: Session) -> tuple[float, float, int]:
            began = time.perf_counter()
            made = build.make_pages(session, catalog, desk, now=NOON)
            read = time.perf_counter()
            found = render.files(made)
            return read - began, time.perf_counter() - read, len(found["index.html"])

        bars.bar.cache_clear()
        first = await store.read(make)
        several = [await store.read(make) for _ in range(scale.some(15, 5))]
    reading, drawing = (statistics.median(one[n] for one in several) * 1e3 for n in (0, 1))
    said = f"{reading:.0f} reading, {drawing:.0f} drawing, {first[2] // 1024} KB"
    return [
        Figure("100 workflows x 90 days, drawn", drawing, "ms", most=60),
        Figure("the same, read and drawn", reading + drawing, "ms", remark=said),
        Figure("the first after a start", (first[0] + first[1]) * 1e3, "ms"),
    ]


def _sections() -> dict[str, Any]:
    probes = {"answers": {"get": "/", "check": [{"status": 200}], "every": "5m"}}
    return {
        "monitor": {"policy": "log"},
        "defaults": {"policy": "log"},
        "policies": {"log": {"levels": [{"at": "0m", "notify": ["console"]}], "warnings": ["console"]}},
        "workflows": {f"w{n}": {"url": "https://example.com", "probes": probes} for n in range(WORKFLOWS)},
    }


def _story(catalog: Catalog) -> Story:
    dice, start = random.Random(1), NOON - 90 * DAY
    happenings, names = [], list(catalog.probes)
    for _ in range(MOMENTS):
        at, length = dice.randint(start, NOON - DAY), dice.randint(125, 180) * MINUTE
        for name in dice.sample(names, TOGETHER):
            state, failure, said = dice.choice(KINDS)
            happenings.append(Happening(name, at, at + length, state, failure, said, 4 * MINUTE))
    return Story(start, NOON, timedelta(hours=2), happenings)
