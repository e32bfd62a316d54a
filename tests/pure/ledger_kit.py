"""What the ledger's tests speak with: short names for times, attempts and spans, and strategies for hostile ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from hypothesis import strategies as st

from monitor.ledger.spans import Correction, Observation, Span, hold_for
from probes.words.hours import Interval
from probes.words.outcome import State

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

MIDNIGHT = 20_000 * DAY  # some day, 00:00 UTC
TODAY = (MIDNIGHT, MIDNIGHT + DAY)

_LETTERS = {"u": State.UP, "g": State.DEGRADED, "d": State.DOWN, "m": State.MAINTENANCE, "-": State.UNKNOWN}


def at(clock: str) -> int:
    """The instant of "10:00:30" on that day."""
    hours, minutes, seconds = (int(part) for part in f"{clock}:00".split(":")[:3])
    return MIDNIGHT + hours * HOUR + minutes * MINUTE + seconds * SECOND


def drawn(picture: str) -> list[Span]:
    """Spans as a picture, a letter a µs from 0: u is up, g degraded, d down, m maintenance, - unknown, blank none."""
    spans: list[Span] = []
    for number, letter in enumerate(picture):
        if letter == " ":
            continue
        state = _LETTERS[letter]
        if spans and spans[-1].end == number and spans[-1].state is state:
            spans[-1] = Span(spans[-1].start, number + 1, state)
        else:
            spans.append(Span(number, number + 1, state))
    return spans


def picture_of(spans: Iterable[Span]) -> str:
    """The picture that spans draw."""
    letters = {state: letter for letter, state in _LETTERS.items()}
    canvas: dict[int, str] = {}
    for span in spans:
        canvas.update(dict.fromkeys(range(span.start, span.end), letters[span.state]))
    return "".join(canvas.get(number, " ") for number in range(max(canvas, default=-1) + 1))


def attempts(*, period: int, timeout: int, states: Iterable[tuple[int, State]]) -> list[Observation]:
    """Attempts as the engine records them: each with the hold its probe's period and timeout give it."""
    return [Observation(when, state, hold_for(period, timeout)) for when, state in states]


def every(period: int, *, first: int, until: int, skip: Sequence[Interval] = ()) -> list[tuple[int, State]]:
    """Scheduled runs that pass, from `first` to before `until`, but for those in `skip`."""
    runs = range(first, until, period)
    return [(when, State.UP) for when in runs if not any(start <= when < end for start, end in skip)]


def is_merged_cover(spans: Sequence[Span], window: Interval) -> bool:
    """True when the spans cover the window to the microsecond, none is empty and neighbours differ."""
    if window[0] == window[1]:
        return not spans
    if not spans or (spans[0].start, spans[-1].end) != window or any(span.length <= 0 for span in spans):
        return False
    return all(one.end == two.start and one.state is not two.state for one, two in pairwise(spans))


STATES = st.sampled_from(list(State))
INSTANTS = st.integers(0, 60)


@st.composite
def intervals(draw: st.DrawFn) -> list[Interval]:
    """Intervals in any order, touching, overlapping, even empty."""
    pairs = draw(st.lists(st.tuples(INSTANTS, INSTANTS), max_size=5))
    return [(min(pair), max(pair)) for pair in pairs]


@st.composite
def histories(draw: st.DrawFn) -> list[Span]:
    """Sorted spans that do not overlap, with holes, and neighbours that may share a state."""
    cuts = sorted(draw(st.sets(INSTANTS, max_size=12)))
    spans = [Span(start, end, draw(STATES)) for start, end in pairwise(cuts)]
    return [span for span in spans if draw(st.integers(0, 4))]


@st.composite
def corrections(draw: st.DrawFn) -> list[Correction]:
    """Corrections as they were made, touching, overlapping, even empty; each has a reason of its own."""
    return [
        Correction(start, end, draw(STATES), "Ana", f"c{number}")
        for number, (start, end) in enumerate(draw(intervals()))
    ]


@st.composite
def windows(draw: st.DrawFn) -> Interval:
    """A window over that time, perhaps empty, perhaps reaching past either end."""
    start, end = sorted((draw(st.integers(-10, 70)), draw(st.integers(-10, 70))))
    return start, end
