"""Where jobs report: as clients of the healthchecks convention know it, under load, and whatever anybody sends."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.app import Keeper
from monitor.engine.heartbeats import BODY, Word
from monitor.store.queries.pings import body_of, pings_after
from monitor.tokens import key_in, ping_key, ping_token
from monitor.web import pings
from monitor.web.app import public_app, serve
from probes.words.errors import StoreBroken
from tests.story.watch import CONFIG, SECRETS
from tests.web.asking import asking, built

NIGHTLY = "intake/production/nightly"
RID = "6d1c6b8e-3b5a-4a39-8f06-3a1d3b1f1a11"
JOBS = CONFIG + """      nightly: {heartbeat: 24h, grace: 1h}
      same: {heartbeat: 1h, grace: 5m, was: former}
  billing:
    policy: wake-us
    probes:
      same: {heartbeat: 1h, grace: 5m}
"""


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    """A keeper that follows its jobs, its loops not running."""
    async with built(tmp_path, JOBS) as made:
        await made.engine.start()
        yield made


@pytest.fixture
async def web(keeper: Keeper) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(public_app(keeper)) as client:
        yield client


@asynccontextmanager
async def served(keeper: Keeper) -> AsyncIterator[str]:
    """The real server on a port of its own; its address."""
    with closing(socket.socket()) as end:
        end.bind(("127.0.0.1", 0))
        port = end.getsockname()[1]
    task = asyncio.create_task(serve(public_app(keeper), host="127.0.0.1", port=port))
    try:
        for _ in range(200):
            with closing(socket.socket()) as end:
                if end.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def path_of(keeper: Keeper, name: str = NIGHTLY) -> str:
    return f"/ping/{ping_token(key_in(keeper.folder), name)}"


async def words(keeper: Keeper, name: str = NIGHTLY) -> list[tuple[str, int | None, str]]:
    """What is kept of a job: (word, status, rid)."""
    ledger = keeper.engine.tracks[name].ledger
    found = await keeper.store.read(lambda session: pings_after(session, {ledger: 0}))
    return [(Word(one.kind).name, one.status, one.rid) for one in found[ledger]]


async def kept_body(keeper: Keeper, name: str = NIGHTLY) -> str:
    ledger = keeper.engine.tracks[name].ledger
    found = await keeper.store.read(lambda session: pings_after(session, {ledger: 0}))
    return await keeper.store.read(lambda session: body_of(session, found[ledger][-1].id))


# -- the convention ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behind", "word"),
    [
        ("", ("SUCCESS", None, "")),
        ("/start", ("START", None, "")),
        ("/fail", ("FAILURE", None, "")),
        ("/log", ("LOG", None, "")),
        ("/0", ("SUCCESS", 0, "")),
        ("/1", ("FAILURE", 1, "")),
        ("/255", ("FAILURE", 255, "")),
        (f"/start?rid={RID}", ("START", None, RID)),
        (f"?rid={RID.upper()}", ("SUCCESS", None, RID)),
        ("?create=1", ("SUCCESS", None, "")),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_every_word_is_understood(
    keeper: Keeper, web: httpx.AsyncClient, method: str, behind: str, word: tuple[str, int | None, str]
) -> None:
    answer = await web.request(method, path_of(keeper) + behind)
    assert (answer.status_code, answer.text) == (200, "OK" if method != "HEAD" else "")
    assert answer.headers["ping-body-limit"] == str(BODY)
    assert await words(keeper) == [word]


@pytest.mark.parametrize(
    ("behind", "status"),
    [("/256", 400), ("/-1", 400), ("/1.5", 400), ("/starts", 400), ("/", 400), ("/start/x", 400), ("/٣", 400),
     ("?rid=1", 400), (f"?rid={RID}0", 400), ("?rid=", 400)],
)  # fmt: skip
async def test_what_is_no_right_address_is_told_so(
    keeper: Keeper, web: httpx.AsyncClient, behind: str, status: int
) -> None:
    assert (await web.get(path_of(keeper) + behind)).status_code == status
    assert await words(keeper) == []


async def test_one_key_opens_every_job_by_its_name(keeper: Keeper, web: httpx.AsyncClient) -> None:
    key = f"/ping/{ping_key(key_in(keeper.folder))}"
    assert (await web.get(f"{key}/nightly/start")).text == "OK"
    assert (await web.get(f"{key}/intake-nightly/0")).text == "OK"
    assert (await web.get(f"{key}/same")).status_code == 409
    assert (await web.get(f"{key}/billing-same")).text == "OK"
    assert (await web.get(f"{key}/billing-production-same")).text == "OK"
    assert (await web.get(f"{key}/books")).status_code == 404
    assert (await web.get(f"/ping/{'0' * 32}/nightly")).status_code == 404
    assert [word for word, _, _ in await words(keeper)] == ["START", "SUCCESS"]


async def test_a_job_that_was_renamed_reports_at_its_old_address_too(keeper: Keeper, web: httpx.AsyncClient) -> None:
    assert (await web.get(path_of(keeper, "intake/production/former"))).text == "OK"
    assert await words(keeper, "intake/production/same") == [("SUCCESS", None, "")]


async def test_a_probe_that_is_run_has_no_address(keeper: Keeper, web: httpx.AsyncClient) -> None:
    assert (await web.get(path_of(keeper, "intake/production/books"))).status_code == 404


async def test_after_a_reload_addresses_follow_the_configuration(keeper: Keeper, web: httpx.AsyncClient) -> None:
    assert (await web.get(path_of(keeper))).status_code == 200
    keeper.config.write_text(JOBS.replace("nightly:", "monthly:"))
    assert await keeper.reload() == ""
    assert (await web.get(path_of(keeper))).status_code == 404
    assert (await web.get(path_of(keeper, "intake/production/monthly"))).status_code == 200


# -- real clients ------------------------------------------------------------------------------------------------------


async def test_curl_wget_and_python_report_as_their_manuals_show(keeper: Keeper) -> None:
    async with served(keeper) as base:
        url = base + path_of(keeper)
        ran = await asyncio.to_thread(
            subprocess.run,
            ["sh", "-c", f"""
                curl -fsS -m 10 --retry 5 -o /dev/null {url}/start
                wget {url} -T 10 -t 5 -O /dev/null -q
                m=$(echo 'no space left'; exit 3); curl -fsS -m 10 --data-raw "$m" {url}/3
            """],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, "OK", "")
        assert await kept_body(keeper) == "no space left"

        def python() -> bytes:
            with urllib.request.urlopen(urllib.request.Request(f"{url}/log", data=b"by hand"), timeout=10) as answer:
                read: bytes = answer.read()
                return read

        assert await asyncio.to_thread(python) == b"OK"
    assert [one[:2] for one in await words(keeper)] == [
        ("START", None), ("SUCCESS", None), ("FAILURE", 3), ("LOG", None),
    ]  # fmt: skip


async def test_three_hundred_words_at_once_are_each_answered(keeper: Keeper) -> None:
    """Of two jobs, so that it is more than a minute takes of each."""
    async with served(keeper) as base, httpx.AsyncClient(base_url=base, timeout=30) as client:
        gate = asyncio.Semaphore(100)

        async def report(number: int) -> int:
            async with gate:
                name = NIGHTLY if number % 2 else "billing/production/same"
                return (await client.post(f"{path_of(keeper, name)}/log", content=f"line {number}")).status_code

        began = time.monotonic()
        answers = await asyncio.gather(*(report(number) for number in range(300)))
        took = time.monotonic() - began
    assert set(answers) == {200, 429}
    assert answers.count(200) == 2 * pings.A_MINUTE
    assert took < 15


# -- hostile -----------------------------------------------------------------------------------------------------------


async def test_ten_megabytes_are_taken_and_a_hundred_kilobytes_kept(keeper: Keeper) -> None:
    async with served(keeper) as base, httpx.AsyncClient(base_url=base, timeout=30) as client:
        answer = await client.post(path_of(keeper), content=b"x" * 10_000_000)
    assert answer.text == "OK"
    assert len(await kept_body(keeper)) == BODY


async def test_a_body_that_never_ends_is_not_waited_for(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.web.bodies.READ_WITHIN", 0.3)
    async with served(keeper) as base:
        host, port = base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {path_of(keeper)}/fail HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nhalf of it"
        writer.write(head.encode())
        first = await asyncio.wait_for(reader.readline(), 10)
        writer.close()
    assert first.startswith(b"HTTP/1.1 200")
    assert [one[0] for one in await words(keeper)] == ["FAILURE"]
    assert await kept_body(keeper) == "half of it"


async def test_secrets_of_ours_in_what_a_job_prints_are_not_kept(keeper: Keeper, web: httpx.AsyncClient) -> None:
    keeper.secrets.need(["ANA"])
    await web.post(path_of(keeper), content=f"token {SECRETS['ANA']} \x00\xff".encode("latin-1"))
    body = await kept_body(keeper)
    assert SECRETS["ANA"] not in body
    assert body.startswith("token [secret]")


@given(path=st.text(max_size=60), query=st.text(max_size=40))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_path_brings_a_5xx_or_moves_a_job(
    keeper: Keeper, web: httpx.AsyncClient, path: str, query: str
) -> None:
    from urllib.parse import quote

    answer = await web.get(f"/ping/{quote(path, safe='/')}?rid={quote(query)}")
    assert answer.status_code in (400, 404)
    assert await words(keeper) == []


@pytest.mark.parametrize(
    "path",
    ["/ping", "/ping/", "/ping//start", "/ping/../healthz", "/ping/%2e%2e/%2e%2e/etc/passwd", "/ping/" + "a" * 5_000,
     "/ping/%00", "/ping/\u202e", "/ping/x/y/z/w"],
)  # fmt: skip
async def test_tricks_with_paths_lead_nowhere(keeper: Keeper, web: httpx.AsyncClient, path: str) -> None:
    assert (await web.get(path)).status_code in (400, 404, 503)
    assert await words(keeper) == []


async def test_other_methods_do_nothing(keeper: Keeper, web: httpx.AsyncClient) -> None:
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert (await web.request(method, path_of(keeper))).status_code == 405
    assert await words(keeper) == []


# -- what is not told --------------------------------------------------------------------------------------------------


@contextmanager
def logged() -> Iterator[list[str]]:
    """Every line that is logged meanwhile."""
    import structlog

    lines: list[str] = []
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[*before[:-1], lambda _, __, event: lines.append(str(event)) or str(event)])
    try:
        yield lines
    finally:
        structlog.configure(processors=before)


async def test_a_token_stands_in_no_log_metric_page_or_answer(
    keeper: Keeper, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = path_of(keeper).rpartition("/")[2]
    with logged() as lines:
        await web.get(path_of(keeper))

        async def broken(act: Any) -> None:
            raise StoreBroken

        monkeypatch.setattr(keeper.store, "write", broken)
        assert (await web.get(path_of(keeper))).status_code == 503
        monkeypatch.undo()
    assert lines, "a store that refuses is logged"
    assert not any(token in line for line in lines)
    for path in ("/metrics", "/healthz", "/api/v1/status", "/api/v1/runs?probe=nightly"):
        assert token not in (await web.get(path)).text
    assert (await web.get("/api/v1/heartbeats")).status_code == 404


# -- how often ---------------------------------------------------------------------------------------------------------


async def test_too_many_words_are_put_off_and_a_failure_among_them_is_told(
    keeper: Keeper, web: httpx.AsyncClient
) -> None:
    path = path_of(keeper)
    statuses = [(await web.get(path)).status_code for _ in range(pings.A_MINUTE + 5)]
    assert statuses == [200] * pings.A_MINUTE + [429] * 5
    refused = await web.get(f"{path}/fail")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    await web.get(path)
    await keeper.engine.heartbeats.look(keeper.clock.now(), frozenset())
    assert [one[0] for one in (await words(keeper))[-2:]] == ["FAILURE", "SUCCESS"]
    assert (await web.get(path_of(keeper, "billing/production/same"))).status_code == 200, "others are not limited"


async def test_while_nothing_can_be_kept_clients_are_asked_to_come_again(
    keeper: Keeper, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(act: Any) -> None:
        raise StoreBroken

    monkeypatch.setattr(keeper.store, "write", broken)
    answer = await web.get(path_of(keeper))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    monkeypatch.undo()
    assert (await web.get(path_of(keeper))).status_code == 200
