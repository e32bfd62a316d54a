"""Burn rates: how fast an error budget is spent, over a long window and a short one. Pure; lengths are µs.

An alert fires while the share of bad time in both windows is above rate × (1 - target): the long one shows that it
matters, the short one that it goes on. Windows and shares of the budget are those of the Site Reliability Workbook,
chapter 5 (1 h and 2 %, 6 h and 5 %, 1 d and 10 %, 3 d and 10 %, each with a short window of a twelfth). A rate is the
share of the budget × the objective's window / the long window: 14.4 and 6, 3 and 1 where that is 30 days.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.ledger.slo import Slo
from monitor.ledger.uptime import WHOLE, Shares
from probes.words.units import DAY, HOUR, MINUTE, say_duration

SHORTEST = 5 * MINUTE  # of a short window
FAILURES = 3  # runs that must have failed in the long window: one of few is no rate
_USUAL = ((HOUR, 0.02, True), (6 * HOUR, 0.05, True), (DAY, 0.10, False), (3 * DAY, 0.10, False))


@dataclass(frozen=True, slots=True)
class Rule:
    """An alert: `rate` times the even spending, over `long` and `short`. `pages`: somebody is woken, else it is a
    warning."""

    long: int
    short: int
    rate: float
    pages: bool

    @property
    def name(self) -> str:
        """What it is remembered by: its long window, such as `1h`."""
        return say_duration(self.long)


@dataclass(frozen=True, slots=True)
class Burning:
    """A rule that fires: `spent` is the share of bad time in its long window (0..1), `burns` how many times what the
    promise allows."""

    rule: Rule
    spent: float
    burns: float


def usual(slo: Slo, period: int) -> tuple[Rule, ...]:
    """The usual rules of an objective, without those that could never fire with it, or with runs `period` apart."""
    found = []
    for long, share, pages in _USUAL:
        rate = max(1.0, share * slo.window_us / long)
        rule = Rule(long, max(SHORTEST, long // 12), round(rate, 3), pages)
        if why_never(rule, slo, period) is None:
            found.append(rule)
    return tuple(found)


def why_never(rule: Rule, slo: Slo, period: int) -> str | None:
    """Why a rule could never fire, or would on a single failure, and what to write instead; None when it is sound."""
    if not 0 < rule.short < rule.long:
        short = say_duration(rule.short)
        return f"the short window of {short} is not shorter than the long one: write less than {rule.name}"
    if rule.long > slo.window_us:
        return f"{rule.name} is longer than the objective's own window: write at most {say_duration(slo.window_us)}"
    margin = WHOLE - slo.target_thousandths
    if rule.rate * margin >= WHOLE:
        never = f"{rule.rate:g} times the budget is more than all of the time, so it never fires"
        return f"{never}: write less than {WHOLE / margin:g}"
    if rule.rate < 1:
        return f"a rate of {rule.rate:g} keeps the promise, so it is no reason to tell anybody: write 1 or more"
    if period * FAILURES > rule.long:
        runs, least = f"runs every {say_duration(period)}", say_duration(period * FAILURES)
        return f"{runs} cannot fail {FAILURES} times within {rule.name}: write at least {least}"
    return None


def burning(rule: Rule, slo: Slo, *, long: Shares, short: Shares, failures: int) -> Burning | None:
    """The rule with its figures when it fires; None when it does not. What nobody watched is neither good nor bad.

    `failures` are the runs that failed within the long window.
    """
    margin = WHOLE - slo.target_thousandths
    if not long.known or not short.known or margin <= 0 or failures < FAILURES:
        return None
    limit = rule.rate * margin / WHOLE
    spent = long.down / long.known
    if spent <= limit or short.down / short.known <= limit:
        return None
    return Burning(rule, spent, spent * WHOLE / margin)


def worst(found: Sequence[Burning]) -> Burning | None:
    """The one that is told: what pages before what does not, then the fastest."""
    return min(found, key=lambda one: (not one.rule.pages, -one.rule.rate), default=None)
