"""What both kinds of host share: the heartbeat, and how a warmed process settles."""

from __future__ import annotations

import gc

BEAT = 0.2  # seconds between heartbeats
BEAT_MARK = b"!"


def settle() -> None:
    """What was loaded so far is not looked at again by the collector, and is shared with what is forked."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
