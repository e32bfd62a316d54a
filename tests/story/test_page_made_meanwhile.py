"""A page is made as of one moment, and probes go on running while it is."""

from __future__ import annotations

import json
from pathlib import Path

from sqlmodel import Session

from alerts.desk import Desk
from monitor.config.load import load
from monitor.config.secrets import Secrets
from monitor.engine import restore
from monitor.status import build, render
from monitor.store.database import Store
from monitor.store.queries.ledgers import begin_ledger
from probes.words.clock import PushedClock

NOON = 1_795_435_200_000_000  # 2026-11-23 12:00 UTC
CONFIG = {
    "monitor": {"policy": "log"},
    "defaults": {"policy": "log"},
    "policies": {"log": {"levels": [{"at": "0m", "notify": ["console"]}], "warnings": ["console"]}},
    "workflows": {
        "intake": {
            "url": "https://example.com",
            "slo": {"target": "99.5%"},
            "probes": {"answers": {"get": "/", "check": [{"status": 200}], "every": "5m"}},
        }
    },
}


async def test_a_first_run_that_begins_after_the_moment_of_the_page_waits_for_the_next_one(tmp_path: Path) -> None:
    place = tmp_path / "showup.yaml"
    place.write_text(json.dumps(CONFIG))
    catalog = load(place, secrets=Secrets({}))
    desk = Desk(lambda: catalog.book)
    async with Store.open("", folder=tmp_path, clock=PushedClock(NOON), ballast=0) as store:

        def begin(session: Session) -> None:
            found = restore.restore(session, catalog, now=NOON, secrets=lambda names: {})
            for track in found.tracks.values():
                begin_ledger(session, track.ledger, at=NOON + 1_784)

        await store.write(begin)
        early, later = [
            await store.read(lambda session, at=at: build.make_pages(session, catalog, desk, now=at))
            for at in (NOON, NOON + 60_000_000)
        ]
    assert [day.shares for day in early[0].page.groups[0].workflows[0].days] == [None] * 90
    assert early[0].page.groups[0].workflows[0].since is None
    assert later[0].page.groups[0].workflows[0].since is not None
    assert "index.html" in render.files(early)
