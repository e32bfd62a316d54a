"""A whole keeper with real probe hosts over a golden set: from a file of cases to a page on a phone, and metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aiohttp import web

from monitor.metrics import exposition
from monitor.sandbox.phone.server import PhoneServer
from tests.serving import Page, serving
from tests.story.keeping import kept, until, until_incident, write_config

PROBE = """knows: {cases: golden/intents.csv, post: /intent, json: {text: "${case.input}"}, answer: $.label,
             labels: [book, cancel], sample: 20, every: 2s, timeout: 1500ms}"""


class Agent:
    """An agent that tells two intents apart, until it does not any more."""

    def __init__(self) -> None:
        self.well = True

    async def __aenter__(self) -> Agent:
        self._serving = serving(web.post("/intent", self._answer))
        self.url = await self._serving.__aenter__()
        return self

    async def __aexit__(self, *failure: Any) -> None:
        await self._serving.__aexit__(*failure)

    async def _answer(self, asked: web.Request) -> web.Response:
        text = json.loads(await asked.text())["text"]
        return web.json_response({"label": "cancel" if "cancel" in text and self.well else "book"})


async def test_a_model_that_takes_one_intent_for_another_wakes_somebody_with_what_it_takes_for_what(
    tmp_path: Path,
) -> None:
    (tmp_path / "golden").mkdir()
    rows = [f"case {n},{'cancel' if n % 4 == 0 else 'book'} number {n},{'cancel' if n % 4 == 0 else 'book'}\n"
            for n in range(60)]  # fmt: skip
    (tmp_path / "golden" / "intents.csv").write_text("name,input,expect\n" + "".join(rows))
    async with PhoneServer() as phone, Agent() as agent:
        page = Page()
        page.url = agent.url
        config = write_config(tmp_path, page, PROBE, channels=f'ntfy: {{url: "{phone.url}"}}')
        async with kept(config) as keeper:
            track = keeper.engine.tracks["intake/production/knows"]
            await until(lambda: track.answers.said is not None and track.answers.said.of >= 60, within=40)
            assert str(track.last.state) == "up"
            agent.well = False
            incident = await until_incident(keeper, lambda one: one.failure == "wrong", within=40)
            assert "cancel taken for book: " in incident.sentence
            assert "surely under the target of 95 %" in incident.sentence
            told = exposition(keeper).decode()
            line = next(line for line in told.splitlines() if line.startswith("showup_golden_accuracy{"))
            assert 0.5 < float(line.rpartition(" ")[2]) < 0.95
            await until(lambda: phone.messages, within=20)
