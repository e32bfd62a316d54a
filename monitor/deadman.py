"""Who watches the watcher: systemd's watchdog and an outside dead-man's switch, fed only after real progress."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from monitor import selfcheck
from monitor.engine.freshness import cut_off
from monitor.systemd import Notifier
from probes.words.secret import fill, names_in
from probes.words.text import clean
from probes.words.units import MINUTE, SECOND

if TYPE_CHECKING:
    from monitor.app import Keeper

log = structlog.get_logger("showup.deadman")

BEAT_FRESH = 10 * SECOND
COMMIT_FRESH = 45 * SECOND
TOLD_FRESH = 2 * MINUTE
PING_EVERY = 60.0  # seconds, the convention of dead-man's switches


@dataclass(frozen=True, slots=True)
class Health:
    """Whether real progress is being made; `reasons` says what is not."""

    reasons: tuple[str, ...]

    @property
    def well(self) -> bool:
        """True when everything moves."""
        return not self.reasons


def health(keeper: Keeper) -> Health:
    """Scheduler, store, alerts and hosts: each must have moved since a short while ago."""
    now, engine, store = keeper.clock.now(), keeper.engine, keeper.store
    reasons = []
    if now - max(engine.pulse.beat, engine.pulse.began) > BEAT_FRESH:
        reasons.append("the engine does not beat")
    if store.broken_since is not None:
        reasons.append(f"the store cannot be written: {store.trouble}")
    elif now - max(store.last_commit, engine.pulse.began) > COMMIT_FRESH:
        reasons.append("nothing was committed lately")
    if engine.teller.waiting and engine.teller.refused_since and now - engine.teller.refused_since > TOLD_FRESH:
        reasons.append("signals wait to be told")
    if not keeper.hosts.stats():
        reasons.append("no probe host runs")
    return Health(tuple(reasons))


def outside(keeper: Keeper) -> Health:
    """The same for whoever looks from outside, who also hears what no restart would help: our own network reaches
    nobody, no channel works, pages wait, the status page is stale."""
    blind = cut_off(keeper.engine.tracks.values()) is not None
    network = ("our own network reaches nobody",) if blind else ()
    return Health((*health(keeper).reasons, *network, *selfcheck.reasons(keeper)))


async def feed(keeper: Keeper, notifier: Notifier) -> None:
    """Show systemd that we live, as long as we do."""
    while True:
        found = health(keeper)
        if found.well:
            notifier.alive(f"{len(keeper.engine.tracks)} probes, {keeper.engine.under_way} runs under way")
        else:
            log.warning("not well", reasons="; ".join(found.reasons))
        await asyncio.sleep(min(notifier.period or 10.0, 10.0))


async def ping_outside(keeper: Keeper) -> None:
    """Ping the outside switch each minute while all is well; its silence is what rings elsewhere."""
    import httpx

    while True:
        reference = keeper.catalog.dead_man
        if not reference:
            await asyncio.sleep(PING_EVERY)
            continue
        found = outside(keeper)
        try:
            url = str(fill(reference, keeper.secrets.need(names_in(reference))))
            async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client, asyncio.timeout(15.0):
                if found.well:
                    response = await client.get(url)
                else:
                    said = keeper.secrets.redactor().text("; ".join(found.reasons))
                    response = await client.post(f"{url}/fail", content=said.encode())
                response.raise_for_status()
            keeper.notes["dead_man"] = {"at": keeper.clock.now(), "ok": True, "said": ""}
        except (httpx.HTTPError, KeyError, TimeoutError, ValueError) as error:
            said = clean(type(error).__name__, 80)
            keeper.notes["dead_man"] = {"at": keeper.clock.now(), "ok": False, "said": said}
            log.warning("the outside dead-man's switch was not reached", reason=said)
        await asyncio.sleep(PING_EVERY)
