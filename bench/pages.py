"""The status page of 100 workflows over 90 days."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlmodel import Session

from alerts.desk import Desk
from bench.figure import Figure, Scale
from monitor.config.catalog import Catalog
from monitor.config.load import load
from monitor.config.secrets import Secrets
from monitor.engine import restore
from monitor.status import bars, build, render
from monitor.store.codes import state_code
from monitor.store.database import Store
from monitor.store.queries.ledgers import begin_ledger
from monitor.store.queries.presence import begin_alive
from monitor.store.rows import Rows, RunRow, SpanRow
from probes.words.clock import PushedClock
from probes.words.outcome import State
from probes.words.units import DAY, MINUTE

NOON = 1_795_435_200_000_000  # 2026-11-23 12:00 UTC
WORKFLOWS = 100


def pages(scale: Scale) -> Iterator[Figure]:
    """Milliseconds from the record to the files of the site."""
    with TemporaryDirectory(prefix="bench-pages-") as folder:
        yield from asyncio.run(_measure(Path(folder), scale))


async def _measure(folder: Path, scale: Scale) -> list[Figure]:
    place = folder / "showup.yaml"
    place.write_text(json.dumps(_sections()))
    catalog = load(place, secrets=Secrets({}))
    async with Store.open("", folder=folder, clock=PushedClock(NOON), ballast=0) as store:
        store.append(await store.write(lambda session: _history(session, catalog)))
        await store.flush()
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


def _history(session: Session, catalog: Catalog) -> Rows:
    """Ninety days of each workflow: mostly up, with an outage, slowness or nobody watching about every third day."""
    dice, start = random.Random(1), NOON - 90 * DAY
    spans, runs = [], []
    for track in restore.restore(session, catalog, now=start, secrets=lambda names: {}).tracks.values():
        begin_ledger(session, track.ledger, at=start)
        at = start
        while at < NOON - 3 * DAY:
            up = at + dice.randint(1 * DAY, 5 * DAY)
            bad = up + dice.randint(5, 240) * MINUTE
            state = dice.choice((State.DOWN, State.DEGRADED, State.UNKNOWN))
            spans += [
                SpanRow(track.ledger, at, up, state_code(State.UP)),
                SpanRow(track.ledger, up, bad, state_code(state)),
            ]
            at = bad
        runs.append(RunRow(NOON - MINUTE, track.ledger, 900, 120_000, state_code(State.UP), None, track.hold))
    begin_alive(session, now=start)
    return Rows(runs=runs, spans=spans)
