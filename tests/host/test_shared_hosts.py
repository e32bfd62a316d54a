"""Shared hosts: an attempt that brings its host to a standstill costs itself; its neighbours are innocent."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from monitor.engine.hosts import Hosts
from tests.host import kit

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def real(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosts]:
    async with kit.running(tmp_path_factory.mktemp("real")) as hosts:
        yield hosts


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def acting(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosts]:
    """Hosts whose attempts do what their job says."""
    os.environ["SLACK_BOT"] = "xoxb-hush"
    folder = tmp_path_factory.mktemp("acting")
    async with kit.running(folder, command=kit.stand_in(folder)) as hosts:
        yield hosts
    del os.environ["SLACK_BOT"]


@asynccontextmanager
async def whole(hosts: Hosts) -> AsyncIterator[Hosts]:
    """The hosts once the last test's damage is made good."""
    await kit.until(lambda: len(hosts.stats()) == 2)
    yield hosts


async def test_a_page_is_fetched_and_passes(real: Hosts) -> None:
    async with kit.page() as url, whole(real) as hosts:
        reply = await kit.visit(hosts, url)
        assert (reply.state, reply.failure) == ("up", None)
        assert len(reply.phases) == 5
        assert 0 < reply.waited < 2_000_000
        again = await asyncio.gather(*(kit.visit(hosts, url) for _ in range(50)))
        assert {one.state for one in again} == {"up"}
        assert sorted(one.number for one in again) == [one.number for one in again]


async def test_no_secret_of_our_environment_is_in_a_host(acting: Hosts) -> None:
    async with whole(acting) as hosts:
        names = set((await kit.do(hosts)).sentence.split())
        assert "PATH" in names
        assert "SLACK_BOT" not in names
        command = " ".join(psutil.Process(hosts.stats()[0].pid).cmdline())
        assert "hush" not in command


async def test_who_holds_up_a_host_is_named_with_its_line_and_the_others_are_innocent(acting: Hosts) -> None:
    async with whole(acting) as hosts:
        before = hosts.stalls, hosts.restarts
        innocent = [asyncio.ensure_future(kit.do(hosts, wait=0.2 + turn / 100, turns=60)) for turn in range(3)]
        await asyncio.sleep(0.2)
        culprit = await kit.do(hosts, "block")
        assert culprit.failure == "probe_bug"
        assert "held up its host for over a second at " in culprit.sentence
        assert "stand_in.py:" in culprit.sentence
        assert culprit.evidence is not None
        assert "in block_for_ever" in culprit.evidence["stack"]
        assert {reply.failure for reply in await asyncio.gather(*innocent)} == {"host_lost"}
        assert (hosts.stalls - before[0], hosts.restarts - before[1]) == (1, 1)
        assert (await kit.do(hosts)).state == "up"


@pytest.mark.parametrize("does", ["hold the lock", "block in a task of its own"])
async def test_who_holds_up_a_host_in_any_other_way_is_named_too(acting: Hosts, does: str) -> None:
    async with whole(acting) as hosts:
        bystander = asyncio.ensure_future(kit.do(hosts, wait=20.0))
        await asyncio.sleep(0.1)
        assert (await kit.do(hosts, does)).failure == "probe_bug"
        assert (await bystander).failure == "host_lost"


@pytest.mark.serial
async def test_while_a_host_stands_still_the_spare_begins_what_comes(acting: Hosts) -> None:
    async with whole(acting) as hosts:
        stuck = asyncio.ensure_future(kit.do(hosts, "block"))
        await asyncio.sleep(0.02)
        late = []
        while not stuck.done():
            late.append((await kit.do(hosts)).waited)
            await asyncio.sleep(0.01)
        assert len(late) > 50
        assert max(late) < 250_000
        assert (await stuck).failure == "probe_bug"


async def test_a_host_that_crashes_names_who_was_on_the_processor(acting: Hosts) -> None:
    async with whole(acting) as hosts:
        bystander = asyncio.ensure_future(kit.do(hosts, wait=20.0))
        await asyncio.sleep(0.1)
        reply = await kit.do(hosts, "crash")
        assert reply.failure == "probe_bug"
        assert "brought its host down (ended by SIGSEGV)" in reply.sentence
        assert (await bystander).failure == "host_lost"
        assert (await kit.do(hosts)).state == "up"


async def test_a_host_that_is_killed_from_outside_blames_nobody(real: Hosts) -> None:
    async with kit.page() as url, whole(real) as hosts:
        await kit.visit(hosts, url)
        waiting = asyncio.ensure_future(kit.visit(hosts, url, "/never"))
        await asyncio.sleep(0.1)
        os.kill(hosts.stats()[0].pid, signal.SIGKILL)
        reply = await waiting
        assert reply.failure == "host_lost"
        assert "SIGKILL" in reply.sentence
        assert (await kit.visit(hosts, url)).state == "up"


