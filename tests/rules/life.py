"""The life of a keeper, in which anything may happen: the real engine, store, desk and dispatcher under a pushed clock.

Runs start at their cadence while time passes, and the keeper may die at any moment at which it waits for anything:
the database, a host, a provider, the next attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from sqlmodel import Session

from alerts import outbox
from alerts.emergency import Memory
from alerts.message import Reaction
from alerts.signal import Signal
from monitor.config.catalog import Catalog
from monitor.store import connection
from monitor.store.backlog import Backlog
from monitor.store.database import Store
from probes.frames import Reply, Request
from probes.words.errors import StoreError
from probes.words.units import SECOND
from tests.rules.watched import Watched
from tests.story.night import Provider, next_due, waits
from tests.story.watch import MIDNIGHT, SAYS, Pushed, Watch

T = TypeVar("T")
BEAT = 30 * SECOND  # µs between beats when nothing is due
BEAT_BROKEN = 5 * SECOND  # while the store refuses, nobody can say what is due
MEMORY = Path("/dev/shm")


class Mortal(Store):
    """The real store. Each wait for it is a moment at which the keeper may die: asked for, or done and not heard of."""

    changes = 0

    async def edge(self) -> None:
        """Replaced by the life that it keeps."""

    async def _ask(self, act: Callable[[Session], T], *, writes: bool) -> T:
        await self.edge()
        self.changes += writes
        found = await super()._ask(act, writes=writes)
        await self.edge()
        return found

    async def look(self, act: Callable[[Session], T]) -> T:
        """A read by somebody who stands outside."""
        return await super()._ask(act, writes=False)

    async def settle(self) -> None:
        """Return when all that was asked for is done."""
        with contextlib.suppress(StoreError):
            await super()._ask(lambda session: None, writes=True)

    async def die(self) -> None:
        """Lose what is not committed, as a process does that is killed, and let the next one in."""
        line = self._writer.line
        with line._awake:
            line._backlog, line._writes, line._reads = Backlog(), [], []
        await self.close()


class Life(Watch):
    """`live` tells a part of the story; when the keeper dies in it, it is up again afterwards."""

    store: Mortal

    def __init__(self, folder: Path, catalog: Catalog) -> None:
        super().__init__(folder, catalog)
        self.worlds: dict[str, str] = {}
        self.takes = 0  # seconds that an attempt takes
        self.lives: int | None = None  # how many more waits the keeper survives; None: all
        self.known: dict[str, Watched] = {}
        self.met: dict[tuple[str, int], str] = {}  # (run, attempt) -> the letter that it met
        self.broken_rules: list[str] = []
        self.started = self.clock.now()
        self.listening = 0  # runs that wait for what a canary says
        self._died = asyncio.Event()
        self._sleepers: list[tuple[int, asyncio.Future[None]]] = []
        self._checked: tuple[int, ...] = ()
        self.world = lambda probe, at: self.worlds.get(probe, ".")

    # -- life and death -----------------------------------------------------------------------------------------------

    async def live(self, story: Coroutine[Any, Any, T]) -> T | None:
        """What the story returns; None when the keeper died in it."""
        part: asyncio.Future[T] = asyncio.ensure_future(story)
        while True:
            death = asyncio.ensure_future(self._died.wait())
            await asyncio.wait({part, death}, return_when=asyncio.FIRST_COMPLETED)
            death.cancel()
            if not self._died.is_set():
                return part.result()
            await self.fall()
            part = asyncio.ensure_future(self.rise())  # type: ignore[arg-type]  # in which it may die again

    async def edge(self) -> None:
        """A moment at which the keeper may die."""
        self.lives = None if self.lives is None else self.lives - 1
        if self.lives is not None and self.lives < 0:
            self.dies()
        if self._died.is_set():
            await asyncio.Event().wait()

    def dies(self) -> None:
        """The keeper does nothing more from now on."""
        self.lives = None
        self._died.set()

    async def fall(self) -> None:
        """The process is gone, and all that it had in memory."""
        self.heal()
        self.up = False
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        works, self.engine._works = self.engine._works, None
        if works is not None:
            works.close()
        await self.store.die()
        self._sleepers.clear()
        self._died.clear()

    async def rise(self) -> None:
        self.started, self.listening = self.clock.now(), 0
        await super().rise()
        hear = self.engine.witnesses._hear

        async def counted(providers: Iterable[str], *, within: float) -> bool:
            self.listening += 1
            try:
                return await hear(providers, within=within)
            finally:
                self.listening -= 1

        self.engine.witnesses._hear = counted  # type: ignore[method-assign]

    async def restart(self) -> None:
        self.dies()
        await asyncio.Event().wait()

    async def open_store(self) -> Store:
        found = await asyncio.to_thread(partial(Mortal.open, "", folder=self.folder, clock=self.clock, ballast=0))
        assert isinstance(found, Mortal)
        found.edge = self.edge  # type: ignore[method-assign]
        return found

    def provider(self, name: str) -> Provider:
        found = self.known.get(name)
        if found is None:
            found = self.known[name] = Watched(name, verified=name != "pagerduty")
            found.watch(self._look)
        found.clock, found.crashed, found.dies = self.clock, False, self.dies
        found.hanging.clear()
        return found

    async def _look(self, act: Callable[[Session], T]) -> T:
        return await self.store.look(act)  # whichever store is open then

    # -- the store refuses --------------------------------------------------------------------------------------------

    @property
    def refuses(self) -> bool:
        """True while the database is where nobody finds it."""
        return self._away.exists()

    @property
    def _away(self) -> Path:
        return self.folder / "elsewhere.db"

    def refuse(self) -> None:
        """Somebody moves the database away."""
        (self.folder / "showup.db").rename(self._away)

    def heal(self) -> None:
        """It is there again."""
        if self.refuses:
            self._away.rename(self.folder / "showup.db")
            self.started = self.clock.now()  # what was due meanwhile is late by no fault of a rule

    async def recover(self) -> None:
        """It is there again, and the keeper has seen it."""
        self.heal()
        for _ in range(500):
            await self.store.settle()
            if self.store.broken_since is None:
                break
            await asyncio.sleep(0.002)
        assert self.store.broken_since is None, "the store does not come back"
        await self.beat()

    async def _emergency(self, signal: Signal) -> None:
        await super()._emergency(signal)
        book, now = self.catalog.book, self.clock.now()
        await Memory().page(signal, book=book, channels=self.providers, at=now, why="it is away", waits=(0.0,))

    # -- time ---------------------------------------------------------------------------------------------------------

    async def pass_time(self, length: int) -> None:
        """Push the clock to each moment at which something is due, and to the end."""
        end = self.clock.at + length
        while self.clock.at < end:
            following = await self.following()
            self.clock.at = min(end, max(following, self.clock.at + SECOND // 10))
            await self.beat()

    async def following(self) -> int:
        now = self.clock.at
        moments = [wake for wake, _ in self._sleepers] + waits(self.dispatcher, self.providers.values(), now)
        moments += [trigger.due for trigger in self._triggers.values()]
        try:
            moments += [await self.store.look(next_due), now + BEAT]
        except StoreError:
            moments.append(now + BEAT_BROKEN)
        return min(moments)

    @property
    def _triggers(self) -> dict[str, Any]:
        assert self.engine._works is not None
        return self.engine._works._triggers

    async def beat(self) -> None:
        """Whatever is due now happens: attempts go on, runs start, levels, messages."""
        for provider in self.providers.values():
            provider.time_out()
        self.go_on()
        await self.rest()
        await self.engine.beat()
        await self.tell()
        with contextlib.suppress(StoreError):
            await self.dispatcher.ask()
            await self.dispatcher.verify()
        await self.deliver()
        self.broken_rules += await self.check()

    def go_on(self) -> None:
        """Attempts that waited go on, and runs that are due start."""
        now = self.clock.at
        for _, waiting in [each for each in self._sleepers if each[0] <= now]:
            if not waiting.done():
                waiting.set_result(None)
        self._sleepers = [each for each in self._sleepers if each[0] > now]
        works = self.engine._works
        for name, trigger in list(self._triggers.items()):
            if trigger.due <= now and works is not None:  # as the scheduler does it
                works._call(name, trigger)
                trigger.aim(trigger.cadence.after(max(now, trigger.due)))

    async def rest(self) -> None:
        """Wait until every run under way waits for time to pass."""
        for _ in range(2_000):
            await asyncio.sleep(0)
            if self.engine.under_way <= len(self._sleepers) + self.listening:
                return
        raise AssertionError("runs never come to rest")

    async def _wait(self, seconds: float) -> None:
        await self.edge()
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.clock.at + max(1, int(seconds * SECOND)), waiting))
        await waiting
        await self.edge()

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        await self.edge()
        reply = await super().attempt(request, job=job, script=script)
        letter = self.worlds.get(self.asked[-1][0], ".")
        self.met[request.run_id, request.attempt] = SAYS[letter][0]
        if self.takes:
            await self._wait(self.takes)
        return reply

    # -- what follows -------------------------------------------------------------------------------------------------

    async def tell(self) -> None:
        """Tell alerts what waits, while the store accepts."""
        while self.engine.teller.waiting and await self.engine.teller.flush():
            pass

    async def settle(self) -> None:
        await self.tell()
        await self.deliver()

    async def deliver(self) -> None:
        """Send all that is due; what hangs goes on hanging."""
        with contextlib.suppress(StoreError):
            for _ in range(400):
                now = self.clock.now()
                waiting = await self.store.read(lambda session: outbox.waiting_on(session, now=now))  # noqa: B023
                started = sum([await self.dispatcher.sweep(name) for name in sorted(waiting)])
                await self._landed()
                if not started:
                    return
            raise AssertionError("the outbox never comes to rest")

    async def _landed(self) -> None:
        """Wait until every message in flight hangs, or is settled."""
        for _ in range(500):
            for _ in range(4):
                await asyncio.sleep(0)
            flying = [task for line in self.dispatcher._lines.values() for task in line.tasks]
            if len(flying) <= sum(len(each.hanging) for each in self.providers.values()) or self.refuses:
                return
            await self.store.settle()
        raise AssertionError("messages never land")

    async def react(self, incident: str, action: str, by: str, **more: Any) -> None:
        """Somebody answers."""
        await self.dispatcher.react(Reaction(action=action, incident=incident, by=by, via="test", **more))
        await self.deliver()

    async def check(self) -> list[str]:
        """The rules, asked of the database; not again while neither it nor the time has changed."""
        now, seen = self.clock.now(), (self.clock.now(), self.started, self.store.changes)
        if self.refuses or seen == self._checked:
            return []
        self._checked = seen
        return await self.store.look(lambda session: self.desk.broken(session, now=now, started=self.started))


@cache
def _stage() -> TemporaryDirectory[str]:
    """A folder on a disk in memory, where there is one, and in it an empty database."""
    folder = TemporaryDirectory(prefix="showup-rules-", dir=MEMORY if MEMORY.is_dir() else None)
    store = Store.open("", folder=Path(folder.name, "empty"), clock=Pushed(MIDNIGHT), ballast=0)
    asyncio.run(store.close())
    return folder


def new_folder() -> Path:
    """A folder with a new database. It is the same one each time, see `one_engine`."""
    stage = Path(_stage().name)
    folder = stage / "state"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stage / "empty", folder)
    return folder


one_engine = cache(connection.open_engine)  # keeps the compiled SQL over restarts: half of the time of a story
