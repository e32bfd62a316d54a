"""Spans: what was observed, folded into intervals of one state, and what is laid over it at reading time.

Times are integer microseconds since the Unix epoch, UTC; intervals are half-open, [start, end).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Self

from probes.words.hours import Interval, merge
from probes.words.outcome import State

GRACE = 300_000_000  # µs; a state outlives its period by at most this much, and by one timeout

_start_of = attrgetter("start")
_end_of = attrgetter("end")


@dataclass(frozen=True, slots=True)
class Span:
    """An interval of one state, [start, end) in µs."""

    start: int
    end: int
    state: State

    @property
    def length(self) -> int:
        """How long it lasts, in µs."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Observation:
    """One attempt: it holds `state` from `at` to the next attempt or run, at most for `hold` µs, then unknown.

    The attempt itself has no length here: `at` is its start, however long the answer took. `hold` was decided when
    the attempt was made and is kept with it, so that recomputing never needs today's config.
    """

    at: int
    state: State
    hold: int

    def __post_init__(self) -> None:
        if self.hold <= 0:
            raise ValueError(f"an observation must hold for more than 0 µs, not {self.hold}")

    @property
    def until(self) -> int:
        """The instant from which nothing is known any more, unless another attempt is made."""
        return self.at + self.hold


@dataclass(frozen=True, slots=True)
class Correction:
    """A person's word on what [start, end) was; `made` is when it was said, µs. What was observed stays under it."""

    start: int
    end: int
    state: State
    author: str
    reason: str
    made: int = 0

    def covers(self, at: int) -> bool:
        """True when it speaks of this instant."""
        return self.start <= at < self.end

    def __str__(self) -> str:
        return f"corrected by {self.author}: {self.reason}"


class Late(ValueError):
    """A result that came after its time: a newer attempt is already in the ledger, and spans never change."""

    def __init__(self, observation: Observation, newest: Observation) -> None:
        super().__init__(f"an attempt of {observation.at} came after the one of {newest.at}; it is kept as late")
        self.observation = observation
        self.newest = newest


def hold_for(period: int, timeout: int) -> int:
    """How long an attempt's state holds at most, in µs: min(2P, P + 5 min) + timeout. Cron: P is the shortest gap."""
    return min(2 * period, period + GRACE) + timeout


def fold(observations: Sequence[Observation], *, until: int) -> list[Span]:
    """Recompute the spans from raw attempts: gap-free and merged, from the first observation to `until`.

    Observations come in the order in which they were recorded; one that is not newer than all before it is late and
    changes nothing, as it changed nothing then. Equal to everything a `Tail` closed plus its tail.
    """
    kept: list[Observation] = []
    for observation in observations:
        if not kept or observation.at > kept[-1].at:
            kept.append(observation)
    spans: list[Span] = []
    for number, observation in enumerate(kept):
        following = kept[number + 1].at if number + 1 < len(kept) else until
        end = min(following, until)
        held = min(observation.until, end)
        _append(spans, observation.at, held, state=observation.state)
        _append(spans, max(held, observation.at), end, state=State.UNKNOWN)
    return spans


class Tail:
    """The open end of one ledger: takes observations one at a time and gives each span once, when its end is known.

    A span closes when the state changes or when the hold expired and another observation proves it. What was given
    is final; `read` computes the rest. `span_start`, `state` and `last` are all there is to keep: see `from_last`.
    """

    __slots__ = ("_last", "_span_start")

    def __init__(self) -> None:
        self._last: Observation | None = None
        self._span_start = 0

    @classmethod
    def from_last(cls, span_start: int, state: State, last_observation: Observation) -> Self:
        """Take up again where a restart left off; ValueError if the three do not belong together."""
        if state is not last_observation.state or span_start > last_observation.at:
            raise ValueError(f"no open span of {state} since {span_start} can end in {last_observation}")
        tail = cls()
        tail._last, tail._span_start = last_observation, span_start
        return tail

    @property
    def last(self) -> Observation | None:
        """The newest observation; None before the first."""
        return self._last

    @property
    def span_start(self) -> int | None:
        """Where the open span began; None before the first observation."""
        return None if self._last is None else self._span_start

    @property
    def state(self) -> State | None:
        """The state of the open span while its hold lasts; None before the first observation."""
        return None if self._last is None else self._last.state

    def observe(self, observation: Observation) -> list[Span]:
        """The spans whose end this settles, oldest first; `Late`, and nothing changes, if it is not the newest."""
        last = self._last
        if last is None:
            self._last, self._span_start = observation, observation.at
            return []
        if observation.at <= last.at:
            raise Late(observation, last)
        pieces = self.read(observation.at)
        # The piece before this observation goes on when the state does: it stays open.
        if pieces[-1].state is observation.state:
            self._span_start = pieces.pop().start
        else:
            self._span_start = observation.at
        self._last = observation
        return pieces

    def read(self, until: int) -> list[Span]:
        """The open end as seen at `until`: the state while it holds, then unknown; empty at or before its start."""
        pieces: list[Span] = []
        if self._last is not None:
            held = min(self._last.until, until)
            _append(pieces, self._span_start, held, state=self._last.state)
            _append(pieces, max(held, self._span_start), until, state=State.UNKNOWN)
        return pieces


