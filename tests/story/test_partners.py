"""A partner changes its interface, in a whole keeper: who is told what, what is listed, and how it is over."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.app import Keeper
from monitor.cli.contracts import run_learn
from monitor.cli.show import run as draw_run
from monitor.cli.show_expiries import expiries as draw_expiries
from monitor.cli.show_status import status as draw_status
from monitor.config.load import load
from monitor.metrics import exposition
from monitor.sandbox.partner import PartnerServer
from monitor.services.partners import expiries
from monitor.services.questions import status
from monitor.services.runs import run, runs
from probes.words.clock import moment
from probes.words.units import DAY
from tests.story.keeping import kept, real, until

CONFIG = """\
web: {{listen: ""}}
defaults: {{every: 1s, timeout: 700ms, cleanup: 100ms, attempts: 1}}
keys: {{stripe: {{expires: {expires}, renew: "https://stripe.example/keys", workflows: intake}}}}
workflows:
  intake:
    url: {url}
    allow: [localhost]
    ca_file: {ca_file}
    auth: {{bearer: "${{secret:KEY}}"}}
    probes:
      home: {{get: /slots, check: [{{status: 200}}]}}
      calendar: {{kind: contract, partner: calendar, get: /slots}}
      certificate: {{tls: "localhost:{port}"}}
"""


async def write(folder: Path, server: PartnerServer) -> Path:
    port = await server.secure(12.5)
    file = folder / "showup.yaml"
    day = f"{moment(real.now() + 5 * DAY):%Y-%m-%d}"
    file.write_text(CONFIG.format(url=server.url, ca_file=server.ca_file, port=port, expires=day))
    (folder / ".env").write_text("KEY=first-key\n")
    (folder / ".env").chmod(0o600)
    await learn(file)
    return file


async def learn(file: Path, *, again: bool = False) -> None:
    def now() -> None:
        assert run_learn("calendar", file, env="", samples=3, pause="1ms", again=again, as_json=False) == 0

    await asyncio.to_thread(now)


async def sentences(keeper: Keeper) -> list[str]:
    views = await keeper.store.read(lambda session: keeper.desk.views(session, now=keeper.clock.now()))
    return sorted(view.sentence for view in views)


async def test_a_partner_changes_its_interface_and_it_is_learned_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with PartnerServer() as server:
        file = await write(tmp_path, server)
        async with kept(file) as keeper:
            engine = keeper.engine
            await until(lambda: all(track.last for track in engine.tracks.values()) and engine.expiries.known)
            assert {track.last.state for track in engine.tracks.values() if track.last} == {"up"}
            server.faults.set("renamed")
            server.faults.set("nearly-limited")
            calendar = engine.tracks["intake/production/calendar"]
            await until(lambda: calendar.last is not None and calendar.last.failure)
            assert calendar.last is not None and calendar.last.blame == "partner"
            said = "calendar changed its interface: get /slots: $.slots[].start is gone from 6 of 6 objects; "
            assert said + "is it $.slots[].starts_at now?" in await sentences(keeper)
            draw_run(await run(keeper, (await runs(keeper, "calendar", 1))[0]["id"]))
            assert "Blame: the partner calendar." in capsys.readouterr().out

            found = await expiries(keeper)
            assert [(one["kind"], one["days_left"], one["told"]) for one in found["expiries"]] == [
                ("key", 4, True), ("certificate", 12, True),
            ]  # fmt: skip
            draw_expiries(found)
            drawn = capsys.readouterr().out
            assert "within a week" in drawn and "renew key stripe: https://stripe.example/keys" in drawn
            await until(lambda: engine.foresight.headroom.rooms)
            draw_status(await status(keeper))
            drawn = capsys.readouterr().out
            assert "key stripe" in drawn and "5 % of requests left" in drawn

            def shown(name: str) -> list[Any]:
                families = {one.name: one for one in text_string_to_metric_families(exposition(keeper).decode())}
                return families[name].samples

            ends = shown("showup_expiry_timestamp_seconds")
            assert {sample.labels["kind"] for sample in ends} == {"key", "certificate"}
            # a run that was under way before may still tell of more
            await until(lambda: {sample.value for sample in shown("showup_rate_limit_left")} == {0.05})

            await learn(file, again=True)
            await engine.reload(load(file))
            await until(lambda: calendar.last is not None and not calendar.last.failure)
            for _ in range(50):
                if not any("calendar" in sentence for sentence in await sentences(keeper)):
                    break
                await asyncio.sleep(0.1)
            assert not any("calendar" in sentence for sentence in await sentences(keeper))
