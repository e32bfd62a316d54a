"""How soon the command answers, beside importing what it is made of."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from bench.figure import Figure, Scale

HELP = [sys.executable, "-I", "-m", "monitor.cli", "--help"]
IMPORTS = [sys.executable, "-I", "-c", "import typer, rich.console, rich.table"]


def start(scale: Scale) -> Iterator[Figure]:
    """Wall time of `showup --help` beside the imports of typer and rich, taking turns."""
    ours, theirs = [], []
    for _ in range(scale.some(25, 9)):
        theirs.append(_wall(IMPORTS))
        ours.append(_wall(HELP))
    ratio = statistics.median(ours) / statistics.median(theirs)
    yield Figure("--help / its imports", ratio, most=1.3, remark=f"{statistics.median(ours) * 1e3:.0f} ms")


def _wall(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=30)
    return time.perf_counter() - began
