"""The kinds of probes: a name, the model of what is written, and the module that makes it run. Nothing is imported here.

A kind is one folder: `spec.py`, light, and `run.py`, with `plan(spec) -> Script`, imported in a probe host only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a kind lives, as dotted paths; `keys` are those by which a probe without `kind:` is recognised."""

    spec: str
    run: str
    keys: frozenset[str] = frozenset()


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "chat": Kind("probes.kinds.chat.spec.ChatSpec", "probes.kinds.chat.run", frozenset({"ask", "chat"})),
        "script": Kind("probes.kinds.script.spec.ScriptSpec", "probes.kinds.script.run", frozenset({"function"})),
        "http": Kind(
            "probes.kinds.http.spec.HttpSpec",
            "probes.kinds.http.run",
            frozenset({"get", "head", "post", "put", "patch", "delete", "steps"}),
        ),
    }
)
