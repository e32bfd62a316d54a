"""A machine that has no time for its hosts is neither a slow target nor a broken probe."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.engine.hosts import Hosts
from tests.host import kit

SECONDS = 12
BURN = f"import time\nend = time.monotonic() + {SECONDS}\nwhile time.monotonic() < end:\n    pass"


@contextlib.contextmanager
def starved(hosts: Hosts) -> Iterator[None]:
    """Every host gets the crumbs of one processor that others use up."""
    core = min(os.sched_getaffinity(0))
    burners = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(2)]
    try:
        for burner in burners:
            os.sched_setaffinity(burner.pid, {core})
        for host in hosts.stats():
            os.sched_setaffinity(host.pid, {core})
            os.sched_setscheduler(host.pid, os.SCHED_IDLE, os.sched_param(0))
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


async def test_a_time_out_while_the_host_was_stopped_is_our_fault(tmp_path: Path) -> None:
    async with kit.page() as url, kit.running(tmp_path, shared=2) as hosts:
        honest = await kit.visit(hosts, url, "/never", timeout=1.0)
        assert (honest.state, honest.failure) == ("down", "timeout")
        asked = asyncio.create_task(kit.visit(hosts, url, "/never", timeout=1.0))
        await asyncio.sleep(0.2)
        pids = [host.pid for host in hosts.stats()]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(0.6)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        reply = await asked
        assert (reply.state, reply.failure) == ("unknown", "monitor_fault")
        assert hosts.restarts == 0


@pytest.mark.serial
async def test_hosts_without_a_processor_are_kept_and_nothing_is_blamed_on_probe_or_target(tmp_path: Path) -> None:
    async with kit.page() as url, kit.running(tmp_path, shared=2) as hosts:
        with starved(hosts):
            asked = (kit.visit(hosts, url, timeout=1.5, cleanup=0.2) for _ in range(6))
            replies = await asyncio.gather(*asked)
        assert {reply.state for reply in replies} <= {"up", "unknown"}, replies
        assert not {reply.failure for reply in replies} & {"probe_bug", "timeout", "slow"}, replies
        assert hosts.stalls == 0, "a host that waits for a processor does not stand still by itself"


async def test_where_the_kernel_does_not_say_who_waits_a_host_that_is_stuck_is_still_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.engine.hosts_process.processor", lambda pid: None)
    async with kit.running(tmp_path, command=kit.stand_in(tmp_path)) as hosts:
        assert (await kit.do(hosts, busy=30.0)).failure == "probe_bug"
        assert hosts.stalls == 1
