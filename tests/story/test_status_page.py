"""The page as a customer sees it: made from the record by the real store, read back as HTML and JSON."""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest

from monitor.status import build as pages
from monitor.status import render
from probes.words.clock import moment
from probes.words.units import HOUR, SECOND
from tests.story.watch import CONFIG, Watch, clock_of, configure

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}&\"'" + "W" * 90
CLIENTS = """  records:
    title: Records agent
    url: "https://records.example.com"
    client: west
    policy: wake-us
    probes: {home: {get: /, every: 1m, check: [{contains: ok}]}}
  private:
    title: Quiet agent
    url: "https://quiet.example.com"
    client: north
    policy: wake-us
    probes: {home: {get: /, every: 1m, check: [{contains: ok}]}}
clients: {north: {name: North Dental, public: false}, west: {name: West Clinic, public: true}}
"""


class Page(HTMLParser):
    """What a page says, and what it asks a browser to fetch."""

    def __init__(self, body: str) -> None:
        super().__init__()
        self.fetches: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._quiet = 0
        self.feed(body)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._quiet += tag == "style"
        self.fetches += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        assert not [name for name, _ in attrs if name.startswith("on")], "no handler stands on the page"

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._quiet:
            self.text += " ".join(data.split()) + " "


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Watch]:
    async with Watch(tmp_path, configure(CONFIG + CLIENTS)) as watch:
        yield watch


async def files(watch: Watch) -> dict[str, bytes]:
    """The whole site as of now."""
    await watch.store.flush()
    now, catalog = watch.clock.now(), watch.catalog
    await watch.engine.beat()
    await watch.store.write(partial(pages.keep_tokens, catalog=catalog, now=now))
    made = await watch.store.read(lambda session: pages.make_pages(session, catalog, watch.desk, now=now))
    return render.files(made)


async def page(watch: Watch) -> Page:
    return Page((await files(watch))["index.html"].decode())


async def test_before_the_first_run_the_page_knows_nothing_and_shows_no_percentage(watch: Watch) -> None:
    shown = await page(watch)
    assert "We do not know: nothing was seen yet, or lately." in shown.text
    assert "no run yet" in shown.text
    assert "no data" in shown.text
    assert "%" not in shown.text


async def test_an_incident_shows_four_times_in_words_and_no_name(watch: Watch) -> None:
    began = clock_of("10:01")
    watch.world = lambda probe, at: "x" if "books" in probe and began <= at < clock_of("10:05") else "."
    await watch.runs(clock_of("10:00"), clock_of("10:03"), every=60)
    await watch.run("records/production/home")
    await watch.pass_to(watch.clock.at + SECOND)
    during = await page(watch)
    assert "One workflow is down. One is working." in during.text
    assert "Intake agent does not answer in time" in during.text
    for words in ("Noticed 10:01:40", "40 s after it began", "Paged 10:01:40", "Answered not yet", "Recovered not yet"):
        assert words in during.text
    await watch.runs(clock_of("10:05"), clock_of("10:07"), every=60)
    await watch.run("records/production/home")
    await watch.pass_to(watch.clock.at + SECOND)
    after = await page(watch)
    assert "Both workflows are working." in after.text
    assert "Intake agent did not answer in time" in after.text
    for words in ("Answered recovered first", "Recovered 10:06:00", "after 5 min"):
        assert words in after.text
    assert "Ana" not in after.text


async def test_the_client_that_keeps_to_itself_stands_on_its_own_page_alone(watch: Watch) -> None:
    site = await files(watch)
    (folder,) = {name.rpartition("/")[0] for name in site} - {""}
    assert len(folder.removeprefix("c/")) >= 26, "160 random bits"
    for name in ("index.html", "status.json"):
        assert b"Quiet" not in site[name]
        assert b"North" not in site[name]
        assert folder.encode() not in site[name]
        assert b"Quiet agent" in site[f"{folder}/{name}"]
        assert b"Records" not in site[f"{folder}/{name}"]
    own = Page(site[f"{folder}/index.html"].decode())
    assert b'name="robots" content="noindex"' in site[f"{folder}/index.html"]
    assert "North Dental" in own.text
    assert "West Clinic" in Page(site["index.html"].decode()).text
    assert {name.rpartition("/")[0] for name in await files(watch)} - {""} == {folder}, "its address never changes"


async def test_maintenance_is_announced_and_counts_on_neither_side(watch: Watch) -> None:
    await watch.pass_to(clock_of("09:00"))
    await watch.maintenance(clock_of("10:00"), clock_of("11:00"))
    for name in ("records/production/home", "private/production/home"):
        await watch.run(name, at=clock_of("09:58"))
    await watch.runs(clock_of("09:58"), clock_of("10:00"), every=60)
    watch.world = lambda probe, at: "x" if "books" in probe else "."
    await watch.runs(clock_of("10:00"), clock_of("10:02"), every=60)
    shown = await page(watch)
    assert f"Maintenance of Intake agent: {moment(watch.clock.now()):%-d %b %Y}, 10:00 to 11:00. move." in shown.text
    assert "One workflow is in maintenance." in shown.text
    found = json.loads((await files(watch))["status.json"])
    intake = next(one for one in found["workflows"] if one["workflow"] == "intake")
    assert intake["figures"]["90 days"] == "100 %"
    assert intake["days"][-1]["microseconds"]["maintenance"] > 0
    assert watch.paged == []


