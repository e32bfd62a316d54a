"""Webhooks of jobs: where each arrives, and what arrived lately, for whoever tries a probe beside the daemon."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from monitor.engine.hooks import waits
from monitor.services.base import probe_named, service

if TYPE_CHECKING:
    from monitor.app import Keeper


@service()
async def hooks(keeper: Keeper) -> dict[str, Any]:
    """Every probe that may wait for a webhook, with the address where it arrives."""
    waiting = [probe for probe in keeper.catalog.probes.values() if waits(probe)]
    known = ((probe, keeper.hooks.address(probe)) for probe in waiting)
    return {"hooks": [{"probe": probe.id, "kind": probe.kind, "url": url} for probe, url in known if url]}


@service()
async def arrived(keeper: Keeper, probe: str) -> dict[str, Any]:
    """Where webhooks for a probe arrive, and those of the last minute."""
    name = probe_named(keeper, probe)
    found = keeper.hooks.recent(name, after=0)
    return {"url": keeper.hooks.address(keeper.catalog.probes[name]), "arrivals": [asdict(one) for one in found]}
