"""Every behaviour of the shipped hostile server: each ends in time, by its right name, with a record, and lets go."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from time import monotonic
from urllib.parse import urlsplit

import psutil
import pytest

from monitor.sandbox.http_target import TLS, HttpTarget
from probes.tools import Trouble
from probes.tools.answer import Answer
from probes.words.clock import SystemClock
from probes.words.failure import FACTS, Failure
from tests.wire.raw import Client
from tests.wire.waiting import until

DEADLINE = 0.4
TIMEOUT, TRUNCATED, GARBAGE = Failure.TIMEOUT, Failure.TRUNCATED, Failure.GARBAGE
CHANGED = Failure.CONTRACT_CHANGED

# What each comes to: a failure and the part of the request, or an answer of which so much is kept (None: all of it).
COMES_TO: dict[str, tuple[Failure, str] | int | None] = {
    "ok": None,
    "status": None,
    "hang": (TIMEOUT, "first_byte"),
    "hang-in-headers": (TIMEOUT, "first_byte"),
    "hang-after-headers": (TIMEOUT, "total"),
    "hang-in-body": (TIMEOUT, "total"),
    "fin": (TRUNCATED, ""),
    "rst": (TRUNCATED, ""),
    "fin-in-body": (TRUNCATED, ""),
    "rst-in-body": (TRUNCATED, ""),
    "drip": (TIMEOUT, "total"),
    "drip-headers": (TIMEOUT, "first_byte"),
    "garbage": (GARBAGE, ""),
    "no-headers": (GARBAGE, ""),
    "huge-header": (GARBAGE, ""),
    "many-headers": (GARBAGE, ""),
    "hostile-headers": None,
    "endless": 1_000_000,
    "gzip-bomb": 1_000_000,
    "bad-gzip": (GARBAGE, ""),
    "bad-chunk": (GARBAGE, ""),
    "cut-chunk": (TRUNCATED, ""),
    "bad-length": (GARBAGE, ""),
    "two-lengths": (GARBAGE, ""),
    "redirect-loop": (Failure.APP_ERROR, ""),
    "redirect-chain": None,
    "redirect-out": (CHANGED, ""),
    "redirect-nowhere": (CHANGED, ""),
    "redirect-file": (CHANGED, ""),
    "redirect-inside": (CHANGED, ""),
    "redirect-metadata": (CHANGED, ""),
    "drip-events": (TIMEOUT, "total"),
    "endless-comments": (TIMEOUT, "total"),
    "endless-events": 1_000_000,
    "endless-line": 1_000_000,
    "endless-words": 1_000_000,
    "ten-gigabytes": 1_000_000,
    "deep-objects": 1_000_000,
    "deep-json": None,
    "invalid-utf8": None,
    "steering": None,
}
LARGE = {"deep-json": 200_000, "invalid-utf8": 10_000, "steering": 10_000}  # bytes at most, of those that come whole


@pytest.fixture
async def target() -> AsyncIterator[HttpTarget]:
    async with HttpTarget(drip=0.05) as server:
        yield server


async def get(url: str, *, deadline: float = DEADLINE, **data: object) -> tuple[Answer | Trouble, Client]:
    """What a GET comes to, within its deadline and a second."""
    parts, began = urlsplit(url), monotonic()
    client = Client(f"{parts.scheme}://{parts.netloc}", deadline=deadline, **data)  # type: ignore[arg-type]
    found: Answer | Trouble
    async with client as http:
        try:
            found = await http.request("GET", parts.path)
        except Trouble as trouble:
            found = trouble
    assert monotonic() - began < deadline + 1
    return found, client


def open_to(target: HttpTarget) -> list[object]:
    """Our ends of connections to the target."""
    port = urlsplit(target.at()).port
    return [one for one in psutil.Process().net_connections("tcp") if one.raddr and one.raddr.port == port]


def test_every_behaviour_has_its_expectation() -> None:
    assert set(COMES_TO) == set(HttpTarget.kinds)


@pytest.mark.parametrize("kind", COMES_TO)
async def test_what_each_behaviour_comes_to(target: HttpTarget, kind: str) -> None:
    expected = COMES_TO[kind]
    found, client = await get(target.at(kind), deadline=5.0 if isinstance(expected, int) else DEADLINE)
    if isinstance(expected, tuple):
        assert isinstance(found, Trouble), found
        assert (found.failure, found.phase) == expected, found.sentence
        assert FACTS[found.failure].state == "down"
        assert client.recorded[-1].evidence().get("failure") == found.sentence or found.failure in (
            Failure.APP_ERROR,  # the last answer was one; the circle of them is the trouble
            CHANGED,
        )
    else:
        assert isinstance(found, Answer), found
        assert found.truncated is (expected is not None)
        assert len(found.body) <= (expected or LARGE.get(kind, 100))
    evidence = json.dumps([exchange.evidence() for exchange in client.recorded], ensure_ascii=False)
    assert evidence.isprintable() and len(evidence) < 20_000
    await until(lambda: not open_to(target), 1)


async def test_statuses_and_chains(target: HttpTarget) -> None:
    found, _ = await get(target.at("status", "503"))
    assert isinstance(found, Answer) and found.status == 503
    found, client = await get(target.at("redirect-chain", "5"))
    assert isinstance(found, Answer) and found.text == "a perfectly good answer\n"
    assert len(client.recorded) == 6
    found, _ = await get(target.at("redirect-chain", "6"))
    assert isinstance(found, Trouble) and "for ever" in found.sentence


@pytest.mark.parametrize("certificate", TLS)
async def test_certificates(target: HttpTarget, certificate: str) -> None:
    found, _ = await get(target.tls(certificate), deadline=3, ca_file=target.ca_file)
    if certificate == "good":
        assert isinstance(found, Answer)
        days = (found.certificate_expires - SystemClock().now()) / 86_400e6
        assert 59 < days < 61
        return
    assert isinstance(found, Trouble)
    assert (found.failure, found.phase) == (Failure.UNREACHABLE, "tls")
    assert "is not valid" in found.sentence
    assert not any(request.startswith("GET") for request in target.requests)


async def test_where_nobody_listens_or_speaks(target: HttpTarget) -> None:
    found, _ = await get(target.refused)
    assert isinstance(found, Trouble) and (found.failure, found.phase) == (Failure.UNREACHABLE, "connect")
    found, _ = await get(target.silent)
    assert isinstance(found, Trouble) and (found.failure, found.phase) == (TIMEOUT, "connect")


async def test_a_hundred_requests_of_all_kinds_leave_no_connection_open(target: HttpTarget) -> None:
    chance = random.Random(7)
    kinds = [kind for kind in COMES_TO if kind not in ("endless", "gzip-bomb", "many-headers", "huge-header")]

    async def one(kind: str) -> None:
        asking = asyncio.create_task(get(target.at(kind), deadline=0.2))
        await asyncio.wait([asking], timeout=chance.random() * 0.1)
        if chance.random() < 0.5:
            asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    for _ in range(4):
        await asyncio.gather(*(one(kind) for kind in kinds))
    assert len(target.requests) > 60
    await until(lambda: not open_to(target), 2)
