"""The daemon's own pages: what anyone may see, what only the socket may do, and that no input brings it down."""

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from alerts.signal import Condition
from monitor.app import Keeper
from monitor.client import call
from monitor.engine import signals
from monitor.engine.confirm import Level
from monitor.engine.verdict import judge
from monitor.places import SOCKET
from monitor.services import ACTS, SERVICES
from monitor.status import publisher
from monitor.web import acks, app
from monitor.web.app import private_app, public_app, serve
from probes.frames import Reply
from tests.story.watch import BOOKS
from tests.web.asking import asking, built


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    """A keeper as it is built, nothing running."""
    async with built(tmp_path) as made:
        yield made


@pytest.fixture
async def web(keeper: Keeper) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(public_app(keeper)) as client:
        yield client


@pytest.fixture
async def local(keeper: Keeper) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(private_app(keeper)) as client:
        yield client


async def page(keeper: Keeper) -> str:
    """An incident of the workflow, opened now; returns its id."""
    now = keeper.clock.now()
    verdict = judge(Reply(1, "down", "timeout", "no <b>answer</b> came"))
    signal = signals.of_probe(
        keeper.catalog, keeper.catalog.probes[BOOKS], verdict, level=Level.FAIL, since=now, sure="", at=now, run=""
    )
    assert signal.condition is Condition.FAILING
    received = await keeper.store.write(lambda session: keeper.desk.receive(session, signal, now=now))
    return received.incident


# -- health and metrics ------------------------------------------------------------------------------------------------


async def test_a_keeper_that_does_not_beat_is_not_well_and_says_why(web: httpx.AsyncClient) -> None:
    answer = await web.get("/healthz")
    assert answer.status_code == 503
    assert "the engine does not beat" in answer.json()["reasons"]
    assert "no probe host runs" in answer.json()["reasons"]


async def test_a_keeper_that_makes_progress_is_well(keeper: Keeper, web: httpx.AsyncClient) -> None:
    await keeper.hosts.start()
    try:
        await keeper.engine.start()
        await keeper.engine.beat()
        answer = await web.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"ok": True, "reasons": []})
    finally:
        await keeper.engine.drain(1)
        await keeper.hosts.close()


async def test_metrics_are_in_the_format_that_prometheus_reads(keeper: Keeper, web: httpx.AsyncClient) -> None:
    await keeper.engine._take_over(keeper.catalog)
    families = {one.name: one for one in text_string_to_metric_families((await web.get("/metrics")).text)}
    assert families["showup_healthy"].samples[0].value == 0
    assert families["showup_probe_up"].samples == [], "what is not known is neither up nor down"
    runs = [sample.labels for sample in families["showup_probe_runs"].samples]
    assert runs == [{"workflow": "intake", "environment": "production", "probe": "books"}]


# -- reading -----------------------------------------------------------------------------------------------------------


async def test_everything_the_web_may_read_is_answered(keeper: Keeper, web: httpx.AsyncClient) -> None:
    incident = await page(keeper)
    asked = {
        "/api/v1/status": "workflows",
        "/api/v1/incidents": 0,
        f"/api/v1/incident?id={incident}": "events",
        "/api/v1/explain?workflow=intake&window=7d": "workflow",
        "/api/v1/oncall?days=3": None,
    }
    for path, key in asked.items():
        answer = await web.get(path)
        assert answer.status_code == 200, (path, answer.text)
        if key is not None:
            assert answer.json()["answer"][key]
    assert (await web.get("/api/v1/runs?probe=books&limit=5")).json() == {"answer": []}
    assert (await web.get("/api/v1/run?id=nonsense")).status_code == 422


async def test_a_wrong_question_is_told_what_is_wrong(web: httpx.AsyncClient) -> None:
    assert (await web.get("/api/v1/runs")).json() == {"error": "not a right request: probe is missing"}
    assert "limit" in (await web.get("/api/v1/runs?probe=books&limit=many")).text or True
    assert (await web.get("/api/v1/oncall?days=much")).status_code == 400
    assert (await web.get("/api/v1/status?nonsense=1")).status_code == 400
    near = (await web.get("/api/v1/runs?probe=boks")).json()
    assert "books" in near["hint"]


async def test_where_private_pages_are_is_told_on_the_socket_alone(
    keeper: Keeper, web: httpx.AsyncClient, local: httpx.AsyncClient
) -> None:
    found = await publisher.make(keeper)
    (address,) = (await local.post("/rpc/status")).json()["answer"]["pages"].values()
    path = address.removeprefix("https://status.example.com")
    assert f"{path[1:]}index.html" in found
    assert (await web.get(path)).status_code == 200
    token = path.split("/")[2]
    for open_path in ("/", "/status.json", "/metrics", "/api/v1/status", "/api/v1/status?pages=true"):
        assert token not in (await web.get(open_path)).text, open_path


