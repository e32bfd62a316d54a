"""Buckets: requests signed as S3 asks for it, listings without end, and servers that answer with something else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from monitor.sandbox.bucket import BucketServer
from probes.target import Target
from probes.tools import Trouble
from probes.tools.buckets import PAGES, Bucket
from probes.tools.http import Http
from probes.words.clock import SystemClock, moment

clock = SystemClock()


@pytest.fixture
async def server() -> AsyncIterator[BucketServer]:
    async with BucketServer() as made:
        yield made


def bucket(server: BucketServer, name: str = "sandbox", **who: Any) -> Bucket:
    http = Http(Target.of({"url": server.url}), deadline=time.monotonic() + 5)
    return Bucket(http, name, replace(server.who, **who), lambda: moment(clock.now()), {"X-Synthetic": "showup"})


@pytest.mark.parametrize("key", ["plain", "a folder/ä ö+&?=#%.json", "~tilde-_.x/(1)*'!$@:,;"])
async def test_any_key_is_put_listed_read_and_deleted(server: BucketServer, key: str) -> None:
    made = bucket(server)
    await made.put(key, b'{"total": 119}', kind="application/json")
    assert server.objects[key].metadata == {"x-synthetic": "showup"}
    assert [one.key for one in (await made.listed(key[:3]))[0]] == [key]
    seen = await made.read(key)
    assert seen is not None and seen.json("$.total") == 119
    await made.delete(key)
    await made.delete(key)
    assert await made.read(key) is None and server.objects == {}


async def test_a_listing_of_several_pages_is_read_whole(server: BucketServer) -> None:
    for number in range(2_500):
        server.put(f"in/{number:05}", b"x")
    found, more = await bucket(server).listed("in/")
    assert len(found) == 2_500 and not more


@pytest.mark.parametrize(
    ("who", "name", "failure"),
    [
        ({"secret": "wrong"}, "sandbox", "auth"),
        ({"key": "nobody"}, "sandbox", "auth"),
        ({"region": "us-east-1"}, "sandbox", "contract_changed"),
        ({}, "another", "contract_changed"),
    ],
)
async def test_who_may_not_is_told_apart(server: BucketServer, who: dict[str, str], name: str, failure: str) -> None:
    with pytest.raises(Trouble) as raised:
        await bucket(server, name, **who).listed("")
    assert raised.value.failure == failure
    assert server.who.secret not in raised.value.sentence


async def test_a_listing_without_end_is_given_up(server: BucketServer) -> None:
    server.put("one", b"x")
    server.faults.set("endless")
    found, more = await bucket(server).listed("")
    assert more and len(found) <= PAGES
    assert len([one for one in server.received if one.what == "list"]) == PAGES


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        ("bomb", "garbage"),
        ("garbage", "garbage"),
        ("denied", "auth"),
        ("server-error", "app_error"),
        ("drop", "truncated"),
    ],
)
async def test_what_a_sick_server_says_is_named(server: BucketServer, kind: str, failure: str) -> None:
    server.faults.set(kind)
    began = time.monotonic()
    with pytest.raises(Trouble) as raised:
        await bucket(server).listed("")
    assert raised.value.failure == failure
    assert time.monotonic() - began < 2


async def test_a_server_that_hangs_is_left_at_the_deadline(server: BucketServer) -> None:
    server.faults.set("hang")
    made = bucket(server)
    made.http.deadline = time.monotonic() + 0.5
    began = time.monotonic()
    with pytest.raises(Trouble) as raised:
        await made.listed("")
    assert raised.value.failure == "timeout" and time.monotonic() - began < 1.5


async def test_a_large_object_is_read_at_its_beginning(server: BucketServer) -> None:
    server.put("large", b"x" * 5_000_000)
    seen = await bucket(server).read("large")
    assert seen is not None and len(seen.text) <= 1_000_000
