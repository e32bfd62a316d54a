"""`make rules`: the rules of delivery, whatever happens; a table of `name value aim` at the end, 1 when short.

Every sequence of events up to a depth over the pure deciding; random sequences over the alerting half (nights) and over
the whole keeper (lives); and how many slips of the hand in the deciding modules their tests notice. What a part has not
done within its limit of minutes is not done.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.rules.progress import Figure, Progress, table

ROOT = Path(__file__).resolve().parents[2]
NIGHTS = "3000x50"


def exhaustive(depth: int, *, seconds: float) -> Iterator[Figure]:
    """Every sequence of so many events over the pure deciding."""
    from tests.rules.exhaustive import EVENTS, search

    progress = Progress("exhaustive")
    found = search(depth, until=time.monotonic() + seconds, say=progress.say)
    progress.end()
    print(*found.wrong, sep="\n", end="\n" if found.wrong else "", file=sys.stderr)
    every = sum(len(EVENTS) ** length for length in range(1, depth + 1))
    yield Figure("exhaustive_depth", str(found.depth), str(depth), found.depth == depth)
    yield Figure("exhaustive_events", str(len(EVENTS)))
    yield Figure("exhaustive_sequences", str(found.sequences), str(every), found.sequences == every)
    yield Figure("exhaustive_situations", str(found.situations))
    yield Figure("exhaustive_rules_broken", str(len(found.wrong)), "0", not found.wrong)


def sequences(kind: str, number: int, given: argparse.Namespace, minutes: float) -> Iterator[Figure]:
    """Random sequences."""
    from tests.rules.sequences import run

    return run(kind, number, given.steps, jobs=given.jobs, seed=given.seed, seconds=60 * minutes)


def mutation(given: argparse.Namespace) -> Iterator[Figure]:
    """The mutation score of each deciding module."""
    from tests.rules.mutation import run

    yield from run(given.mutate, jobs=given.jobs, seconds=60 * given.mutate_minutes)


def parts(given: argparse.Namespace) -> Iterator[Iterator[Figure]]:
    """What was asked for, each begun when the one before it is over."""
    if given.depth:
        yield exhaustive(given.depth, seconds=60 * given.depth_minutes)
    if given.sequences:
        yield sequences("nights", given.sequences, given, given.nights_minutes)
    if given.lives:
        yield sequences("lives", given.lives, given, given.lives_minutes)
    if given.mutate:
        yield mutation(given)


def arguments() -> argparse.Namespace:
    """The command line."""
    nights, _, steps = os.environ.get("SHOWUP_RULES", NIGHTS).partition("x")
    parser = argparse.ArgumentParser(prog="python -m tests.rules", description=__doc__)
    add = parser.add_argument
    add("--depth", type=int, default=8, help="of the exhaustive search; 0 for none (%(default)s)")
    add("--depth-minutes", type=float, default=10, help="its limit (%(default)s)")
    add("--sequences", type=int, default=int(nights), help="nights; 0 for none (SHOWUP_RULES=%(default)sxSTEPS)")
    add("--nights-minutes", type=float, default=30, help="their limit (%(default)s)")
    add("--lives", type=int, default=100, help="of the whole keeper; 0 for none (%(default)s)")
    add("--lives-minutes", type=float, default=20, help="their limit (%(default)s)")
    add("--steps", type=int, default=int(steps or 50), help="of each night and life (%(default)s)")
    add("--mutate", type=_modules, default=_modules("usual"), help="modules of alerts, as decide,ladder; none for none")
    add("--mutate-minutes", type=float, default=60, help="the limit of all of them (%(default)s)")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="processes side by side (%(default)s)")
    add("--seed", type=int, default=random.randrange(10**6), help="of the nights and lives")
    return parser.parse_args()


def _modules(text: str) -> tuple[str, ...]:
    from tests.rules.mutation import MODULES

    if text in ("usual", "none"):
        return MODULES if text == "usual" else ()
    names = tuple(text.split(","))
    for name in names:
        if not (ROOT / "alerts" / f"{name}.py").is_file():
            raise argparse.ArgumentTypeError(f"there is no alerts/{name}.py")
    return names


def main() -> int:
    """Read the command line and go."""
    given = arguments()
    os.chdir(ROOT)
    print(f"seed {given.seed}", file=sys.stderr)
    return 0 if table([figure for part in parts(given) for figure in part]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
