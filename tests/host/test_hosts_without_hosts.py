"""When no host can be started, every attempt says so, and the keeper goes on."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import structlog

from monitor.engine.hosts import Hosts
from monitor.engine.hosts_facts import Recipe
from monitor.engine.hosts_fleet import Fleet
from monitor.engine.hosts_process import HostProcess
from probes.words.clock import SystemClock
from tests.host import kit


async def test_without_a_python_attempts_are_our_fault_and_the_log_says_why(tmp_path: Path) -> None:
    hosts = Hosts(SystemClock(), python=str(tmp_path / "no-such-python"), shared=1)
    with structlog.testing.capture_logs() as logs:
        await hosts.start()
        reply = await kit.do(hosts)
        await hosts.close()
    assert (reply.state, reply.failure) == ("unknown", "monitor_fault")
    assert "No such file or directory" in reply.sentence
    assert "no-such-python" in reply.sentence
    assert any(line["event"] == "a probe host cannot be started" and line["log_level"] == "error" for line in logs)


async def test_a_host_that_fails_at_once_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    counted = tmp_path / "starts"
    code = f"open({str(counted)!r}, 'a').write('x'); raise SystemExit('the disk is on fire')"
    hosts = Hosts(SystemClock(), command=[sys.executable, "-c", code], shared=1)
    with structlog.testing.capture_logs() as logs:
        await hosts.start()
        reply = await kit.do(hosts)
        script = await hosts.attempt(kit.ask("script"), job={"kind": "script"}, script=True)
        await asyncio.sleep(1.0)
        await hosts.close()
    assert reply.failure == script.failure == "monitor_fault"
    assert "the disk is on fire" in reply.sentence
    assert 2 <= len(counted.read_text()) < 14
    assert any("the disk is on fire" in str(line.get("reason")) for line in logs)


@contextmanager
def few_descriptors(free: int) -> Iterator[None]:
    """Only so many more can be opened."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        for fd in held[:free]:
            os.close(fd)
        yield
    finally:
        for fd in held[free:]:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_descriptors_attempts_are_our_fault_until_there_are_some(tmp_path: Path) -> None:
    hosts = Hosts(SystemClock(), command=kit.stand_in(tmp_path), shared=1)
    with few_descriptors(0):
        await hosts.start()
        reply = await kit.do(hosts)
    assert reply.failure == "monitor_fault"
    assert "Too many open files" in reply.sentence
    await kit.until(hosts.stats)
    assert (await kit.do(hosts)).state == "up"
    await hosts.close()


async def test_wherever_a_start_runs_out_of_descriptors_it_leaves_none_open(tmp_path: Path) -> None:
    recipe = Recipe([sys.executable, "-c", "pass"], str(tmp_path), "MARK=1", 1)
    before = psutil.Process().num_fds()
    for free in range(7):
        with few_descriptors(free), pytest.raises(OSError, match="Too many open files"):
            HostProcess("shared", recipe, Fleet(recipe, 1, Hosts(SystemClock())))
        assert psutil.Process().num_fds() == before


async def test_a_request_that_cannot_be_sent_is_our_fault_and_no_exception(tmp_path: Path) -> None:
    async with kit.running(tmp_path, command=kit.stand_in(tmp_path)) as hosts:
        reply = await kit.do(hosts, odd=object())
        assert reply.failure == "monitor_fault"
        huge = await kit.do(hosts, odd="x" * 5_000_000)
        assert huge.failure == "monitor_fault"
        assert "over" in huge.sentence
