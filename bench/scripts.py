"""Memory of everything that runs, and scripts that hold on to their processor."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from bench import system, target
from bench.daemon import config, running
from bench.figure import Figure, Scale

SLEEPERS, LOOPERS = 8, 4
WITHOUT = 4  # processes while no script runs: the keeper, two hosts, the parent of scripts
SCRIPT = '''"""Scripts for a benchmark."""
{imports}
from probes import Context, probe
'''
ONE = '''

@probe(workflow="{workflow}", every="{every}", timeout="{timeout}", attempts=1, cleanup="0.1s", name="s{number}")
async def s{number}(ctx: Context) -> None:
    """It {says}."""
    {body}
'''


def memory(scale: Scale) -> Iterator[Figure]:
    """PSS of all processes at 1,000 HTTP probes, and what a running script adds."""
    with target.fast() as url:
        sections = config({"load": {"url": url, "probes": 1_000, "every": "15s"}})
        with running(sections) as daemon:
            time.sleep(20)
            alone = max(_several(daemon.pid, 3))
            daemon.stop()
        yield Figure("PSS at 1,000 probes", alone, "MB", most=200)
        body = 'await asyncio.sleep(60)\n    ctx.check(1, source="one").equals(1)'
        files = {"journeys/sleepers.py": _scripts("import asyncio", body, SLEEPERS, every="2m", timeout="90s")}
        with running(sections, files=files) as daemon:
            time.sleep(15)
            yield from _script_memory(daemon.pid)


def _script_memory(pid: int) -> Iterator[Figure]:
    """Scripts start within their own two minutes: PSS of everything just before some start, and when they sleep.

    Only what lies so near each other is compared, as the daemon itself grows for a while after its start.
    """
    seen: list[tuple[int, float]] = []
    until = time.monotonic() + 100
    while time.monotonic() < until:
        seen.append((len(system.below(pid)), system.pss(pid)))
        time.sleep(1.0)
    parts = [
        (after[1] - before[1]) / (after[0] - before[0])
        for before, first, after in zip(seen, seen[1:], seen[4:], strict=False)
        if first[0] > before[0] >= WITHOUT and after[0] > before[0]
    ]
    assert parts, "no script ran"
    said = f"{max(count for count, _ in seen) - WITHOUT} at once"
    yield Figure("PSS added by a running script", statistics.median(parts), "MB", most=8, remark=said)


def _several(pid: int, times: int) -> list[float]:
    found = []
    for _ in range(times):
        found.append(system.pss(pid))
        time.sleep(1.0)
    return found


def loops(scale: Scale) -> Iterator[Figure]:
    """Lateness of 500 HTTP probes while four scripts spin."""
    body = "while True:\n        pass"
    files = {"journeys/loopers.py": _scripts("", body, LOOPERS, every="6s", timeout="5s")}
    with target.fast() as url:
        sections = config({"load": {"url": url, "probes": 500, "every": "6s"}})
        with running(sections, files=files) as daemon:
            time.sleep(12)
            window = daemon.window(2 * scale.window)
            runs = [run for run in daemon.runs(window) if run.total > 0]
    worst = max((run.lateness / 1e3 for run in runs), default=float("nan"))
    said = f"{len(runs)} runs, {window.cpu / window.seconds:.2f} cores busy"
    yield Figure("beside tight loops, lateness max", worst, "ms", most=250, remark=said)


def _scripts(imports: str, body: str, number: int, *, every: str, timeout: str) -> str:
    made = [
        ONE.format(workflow="load-0", number=n, body=body, every=every, timeout=timeout, says="runs")
        for n in range(number)
    ]
    return SCRIPT.format(imports=imports) + "".join(made)
