"""CPU beside Prometheus with its blackbox exporter at the same rate, where Debian's packages are installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import system, target
from bench.figure import Figure, Scale
from bench.load import EVERY, PROBES, RATE, watch

MODULES = {"modules": {"plain": {"prober": "http", "timeout": "5s", "http": {"preferred_ip_protocol": "ip4"}}}}


def peers(scale: Scale) -> Iterator[Figure]:
    """CPU ms a probe of each, taking turns; told, not aimed at."""
    if not (shutil.which("prometheus") and shutil.which("prometheus-blackbox-exporter")):
        return
    ratios, said = [], ""
    with target.fast() as url:
        for _ in range(max(1, scale.rounds - 1)):
            theirs = _prometheus(url, scale.window)
            window, runs = watch(url, scale.window)
            ours = window.cpu / len(runs) * 1e3
            ratios.append(ours / theirs)
            said = f"{ours:.2f} against {theirs:.2f} ms a probe"
    yield Figure("cpu / blackbox + prometheus", sorted(ratios)[len(ratios) // 2], remark=said)


def _prometheus(url: str, seconds: float) -> float:
    with TemporaryDirectory(prefix="bench-prometheus-") as name:
        folder = Path(name)
        exporter, server = target.free_port(), target.free_port()
        (folder / "blackbox.yml").write_text(json.dumps(MODULES))
        (folder / "prometheus.yml").write_text(json.dumps(_config(url, exporter)))
        blackbox = ["prometheus-blackbox-exporter", f"--config.file={folder}/blackbox.yml"]
        prometheus = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        with (
            _running([*blackbox, f"--web.listen-address=127.0.0.1:{exporter}"]) as one,
            _running([*prometheus, f"--web.listen-address=127.0.0.1:{server}"]) as other,
        ):
            time.sleep(EVERY + 5)
            before = system.cpu(one) + system.cpu(other)
            time.sleep(seconds)
            assert Path(f"/proc/{one}").exists() and Path(f"/proc/{other}").exists()
            return (system.cpu(one) + system.cpu(other) - before) / (RATE * seconds) * 1e3


def _config(url: str, exporter: int) -> dict[str, object]:
    targets = [f"{url}/{n}" for n in range(PROBES)]
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": f"127.0.0.1:{exporter}"},
    ]
    job = {"job_name": "load", "metrics_path": "/probe", "params": {"module": ["plain"]}}
    scrape = {**job, "static_configs": [{"targets": targets}], "relabel_configs": relabel}
    return {"global": {"scrape_interval": f"{EVERY}s", "scrape_timeout": "5s"}, "scrape_configs": [scrape]}


@contextmanager
def _running(command: list[str]) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process.pid
    finally:
        system.end(process)
