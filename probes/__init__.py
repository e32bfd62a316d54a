"""showup for authors of probes: `from probes import probe, Context`.

Nothing is loaded before it is asked for, so that whoever needs only the words pays for nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from probes.author import Probe, probe
    from probes.checks import Absent, Subject
    from probes.context import Context
    from probes.replies import ChatReply, HttpReply

__all__ = ["Absent", "ChatReply", "Context", "HttpReply", "Probe", "Subject", "probe"]

_HOME = {
    "Absent": "probes.checks",
    "ChatReply": "probes.replies",
    "Context": "probes.context",
    "HttpReply": "probes.replies",
    "Probe": "probes.author",
    "Subject": "probes.checks",
    "probe": "probes.author",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"probes has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)
