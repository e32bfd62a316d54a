"""Checks of numbers and of times. A limit is a number, a duration such as `1.5s`, which counts in seconds, or `20%`."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TypeAlias

from probes.checks.base import Base, Misfit, matcher
from probes.checks.general import kind_of
from probes.checks.say import say, say_number
from probes.words.units import parse_duration, parse_percent

Limit: TypeAlias = float | str | timedelta

_NUMERIC = re.compile(r"\s*[+-]?\d{1,30}(?:\.\d{1,30})?\s*\Z")


class _Amount(float):
    """A limit that is said as it was written."""

    shown: str


def amount(limit: Limit) -> float:
    """A limit as a number; a duration in seconds, a percentage as a share. Raises ValueError."""
    if isinstance(limit, bool) or not isinstance(limit, int | float | str | timedelta):
        raise ValueError(f"{say(limit)} is no limit; write a number or a duration such as 1.5s")
    if isinstance(limit, int | float):
        if not math.isfinite(limit):
            raise ValueError(f"{limit} is no limit")
        return limit
    if isinstance(limit, str) and limit.rstrip().endswith("%"):
        share = _Amount(parse_percent(limit) / 100)
        share.shown = limit.strip()
        return share
    found = _Amount(parse_duration(limit).total_seconds())
    found.shown = say_number(float(found), "s")
    return found


def _amounts(*limits: Limit) -> tuple[float, ...]:
    return tuple(map(amount, limits))


def _range(low: Limit, high: Limit) -> tuple[float, ...]:
    if amount(low) > amount(high):
        raise ValueError(f"between counts up: {say(low)} is more than {say(high)}")
    return _amounts(low, high)


class NumberChecks(Base):
    """Checks of numbers, such as a measured time; text that is a number (a header) counts as one."""

    __slots__ = ()

    def _number(self) -> float:
        value = self.value
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _NUMERIC.match(value):
            return float(value)
        raise Misfit(f"which is no number but a {kind_of(value)}")

    @matcher("is below {}", "be below {}", prepare=_amounts)
    def below(self, limit: Limit) -> bool:
        """The number is less than this; a time, than this duration (`1.5s`)."""
        return self._number() < limit  # type: ignore[operator]  # `prepare` made it a number

    @matcher("is above {}", "be above {}", prepare=_amounts)
    def above(self, limit: Limit) -> bool:
        """The number is more than this."""
        return self._number() > limit  # type: ignore[operator]

    @matcher("is at most {}", "be at most {}", prepare=_amounts)
    def at_most(self, limit: Limit) -> bool:
        """The number is this or less."""
        return self._number() <= limit  # type: ignore[operator]

    @matcher("is at least {}", "be at least {}", prepare=_amounts)
    def at_least(self, limit: Limit) -> bool:
        """The number is this or more."""
        return self._number() >= limit  # type: ignore[operator]

    @matcher("is between {} and {}", "be between {} and {}", prepare=_range)
    def between(self, low: Limit, high: Limit) -> bool:
        """The number is in this range, both ends included."""
        return low <= self._number() <= high  # type: ignore[operator]
