"""Retention: what is too old goes, a slice at a time, so that no commit waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from sqlmodel import Session

from monitor.config.catalog import Keep
from monitor.store.database import Store
from monitor.store.retention import Deleted, delete_evidence, delete_runs, trim
from probes.words.clock import Clock
from probes.words.errors import StoreError
from probes.words.units import micros_of

log = structlog.get_logger("showup.retention")

EVERY = 3600.0  # seconds
FIRST = 60.0  # seconds after the start
BETWEEN = 0.05  # seconds between slices
SLICES = 2_000  # of one kind in one round; what is left waits for the next


async def keep_house(store: Store, keep: Callable[[], Keep], clock: Clock) -> None:
    """Delete what is older than `keep` says, hourly, until cancelled."""
    await asyncio.sleep(FIRST)
    while True:
        try:
            gone = await sweep(store, keep(), now=clock.now())
            if gone:
                log.info("old records were deleted", rows=gone)
        except StoreError as error:
            log.warning("old records could not be deleted", reason=str(error))
        await asyncio.sleep(EVERY)


async def sweep(store: Store, keep: Keep, *, now: int) -> int:
    """One round; returns how many rows went."""
    runs_before, evidence_before = now - micros_of(keep.runs), now - micros_of(keep.evidence)
    acts: list[Callable[[Session], Deleted]] = [
        lambda session: delete_runs(session, before=runs_before),
        lambda session: delete_evidence(session, before=evidence_before),
        lambda session: trim(session, cap=keep.disk),
    ]
    gone = 0
    for act in acts:
        for _ in range(SLICES):
            found = await store.write(act)
            gone += found.runs + found.evidence
            if not found.more:
                break
            await asyncio.sleep(BETWEEN)
    return gone
