"""The baselines of contract probes: files beside the configuration, learned on purpose and kept in git."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from monitor.config.build import Written
from probes.kinds.contract.baseline import LARGEST, Baseline
from probes.words.text import clean

KIND = "contract"
FOLDER = "contracts"


def place_of(folder: Path, workflow: str, probe: str) -> Path:
    """The file of a probe's baseline."""
    return folder / FOLDER / workflow / f"{probe}.json"


def baselines(found: Iterable[Written], folder: Path) -> list[str]:
    """Hand every contract probe its baseline; returns warnings for those that have none."""
    warnings = []
    for probe in found:
        if probe.spec.kind == KIND:
            probe.brings = {KIND: read(place_of(folder, probe.workflow, probe.name))}
            if probe.brings[KIND].get("trouble"):
                trouble = probe.brings[KIND]["trouble"]
                warnings.append(f"{probe.place}: {trouble}; run showup contract learn {probe.name} --again")
            elif "baseline" not in probe.brings[KIND]:
                what = f"{probe.name} has no baseline yet, and says nothing until then"
                warnings.append(f"{probe.place}: {what}; run showup contract learn {probe.name}")
    return warnings


def read(place: Path) -> dict[str, Any]:
    """`baseline`, or `trouble` when there is one that cannot be read, or nothing."""
    shown = f"the baseline {FOLDER}/{place.parent.name}/{place.name}"
    try:
        text = place.read_bytes()[: LARGEST + 1]
        if len(text) > LARGEST:
            return {"trouble": f"{shown} is larger than {LARGEST:,} bytes"}
        baseline = json.loads(text)
        Baseline.load(baseline)
    except FileNotFoundError:
        return {}
    except OSError as error:
        return {"trouble": f"{shown} cannot be read: {error.strerror}"}
    except (ValueError, RecursionError) as error:
        return {"trouble": f"{shown} cannot be read: {clean(str(error), 120)}"}
    return {"baseline": baseline}
