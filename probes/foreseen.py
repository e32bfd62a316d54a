"""What every answer tells of things to come: when its certificate ends, and how much of a rate limit is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from probes.journal import Journal
from probes.target import HTTPS, place_name
from probes.tools.limits import headroom, limits


def note_life(journal: Journal, url: str, answer: Any) -> None:
    """Learn when the certificate of a place ends, and when it began: how early its end is told depends on both."""
    if answer.certificate_expires:
        parts = urlsplit(url)
        place = place_name(parts.hostname or "", parts.port or HTTPS)
        journal.learned.setdefault("certificates", {})[place] = answer.certificate_expires
        if answer.certificate_begins:
            journal.learned.setdefault("began", {})[place] = answer.certificate_begins


def note_limits(journal: Journal, headers: Mapping[str, str]) -> dict[str, float]:
    """Measure what is left of rate limits: of several answers of an attempt the least."""
    left = headroom(limits(headers))
    for name, share in left.items():
        journal.values[name] = min(share, journal.values.get(name, 1.0))
    return left
