"""Service level objectives: the error budget of a window, and objectives that count only in agreed hours.

A target is in thousandths of a percent: 99_500 is 99.5 %. All lengths are µs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.ledger.spans import Span, fill
from monitor.ledger.uptime import WHOLE, Shares, percent_text
from probes.words.hours import Interval


@dataclass(frozen=True, slots=True)
class Slo:
    """An objective: `target_thousandths` of a percent of good time in any window of `window_us`.

    With hours, `window_us` is the sum of the hours in the window, and shares are those of `clip`.
    """

    target_thousandths: int
    window_us: int


@dataclass(frozen=True, slots=True)
class Budget:
    """An error budget in µs of downtime; `left_us` is negative once it is overspent.

    `burn_rate` 1 spends it exactly within its window, 2 in half of it; None where nothing is known or nothing allowed.
    """

    allowed_us: int
    spent_us: int
    left_us: int
    burn_rate: float | None


def error_budget(shares: Shares, slo: Slo) -> Budget:
    """What the objective still allows.

    allowed = (1 − target) × (window − maintenance − unknown): neither planned work nor time that nobody watched earns
    a budget, as neither counts in uptime. So nothing is left exactly when uptime, were all that remains of the window
    up, would miss the target. burn rate = (down / known) / (1 − target).
    """
    margin = WHOLE - slo.target_thousandths
    window = max(slo.window_us, shares.total)
    allowed = margin * (window - shares.maintenance - shares.unknown) // WHOLE
    burn_rate = shares.down * WHOLE / (shares.known * margin) if shares.known and margin > 0 else None
    return Budget(allowed, shares.down, allowed - shares.down, burn_rate)


def check_slo(target: int, period_us: int, window_us: int) -> str | None:
    """Why no probe of this period could show that the objective is kept, and what to write instead; None if one can.

    One failed run is down until the next, so it spends a whole period. `target` is in thousandths of a percent.
    """
    if target <= 0:
        return "a target of 0 % or less promises nothing: write one above 0 %, for example 99.5 %"
    if target >= WHOLE:
        return "a target of 100 % has no error budget, one failed run would break it: write less, for example 99.5 %"
    allowed = (WHOLE - target) * window_us // WHOLE
    if period_us <= allowed:
        return None
    reason = (
        f"{_percent(target)} of {_duration(window_us)} allows {_duration(allowed)} of downtime, and one failed run "
        f"already counts for {_duration(period_us)}"
    )
    reachable = WHOLE - -(-period_us * WHOLE // window_us) if window_us > 0 else 0
    if reachable <= 0:
        return f"{reason}: probe more often, or lengthen the window"
    return f"{reason}: probe more often, lengthen the window, or write a target of at most {_percent(reachable)}"


def clip(spans: Sequence[Span], intervals: Sequence[Interval]) -> list[Span]:
    """The spans within sorted intervals that do not overlap, which they cover exactly: unknown where no span is.

    Their `total` is the shares for the objective; between the intervals there are gaps.
    """
    return [piece for interval in intervals for piece in fill(spans, interval)]


def _percent(thousandths: int) -> str:
    """A target as a person writes it: 99.5 %, not 99.500 %."""
    number, sign = percent_text(thousandths).split(" ")
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {sign}"


def _duration(us: int) -> str:
    """A length in its largest whole unit, rounded down to seconds under a day: 30 d, 36 h, 90 s."""
    for unit, size in (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000)):
        if us and us % size == 0:
            return f"{us // size} {unit}"
    return f"{us // 1_000_000} s"
