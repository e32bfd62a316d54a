"""Where the cases of a golden probe stand, so that one more can be put at their end."""

from __future__ import annotations

from pathlib import Path

from monitor.config.catalog import Probe
from monitor.config.merged import merge
from monitor.config.read import read_file


def case_file(place: Path, probe: Probe) -> Path | None:
    """The file of cases of a probe of the configuration at `place`; None when they stand in the configuration."""
    folder = (place if place.is_dir() else place.parent).resolve()
    files = sorted([*place.glob("*.yaml"), *place.glob("*.yml")]) if place.is_dir() else [place]
    merged, _ = merge([read_file(file, file.name)[0] for file in files])
    written = merged.data["workflows"][probe.workflow]["probes"][probe.name]
    cases = written.get("cases")
    return folder / cases if isinstance(cases, str) else None
