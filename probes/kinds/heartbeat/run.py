"""A heartbeat is no attempt: whoever asks for one is told what to do instead."""

from __future__ import annotations

from typing import Any

from probes.words.errors import ProbeBug


def prepare(spec: Any) -> Any:
    """Nothing can be run here; raises ProbeBug."""
    raise ProbeBug("a heartbeat waits for its job and is never run", hint="send it a ping: showup heartbeat list")
