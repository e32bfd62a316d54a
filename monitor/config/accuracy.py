"""What a golden probe promises of its answers, in the shape the daemon uses; and its baseline, a file of its own."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from probes.kinds.golden.case import MOST, in_turn, mark
from probes.kinds.golden.spec import GoldenSpec
from probes.stats import cases_needed, least_to_clear
from probes.words.units import micros_of

LARGEST = 1_000_000  # bytes of a baseline


@dataclass(frozen=True, slots=True)
class Golden:
    """The promise. `target` and `floor` are shares from 0 to 1; `minimum` is how many cases tell them apart.

    `cases` are the marks of their wordings by name, in the order of their turns; a run tries `per_run` of them. Of the
    newest scores `window_cases` count, or where that is 0 those of the last `window` µs. `baseline` says of each case
    whether it was right when the baseline was made; `regressed` what it means that cases no longer are.
    """

    target: float
    floor: float
    minimum: int
    per_run: int
    cases: Mapping[str, str]
    window_cases: int = 0
    window: int = 0
    baseline: Mapping[str, bool] = field(default_factory=dict)
    baseline_file: str = ""
    regressed: str = "degraded"
    labels: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """The cases in the order of their turns."""
        return tuple(self.cases)


def needed(spec: GoldenSpec) -> int:
    """How many cases tell the target from the floor, and let a window of right ones clear the floor."""
    target, floor = float(spec.target) / 100, float(spec.least) / 100
    return max(cases_needed(target, floor), least_to_clear(floor))


def golden_of(spec: GoldenSpec, *, baseline: Mapping[str, bool], file: str) -> Golden:
    """The promise that a golden probe was written with."""
    named = spec.named
    timed = isinstance(spec.window, timedelta)
    return Golden(
        target=float(spec.target) / 100,
        floor=float(spec.least) / 100,
        minimum=needed(spec),
        per_run=spec.per_run,
        cases={name: mark(named[name]) for name in in_turn(named)},
        window_cases=0 if timed else int(spec.window),  # type: ignore[arg-type]
        window=micros_of(spec.window) if isinstance(spec.window, timedelta) else 0,
        baseline=baseline,
        baseline_file=file,
        regressed=spec.regressed,
        labels=spec.labels,
    )


# the baseline


def read_baseline(path: Path) -> dict[str, bool]:
    """Whether each case was right when the baseline was made, {} where there is none; raises ValueError."""
    if not path.exists():
        return {}
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("it is larger than 1 MB")
        found: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error) if "1 MB" in str(error) else "it is not JSON") from None
    cases = found.get("cases") if isinstance(found, dict) else None
    if not isinstance(cases, dict) or not all(isinstance(held, bool) for held in cases.values()):
        raise ValueError('it does not say {"cases": {"NAME": true}}')
    return dict(list(cases.items())[:MOST])


def write_baseline(path: Path, *, made: str, probe: str, cases: Mapping[str, bool]) -> None:
    """Write a baseline, whole or not at all; raises OSError."""
    told = {"made": made, "probe": probe, "cases": dict(sorted(cases.items()))}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