def overlay(
    spans: Sequence[Span],
    *,
    absences: Iterable[Interval],
    maintenance: Iterable[Interval],
    window: Interval,
    corrections: Sequence[Correction] = (),
) -> list[Span]:
    """What counts in the window: corrections first, then maintenance, then unknown by absence, then what was
    observed, else unknown.

    `spans` are sorted; `absences` (from the keeper's last `alive` to its return) and `maintenance` may come in any
    order and overlap; `corrections` come as they were made, and of two the later counts. The result is merged and
    covers the window exactly.
    """
    known = fill(spans, window)
    away = paint(known, absences, state=State.UNKNOWN)
    cover = paint(away, maintenance, state=State.MAINTENANCE)
    for correction in corrections:
        cover = paint(cover, [(correction.start, correction.end)], state=correction.state)
    return cover


def fill(spans: Sequence[Span], window: Interval) -> list[Span]:
    """Sorted spans as a merged cover of the window, unknown where nothing was; where two overlap the earlier counts."""
    start, end = window
    if end < start:
        raise ValueError(f"a window cannot end ({end}) before it starts ({start})")
    pieces = cut(spans, start, end)
    if _is_cover(pieces, window):
        return pieces
    cover: list[Span] = []
    at = start
    for piece in pieces:
        _append(cover, at, piece.start, state=State.UNKNOWN)
        _append(cover, max(at, piece.start), piece.end, state=piece.state)
        at = max(at, piece.end)
    _append(cover, at, end, state=State.UNKNOWN)
    return cover


def paint(cover: list[Span], intervals: Iterable[Interval], *, state: State) -> list[Span]:
    """A gap-free cover with `state` laid over the intervals, merged; the cover itself when none of them touches it."""
    if not cover:
        return cover
    start, end = cover[0].start, cover[-1].end
    strokes = merge(intervals, within=(start, end))
    if not strokes:
        return cover
    painted: list[Span] = []
    at = start
    for first, last in strokes:
        _join(painted, cut(cover, at, first))
        _append(painted, first, last, state=state)
        at = last
    _join(painted, cut(cover, at, end))
    return painted


def cut(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """The parts of sorted spans that lie within [start, end)."""
    if start >= end:
        return []
    first = bisect_right(spans, start, key=_end_of)
    pieces = list(spans[first : bisect_left(spans, end, lo=first, key=_start_of)])
    if pieces and pieces[0].start < start:
        pieces[0] = Span(start, pieces[0].end, pieces[0].state)
    if pieces and pieces[-1].end > end:
        pieces[-1] = Span(pieces[-1].start, end, pieces[-1].state)
    return pieces


def _append(spans: list[Span], start: int, end: int, *, state: State) -> None:
    """Add [start, end) to spans that end where it starts: nothing if empty, one longer span if the state goes on."""
    if start >= end:
        return
    if spans and spans[-1].state is state:
        start = spans.pop().start
    spans.append(Span(start, end, state))


def _join(spans: list[Span], more: list[Span]) -> None:
    """Add merged spans to merged spans, so that only the seam may need merging."""
    if not more:
        return
    if spans and spans[-1].state is more[0].state:
        _append(spans, more[0].start, more[0].end, state=more[0].state)
        more = more[1:]
    spans.extend(more)


def _is_cover(pieces: list[Span], window: Interval) -> bool:
    """True when the pieces are merged and cover the window already, as they nearly always do."""
    at, state = window[0], None
    for piece in pieces:
        if piece.start != at or piece.state is state or piece.end <= at:
            return False
        at, state = piece.end, piece.state
    return at == window[1]
