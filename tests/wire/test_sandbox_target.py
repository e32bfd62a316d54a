"""The raw HTTP server really does what its addresses promise."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest

from monitor.sandbox.hostile import BOMB, TEXT, make_bomb
from monitor.sandbox.http_target import TLS, HttpTarget
from tests.wire.waiting import until

QUICK = httpx.Timeout(0.25)


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return make_bomb(BOMB)


@pytest.fixture
async def target() -> AsyncIterator[HttpTarget]:
    async with HttpTarget(drip=0.005) as server:
        yield server


async def fetch(address: str, *, follow: bool = False, verify: ssl.SSLContext | bool = True) -> httpx.Response:
    async with httpx.AsyncClient(timeout=QUICK, verify=verify, trust_env=False, follow_redirects=follow) as http:
        return await http.get(address)


async def test_good_answers_and_chosen_statuses(target: HttpTarget) -> None:
    assert (await fetch(target.at())).content == TEXT
    assert (await fetch(target.at("status", "503"))).status_code == 503
    assert target.requests == ["GET /ok HTTP/1.1", "GET /status/503 HTTP/1.1"]
    with pytest.raises(ValueError, match="no behaviour is called"):
        target.at("ko")


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("hang", httpx.ReadTimeout),
        ("hang-in-headers", httpx.ReadTimeout),
        ("hang-after-headers", httpx.ReadTimeout),
        ("hang-in-body", httpx.ReadTimeout),
        ("fin", httpx.RemoteProtocolError),
        ("rst", httpx.ReadError),
        ("fin-in-body", httpx.RemoteProtocolError),
        ("rst-in-body", httpx.ReadError),
        ("garbage", httpx.RemoteProtocolError),
        ("no-headers", httpx.RemoteProtocolError),
        ("huge-header", httpx.RemoteProtocolError),
        ("many-headers", httpx.RemoteProtocolError),
        ("bad-gzip", httpx.DecodingError),
        ("bad-chunk", httpx.RemoteProtocolError),
        ("cut-chunk", httpx.RemoteProtocolError),
        ("bad-length", httpx.RemoteProtocolError),
        ("two-lengths", httpx.RemoteProtocolError),
    ],
)
async def test_each_way_to_misbehave_is_seen_by_a_client(
    target: HttpTarget, kind: str, error: type[httpx.HTTPError]
) -> None:
    with pytest.raises(error):
        await fetch(target.at(kind))
    await until(lambda: target.open == 0, 2)


async def test_drips_never_idle_and_never_quick(target: HttpTarget) -> None:
    loop = asyncio.get_running_loop()
    for kind in ("drip", "drip-headers"):
        began = loop.time()
        assert (await fetch(target.at(kind))).content == TEXT
        assert loop.time() - began > 0.005 * len(TEXT)


async def test_an_endless_body_ends_with_its_reader(target: HttpTarget) -> None:
    read = 0
    async with httpx.AsyncClient() as http, http.stream("GET", target.at("endless")) as answer:
        async for part in answer.aiter_raw():
            read += len(part)
            if read > 1_000_000:
                break
    await until(lambda: target.open == 0, 5)


async def test_a_small_file_that_is_very_large(target: HttpTarget, bomb: bytes) -> None:
    packed = b""
    async with httpx.AsyncClient() as http, http.stream("GET", target.at("gzip-bomb")) as answer:
        async for part in answer.aiter_raw():
            packed += part
    assert len(packed) < 200_000 and packed == bomb
    assert len(gzip.decompress(make_bomb(4 << 20))) == 4 << 20


async def test_redirects_that_loop_wander_and_leave(target: HttpTarget) -> None:
    with pytest.raises(httpx.TooManyRedirects):
        await fetch(target.at("redirect-loop"), follow=True)
    assert (await fetch(target.at("redirect-chain", "4"), follow=True)).content == TEXT
    assert (await fetch(target.at("redirect-out"))).headers["location"] == "https://elsewhere.example/"
    with pytest.raises(httpx.RemoteProtocolError):
        await fetch(target.at("redirect-nowhere"))


async def test_certificates_are_as_bad_as_they_are_called(target: HttpTarget) -> None:
    trusted = ssl.create_default_context(cafile=target.ca_file)
    reasons = {
        "expired": "expired",
        "not-yet": "not yet valid",
        "wrong-host": "ostname mismatch",
        "untrusted": "unable to get local issuer",
        "self-signed": "self-signed",
    }
    assert {*reasons, "good"} == set(TLS)
    assert (await fetch(target.tls(), verify=trusted)).content == TEXT
    for kind, reason in reasons.items():
        with pytest.raises(httpx.ConnectError, match=reason):
            await fetch(target.tls(kind), verify=trusted)


async def test_nobody_listens_nobody_speaks_and_nobody_encrypts(target: HttpTarget) -> None:
    with pytest.raises(httpx.ConnectError):
        await fetch(target.refused)
    with pytest.raises(httpx.ConnectTimeout):
        await fetch(target.silent)
    with pytest.raises(httpx.ConnectError):
        await fetch(target.at().replace("http://", "https://"))


async def test_it_closes_at_once_with_clients_still_waiting() -> None:
    loop = asyncio.get_running_loop()
    async with HttpTarget() as target:
        waiting = [asyncio.create_task(fetch(target.at(kind))) for kind in ("hang", "hang-in-body", "endless")]
        await until(lambda: target.open == 3)
        began = loop.time()
    assert loop.time() - began < 1.5 and target.open == 0
    assert all(isinstance(e, httpx.HTTPError) for e in await asyncio.gather(*waiting, return_exceptions=True))
