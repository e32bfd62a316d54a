"""More than there is time for: the rate that this machine carries, and what becomes of twice as much."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench import target
from bench.daemon import SKIPPED, Ran, config, quantile, running, twice_running
from bench.figure import Figure, Scale

EVERY = 6  # seconds
WARM = 10.0
STEPS = (500, 700, 900, 1_100, 1_400)  # probes a second that are tried
CARRIED = 0.97  # share of what is offered below which a rate is more than can be carried


def overload(scale: Scale) -> Iterator[Figure]:
    """Completed runs, lateness and fairness at twice the capacity."""
    with target.fast() as url:
        carried = 0.0
        for rate in STEPS:
            done = completed(offer(url, rate, scale.some(12, 6)))
            carried = max(carried, done)
            if done < CARRIED * rate:
                break
        yield Figure("capacity", carried, "/s", remark="the most runs completed at any rate offered")
        offered = offer(url, 2 * carried, scale.some(24, 13))
    made = [run for run in offered.runs if run.failure != SKIPPED]
    yield Figure("completed at 2x / capacity", completed(offered) / carried, least=0.8)
    yield Figure("overload, start lateness p99", quantile([run.lateness / 1e3 for run in made], 0.99), "ms", most=250)
    yield Figure("shed twice running", twice_running(offered.runs), most=0, remark=f"{offered.counted:.0f} shed")
    yield Figure("sheds not counted", offered.uncounted, most=0)


@dataclass(frozen=True, slots=True)
class Offered:
    """Runs of a window of so many seconds; sheds since the start, as counted, and how many are missing there."""

    runs: list[Ran]
    seconds: float
    counted: float
    uncounted: float


def completed(offered: Offered) -> float:
    """Runs a second that were made."""
    return sum(run.failure != SKIPPED for run in offered.runs) / offered.seconds


def offer(url: str, rate: float, seconds: float) -> Offered:
    """What becomes of so many runs a second."""
    groups = {"load": {"url": url, "probes": int(rate * EVERY), "every": f"{EVERY}s"}}
    with running(config(groups)) as daemon:
        time.sleep(WARM)
        window = daemon.window(seconds)
        counted = daemon.metric("showup_probe_missed_total", why="shed")
        everything = daemon.runs()
    shed = [run for run in everything if run.failure == SKIPPED]
    before = sum(run.started < window.end - 5_000_000 for run in shed)  # answered long before they were counted
    uncounted = max(0.0, before - counted, counted - len(shed))
    inside = [run for run in everything if window.start <= run.started < window.end]
    return Offered(inside, window.seconds, counted, uncounted)
