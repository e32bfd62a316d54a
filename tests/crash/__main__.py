"""`make crash`: the daemon is killed at every write point and at random moments; `name value aim`, 1 when short."""

from __future__ import annotations

import argparse
import asyncio
import random
import sys

from tests.crash.lanes import point_stories, random_stories, tell, tell_all
from tests.crash.story import Story, Told

NONE = (
    "pages_lost", "opened_twice", "pagerduty_twice", "not_over", "answers_lost", "rules_broken", "left_behind",
)  # fmt: skip
PER_KILL = ("slack_twice", "phone_twice")  # a message of unknown outcome may be repeated once


def report(told: Told) -> bool:
    """Print each figure with its aim; True when all are met."""
    well = True
    for name in NONE:
        well &= getattr(told, name) == 0
        print(f"{name} {getattr(told, name)} 0")
    for name in PER_KILL:
        well &= getattr(told, name) <= told.kills
        print(f"{name} {getattr(told, name)} <={told.kills}")
    return well


async def crash(given: argparse.Namespace) -> bool:
    """Both kinds of kills; True when nothing was lost."""

    def say(told: Told, left: int) -> None:
        if given.progress:
            print(f"{told.kills} kills, {left} stories left, {len(told.words)} remarks", file=sys.stderr)

    well, total = True, Told()
    print(f"seed {given.seed} -")
    if given.points:
        quiet = await tell(lambda stage: Story(stage, []))
        print(*quiet.words, sep="\n", end="", file=sys.stderr)
        nameless = [point for point in quiet.points if "unknown" in point]
        well &= not nameless
        plan = point_stories(sorted(quiet.points.items()), times=given.points)
        found = await tell_all(plan, lanes=given.lanes, said=say)
        total.add(quiet)
        total.add(found)
        print(f"write_points {len(quiet.points)} -")
        reached = found.kills / max(1, len(plan))
        well &= reached >= 0.8
        print(f"write_point_kills {found.kills} >={0.8 * len(plan):.0f}")
    if given.kills:
        plan = random_stories(given.kills, seed=given.seed, scripts=True)
        found = await tell_all(plan, lanes=given.lanes, said=say)
        total.add(found)
        well &= found.kills >= 0.9 * given.kills
        print(f"random_kills {found.kills} >={0.9 * given.kills:.0f}")
        print(f"host_kills {found.host_kills} -")
    print(f"stories {total.stories} -")
    return report(total) and well


def main() -> int:
    """Read the command line and go."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="at random moments")
    parser.add_argument("--points", type=int, default=3, help="times at each write point; 0 for none")
    parser.add_argument("--lanes", type=int, default=3, help="stories at a time")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--progress", action="store_true")
    return 0 if asyncio.run(crash(parser.parse_args())) else 1


if __name__ == "__main__":
    raise SystemExit(main())
