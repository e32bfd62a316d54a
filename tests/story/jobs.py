"""Jobs that report by themselves, in a watch whose clock is pushed: what they say, and the silence between."""

from __future__ import annotations

from typing import Any

from monitor.config.catalog import Catalog
from monitor.config.load import load_text
from monitor.engine.heartbeats import Ping, Word
from monitor.engine.listening import Beat
from monitor.store.queries.history import last_runs
from monitor.store.queries.runs import RunView
from probes.words.units import SECOND
from tests.story.watch import CONFIG, SECRETS, Watch

NIGHTLY = "intake/production/nightly"
STEP = 20 * SECOND  # between two looks of the story: under what counts as having been away


def with_jobs(**jobs: str) -> Catalog:
    """The configuration of most stories, with these jobs beside the probe `books`."""
    lines = "".join(f"      {name}: {written}\n" for name, written in jobs.items())
    return load_text(CONFIG + lines, secrets=SECRETS)


class Night(Watch):
    """A watch that hears jobs."""

    @property
    def nightly(self) -> Beat:
        """The job of most stories."""
        return self.engine.heartbeats.beats[NIGHTLY]

    async def said(self, word: Word, at: int | None = None, *, name: str = NIGHTLY, **more: Any) -> None:
        """A job says something, at `at` or now, and all that follows from it."""
        if at is not None:
            await self.live(at)
        await self.engine.heartbeats.hear(name, Ping(word, **more))
        await self.settle()

    async def live(self, until: int) -> None:
        """Time passes while the keeper lives: every deadline is seen to."""
        engine = self.engine
        while self.clock.at < until:
            due = [beat.due.deadline for beat in engine.heartbeats.beats.values() if beat.due.deadline > self.clock.at]
            self.clock.at = min([self.clock.at + STEP, until, *due])
            await engine.heartbeats.look(self.clock.at, engine.paused)
            if engine.teller.waiting:
                await self.settle()
        await self.pass_to(until)
        await engine._sign_of_life(self.clock.at)

    async def off(self, until: int) -> None:
        """The keeper is off, from now on, and comes back then."""
        await self.fall()
        self.clock.at = until
        await self.rise()

    async def recorded(self, name: str = NIGHTLY) -> list[RunView]:
        """The runs of a job, oldest first."""
        await self.store.flush()
        ledger = self.engine.tracks[name].ledger
        return list(reversed(await self.store.read(lambda session: last_runs(session, ledger, limit=50))))

    async def told(self, name: str = NIGHTLY) -> list[str]:
        """The runs of a job in words: when, state, failure."""
        from tests.story.watch import said

        return [f"{said(run.started)} {run.result} {run.failure or ''}".rstrip() for run in await self.recorded(name)]
