"""The escalation procedure as a page: with names or with roles, tested when, and on the public page by choice."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from monitor.app import Keeper
from monitor.services import SERVICES
from monitor.status import publisher, render
from monitor.web.app import public_app
from probes.words.errors import Refused
from tests.story.keeping import kept, until_incident
from tests.story.rehearsing import Town, town

CONFIG = """\
site: {title: Northside, timezone: UTC}
monitor: {policy: quiet}
defaults: {policy: wake-us, every: 1h}
publish: {escalation: HOW}
web: {listen: ""}
channels: {slack: {token: "${secret:T}", channel: ops-alerts}, pagerduty: {routing_key: "${secret:T}"}}
people:
  ana: {name: Ana Silva, phone: ["ntfy:${secret:T}"]}
  bo: {name: "Bo <b>Lind</b>", phone: ["ntfy:${secret:T}"]}
rotations: {front-line: {people: [ana, bo], starts: 2026-01-05, handoff: "Mon 09:00"}}
policies:
  wake-us:
    levels:
      - {at: 0m, notify: [slack, "on-call:front-line"]}
      - {at: 5m, notify: ["next:front-line"]}
      - {at: 15m, notify: [pagerduty]}
    warnings: [slack]
    fallback: bo
  quiet: {levels: [{at: 0m, notify: [ana]}], repeat: 1}
clients: {harbor: {name: Harbor, public: false}}
workflows:
  intake: {title: Intake agent, url: "http://127.0.0.1:9", probes: {home: {get: /, check: [{status: 200}]}}}
  invoices: {policy: quiet, client: harbor, url: "http://127.0.0.1:9", probes: {home: {get: /, check: [{status: 200}]}}}
"""


def write(folder: Path, how: str = "roles") -> Path:
    file = folder / "showup.yaml"
    file.write_text(CONFIG.replace("HOW", how))
    (folder / ".env").touch(0o600)
    (folder / ".env").write_text("T=topic-one\n")
    return file


async def made(keeper: Keeper) -> str:
    await publisher.make(keeper)
    return (keeper.folder / "public" / "escalation.html").read_text()


async def test_levels_minutes_people_and_who_that_is_now(tmp_path: Path) -> None:
    async with kept(write(tmp_path)) as keeper:
        found = await SERVICES["escalation"](keeper)
        wake, quiet = found["policies"]
        assert wake["of"] == ("Intake agent",) or wake["of"] == ["Intake agent"]
        assert [(level["when"], level["seconds"]) for level in wake["levels"]] == [
            ("at once", 0.0),
            ("after 5 min", 300.0),
            ("after 15 min", 900.0),
        ]
        first, second = wake["levels"][0]["whom"][1], wake["levels"][1]["whom"][0]
        assert (first["role"], first["name"]) == ("first on call", "first on call of front-line")
        assert {first["now"], second["now"]} == {"Ana Silva", "Bo <b>Lind</b>"}
        assert first["until"] is not None
        assert wake["rounds"].startswith("All of it is repeated 3 times, 15 min apart")
        assert wake["ack"] == "30 min"
        assert wake["tested"] is None
        assert list(quiet["of"]) == ["Invoices", "showup itself"]
        assert "Bo &lt;b&gt;Lind" in (await SERVICES["escalation_page"](keeper))["html"], "foreign words stay words"
        with pytest.raises(Refused, match="is no policy"):
            await SERVICES["escalation"](keeper, policy="wake-su")


async def test_without_names_nobody_can_see_who_is_on_call(tmp_path: Path) -> None:
    async with kept(write(tmp_path)) as keeper:
        said = json.dumps(await SERVICES["escalation"](keeper, names=False))
        assert "Ana" not in said
        assert "Lind" not in said
        assert "ops-alerts" not in said
        assert "second on call" in said


async def test_on_the_public_page_by_choice_and_gone_when_it_is_no_longer_chosen(tmp_path: Path) -> None:
    async with kept(write(tmp_path)) as keeper:
        page = await made(keeper)
        assert "First on call" in page
        assert "Ana" not in page
        assert "showup itself" not in page, "our own troubles are nobody else's"
        assert "Invoices" not in page, "whose page is private is not told of"
        assert "<script" not in page
        index = (keeper.folder / "public" / "index.html").read_text()
        assert 'href="escalation.html"' in index
        write(tmp_path, '"names"')
        assert await keeper.reload() == ""
        assert "first on call of front-line" in (await made(keeper)).lower()
        (tmp_path / "showup.yaml").write_text(CONFIG.replace("publish: {escalation: HOW}\n", ""))
        assert await keeper.reload() == ""
        await publisher.make(keeper)
        assert not (keeper.folder / "public" / "escalation.html").exists()
        assert "escalation.html" not in (keeper.folder / "public" / "index.html").read_text()


def test_a_page_of_that_name_that_somebody_else_made_stays(tmp_path: Path) -> None:
    (tmp_path / "escalation.html").write_text("<p>our own words</p>")
    render.write({"index.html": b"all"}, tmp_path)
    assert (tmp_path / "escalation.html").exists()


async def test_programs_read_it_too(tmp_path: Path) -> None:
    async with kept(write(tmp_path)) as keeper:
        transport = httpx.ASGITransport(app=public_app(keeper))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            found = (await client.get("/api/v1/escalation", params={"policy": "wake-us"})).json()["answer"]
            assert [one["key"] for one in found["policies"]] == ["wake-us"]
            assert (await client.get("/api/v1/drills")).json()["answer"]["drills"] == []
            assert (await client.get("/api/v1/drill_start", params={"workflow": "intake"})).status_code == 404


async def test_it_says_when_it_was_tested(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        await rehearsed(place)
        [policy] = (await SERVICES["escalation"](place.keeper))["policies"]
        assert policy["tested"]["took"].startswith("paged ")
        page = (await SERVICES["escalation_page"](place.keeper, names=False))["html"]
        assert "tested" in page
        assert policy["tested"]["drill"] not in page


async def rehearsed(place: Town) -> None:
    started = await place.ask("drill_start", workflow="intake")
    view = await until_incident(place.keeper, lambda view: view.paged_at is not None)
    await place.answer(view.public_id)
    await place.until(started["id"], lambda found: found["outcome"] == "passed")


@pytest.mark.parametrize("how", ["roles", '"names"'])
async def test_neither_keys_nor_topics_nor_phones_stand_on_the_public_page(tmp_path: Path, how: str) -> None:
    text = CONFIG.replace("wake-us", "wake-ana-for-harbor")
    text = text.replace("warnings: [slack]", 'warnings: ["ntfy:topic-k7Qz"]')
    file = write(tmp_path, how)
    file.write_text(text.replace("HOW", how).replace("notify: [pagerduty]", 'notify: [pagerduty, "ntfy:topic-k7Qz"]'))
    async with kept(file) as keeper:
        page = await made(keeper)
        assert "a message by ntfy" in page.lower()
        assert "topic-" not in page, "whoever knows a topic may read and write there"
        assert ("wake-ana-for-harbor" in page) == (how != "roles"), "a key may be somebody's name"
        assert 'id="p-1"' in page
