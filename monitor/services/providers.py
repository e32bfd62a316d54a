"""How the providers are: by our own canaries, and by what they say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monitor.config.build import PRODUCTION
from monitor.services.base import when
from monitor.status.history import Record

if TYPE_CHECKING:
    from monitor.app import Keeper


def providers_of(keeper: Keeper, record: Record, now: int) -> list[dict[str, Any]]:
    """Every provider that a canary or a status page speaks of, with the workflows that depend on it."""
    found = []
    for name, provider in keeper.catalog.providers.items():
        canary = next((one for one in keeper.catalog.probes.values() if one.canary_of == name), None)
        says = keeper.engine.said.of(name, now) if provider.status_page else None
        if canary is None and not provider.status_page:
            continue
        spans = record.spans((canary.workflow, PRODUCTION)) if canary is not None else []
        track = keeper.engine.tracks.get(canary.id) if canary is not None else None
        found.append(
            {
                "provider": name,
                "title": provider.title,
                "state": str(spans[-1].state) if spans else "unknown",
                "since": when(spans[-1].start) if spans else None,
                "sentence": track.last.sentence if track is not None and track.last is not None else "",
                "says": says,
                "workflows": sorted({one.subject for one in keeper.catalog.probes.values() if name in one.depends_on}),
            }
        )
    return found
