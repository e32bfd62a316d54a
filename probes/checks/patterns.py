"""Regular expressions that cannot hang: the worst are refused when they are written, the rest run against a clock.

Python's engine backtracks: `(a+)+` takes time that doubles with every character, so a repeat of nothing but a repeat
is refused. Every other pattern that repeats without bound gets a tenth of a second of processor time and then is
stopped: the engine looks for signals every few thousand steps. Only the main thread can do that; elsewhere such a
pattern sees the beginning of the text alone.
"""

from __future__ import annotations

import re
import signal
import threading
import warnings
from collections.abc import Callable
from functools import lru_cache
from re import _constants as _names  # type: ignore[attr-defined]  # the only way to a pattern's tree
from re import _parser  # type: ignore[attr-defined]
from types import FrameType
from typing import Any, TypeVar

from probes.words.errors import ProbeBug

T = TypeVar("T")
_FEW = 4  # repeats that cannot add up

LONGEST = 2_000  # characters of a pattern
TIME = 0.1  # seconds of processor time for one search
ELSEWHERE = 2_000  # characters of text that are searched where no clock can be set


class PatternTooSlow(ProbeBug):
    """The pattern took too long on this text and was stopped."""

    hint = "make the pattern simpler: fewer `.*`, an anchor, or `contains` instead"


class Pattern:
    """A compiled pattern; `search` is bounded in time and never hangs."""

    __slots__ = ("_compiled", "_still", "text")

    def __init__(self, text: str, compiled: re.Pattern[str], *, still: bool) -> None:
        self.text = text
        self._compiled = compiled
        self._still = still  # it repeats nothing without bound, so that its time is that of the text

    def search(self, text: str) -> re.Match[str] | None:
        """The first match in `text`; raises PatternTooSlow after a tenth of a second of processor time."""
        if self._still:
            return self._compiled.search(text)
        return bounded(
            lambda cut: self._compiled.search(text[:cut] if cut else text), what=f"the pattern {self.text!r}"
        )

    @property
    def shown(self) -> str:
        """The pattern as it stands in a sentence."""
        return f"/{self.text}/"

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> Pattern:
    """The pattern of `text`; raises ValueError saying what is wrong with it."""
    if len(text) > LONGEST:
        raise ValueError(f"a pattern has at most {LONGEST} characters; this one has {len(text)}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a later Python may read otherwise is no concern of the author's
            compiled = re.compile(text)
            tree = _parser.parse(text, compiled.flags & ~re.DEBUG)
        doubled, still = _doubles(tree), not _repeats(tree)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression: {error}; write \\ before what is meant as it stands") from None
    if doubled:
        raise ValueError("a repeat of a repeat, such as (a+)+, can take for ever; write it with one repeat")
    return Pattern(text, compiled, still=still)


def _inside(name: Any, detail: Any) -> list[Any]:
    """The patterns within one part of a pattern's tree."""
    if name in (_names.MAX_REPEAT, _names.MIN_REPEAT, _names.POSSESSIVE_REPEAT):
        return [detail[2]]
    if name is _names.SUBPATTERN:
        return [detail[3]]
    if name is _names.ATOMIC_GROUP:
        return [detail]
    if name is _names.BRANCH:
        return list(detail[1])
    if name in (_names.ASSERT, _names.ASSERT_NOT):
        return [detail[1]]
    if name is _names.GROUPREF_EXISTS:
        return [part for part in detail[1:] if part is not None]
    return []


def _many(name: Any, detail: Any) -> bool:
    return name in (_names.MAX_REPEAT, _names.MIN_REPEAT) and detail[1] > _FEW


def _repeats(tree: Any) -> bool:
    """True when anything in it repeats more than a few times, so that its time may be more than the text's length."""
    return any(
        _many(name, detail)
        or name in (_names.POSSESSIVE_REPEAT, _names.GROUPREF)
        or any(_repeats(part) for part in _inside(name, detail))
        for name, detail in tree
    )


def _doubles(tree: Any) -> bool:
    """True when a repeat has nothing but a repeat within: each character may belong to either, in 2ⁿ ways."""
    for name, detail in tree:
        if _many(name, detail) and _only_repeat(detail[2]):
            return True
        if any(_doubles(part) for part in _inside(name, detail)):
            return True
    return False


def _only_repeat(tree: Any) -> bool:
    if len(tree) != 1:
        return False
    name, detail = tree[0]
    if _many(name, detail):
        return True
    return name in (_names.SUBPATTERN, _names.BRANCH) and any(_only_repeat(part) for part in _inside(name, detail))


class _Late(Exception):
    """Raised by the timer inside the engine."""


class _Timer:
    """Whether a search is being timed: a ring that comes after its end means nothing."""

    armed = False


def _ring(number: int, frame: FrameType | None) -> None:
    if _Timer.armed:
        raise _Late


def bounded(work: Callable[[int], T], *, what: str, seconds: float = TIME) -> T:
    """`work(0)` within `seconds` of processor time, or PatternTooSlow.

    `work` is given the number of characters to look at, 0 for all; outside the main thread it is ELSEWHERE, and there
    is no clock.
    """
    if threading.current_thread() is not threading.main_thread():
        return work(ELSEWHERE)
    if signal.getsignal(signal.SIGVTALRM) is not _ring:
        signal.signal(signal.SIGVTALRM, _ring)  # it stays: a late ring without it would end the process
    try:
        _Timer.armed = True
        # It rings again, in case the first ring was swallowed where Python swallows exceptions (a finalizer).
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)
        try:
            return work(0)
        finally:
            _Timer.armed = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _Late:
        raise PatternTooSlow(f"{what} was stopped after {seconds:g} s of work") from None
