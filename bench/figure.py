"""A figure: a name, what was measured, and what is aimed at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """How thoroughly to measure: rounds of what is compared, seconds of a window, and whether a glance is enough."""

    rounds: int = 3
    window: float = 15.0
    quick: bool = False

    def some(self, many: int, few: int) -> int:
        """`many`, or `few` for a glance."""
        return few if self.quick else many


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured. It is short when `value` is above `most` or below `least`; with neither, it is told only."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None
    remark: str = ""

    @property
    def is_short(self) -> bool:
        """True when the aim is missed; what could not be measured misses it."""
        if self.most is not None and not self.value <= self.most:
            return True
        return self.least is not None and not self.value >= self.least

    def line(self) -> str:
        """`name value aim`, and a word when it is short."""
        aim = f"<= {self.most:g}" if self.most is not None else f">= {self.least:g}" if self.least is not None else "-"
        unit = f" {self.unit}" if self.unit else ""
        end = "  SHORT" if self.is_short else ""
        note = f"  ({self.remark})" if self.remark else ""
        return f"{self.name:<34} {self.value:>10.4g}{unit:<6} {aim:<10}{end}{note}"


Measure = Callable[[Scale], Iterator[Figure]]
