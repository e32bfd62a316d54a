"""Which failing runs are no chance any more: a test that goes on, with the flake rate that the probe itself has shown.

Pure. Some failures are sure when they are seen twice: access is refused, nothing answers. Others come and go with a
model's mood, and rules such as "3 in a row" either cry wolf or sleep; those are weighed. Says nothing about uptime.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from monitor.engine.confirm import Level, Ran
from probes.stats import Standing, flake_rate, tuned
from probes.words.failure import Failure
from probes.words.units import DAY

SOFT = frozenset(
    {Failure.WRONG, Failure.GARBAGE, Failure.EMPTY, Failure.REFUSED, Failure.TRUNCATED, Failure.SLOW}
)
"""Failures that may be a model's mood; every other one is sure when it is confirmed."""

MOST = 4_000  # runs that a flake rate is measured over; older ones fade
MONTH = 30 * DAY


@dataclass(frozen=True, slots=True)
class Odds:
    """What a probe has shown: of `runs` on its good days, `failed`; where the test stands, over `streak` runs of which
    `bad` failed since it last stood at nothing: these count as good days once it stands there again."""

    runs: int = 0
    failed: int = 0
    stands: Standing = field(default_factory=Standing)
    streak: int = 0
    bad: int = 0

    @property
    def rate(self) -> float:
        """The flake rate that is surely not passed on good days, to a tenth of a percent."""
        return round(flake_rate(self.failed, self.runs), 3)


def weigh(odds: Odds, ran: Ran, *, soft: bool, period: int, is_open: bool) -> tuple[Odds, Ran]:
    """The odds after a run, and the run as the confirm rule is to take it.

    `soft`: it failed, if it did, by what may be chance. `period` in µs. `is_open`: something was told and not taken
    back yet, so that a failure goes on with it, whatever its odds.
    """
    if ran.level is Level.UNKNOWN:
        return odds, ran
    failed = ran.level is Level.FAIL
    after = _after(odds, failed=failed, period=period)
    if after.stands.pages:
        if failed and not odds.stands.pages:
            said = f"{after.bad} of the last {after.streak} runs failed, where {odds.rate * 100:.1f} % are usual"
            return after, replace(ran, sure=said)
        return after, ran if failed else replace(ran, level=Level.UNKNOWN)  # it has to clear before a pass counts
    if failed and soft and not is_open:
        return after, replace(ran, level=Level.UNKNOWN)
    return after, ran


def _after(odds: Odds, *, failed: bool, period: int) -> Odds:
    test = tuned(odds.rate, MONTH / max(1, period))
    stands = test.step(odds.stands, failed=failed)
    if odds.stands.pages:
        return replace(odds, stands=stands, streak=0, bad=0)
    streak, bad = odds.streak + 1, odds.bad + failed
    if stands.pages:
        return replace(odds, stands=stands, streak=streak, bad=bad)
    if stands.score > 0:
        return replace(odds, stands=stands, streak=streak, bad=bad)
    runs, all_failed = odds.runs + streak, odds.failed + bad
    if runs > MOST:
        runs, all_failed = runs // 2, all_failed // 2
    return Odds(runs, all_failed, stands)
