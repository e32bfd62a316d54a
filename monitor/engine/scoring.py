"""From scored cases to a verdict with its reason: the window, its interval, the flips since the baseline. Pure.

- Down when even the upper bound of the window is under the target; fewer cases than the rule needs are unknown, unless
  so few right ones would be a wonder even at the floor.
- Degraded when the share itself is under the target and the lower bound under the floor.
- Up again when the newest cases, as many as the rule needs, have their lower bound above the floor and their upper
  bound not under the target: the window then begins anew with them, or it would remember the fault for as long as it
  is. A whole window of right answers always clears, as `validate` sees to it.
- Cases that were right in the baseline and no longer are: an exact sign test of all flips, each case by the most of
  its newest answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.config.accuracy import Golden
from probes.stats import Interval, at_most, sign_test, wilson
from probes.words.failure import Failure
from probes.words.outcome import State
from probes.words.units import DAY

WONDER = 0.001  # what is less likely than this is believed by nobody
CHANCE = 0.02  # flips that chance brings less often than this are no chance
NEWEST = 3  # answers of a case of which the most decide what it is now
OLDEST = 60 * DAY  # µs; what is older counts in no window
SHOWN = 3  # of the worst fields, pairs and flips are said


@dataclass(frozen=True, slots=True)
class Asked:
    """One case as it came out in the run at `at` (µs): `right` is None where it could not be scored.

    `mark` says which wording of the case it was; `failure` why no answer came.
    """

    at: int
    case: str
    right: bool | None
    expected: str = ""
    got: str = ""
    failure: str = ""
    fields: Mapping[str, bool] = field(default_factory=dict)
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """The cases that count, oldest first, all scored; `begins` is when it began anew, `state` what it says."""

    cases: tuple[Asked, ...] = ()
    begins: int = 0
    state: State = State.UNKNOWN


@dataclass(frozen=True, slots=True)
class Flips:
    """The cases whose answers are others than in the baseline, and how likely chance alone makes it so bad."""

    regressed: tuple[str, ...] = ()
    improved: tuple[str, ...] = ()

    @property
    def chance(self) -> float:
        """By the exact sign test."""
        return sign_test(len(self.regressed), len(self.improved))

    @property
    def are_real(self) -> bool:
        """True when it is no chance."""
        return self.chance < CHANCE


@dataclass(frozen=True, slots=True)
class Judged:
    """What the window says: the state with its reason. `failure` is None when all is well; `sure` is the evidence."""

    state: State
    failure: Failure | None
    sentence: str
    sure: str
    right: int
    of: int
    flips: Flips = Flips()

    @property
    def interval(self) -> Interval:
        """Between what bounds the accuracy lies."""
        return wilson(self.right, self.of)


def score(rules: Golden, before: Window, asked: Iterable[Asked], *, now: int) -> tuple[Window, Judged]:
    """The window after these cases, and what it says at `now` (µs)."""
    scored = [one for one in asked if one.right is not None]
    window = trimmed(rules, replace(before, cases=(*before.cases, *scored)), now=now)
    window = _settled(rules, window)
    return window, judged(rules, window)


def trimmed(rules: Golden, window: Window, *, now: int) -> Window:
    """The window without what has left it: too old, too many, of cases that are no more or were worded otherwise."""
    oldest = max(window.begins, now - (OLDEST if rules.window_cases else rules.window))
    kept = [one for one in window.cases if one.at >= oldest and rules.cases.get(one.case) == one.mark]
    if rules.window_cases:
        kept = kept[-rules.window_cases :]
    return replace(window, cases=tuple(kept))


def _settled(rules: Golden, window: Window) -> Window:
    """The window with its state, and begun anew where it has just recovered."""
    if window.state is State.DOWN:
        newest = window.cases[-rules.minimum :]
        bounds = bounds_of(newest)
        if len(newest) < rules.minimum or bounds.low <= rules.floor or bounds.high < rules.target:
            return window
        return Window(newest, newest[0].at, State.UP)
    bounds, number = bounds_of(window.cases), len(window.cases)
    if number < rules.minimum:
        right = sum(bool(one.right) for one in window.cases)
        state = State.DOWN if at_most(right, number, rules.floor) < WONDER else State.UNKNOWN
    elif bounds.high < rules.target:
        state = State.DOWN
    elif accuracy(window.cases) < rules.target and bounds.low <= rules.floor:
        state = State.DEGRADED
    else:
        state = State.UP
    return replace(window, state=state)


def accuracy(cases: Sequence[Asked]) -> float:
    """The share of right answers, 1 of none."""
    return sum(bool(one.right) for one in cases) / len(cases) if cases else 1.0


def bounds_of(cases: Sequence[Asked]) -> Interval:
    """Between what bounds their accuracy lies."""
    return wilson(sum(bool(one.right) for one in cases), len(cases))


def judged(rules: Golden, window: Window) -> Judged:
    """What a window says, with its reason."""
    flips = flipped(rules.baseline, window.cases)
    right, of = sum(bool(one.right) for one in window.cases), len(window.cases)
    state = window.state
    if flips.are_real and state is not State.DOWN:
        state = State.DOWN if rules.regressed == "down" else State.DEGRADED
    if state is State.UNKNOWN:
        said = f"{of} of {rules.minimum} cases scored"
        return Judged(state, Failure.UNSCORED, said, said, right, of, flips)
    sure = f"{right} of {of} cases right"
    if state is State.UP:
        return Judged(state, None, "", sure, right, of, flips)
    return Judged(state, Failure.WRONG, _sentence(rules, window, flips), sure, right, of, flips)


def _sentence(rules: Golden, window: Window, flips: Flips) -> str:
    parts = []
    if window.state in (State.DOWN, State.DEGRADED):
        parts.append(f"{say_accuracy(window.cases)}, {_short_of(rules, window)}")
    if flips.are_real:
        parts.append(f"{len(flips.regressed)} cases got worse since the baseline and {len(flips.improved)} better")
    parts += worst(window.cases)
    if flips.regressed:
        parts.append(f"regressed: {_listed(flips.regressed)}")
    return "; ".join(parts)


def say_accuracy(cases: Sequence[Asked]) -> str:
    """`82.1 % of 56 answers are right (95 % sure: 70.2 to 90.0 %)`."""
    bounds = bounds_of(cases)
    return (
        f"{accuracy(cases) * 100:.1f} % of {len(cases)} answers are right "
        f"(95 % sure: {bounds.low * 100:.1f} to {bounds.high * 100:.1f} %)"
    )


def _short_of(rules: Golden, window: Window) -> str:
    if window.state is State.DEGRADED:
        return f"under the target of {rules.target * 100:g} %, and it may be under the floor of {rules.floor * 100:g} %"
    if bounds_of(window.cases).high >= rules.target:
        return f"and not yet surely back at the target of {rules.target * 100:g} %"
    return f"surely under the target of {rules.target * 100:g} %"


def worst(cases: Sequence[Asked], most: int = SHOWN) -> list[str]:
    """What goes wrong most: fields, pairs of labels, and answers that never came."""
    found = []
    if fields := worst_fields(cases)[:most]:
        found.append("worst fields: " + ", ".join(f"{name} {bad} of {of} wrong" for name, bad, of in fields))
    elif pairs := confusions(cases)[:most]:
        found.append("; ".join(f"{one} taken for {other}: {count} times" for one, other, count in pairs))
    silent = Counter(one.failure for one in cases if one.failure and not one.right)
    if silent:
        found.append("no answer: " + ", ".join(f"{name} {count} times" for name, count in silent.most_common()))
    return found


def worst_fields(cases: Iterable[Asked]) -> list[tuple[str, int, int]]:
    """(field, wrong, compared) of each field that was ever wrong, the worst first."""
    of, bad = Counter[str](), Counter[str]()
    for one in cases:
        for name, held in one.fields.items():
            of[name] += 1
            bad[name] += not held
    listed = [(name, bad[name], number) for name, number in of.items() if bad[name]]
    return sorted(listed, key=lambda each: (-each[1] / each[2], -each[1], each[0]))


def confusions(cases: Iterable[Asked]) -> list[tuple[str, str, int]]:
    """(expected, got, how often) of wrong answers that came, the most frequent first; of fields there are none."""
    pairs = Counter((one.expected, one.got) for one in cases if one.right is False and one.got and not one.fields)
    return [(*pair, count) for pair, count in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))]


def now_right(cases: Iterable[Asked]) -> dict[str, bool]:
    """What each case is now: the most of its newest answers, of two that differ the newer one."""
    newest: dict[str, list[bool]] = {}
    for one in cases:
        if one.right is not None:
            newest.setdefault(one.case, []).append(one.right)
    found = {}
    for case, answers in newest.items():
        last = answers[-NEWEST:]
        held = sum(last) * 2 - len(last)
        found[case] = held > 0 or (held == 0 and last[-1])
    return found


def flipped(baseline: Mapping[str, bool], cases: Iterable[Asked]) -> Flips:
    """The cases of the baseline that are others now."""
    if not baseline:
        return Flips()
    now = now_right(cases)
    known = sorted(now.keys() & baseline.keys())
    return Flips(
        tuple(case for case in known if baseline[case] and not now[case]),
        tuple(case for case in known if now[case] and not baseline[case]),
    )


def following(order: Sequence[str], after: str, count: int) -> list[str]:
    """The cases whose turn it is: the `count` that follow `after` in their order, which has no end. No case is asked
    twice before every other was asked once more."""
    if not order:
        return []
    start = order.index(after) + 1 if after in order else 0
    return [order[(start + number) % len(order)] for number in range(min(count, len(order)))]


def _listed(names: Sequence[str], most: int = SHOWN) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
