"""Statistics that fit answers which are not always the same. Pure; nothing but the standard library.

Where each comes from:
- the interval of a share: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
  (1927); why it and not p ± 2 s: Brown, Cai, DasGupta, "Interval estimation for a binomial proportion", Statistical
  Science 16 (2001).
- paired flips: the exact sign test, which for pairs of right and wrong is McNemar's (Psychometrika 12, 1947).
- the test that goes on: A. Wald, "Sequential tests of statistical hypotheses" (1945); run as a CUSUM with its floor at
  nothing: E. S. Page, Biometrika 41 (1954); of yes and no: Reynolds, Stoumbos, Journal of Quality Technology 31 (1999).
- cases needed: the normal approximation for one share against a fixed one; Fleiss, Levin, Paik, "Statistical methods
  for rates and proportions" (2003), chapter 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

SURE = 0.95  # how sure an interval is, where nobody says otherwise
ALPHA, POWER = 0.01, 0.90  # of `cases_needed`: how often it may cry wolf, how often it must see the wolf
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """Between what bounds a share lies, from 0 to 1."""

    low: float
    high: float


def wilson(right: int, of: int, *, sure: float = SURE) -> Interval:
    """The Wilson interval of `right` out of `of`, two-sided. Of nothing, nothing is known: 0 to 1."""
    if not 0 <= right <= of:
        raise ValueError(f"{right} of {of} is no share")
    if of == 0:
        return Interval(0.0, 1.0)
    z = _NORMAL.inv_cdf(0.5 + sure / 2)
    share, square = right / of, z * z / of
    middle = (share + square / 2) / (1 + square)
    half = z / (1 + square) * math.sqrt(share * (1 - share) / of + square / (4 * of))
    # the bounds are exact at the ends, where rounding would leave a hair beside them
    low = 0.0 if right == 0 else max(0.0, middle - half)
    return Interval(low, 1.0 if right == of else min(1.0, middle + half))


def at_most(right: int, of: int, share: float) -> float:
    """How likely so few are right, or fewer, when the true share is this one: the binomial tail, exact.

    Of five cases none right at 80 %: 0.0003.
    """
    if not (0 <= right <= of and 0 <= share <= 1):
        raise ValueError(f"{right} of {of} at {share} is no share")
    return sum(math.comb(of, number) * share**number * (1 - share) ** (of - number) for number in range(right + 1))


def sign_test(regressed: int, improved: int) -> float:
    """How likely chance alone brings as many regressions, or more, among the flips: one-sided and exact.

    6 regressions and no improvement: 0.016.
    """
    flips = regressed + improved
    if regressed < 0 or improved < 0:
        raise ValueError("there is no number of flips below nothing")
    return sum(math.comb(flips, number) for number in range(regressed, flips + 1)) / (1 << flips)


def cases_needed(usual: float, dropped: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """How many cases tell a share that dropped from the usual one, one-sided: 95 % from 80 % needs 47."""
    if not 0 <= dropped < usual <= 1:
        raise ValueError("a drop leads from a share to a lower one, both from 0 to 1")
    z_alpha, z_power = _NORMAL.inv_cdf(1 - alpha), _NORMAL.inv_cdf(power)
    spread = z_alpha * math.sqrt(usual * (1 - usual)) + z_power * math.sqrt(dropped * (1 - dropped))
    return max(1, math.ceil((spread / (usual - dropped)) ** 2))


def least_to_clear(floor: float, *, sure: float = SURE) -> int:
    """How many cases, all of them right, it takes until the lower bound is above `floor`."""
    if not 0 <= floor < 1:
        raise ValueError("nothing can be above a floor of 1")
    number = 1
    while wilson(number, number, sure=sure).low <= floor:
        number += 1 + number // 64
    while number > 1 and wilson(number - 1, number - 1, sure=sure).low > floor:
        number -= 1
    return number


# the flake rate of a probe, as it is measured


RAREST, COMMONEST = 0.01, 0.20  # between these a flake rate is believed: under it the test would jump at two failures


def flake_rate(failed: int, runs: int, *, unknown: float = 0.04, weight: int = 40, sure: float = 0.75) -> float:
    """The share of a probe's good days' runs that fail without a cause: a bound that it is under, as surely as said.

    What was measured is pulled towards `unknown` as if that had been seen in `weight` runs: few runs say little. A
    bound, not the best guess: whoever believes too little flakiness calls people for it.
    """
    if not 0 <= failed <= runs:
        raise ValueError(f"{failed} of {runs} is no share")
    number = runs + weight
    rate = (failed + unknown * weight) / number
    return min(COMMONEST, max(RAREST, rate + _NORMAL.inv_cdf(sure) * math.sqrt(rate * (1 - rate) / number)))


# the test that goes on


@dataclass(frozen=True, slots=True)
class Cusum:
    """The sequential test of a probe that passes or fails, floor at nothing: what a failure adds, what a pass takes.

    It pages at `page` or above. From then on the same scores, under a ceiling of nothing, clear it at `clear` or below.
    """

    fail: float
    good: float
    page: float
    clear: float

    @classmethod
    def of(cls, usual: float, broken: float, *, alpha: float = 0.001, beta: float = 0.05) -> Cusum:
        """The test that tells a failure rate of `broken` from the usual one; alpha and beta as Wald has them."""
        if not 0 < usual < broken < 1:
            raise ValueError("a broken probe fails more often than usual, and both rates are between 0 and 1")
        return cls(
            math.log(broken / usual),
            math.log((1 - broken) / (1 - usual)),
            math.log((1 - beta) / alpha),
            math.log(beta / (1 - alpha)),
        )

    def step(self, before: Standing, *, failed: bool) -> Standing:
        """Where it stands after one more run."""
        step = self.fail if failed else self.good
        if before.pages:
            score = min(0.0, before.score + step)
            return Standing() if score <= self.clear else Standing(score, True)
        score = max(0.0, before.score + step)
        return Standing(0.0, True) if score >= self.page else Standing(score)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a `Cusum` stands: its score, and whether it pages."""

    score: float = 0.0
    pages: bool = False


BROKEN = 0.30  # the rate of failures that a test is tuned to see
PAGES = 0.001  # alpha at a run each five minutes
_PER_MONTH = 8_640  # runs of a month at that period


@lru_cache(maxsize=256)
def tuned(usual: float, runs_a_month: float = _PER_MONTH) -> Cusum:
    """The test for a probe of this flake rate. The more runs a month has, the surer each has to be: false pages a
    month stay the same at any period, and so does the number of minutes in which a fault is seen."""
    alpha = PAGES * min(10.0, max(0.05, _PER_MONTH / max(1.0, runs_a_month)))
    return Cusum.of(usual, max(BROKEN, min(0.9, usual * 2.5)), alpha=alpha)
