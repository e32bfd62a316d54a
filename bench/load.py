"""5,000 probes every 15 seconds: CPU beside httpx alone, measured times beside httpx alone, and lateness of starts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from bench import bare, target
from bench.daemon import Ran, Window, config, quantile, running
from bench.figure import Figure, Scale

PROBES, EVERY = 5_000, 15  # 333 a second
RATE = PROBES / EVERY
WARM = 18.0  # seconds: in its first period each probe is made ready and keeps its first evidence


def watch(url: str, seconds: float, *, pages: bool = False) -> tuple[Window, list[Ran]]:
    """A daemon under the load, warm, for so many seconds."""
    with running(config({"load": {"url": url, "probes": PROBES, "every": f"{EVERY}s"}})) as daemon:
        time.sleep(WARM)
        window = daemon.window(seconds, pages=pages)
        return window, daemon.runs(window)


def cost(scale: Scale) -> Iterator[Figure]:
    """CPU and measured times of the whole daemon beside a bare loop, taking turns."""
    ratios, lengths, ours, theirs = [], [], [], []
    with target.fast() as url:
        for _ in range(scale.rounds):
            alone = bare.measure(url, RATE, scale.window)
            window, runs = watch(url, scale.window)
            assert len(runs) > 0.9 * RATE * window.seconds, f"only {len(runs)} runs in {window.seconds:.0f} s"
            ours.append(window.cpu / len(runs) * 1e3)
            theirs.append(alone["cpu"] / alone["requests"] * 1e3)
            ratios.append(ours[-1] / theirs[-1])
            lengths.append(quantile([run.total for run in runs if run.total > 0], 0.5) / alone["p50"])
    said = f"{statistics.median(ours):.2f} against {statistics.median(theirs):.2f} ms a request"
    yield Figure("cpu of daemon / bare httpx", statistics.median(ratios), most=1.6, remark=said)
    yield Figure("measured total p50 / bare httpx", statistics.median(lengths), most=1.25)


def lateness(scale: Scale) -> Iterator[Figure]:
    """Starts while pages are made and read."""
    with target.fast() as url:
        _, runs = watch(url, 2 * scale.window, pages=True)
    yield from late("start lateness", runs)


def slow_target(scale: Scale) -> Iterator[Figure]:
    """The same against a target that takes two seconds: over six hundred requests in flight."""
    with target.slow(2.0) as url:
        _, runs = watch(url, 2 * scale.window, pages=True)
    yield from late("slow target, start lateness", runs)
    yield Figure("slow target, passed", 100 * sum(not run.failure for run in runs) / max(1, len(runs)), "%", least=99.9)


def late(name: str, runs: list[Ran]) -> Iterator[Figure]:
    """p99 and greatest lateness of runs."""
    found = [run.lateness / 1e3 for run in runs]
    yield Figure(f"{name} p99", quantile(found, 0.99), "ms", most=25, remark=f"{len(found)} runs")
    yield Figure(f"{name} max", max(found, default=float("nan")), "ms", most=250)
