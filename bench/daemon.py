"""A real daemon with a configuration made for it, and what its record says of the time it ran."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench import system
from bench.target import free_port
from monitor.store.codes import FAILURE_SHIFT, FAILURES, unpack_phases
from probes.words.failure import Failure

SKIPPED = FAILURES[Failure.SKIPPED]
A_WORKFLOW = 50  # probes of one workflow
SHORT = {"timeout": "5s", "cleanup": "0.1s", "attempts": 1}  # so that a run fits into a period of six seconds
STARTS = 60.0  # seconds a daemon may take to come up


@dataclass(frozen=True, slots=True)
class Ran:
    """One run as the record has it; µs. `failure` is a code or 0."""

    started: int
    ledger: int
    lateness: int
    took: int
    total: int
    failure: int


def config(groups: Mapping[str, Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """A configuration of `groups`: address, number of probes and `every` of each; `more` are further sections."""
    workflows: dict[str, Any] = {}
    for name, group in groups.items():
        number = group["probes"]
        for first in range(0, number, A_WORKFLOW):
            probes = {
                f"p{n}": {"get": "/", "check": [{"status": 200}], "every": group["every"], **SHORT}
                for n in range(first, min(number, first + A_WORKFLOW))
            }
            workflows[f"{name}-{first // A_WORKFLOW}"] = {
                "url": group["url"], "allow_private": True, "probes": probes,
            }  # fmt: skip
    return {
        "monitor": {"policy": "log"},
        "defaults": {"policy": "log"},
        "policies": {"log": {"levels": [{"at": "0m", "notify": ["console"]}], "warnings": ["console"]}},
        "workflows": workflows,
        **more,
    }


class Daemon:
    """A running daemon; `window` measures it for a while."""

    def __init__(self, folder: Path, process: subprocess.Popen[str], port: int) -> None:
        self.folder, self.process, self.port = folder, process, port

    @property
    def pid(self) -> int:
        """The keeper."""
        return self.process.pid

    def get(self, path: str) -> bytes:
        """An answer of its web side."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as response:
            return bytes(response.read())

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over everything that carries these labels."""
        total = 0.0
        for line in self.get("/metrics").decode().splitlines():
            if line.startswith((f"{name} ", f"{name}{{")) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rpartition(" ")[2])
        return total

    def window(self, seconds: float, *, pages: bool = False) -> Window:
        """CPU and time of the next so many seconds; `pages` has them fetched meanwhile."""
        before, began = system.cpu(self.pid), time.time_ns() // 1000
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(1.0, max(0.0, until - time.monotonic())))
            if pages:
                self.get("/")
        if self.process.poll() is not None:
            raise RuntimeError("the daemon has ended: " + self.log()[-2000:])
        return Window(system.cpu(self.pid) - before, began, time.time_ns() // 1000)

    def log(self) -> str:
        """What it wrote to standard error."""
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> None:
        """Stop it: only then does it let others read its record."""
        system.end(self.process)

    def runs(self, window: Window | None = None) -> list[Ran]:
        """The runs that began in a window, or all; the daemon is stopped for it."""
        self.stop()
        start, end = (window.start, window.end) if window is not None else (0, 1 << 62)
        query = "SELECT started, ledger, lateness, took, code, phases FROM run WHERE started >= ? AND started < ?"
        with closing(sqlite3.connect(self.folder / "state" / "showup.db", timeout=20)) as connection:
            rows = connection.execute(query, (start, end)).fetchall()
        found = []
        for started, ledger, lateness, took, code, phases in rows:
            parts = unpack_phases(phases, took=took)
            found.append(Ran(started, ledger, lateness, took, parts[-1] if parts else -1, code >> FAILURE_SHIFT))
        return found


@dataclass(frozen=True, slots=True)
class Window:
    """What was measured: CPU seconds, and from when to when (µs since the epoch)."""

    cpu: float
    start: int
    end: int

    @property
    def seconds(self) -> float:
        """Its length."""
        return (self.end - self.start) / 1e6


@contextmanager
def running(
    sections: Mapping[str, Any], *, files: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Daemon]:
    """A daemon of this configuration that serves; it is stopped at the end."""
    with TemporaryDirectory(prefix="bench-showup-") as name:
        folder, port = Path(name), free_port()
        place = folder / "config" / "showup.yaml"
        for path, text in (files or {}).items():
            (place.parent / path).parent.mkdir(parents=True, exist_ok=True)
            (place.parent / path).write_text(text)
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps({**sections, "web": {"listen": f"127.0.0.1:{port}"}}))
        command = [sys.executable, "-I", "-m", "monitor.cli", "run", "-c", str(place), "--state", str(folder / "state")]
        environ = {"PATH": os.environ["PATH"], "HOME": name, "SHOWUP_LOG": "WARNING", **(env or {})}
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(command, stderr=log, stdout=log, text=True, env=environ, cwd=name)
        daemon = Daemon(folder, process, port)
        try:
            _wait(daemon)
            yield daemon
        finally:
            system.end(process)


def _wait(daemon: Daemon) -> None:
    until = time.monotonic() + STARTS
    while time.monotonic() < until:
        if daemon.process.poll() is not None:
            raise RuntimeError("the daemon did not start: " + daemon.log()[-2000:])
        try:
            daemon.get("/healthz")
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the daemon did not come up: " + daemon.log()[-2000:])


def quantile(numbers: Sequence[float], share: float) -> float:
    """The smallest number that so large a share does not exceed; nan for none."""
    ranked = sorted(numbers)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))] if ranked else float("nan")


def twice_running(runs: Sequence[Ran]) -> int:
    """How often a probe was shed in two runs that follow each other."""
    by_probe: dict[int, list[Ran]] = defaultdict(list)
    for run in runs:
        by_probe[run.ledger].append(run)
    count = 0
    for mine in by_probe.values():
        shed = [run.failure == SKIPPED for run in sorted(mine, key=lambda run: run.started)]
        count += sum(one and other for one, other in pairwise(shed))
    return count
