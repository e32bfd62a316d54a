"""What both kinds of host share: how attempts are made in them, and how they say that they are ready and alive."""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from probes.frames import Reply, Request

READY = b"!ready\n"  # the first line a host says; what the keeper says beside requests begins with ! too
BEAT = 0.05  # seconds between two beats on the board


@dataclass(frozen=True, slots=True)
class Maker:
    """What makes attempts: `prepare` once a job, `make` once an attempt; `warm` loads what they will need."""

    prepare: Callable[[Mapping[str, Any]], Any]
    make: Callable[[Any, Request], Awaitable[Reply]]
    warm: Callable[[], None]


def real_maker() -> Maker:
    """The probes of this package."""
    from probes.attempt import make, prepare

    return Maker(prepare, make, _warm)


def _warm() -> None:
    """Load every kind, and build the TLS context that most requests share: it costs 20 ms and some memory."""
    from probes.spec import KINDS
    from probes.tools.tls import tls_context

    for kind in KINDS.values():
        import_module(kind.run)
    import_module("probes.tools.http")
    tls_context()


def settle(*, young: int = 50_000) -> None:
    """What was loaded so far is not looked at again by the collector, and stays shared with what is forked.

    `young`: how many new objects are worth a look; a look at everything stops a process for as long as 0.5 s.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, 20, 50)