async def test_while_the_keeper_was_away_nothing_is_known(watch: Watch) -> None:
    await watch.runs(clock_of("08:00"), clock_of("08:10"), every=60)
    await watch.engine.beat()
    await watch.fall()
    watch.clock.at = clock_of("20:00")
    await watch.rise()
    await watch.runs(clock_of("20:00"), clock_of("20:05"), every=60)
    found = json.loads((await files(watch))["status.json"])
    intake = next(one for one in found["workflows"] if one["workflow"] == "intake")
    assert intake["figures"]["90 days"] == "not enough data"
    assert intake["days"][-1]["microseconds"]["unknown"] > 11 * HOUR
    assert intake["days"][-1]["microseconds"]["down"] == 0


async def test_the_page_says_when_it_was_made_and_from_when_it_is_stale(watch: Watch) -> None:
    await watch.pass_to(clock_of("10:00"))
    shown = await page(watch)
    assert "made 10:00, 1 Jan 2030" in shown.text
    assert "after 10:15, 1 Jan 2030 , it is stale" in shown.text


async def test_the_page_asks_nothing_of_anybody_else_and_runs_no_script(watch: Watch) -> None:
    await watch.runs(clock_of("10:00"), clock_of("10:02"), every=60)
    for name, body in (await files(watch)).items():
        if name.endswith(".html"):
            shown = Page(body.decode())
            assert [one for one in shown.fetches if not one.startswith(("#", "status.json", "data:"))] == []
            assert "url(" not in body.decode()
            assert "@import" not in body.decode()
            assert not {"script", "iframe", "object", "embed", "form"} & set(shown.tags)


async def hostile(watch: Watch) -> dict[str, bytes]:
    """A site whose owner, and whose workflow, write the worst that they can."""
    catalog = watch.catalog
    workflows = {
        key: replace(one, title=HOSTILE, promise=HOSTILE, runbook="javascript:alert(1)")
        for key, one in catalog.workflows.items()
    }
    clients = {key: replace(one, name=HOSTILE) for key, one in catalog.clients.items()}
    site = replace(catalog.site, title=HOSTILE)
    await watch.reload(replace(catalog, workflows=workflows, clients=clients, site=site))
    watch.world = lambda probe, at: "x"
    await watch.runs(clock_of("10:00"), clock_of("10:02"), every=60)
    return await files(watch)


async def test_hostile_titles_are_text_and_nothing_else(watch: Watch) -> None:
    site = await hostile(watch)
    shown = Page(site["index.html"].decode())
    assert "img" not in shown.tags
    assert "{{7*7}}" in shown.text, "nothing is filled in twice"
    assert "<img src=x" in shown.text
    assert json.loads(site["status.json"])["title"] == HOSTILE


async def test_status_json_has_what_programs_count_on(watch: Watch) -> None:
    await watch.runs(clock_of("10:00"), clock_of("10:05"), every=60)
    found = json.loads((await files(watch))["status.json"])
    assert set(found) == {
        "title", "state", "summary", "made", "stale_from", "simulated", "workflows", "open_incidents", "incidents",
        "maintenance",
    }  # fmt: skip
    for workflow in found["workflows"]:
        assert set(workflow) == {
            "workflow", "title", "promise", "state", "since", "figures", "slo", "corrections", "days",
        }  # fmt: skip
        assert len(workflow["days"]) == 90
        for day in workflow["days"]:
            assert set(day) == {"date", "uptime", "coverage", "microseconds"}
            assert (day["microseconds"] is None) <= (day["uptime"] is None)


# -- a narrow screen ---------------------------------------------------------------------------------------------------

MEASURE = """<!doctype html><title>?</title><iframe src="index.html" width="390" height="900"></iframe><script>
onload = () => { const page = document.querySelector("iframe").contentDocument.documentElement;
document.title = page.clientWidth + " " + page.scrollWidth }</script>"""


async def test_on_a_phone_nothing_scrolls_sideways_whatever_the_titles(watch: Watch, tmp_path: Path) -> None:
    subprocess.run(["bash", "tests/browser/ensure-chromium.sh"], check=True, timeout=110)
    site = await hostile(watch)
    (tmp_path / "index.html").write_bytes(site["index.html"])
    (tmp_path / "measure.html").write_text(MEASURE)
    names = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
    chromium = os.environ.get("SHOWUP_CHROMIUM") or next(found for name in names if (found := shutil.which(name)))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"]
    flags += ["--virtual-time-budget=2000", f"--user-data-dir={tmp_path}/browser", "--disable-dev-shm-usage"]
    done = subprocess.run(
        [chromium, *flags, f"file://{tmp_path}/measure.html"], capture_output=True, timeout=90, check=True
    )
    seen = done.stdout.decode().partition("<title>")[2].partition("</title>")[0].split()
    assert len(seen) == 2, done.stderr.decode()[-500:]
    assert int(seen[1]) <= int(seen[0]), "wider than the screen"