async def test_what_a_stopped_host_had_not_begun_is_made_by_another(real: Hosts) -> None:
    async with kit.page() as url, whole(real) as hosts:
        os.kill(hosts.stats()[0].pid, signal.SIGSTOP)
        reply = await kit.visit(hosts, url)
        assert reply.state == "up"
        assert reply.waited < 250_000


async def test_a_host_that_says_nonsense_is_not_heard_any_longer(acting: Hosts) -> None:
    async with whole(acting) as hosts:
        reply = await kit.do(hosts, "say nonsense")
        assert reply.failure == "host_lost"
        assert "nonsense" in reply.sentence
        assert (await kit.do(hosts)).state == "up"


async def test_a_reply_that_cannot_be_sent_costs_only_itself(acting: Hosts) -> None:
    async with whole(acting) as hosts:
        before = hosts.restarts
        reply = await kit.do(hosts, "reply what is no JSON")
        assert reply.failure == "probe_bug"
        assert "cannot be sent" in reply.sentence
        assert hosts.restarts == before


async def test_an_attempt_that_refuses_to_end_is_answered_for_and_its_host_retires(acting: Hosts) -> None:
    async with whole(acting) as hosts:
        began, before = time.monotonic(), hosts.restarts
        beside = asyncio.ensure_future(kit.do(hosts, wait=2.0))
        reply = await kit.do(hosts, "refuse to end", timeout=0.3, cleanup=0.1)
        assert reply.failure == "probe_bug"
        assert "did not end by its deadline" in reply.sentence
        assert time.monotonic() - began < 0.3 + 0.1 + 1.0
        assert (await kit.do(hosts)).state == "up"
        assert (await beside).state == "up"
        await kit.until(lambda: hosts.restarts == before + 1)


async def test_an_attempt_nobody_waits_for_is_called_off(real: Hosts) -> None:
    async with kit.page() as url, whole(real) as hosts:
        waiting = asyncio.ensure_future(kit.visit(hosts, url, "/never", timeout=30.0))
        await asyncio.sleep(0.2)
        assert hosts.in_flight == 1
        waiting.cancel()
        await asyncio.wait([waiting])
        await kit.until(lambda: hosts.in_flight == 0)
        open_now = psutil.Process(hosts.stats()[0].pid).net_connections
        await kit.until(lambda: not open_now())


async def test_jobs_that_are_gone_are_forgotten_and_may_come_back(real: Hosts) -> None:
    async with kit.page() as url, whole(real) as hosts:
        await kit.visit(hosts, url)
        await hosts.reload([])
        assert (await kit.visit(hosts, url)).state == "up"


async def test_a_stop_waits_for_what_is_under_way_and_takes_nothing_new(tmp_path: Path) -> None:
    async with kit.running(tmp_path, command=kit.stand_in(tmp_path)) as hosts:
        quick = asyncio.ensure_future(kit.do(hosts, wait=0.3))
        long = asyncio.ensure_future(kit.do(hosts, wait=60.0))
        await asyncio.sleep(0.1)
        assert await hosts.drain(0.6) == 1
        assert (await quick).state == "up"
        assert (await kit.do(hosts)).failure == "host_lost"
        await hosts.close()
        assert (await long).failure == "host_lost"
        assert (await long).sentence == "the keeper is stopping"


async def test_hosts_end_with_their_keeper(tmp_path: Path) -> None:
    async with kit.running(tmp_path) as hosts:
        pids = [host.pid for host in hosts.stats()]
        assert len(pids) == 2
        before = len(psutil.Process().open_files()) + psutil.Process().num_fds()
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    assert psutil.Process().num_fds() < before


async def test_of_two_hosts_one_takes_over_from_the_other_and_no_third_is_kept(tmp_path: Path) -> None:
    async with kit.running(tmp_path, shared=2, command=kit.stand_in(tmp_path)) as hosts:
        pids = {host.pid for host in hosts.stats()}
        os.kill(min(pids), signal.SIGSTOP)
        replies = [await kit.do(hosts) for _ in range(4)]
        assert {reply.state for reply in replies} == {"up"}
        assert max(reply.waited for reply in replies) < 250_000
        await kit.until(lambda: hosts.restarts == 1)
        await kit.until(lambda: len(hosts.stats()) == 2)
        await asyncio.sleep(0.3)
        assert len(hosts.stats()) == 2
        assert len(pids & {host.pid for host in hosts.stats()}) == 1
