"""How an http probe runs: its steps, in order."""

from __future__ import annotations

from probes.kinds.http.spec import HttpSpec
from probes.kinds.interpret import Script, script


def prepare(spec: HttpSpec) -> Script:
    """The function that carries it out."""
    return script(spec.steps)