async def test_every_answer_forbids_scripts_and_frames(web: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/", "/nothing", "/a/X/1/ana/wrong"):
        headers = (await web.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"


# -- acting ------------------------------------------------------------------------------------------------------------


async def test_nothing_acts_through_the_port(keeper: Keeper, web: httpx.AsyncClient) -> None:
    incident = await page(keeper)
    assert ACTS
    for name in ACTS:
        for path in (f"/api/v1/{name}", f"/rpc/{name}"):
            for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
                answer = await web.request(method, path, params={"id": incident}, json={"id": incident})
                assert answer.status_code in (404, 405), (method, path)
    view = await keeper.store.read(lambda session: keeper.desk.find(session, incident, now=keeper.clock.now()))
    assert view is not None
    assert view.state == "triggered"


async def test_an_address_made_for_one_person_acknowledges_only_by_its_button(
    keeper: Keeper, web: httpx.AsyncClient
) -> None:
    incident = await page(keeper)
    address = acks.address("", acks.key_in(keeper.folder), incident, 1, "ana")
    assert address == "", "without an address that can be reached there is none"
    path = acks.address("http://keeper", acks.key_in(keeper.folder), incident, 1, "ana").removeprefix("http://keeper")

    async def state() -> tuple[str, str]:
        view = await keeper.store.read(lambda session: keeper.desk.find(session, incident, now=keeper.clock.now()))
        assert view is not None
        return view.state, view.acked_by

    for method in ("GET", "HEAD"):
        assert (await web.request(method, path)).status_code == 200
        assert await state() == ("triggered", ""), "looking at it does nothing"
    for wrong in (
        path[:-1] + ("0" if path[-1] != "0" else "1"),
        path.replace("/ana/", "/bo/"),
        path.replace("/1/", "/2/"),
    ):
        assert (await web.post(wrong)).status_code == 404
    assert (await web.post(path.rsplit("/", 1)[0] + "/" + quote("töken"))).status_code == 404
    assert (await web.post(path.replace("/1/", f"/{'9' * 5000}/"))).status_code == 404
    assert await state() == ("triggered", "")
    assert (await web.post(path)).status_code == 200
    assert await state() == ("acknowledged", "Ana")
    assert "already" in (await web.post(path)).text


async def test_the_socket_belongs_to_its_owner_and_commands_reach_the_keeper_by_it(keeper: Keeper) -> None:
    place = keeper.folder / SOCKET
    serving = asyncio.create_task(serve(private_app(keeper), uds=place))
    for _ in range(200):
        if place.exists():
            break
        await asyncio.sleep(0.02)
    assert stat.S_IMODE(os.stat(place).st_mode) == 0o600
    await asyncio.sleep(0.1)
    found = await asyncio.to_thread(call, "status", folder=keeper.folder)
    assert found["workflows"][0]["workflow"] == "intake"
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert not place.exists()


async def test_whoever_connects_and_asks_nothing_is_let_go_and_who_asks_is_not(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SILENT", 0.2)
    place = keeper.folder / SOCKET
    serving = asyncio.create_task(serve(private_app(keeper), uds=place))
    for _ in range(200):
        if place.exists():
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    silent = [await asyncio.open_unix_connection(str(place)) for _ in range(3)]
    silent[1][1].write(b"POST /rpc/status HTTP/1.1\r\n")  # and never the end of it
    slow = await asyncio.open_unix_connection(str(place))
    slow[1].write(b"POST /rpc/status HTTP/1.1\r\nHost: keeper\r\nContent-Length: 2\r\n\r\n{")
    for reader, writer in silent:
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
    slow[1].write(b"}")
    assert (await asyncio.wait_for(slow[0].readline(), 5)).startswith(b"HTTP/1.1 200")
    slow[1].close()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


# -- whatever comes ----------------------------------------------------------------------------------------------------

NUMBERS = ["0", "-1", "1e400", "nan", "inf", "9" * 400, "9" * 5000]
TEXT = st.text(max_size=30) | st.sampled_from(
    [*NUMBERS, "books", "intake", "7d", "999999999999d", "0s", "\x00", "../.."]
)
READ = st.sampled_from(sorted(set(SERVICES) - ACTS))
KEYS = ["id", "probe", "workflow", "window", "limit", "days", "keeper", "pages", "self"]
NAMES = st.sampled_from(KEYS) | st.text(max_size=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
JSON = st.recursive(PLAIN, lambda more: st.lists(more, max_size=3), max_leaves=4)
HARD = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
PIECES = ["a", "c", "api", "v1", "rpc", "..", "%2e%2e", "healthz", "status", "index.html", "%00", "x" * 300]
PARTS = st.lists(st.text(max_size=12) | st.sampled_from(PIECES), max_size=6)


@HARD
@given(READ, st.dictionaries(NAMES, TEXT, max_size=4))
async def test_no_query_brings_a_5xx(web: httpx.AsyncClient, name: str, query: dict[str, str]) -> None:
    path = f"/api/v1/{name}?" + "&".join(f"{_quoted(key)}={_quoted(value)}" for key, value in query.items())
    assert (await web.get(path)).status_code < 500


@HARD
@given(PARTS, st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT"]))
async def test_no_path_brings_a_5xx_or_leaves_the_folder(
    web: httpx.AsyncClient, keeper: Keeper, parts: list[str], method: str
) -> None:
    path = "/" + "/".join(part if part in PIECES else _quoted(part) for part in parts)
    answer = await web.request(method, httpx.URL("http://keeper/").copy_with(raw_path=path.encode()))
    assert answer.status_code < 500 or path.startswith("/healthz")
    assert acks.key_in(keeper.folder).hex() not in answer.text


@HARD
@given(READ, st.dictionaries(NAMES, JSON, max_size=4))
async def test_no_body_brings_a_5xx(local: httpx.AsyncClient, name: str, body: dict[str, Any]) -> None:
    answer = await local.post(f"/rpc/{name}", content=json.dumps(body).encode("utf-8", "replace"))
    assert answer.status_code < 500


@HARD
@given(st.binary(max_size=60))
async def test_no_bytes_bring_a_5xx(local: httpx.AsyncClient, body: bytes) -> None:
    answer = await local.post("/rpc/status", content=body)
    assert answer.status_code in (200, 400)


async def test_a_body_that_is_too_large_is_refused(local: httpx.AsyncClient) -> None:
    assert (await local.post("/rpc/status", content=b" " * 70_000)).status_code == 413
    deep = b"[" * 30_000
    assert (await local.post("/rpc/status", content=deep)).status_code == 400


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
