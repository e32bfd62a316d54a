"""Builds every object of the keeper out of a configuration, nothing running yet."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alerts.channel_table import open_channel
from alerts.channels.kit import OpenPage, Surroundings
from alerts.desk import Desk
from alerts.dispatch import Dispatcher
from alerts.oncall import Known
from monitor import log as logs
from monitor.app import Keeper
from monitor.chores import table
from monitor.config.catalog import Catalog
from monitor.config.load import find, load
from monitor.config.secrets import Secrets
from monitor.engine.beside import beside
from monitor.engine.engine import Engine
from monitor.engine.hooks import Hooks
from monitor.engine.hosts import Hosts
from monitor.engine.parts import Parts
from monitor.engine.signals import title_of
from monitor.lastresort import LastResort
from monitor.places import state_folder
from monitor.services import checked, incidents, kept, kindly, pressed
from monitor.store.database import Store
from monitor.tokens import key_in
from monitor.web import acks
from probes.words.clock import SystemClock

if TYPE_CHECKING:
    from alerts.channels.pagerduty.oncalls import Oncalls


async def build(config: Path | None, *, folder: Path | None = None) -> Keeper:
    """Every object of the keeper, nothing running yet; raises ConfigError, StoreError."""
    place = find(config)
    secrets = Secrets.from_environment((place if place.is_dir() else place.parent).resolve(), os.environ)
    catalog = load(place, secrets=secrets)
    logs.hide(secrets.redactor())
    state = folder or state_folder()
    clock = SystemClock()
    store = await asyncio.to_thread(Store.open, catalog.store, folder=state, clock=clock)
    if store.last_commit > clock.now():
        clock = SystemClock(not_before=store.last_commit)
    keeper = _assemble(place, state, catalog, secrets=secrets, clock=clock, store=store)
    schedules: Any = keeper.desk.climb.schedules
    schedules.remember(await kept.kept(store))
    await schedules.begin()
    return keeper


def _assemble(
    place: Path, state: Path, catalog: Catalog, *, secrets: Secrets, clock: SystemClock, store: Store
) -> Keeper:
    keeper: Keeper
    key = key_in(state)

    def recovering(subject: str) -> int | None:
        return keeper.engine.recovering(subject)

    def ring() -> None:
        keeper.changed.set()

    around = _surroundings(lambda: keeper, secrets=secrets, clock=clock, store=store, key=key)
    schedules = _schedules(lambda: keeper, around, keep=kept.keeper_of(store, clock))
    known = beside(lambda: keeper.catalog)
    desk = Desk(lambda: keeper.catalog.book, schedules=schedules, recovering=recovering, beside=known)
    channels = {name: open_channel(name, spec, around) for name, spec in catalog.book.channels.items()}
    hosts = Hosts(clock, folder=str(catalog.folder))
    dispatcher = Dispatcher(
        channels,
        store.write,
        desk=desk,
        book=lambda: keeper.catalog.book,
        clock=clock,
        chance=random.random,
        changed=ring,
    )
    last_resort = LastResort(store, lambda: keeper.catalog.book, channels, clock, schedules)
    hooks = Hooks(key, lambda: keeper.catalog.web.base, hosts, clock)
    parts = Parts(
        store=store,
        desk=desk,
        hosts=hosts,
        clock=clock,
        chance=random.random,
        wake=lambda names: dispatcher.wake(set(names)),
        emergency=last_resort.page,
        secrets=secrets.need,
        changed=ring,
        hook=hooks.address,
    )
    engine = Engine(catalog, parts)
    keeper = Keeper(place, state, secrets, clock, store, desk, channels, dispatcher, hosts, engine, around, hooks)
    _hear(keeper)
    keeper.loops |= {"last resort": last_resort.run, "schedules": schedules.run, **table.loops(keeper)}
    return keeper


def _surroundings(
    keeper: Callable[[], Keeper], *, secrets: Secrets, clock: SystemClock, store: Store, key: bytes
) -> Surroundings:
    """What a channel may use of the keeper, which is there once it is asked for."""

    async def open_pages(channel: str) -> list[OpenPage]:
        return await store.read(lambda session: keeper().desk.open_pages(session, channel))

    return Surroundings(
        secrets=secrets.need,
        people=lambda: keeper().catalog.book.people,
        clock=clock,
        open_pages=open_pages,
        subjects=lambda: _subjects(keeper().catalog),
        seen=lambda name: kindly.shown(keeper(), name),
        policies=lambda: keeper().catalog.book.policies,
        ack_url=lambda incident, number, person: acks.address(keeper().catalog.web.url, key, incident, number, person),
    )


def _hear(keeper: Keeper) -> None:
    """Whom what people say reaches, where it is no answer to a page."""
    keeper.answers["check"] = lambda reaction: checked.check(keeper, reaction)
    keeper.answers["act"] = lambda reaction: pressed.act(keeper, reaction)
    keeper.answers["severity"] = lambda reaction: incidents.rated(keeper, reaction)
    keeper.answers["report"] = lambda reaction: incidents.heard(keeper, reaction)
    keeper.answers["flag"] = lambda reaction: keeper.engine.flags.heard(reaction, keeper.secrets.redactor().text)


def _subjects(catalog: Catalog) -> dict[str, str]:
    """What answers may be flagged of: production first, as most are of it."""
    found = [
        (not place.production, f"{one.key}/{name}", title_of(one, name))
        for one in catalog.workflows.values()
        for name, place in one.environments.items()
        if not one.provider
    ]
    return {subject: title for _, subject, title in sorted(found)}


def _schedules(
    keeper: Callable[[], Keeper], around: Surroundings, *, keep: Callable[[Mapping[str, Known]], Awaitable[None]]
) -> Oncalls:
    """Who is on call by PagerDuty, in the rotations that are kept there: as configured now, also after a reload."""
    from alerts.channels.pagerduty.client import PagerDuty
    from alerts.channels.pagerduty.oncalls import Oncalls
    from alerts.channels.pagerduty.spec import Spec

    made: list[PagerDuty] = []

    def pagerduty() -> PagerDuty | None:
        spec = keeper().catalog.book.channels.get("pagerduty")
        if not isinstance(spec, Spec):
            return None
        if not made or made[0].spec != spec:
            made[:] = [PagerDuty(spec, around)]
        return made[0]

    return Oncalls(pagerduty, lambda: keeper().catalog.book.rotations, clock=around.clock, keep=keep)
