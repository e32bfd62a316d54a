"""Stories told side by side, and the plan of which story is struck where."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.crash.stage import Stage, adopt_orphans
from tests.crash.story import Blow, Story, Told, blows

Maker = Callable[[Stage], Story]


def random_stories(kills: int, *, seed: int, at_once: int = 3, scripts: bool = False) -> list[tuple[Maker, bool]]:
    """Stories whose kills add up to `kills`, up to `at_once` each; with `scripts` each fourth has a script to run."""
    chance = random.Random(seed)
    plan: list[tuple[Maker, bool]] = []
    while kills > 0:
        number = min(kills, chance.randint(1, at_once))
        kills -= number
        plan.append((_struck(blows(chance, number), by_slack=chance.random() < 0.7), scripts and len(plan) % 4 == 3))
    return plan


def _struck(kills: list[Blow], *, by_slack: bool) -> Maker:
    return lambda stage: Story(stage, kills, by_slack=by_slack)


def point_stories(points: Iterable[tuple[str, int]], *, times: int) -> list[tuple[Maker, bool]]:
    """Each write point is the place of death `times` times: its first passings, and the first again if it has fewer.
    Every point once, then every point again, so that a run that is stopped has tried them all."""
    places = list(points)
    return [(_ended(f"{point}|{1 + number % passed}"), False) for number in range(times) for point, passed in places]


def _ended(end_at: str) -> Maker:
    return lambda stage: Story(stage, [], end_at=end_at)


async def tell_all(plan: list[tuple[Maker, bool]], *, lanes: int, said: Callable[[Told, int], None]) -> Told:
    """Tell every story of the plan, `lanes` at a time; `said` hears the sum and how many are left, after each."""
    total, left = Told(), list(reversed(plan))

    async def lane() -> None:
        while left:
            make, script = left.pop()
            told = await tell(make, script=script)
            for words in told.words:
                print(words, file=sys.stderr)  # at once: the others take a while
            total.add(told)
            said(total, len(left))

    adopt_orphans(adopt=True)
    try:
        await asyncio.gather(*(lane() for _ in range(lanes)))
    finally:
        adopt_orphans(adopt=False)
    return total


async def tell(make: Maker, *, script: bool = False) -> Told:
    """One story in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="showup-crash-"))
    try:
        async with Stage(folder, script=script) as stage:
            return await make(stage).tell()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
