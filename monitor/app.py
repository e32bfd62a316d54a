"""The keeper: everything that serves, and its life from the first loop to the drain. It makes no rules."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from sqlmodel import Session

from alerts.channel_table import open_channel
from alerts.channels.kit import Surroundings
from alerts.desk import Desk
from alerts.dispatch import Dispatcher
from alerts.message import Answer, Channel, Reaction
from alerts.once import claim
from monitor import deadman
from monitor import log as logs
from monitor.config.catalog import Catalog
from monitor.config.load import load
from monitor.config.secrets import Secrets
from monitor.engine.engine import Engine
from monitor.engine.hooks import Hooks
from monitor.engine.hosts import Hosts
from monitor.store.database import Store
from monitor.systemd import Notifier
from probes.maker import settle
from probes.words.clock import SystemClock
from probes.words.errors import ConfigError, StoreError

log = structlog.get_logger("showup")

DRAIN = 15.0  # seconds that runs under way have when the keeper stops
YOUNG = 10_000  # new objects that are worth a look by the collector


@dataclass(slots=True)
class Keeper:
    """Everything that serves, by name. Made by `assembly.build`; `serve` runs it until it is told to stop.

    `answers` hears what is said through a channel and is no answer to a page, by its word: a flag, a wish to check now.
    """

    config: Path
    folder: Path
    secrets: Secrets
    clock: SystemClock
    store: Store
    desk: Desk
    channels: dict[str, Channel]
    dispatcher: Dispatcher
    hosts: Hosts
    engine: Engine
    around: Surroundings
    hooks: Hooks
    config_trouble: str = ""
    listeners: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    loops: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Callable[[Reaction], Awaitable[Answer]]] = field(default_factory=dict)

    @property
    def catalog(self) -> Catalog:
        """The configuration in force."""
        return self.engine.catalog

    async def react(self, reaction: Reaction, *, once: str = "") -> Answer:
        """An answer to a page, or a word on an answer, from whichever channel; what has a name `once` counts once."""
        if reaction.action in self.answers:
            return await self.answers[reaction.action](reaction)

        def apply(session: Session) -> Answer:
            now = self.clock.now()
            if once and not claim(session, once, now=now):
                return Answer(accepted=False, text="That was heard already.")
            return self.desk.react(session, reaction, now=now)

        answer = await self.store.write(apply)
        self.dispatcher.wake(set(self.channels))
        self.changed.set()
        return answer

    async def reload(self) -> str:
        """Read the configuration again and swap whole; returns "" or why the old one stays in force."""
        self.secrets.renew()
        try:
            catalog = await asyncio.to_thread(load, self.config, secrets=self.secrets)
        except ConfigError as error:
            self.config_trouble = str(error)
            log.error("the configuration is not taken over", problems=len(error.problems), first=str(error.problems[0]))
            return self.config_trouble
        logs.hide(self.secrets.redactor())
        await self._take_channels(catalog)
        try:
            await self.engine.reload(catalog)
        except StoreError as error:
            self.config_trouble = f"the store refuses, so the old configuration stays in force: {error}"
            log.error("the configuration is not taken over", reason=str(error))
            return self.config_trouble
        gc.freeze()  # as `settle` does, without the look at everything: that would stop all probes for a moment
        self.config_trouble = ""
        self.changed.set()
        log.info("the configuration was taken over", probes=len(catalog.probes), fingerprint=catalog.fingerprint)
        return ""

    async def _take_channels(self, catalog: Catalog) -> None:
        """Channels that are new or have other options are opened anew; one that is gone finishes what waits in it."""
        before = self.catalog.book.channels
        for name, spec in catalog.book.channels.items():
            if name in self.channels and before.get(name) == spec:
                continue
            self.channels[name] = channel = open_channel(name, spec, self.around)
            self.dispatcher.take(name, channel)
            self.hear(name)

    def hear(self, name: str) -> None:
        """Listen to a channel's answers, instead of what was listened to under its name before."""
        old = self.listeners.pop(name, None)
        if old is not None:
            old.cancel()
        self.listeners[name] = asyncio.get_running_loop().create_task(_listen(self, name, self.channels[name]))


async def serve(keeper: Keeper, *, notifier: Notifier, ready: Callable[[], None] = lambda: None) -> None:
    """Start everything, serve until told to stop, drain. A loop that ends by an error ends the keeper: systemd
    starts it anew."""
    await keeper.hosts.start()
    await keeper.engine.start()
    settle(young=YOUNG)
    loops = {
        "engine": keeper.engine.run,
        "dispatch": keeper.dispatcher.run,
        "verify": lambda: _every(5.0, keeper.dispatcher.verify),
        "watchdog": lambda: deadman.feed(keeper, notifier),
        "outside": lambda: deadman.ping_outside(keeper),
        **keeper.loops,
    }
    for name in keeper.channels:
        keeper.hear(name)
    notifier.ready(f"{len(keeper.engine.tracks)} probes")
    ready()
    where = {"page": keeper.catalog.web.page, "state": str(keeper.folder)}
    log.info("showup is watching", probes=len(keeper.engine.tracks), **where)
    tasks = {asyncio.get_running_loop().create_task(_named(loop)): name for name, loop in loops.items()}
    stop = asyncio.get_running_loop().create_task(_named(keeper.stopping.wait))
    done, _ = await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
    try:
        for task in done - {stop}:
            if task.exception() is not None:
                log.error("a part of showup failed", part=tasks[task], reason=repr(task.exception()))
                raise task.exception() or RuntimeError(tasks[task])
    finally:
        await _stop(keeper, [*tasks, stop], notifier)


async def _named(loop: Callable[[], Awaitable[Any]]) -> None:
    await loop()


async def _listen(keeper: Keeper, name: str, channel: Channel) -> None:
    """Hear a channel's answers for ever; one that breaks off is heard again, and takes nothing else down."""
    while True:
        try:
            await channel.listen(keeper.react)
            return
        except Exception as error:  # the outermost loop of a channel's ear
            log.error("a channel can no longer be heard", channel=name, reason=repr(error))
            await asyncio.sleep(5.0)


async def _every(seconds: float, act: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await act()
        except StoreError as error:
            log.warning("the store refuses", reason=str(error))


async def _stop(keeper: Keeper, tasks: Iterable[asyncio.Task[Any]], notifier: Notifier) -> None:
    notifier.stopping()
    lost = await keeper.engine.drain(DRAIN)
    tasks = [*tasks, *keeper.listeners.values()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await keeper.hosts.close()
    for channel in keeper.channels.values():
        with contextlib.suppress(Exception):  # the last act of a channel must not keep the store from closing
            await channel.close()
    await keeper.store.close()
    log.info("showup has stopped", runs_given_up=lost)


def on_signals(keeper: Keeper) -> None:
    """SIGTERM and SIGINT drain, the second one leaves at once; SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[str]] = set()

    def stop() -> None:
        if keeper.stopping.is_set():
            log.warning("leaving at once")
            os._exit(130)
        log.info("stopping once the runs under way have ended; a second signal leaves at once")
        keeper.stopping.set()

    def reload() -> None:
        task = loop.create_task(keeper.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
