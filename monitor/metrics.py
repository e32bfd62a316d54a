"""What Prometheus reads: states, lateness, deliveries and the health of showup itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from monitor import selfcheck
from monitor.deadman import outside
from monitor.engine.stats import BOUNDS
from probes.words.outcome import State

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from monitor.app import Keeper


class _Keeper(Collector):
    """Reads the keeper's memory when asked; no query, no lock, no work per run."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def collect(self) -> Iterator[Metric]:
        yield from self._probes()
        yield from self._itself()

    def _probes(self) -> Iterator[Metric]:
        labels = ["workflow", "environment", "probe"]
        up = GaugeMetricFamily("showup_probe_up", "1 up or degraded, 0 down; absent while unknown", labels=labels)
        took = GaugeMetricFamily("showup_probe_seconds", "Length of the newest attempt", labels=labels)
        runs = CounterMetricFamily("showup_probe_runs", "Runs since the start", labels=labels)
        missed = CounterMetricFamily("showup_probe_missed", "Starts that were not made", labels=[*labels, "why"])
        for track in self._keeper.engine.tracks.values():
            probe, last, counts = track.probe, track.last, track.counts
            names = [probe.workflow, probe.environment, probe.name]
            if last is not None and last.state is not State.UNKNOWN:
                up.add_metric(names, float(last.state is not State.DOWN))
            if last is not None:
                took.add_metric(names, last.took / 1e6)
            runs.add_metric(names, counts.runs)
            for why in ("missed", "overlapped", "shed", "late"):
                missed.add_metric([*names, why], getattr(counts, why))
        yield from (up, took, runs, missed)
        yield from self._answers(labels)

    def _answers(self, labels: list[str]) -> Iterator[Metric]:
        right = GaugeMetricFamily("showup_golden_accuracy", "Share of right answers in the window", labels=labels)
        cases = GaugeMetricFamily("showup_golden_cases", "Scored cases in the window", labels=labels)
        for track in self._keeper.engine.tracks.values():
            said = track.answers.said
            if track.probe.golden is None or said is None:
                continue
            names = [track.probe.workflow, track.probe.environment, track.probe.name]
            cases.add_metric(names, said.of)
            if said.of:
                right.add_metric(names, said.right / said.of)
        yield from (right, cases)

    def _itself(self) -> Iterator[Metric]:
        keeper = self._keeper
        late, counts, running = keeper.engine.lateness, [], 0
        for bound, count in zip((*BOUNDS, None), keeper.engine.lateness.counts, strict=True):
            running += count
            counts.append(("+Inf" if bound is None else f"{bound / 1e6:g}", float(running)))
        lateness = HistogramMetricFamily("showup_start_lateness_seconds", "How late runs started")
        lateness.add_metric([], counts, sum_value=late.total / 1e6)
        yield lateness
        sent = CounterMetricFamily("showup_messages", "Messages by channel and outcome", labels=["channel", "outcome"])
        for name, (accepted, failed) in keeper.dispatcher.counts.items():
            sent.add_metric([name, "accepted"], accepted)
            sent.add_metric([name, "failed"], failed)
        yield sent
        hosts = GaugeMetricFamily("showup_host_cpu_seconds", "CPU seconds of a probe host", labels=["role", "pid"])
        for stats in keeper.hosts.stats():
            hosts.add_metric([stats.role, str(stats.pid)], stats.cpu)
        yield hosts
        ends = GaugeMetricFamily(
            "showup_certificate_expiry_timestamp_seconds", "When a host's certificate ends", labels=["host"]
        )
        for host, at in keeper.engine.expiries.soonest():
            ends.add_metric([host], at / 1e6)
        yield ends
        yield from _foreseen(keeper)
        yield GaugeMetricFamily("showup_healthy", "1 while everything moves", value=float(outside(keeper).well))
        yield from _proved(keeper)
        yield GaugeMetricFamily(
            "showup_config_stale",
            "1 while a bad configuration waits to be mended",
            value=float(bool(keeper.config_trouble)),
        )
        yield GaugeMetricFamily("showup_runs_under_way", "Runs under way", value=float(keeper.engine.under_way))
        yield GaugeMetricFamily("showup_rows_waiting", "Rows not yet committed", value=float(keeper.store.waiting))
        yield CounterMetricFamily("showup_host_restarts", "Probe hosts replaced", value=float(keeper.hosts.restarts))


def _proved(keeper: Keeper) -> Iterator[Metric]:
    """What showup proves of itself: each channel's last test, and the last canary page that came through."""
    works = GaugeMetricFamily("showup_channel_works", "1 when its last self-test passed", labels=["channel"])
    for name, one in selfcheck.tests(keeper).items():
        works.add_metric([name], float(one.ok))
    yield works
    good = (keeper.notes.get("canary page") or {}).get("good")
    if good is not None:
        yield GaugeMetricFamily(
            "showup_canary_page_good_timestamp_seconds", "When a canary page last came through", value=good / 1e6
        )


def _foreseen(keeper: Keeper) -> Iterator[Metric]:
    """Everything that ends, and what is left of rate limits."""
    ends = GaugeMetricFamily("showup_expiry_timestamp_seconds", "When something ends", labels=["kind", "name"])
    for one in keeper.engine.expiries.endings():
        kind, _, name = one.key.partition(" ")
        ends.add_metric([kind, name], one.ends / 1e6)
    yield ends
    left = GaugeMetricFamily("showup_rate_limit_left", "What is left of a limit, 0 to 1", labels=["probe", "unit"])
    for name, room in keeper.engine.foresight.headroom.rooms.items():
        for unit, share in room.left.items():
            left.add_metric([name, unit], share)
    yield left


def exposition(keeper: Keeper) -> bytes:
    """The whole page in the text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Keeper(keeper))
    return generate_latest(registry)
