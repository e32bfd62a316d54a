"""Lateness of starts, kept as a histogram: what metrics, status and the benchmark read."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

# upper bounds in µs; fine where the promise lies (25 ms and 250 ms)
BOUNDS = (500, 1_000, 2_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000, 60_000_000)


@dataclass(slots=True)
class Lateness:
    """How late runs started, µs: counts by bound (the last is everything above), their number, sum and greatest."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    number: int = 0
    total: int = 0
    worst: int = 0

    def add(self, late: int) -> None:
        """Count one start."""
        self.counts[bisect_left(BOUNDS, late)] += 1
        self.number += 1
        self.total += late
        if late > self.worst:
            self.worst = late

    def quantile(self, share: float) -> int:
        """An upper bound of the given quantile (0..1), µs; 0 when nothing has started."""
        wanted, seen = share * self.number, 0
        for bound, count in zip((*BOUNDS, self.worst), self.counts, strict=True):
            seen += count
            if seen and seen >= wanted:
                return min(bound, self.worst)
        return 0
