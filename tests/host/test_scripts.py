"""Scripts that behave as badly as they can: each costs its own run, says where, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from monitor.engine.hosts import Hosts
from probes.frames import Reply
from tests.host import kit

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.serial]

FUGITIVES = """
subprocess.Popen(["sleep", "3600"])
subprocess.Popen(["sleep", "3600"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        time.sleep(3600)
    os._exit(0)
"""

# name: (body, what its sentence says). The body begins at line 9 of its file.
BAD: dict[str, tuple[str, str]] = {
    "sleeps": ("time.sleep(3600)", "blocked at journeys/x{}.py:9 and was stopped after 1 s"),
    "turns in circles": ("while True:\n    pass", "blocked at journeys/x{}.py:"),
    "blocks in a library": ("subprocess.run(['sleep', '3600'])", "blocked at journeys/x{}.py:9 "),
    "blocks where no thread can look": ("ctypes.PyDLL(None).sleep(3600)", "blocked at journeys/x{}.py:9 "),
    "ignores every signal": (
        "for number in range(1, 32):\n    try:\n        signal.signal(number, signal.SIG_IGN)\n"
        "    except OSError:\n        pass\ntime.sleep(3600)",
        "blocked in journeys/x{}.py and was stopped",
    ),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP)", "blocked in journeys/x{}.py"),
    "refuses to be cancelled": (
        "while True:\n    try:\n        await asyncio.sleep(3600)\n    except asyncio.CancelledError:\n        pass",
        "did not end in journeys/x{}.py when its 1 s and its clean-up time were over",
    ),
    "exits": ("os._exit(7)", "ended by itself (exit code 7)"),
    "exits politely": ("sys.exit(3)", "exit() was called at journeys/x{}.py:9"),
    "raises": ("raise RuntimeError('no')", "RuntimeError"),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", "killed; if nobody did it, memory had run out"),
    "kills all it can reach": ("os.kill(0, signal.SIGKILL)", "SIGKILL"),
    "crashes in native code": ("ctypes.string_at(0)", "crash in native code at journeys/x{}.py:9 (SIGSEGV)"),
    "takes 4 GB": ("kept = bytearray(4 << 30)", "MemoryError"),
    "takes 4 GB piece by piece": ("kept = []\nwhile True:\n    kept.append(bytes(1 << 26))", "MemoryError"),
    "prints without end": ("while True:\n    print('x' * 1000)", "blocked at journeys/x{}.py:"),
    "writes without end": ("while True:\n    os.write(1, b'x' * 60000)", "blocked at journeys/x{}.py:"),
    "closes all descriptors": ("os.closerange(0, 256)", "ended by itself (exit code 0) before its attempt did"),
    "writes into every descriptor": (
        "for fd in range(3, 20):\n    try:\n        os.write(fd, b'hello\\n')\n    except OSError:\n        pass",
        "wrote something of its own into the pipe of its host",
    ),
    "writes without end into its answer": (
        "while True:\n    os.write(3, b'x' * 60000)",
        "wrote without end into the pipe of its host",
    ),
    "leaves fugitives and exits": (FUGITIVES + "os._exit(0)", "ended by itself (exit code 0)"),
    "leaves fugitives and blocks": (FUGITIVES + "time.sleep(3600)", "blocked at journeys/x{}.py:18"),
    "forks and forks": (
        "for _ in range(100):\n    if os.fork() == 0:\n        time.sleep(3600)\ntime.sleep(3600)",
        "started process after process",
    ),
}  # fmt: skip


@dataclass
class Watched:
    """All the bad scripts at once, and what went on beside them."""

    replies: dict[str, Reply]
    took: dict[str, float]
    files: dict[str, str]
    beside: list[Reply]
    heaviest: int
    left: list[int]
    hosts: Hosts


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hosts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosts]:
    async with kit.running(tmp_path_factory.mktemp("config")) as hosts:
        job = kit.write_script(Path(hosts._fleet._recipe.folder), "ctx.check(1).equals(1)")
        assert (await kit.run_script(hosts, job)).state == "up"  # the first one waits for the parent of scripts
        yield hosts


@pytest.fixture(scope="module")
def folder(hosts: Hosts) -> Path:
    return Path(hosts._fleet._recipe.folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(hosts: Hosts, folder: Path) -> Watched:
    """Run them all, with a plain page fetched twenty times a second beside them."""
    seen = Watched({}, {}, {}, [], 0, [], hosts)

    places = asyncio.Semaphore(16)

    async def one(name: str, job: dict[str, Any]) -> None:
        began = time.monotonic()
        async with places:
            began = time.monotonic()
            seen.replies[name] = await kit.run_script(hosts, job, timeout=1.0, cleanup=1.0)
            seen.took[name] = time.monotonic() - began

    async with kit.page() as url:
        jobs = {name: kit.write_script(folder, body) for name, (body, _) in BAD.items()}
        seen.files = {name: Path(job["file"]).stem[1:] for name, job in jobs.items()}
        under_way = {asyncio.ensure_future(one(name, job)) for name, job in jobs.items()}
        while any(not task.done() for task in under_way):
            seen.beside.append(await kit.visit(hosts, url))
            seen.heaviest = max(seen.heaviest, *(host.rss for host in hosts.stats()))
            await asyncio.sleep(0.05)
        await asyncio.gather(*under_way)
    seen.left = kit.left_by(hosts)
    return seen


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_script_is_a_probe_bug_that_says_what_happened(watched: Watched, name: str) -> None:
    reply = watched.replies[name]
    assert (reply.state, reply.failure) == ("unknown", "probe_bug"), reply
    assert BAD[name][1].format(watched.files[name]) in reply.sentence


async def test_none_of_them_leaves_anything_behind(watched: Watched) -> None:
    assert watched.left == []
    assert watched.hosts.restarts == 0


async def test_each_ends_within_a_second_of_its_deadline_and_clean_up(watched: Watched) -> None:
    assert max(watched.took.values()) < 1.0 + 1.0 + 1.0


async def test_nobody_else_is_held_up_by_them(watched: Watched) -> None:
    assert len(watched.beside) > 10
    assert {reply.state for reply in watched.beside} == {"up"}
    assert max(reply.waited for reply in watched.beside) < 250_000


async def test_memory_stays_where_it_was(watched: Watched) -> None:
    assert watched.heaviest < 150 << 20


async def test_the_stack_of_a_block_is_evidence(watched: Watched) -> None:
    evidence = watched.replies["sleeps"].evidence
    assert evidence is not None
    assert evidence["stack"].startswith(f"journeys/x{watched.files['sleeps']}.py:9 in bad\n")
    assert evidence["notes"][0].startswith(f"stopped at journeys/x{watched.files['sleeps']}.py:9 in bad ← ")
    assert (evidence["steps"], evidence["cleanups"]) == ([], [])


@pytest.mark.parametrize("name", ["prints without end", "writes without end"])
async def test_of_a_flood_the_first_is_kept(watched: Watched, name: str) -> None:
    evidence = watched.replies[name].evidence
    assert evidence is not None
    assert evidence["printed"].startswith("xxx")
    assert 50_000 < len(evidence["printed"]) <= 64 << 10


async def test_a_good_script_passes_and_its_prints_are_kept_where_there_is_evidence(hosts: Hosts, folder: Path) -> None:
    job = kit.write_script(folder, "print('key is', ctx.secret('KEY'))\nctx.check(1).equals(1)")
    passed = await kit.run_script(hosts, job, secrets={"KEY": "hush-hush"})
    assert (passed.state, passed.evidence) == ("up", None)
    kept = await kit.run_script(hosts, job, secrets={"KEY": "hush-hush"}, keep=True)
    assert kept.evidence is not None
    assert kept.evidence["notes"] == ["printed: key is [secret]"]
    assert "hush" not in str(kept)


async def test_prints_before_a_block_tell_how_far_it_got(hosts: Hosts, folder: Path) -> None:
    job = kit.write_script(folder, "print('got here')\nsubprocess.run(['echo', 'and here'])\ntime.sleep(3600)")
    reply = await kit.run_script(hosts, job, timeout=0.5, cleanup=0.0)
    assert reply.evidence is not None
    assert reply.evidence["printed"] == "got here\nand here\n"


async def test_a_block_before_the_first_step_is_found_too(hosts: Hosts, folder: Path) -> None:
    job = kit.write_script(folder, "ctx.check(1).equals(1)", head="time.sleep(3600)")
    reply = await kit.run_script(hosts, job, timeout=0.5, cleanup=0.5)
    assert "blocked at journeys/" in reply.sentence
    assert ".py:3 " in reply.sentence


async def test_clean_ups_have_their_time_after_the_deadline_even_when_they_block(hosts: Hosts, folder: Path) -> None:
    done = folder / "cleaned"
    body = f"""
    def clean() -> None:
        time.sleep(1.2)
        open({str(done)!r}, "w").write("done")

    ctx.cleanup(clean)
    await asyncio.sleep(3600)
    """
    reply = await kit.run_script(hosts, kit.write_script(folder, body), timeout=0.5, cleanup=2.0)
    assert reply.failure == "timeout"
    assert done.read_text() == "done"


async def test_an_attempt_that_is_called_off_still_cleans_up(hosts: Hosts, folder: Path) -> None:
    done = folder / "called-off"
    body = f"ctx.cleanup(open({str(done)!r}, 'w').write, 'done')\nawait asyncio.sleep(3600)"
    waiting = asyncio.ensure_future(kit.run_script(hosts, kit.write_script(folder, body), timeout=30.0))
    await kit.until(done.exists)
    waiting.cancel()
    await kit.until(lambda: done.read_text() == "done")
    await kit.until(lambda: kit.left_by(hosts) == [] and _scripts(hosts) == 0)


def _scripts(hosts: Hosts) -> int:
    parent = next(host.pid for host in hosts.stats() if host.role == "script")
    return len(psutil.Process(parent).children(recursive=True))


async def test_a_script_has_limits_a_low_priority_and_no_terminal(hosts: Hosts, folder: Path) -> None:
    body = """
    import resource
    kinds = (resource.RLIMIT_AS, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)
    limits = [resource.getrlimit(kind)[0] for kind in kinds]
    print(limits, os.getpriority(os.PRIO_PROCESS, 0), os.getpgid(0) == os.getpid(), os.getcwd())
    print(sorted(os.listdir("/proc/self/fd"), key=int), repr(sys.stdin.read()), "SLACK_BOT" in os.environ)
    ctx.check(1).equals(1)
    """
    os.environ["SLACK_BOT"] = "hush-hush"
    reply = await kit.run_script(hosts, kit.write_script(folder, body), keep=True)
    del os.environ["SLACK_BOT"]
    assert reply.evidence is not None
    first, second = reply.evidence["printed"].splitlines()
    assert first == f"[{512 << 20}, 256, 0] 19 True {folder}"
    descriptors = json.loads(second.partition("]")[0].replace("'", '"') + "]")
    assert len(descriptors) <= 9  # three, its answer, its dump, its loop's three, the folder it reads
    assert second.endswith("'' False")


async def test_sixteen_run_at_once_and_the_next_waits_for_a_place(hosts: Hosts, folder: Path) -> None:
    job = kit.write_script(folder, "await asyncio.sleep(0.6)\nctx.check(1).equals(1)")
    under_way = [asyncio.ensure_future(kit.run_script(hosts, job)) for _ in range(20)]
    most = 0
    while not all(task.done() for task in under_way):
        most = max(most, _scripts(hosts))
        await asyncio.sleep(0.02)
    replies = await asyncio.gather(*under_way)
    assert {reply.state for reply in replies} == {"up"}
    assert 8 < most <= 16
    assert sum(reply.waited > 500_000 for reply in replies) >= 4


async def test_scripts_that_waited_for_longer_than_they_may_run_are_turned_away(hosts: Hosts, folder: Path) -> None:
    job = kit.write_script(folder, "await asyncio.sleep(0.9)\nctx.check(1).equals(1)")
    replies = await asyncio.gather(*(kit.run_script(hosts, job, timeout=1.5) for _ in range(48)))
    away = [reply for reply in replies if reply.witness == "shed"]
    assert 16 <= len(away) < 40
    assert {(reply.state, reply.failure) for reply in away} == {("unknown", "skipped")}
    assert all(reply.sentence.startswith("shed: 16 scripts were running") for reply in away)


async def test_what_a_script_changes_is_gone_for_the_next(hosts: Hosts, folder: Path) -> None:
    first = kit.write_script(
        folder, "import probes.attempt\nprobes.attempt.make = None\nos.environ['X'] = '1'\nctx.check(1).equals(1)"
    )
    second = kit.write_script(folder, "ctx.check(os.environ.get('X', 'clean')).equals('clean')")
    assert (await kit.run_script(hosts, first)).state == "up"
    assert (await kit.run_script(hosts, second)).state == "up"


async def test_a_script_that_kills_its_parent_costs_those_beside_it_and_no_more(hosts: Hosts, folder: Path) -> None:
    beside = asyncio.ensure_future(
        kit.run_script(hosts, kit.write_script(folder, FUGITIVES + "await asyncio.sleep(3600)"), timeout=30.0)
    )
    await asyncio.sleep(0.4)
    reply = await kit.run_script(
        hosts, kit.write_script(folder, "os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(3600)")
    )
    assert reply.failure == "host_lost"
    assert (await beside).failure == "host_lost"
    again = await kit.run_script(hosts, kit.write_script(folder, "ctx.check(1).equals(1)"))
    assert again.state == "up"
    await kit.until(lambda: kit.left_by(hosts) == [])
