"""Two showups that watch each other: when one is killed, or frozen, the other pages, in both directions."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from monitor.sandbox.phone import PhoneServer
from tests.story.keeping import real
from tests.story.twins import Twin, two

SOON = 15.0  # seconds; with the cadence of the test it takes two or three


async def seen(one: Twin, state: str, *, within: float = 60.0) -> dict[str, Any]:
    """Until `one` sees its twin in a state; its status then."""
    end = real.mono() + within
    while real.mono() < end:
        found: dict[str, Any] = await one.ask("status")
        [probe] = [each for each in found["workflows"][0]["probes"] if each["name"] == "healthz"] or [{"last": None}]
        if (probe["last"] or {}).get("state") == state:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


async def rung(phone: PhoneServer, one: Twin, *, since: int) -> float:
    """Seconds until the phone of `one`'s people rang."""
    began = real.mono()
    while not [m for m in phone.messages[since:] if m.topic == f"{one.name}-ana" and m.priority == 5]:
        assert real.mono() - began < SOON, [m.title for m in phone.messages]
        await asyncio.sleep(0.05)
    return real.mono() - began


@pytest.mark.parametrize(("number", "word"), [(signal.SIGKILL, "killed"), (signal.SIGSTOP, "frozen")])
async def test_the_other_one_pages(tmp_path: Path, number: signal.Signals, word: str) -> None:
    async with PhoneServer() as phone, two(tmp_path, phone) as (left, right):
        for one in (left, right):
            await seen(one, "up")
        for ends, stays in ((left, right), (right, left)):
            before = len(phone.messages)
            ends.send(number)
            took = await rung(phone, stays, since=before)
            print(f"a showup that is {word} is paged by the other after {took:.1f} s")
            assert "The other showup" in phone.messages[-1].title
            if number is signal.SIGSTOP:
                ends.send(signal.SIGCONT)
            else:
                await ends.start()
            await seen(stays, "up")
            await seen(ends, "up")


async def test_the_beat_of_the_one_is_heard_by_the_other(tmp_path: Path) -> None:
    async with PhoneServer() as phone, two(tmp_path, phone) as (left, right):
        end = real.mono() + 20
        while (job := (await left.ask("heartbeats"))["jobs"][0])["last"] is None:
            assert real.mono() < end, job
            await asyncio.sleep(0.2)
        assert (await right.ask("status"))["dead_man"]["ok"], "what is silence there is said here, too"
