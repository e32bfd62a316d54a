"""When people are called for answers that are not always the same: false pages a month, and runs until a fault is told.

Simulated with fixed seeds, through the very functions that the keeper calls after each run.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from bench.figure import Figure
from monitor.config.accuracy import Golden
from monitor.engine.confirm import Level, Progress, Ran, advance
from monitor.engine.odds import MOST, Odds, weigh
from monitor.engine.scoring import Asked, Window, score
from probes.stats import cases_needed, flake_rate, tuned
from probes.words.outcome import State
from probes.words.units import DAY, MINUTE
from tests.conformance.page import Page, table

GUIDE = Path(__file__).parents[2] / "docs" / "golden.md"
RATES = (0.02, 0.05, 0.10, 0.30, 1.0)
USUAL = (0.02, 0.05, 0.10)  # rates that are a probe's usual one; the others are faults
CADENCES = (1, 5)  # minutes
MONTH = 30 * DAY
RUNS = 1_728_000  # a cell: 200 months at 5 minutes, 40 at 1
FAULTS = 101  # times that each fault is made
PATIENCE = 2_000  # runs after which a fault that was not told counts as never told
SHORT = 2_000  # runs of good days before a fault
RECOVER = 2
PROMISE = (0.95, 0.80)  # target and floor of the golden set
PER_RUN, WINDOW = 5, 200
Cells = dict[Any, float]

ABOUT = """\
A **soft** failure (wrong, empty, garbage, refused, truncated) may be a model's mood. Left: a probe that fails so often
on its good days, and how many pages a month that brings. Right: a probe whose usual rate was measured, and then a fault
by which it fails so often: how many runs go by until it is told. A failure that leaves no answer at all (refused
access, a server's error, a time-out) does not wait for statistics: it follows `confirm`, which is 2 of 2 for a golden
set: the second run pages.
"""
GOLDEN = f"""\
A golden set with a target of {PROMISE[0] * 100:g} % and a floor of {PROMISE[1] * 100:g} %, {PER_RUN} cases a run, a
window of {WINDOW} cases, a run each 5 minutes:
"""


class Rule:
    """Our rule of paging, run after run, as the keeper has it."""

    def __init__(self, period: int, *, soft: bool = True) -> None:
        self.progress, self.odds = Progress(), Odds()
        self._period, self._soft = period, soft
        self._confirm = (1, 1) if soft else (2, 2)
        self._at = 0

    def ran(self, failed: bool) -> bool:
        """Take a run; True when it pages."""
        self._at += self._period
        ran = Ran(Level.FAIL if failed else Level.PASS, self._at, self._at)
        is_open = self.progress.open is not Level.PASS
        self.odds, ran = weigh(self.odds, ran, soft=self._soft, period=self._period, is_open=is_open)
        self.progress, change = advance(self.progress, ran, confirm=self._confirm, recover=RECOVER)
        return change is not None and change.level is Level.FAIL


def false_pages(rate: float, minutes: int, runs: int = RUNS) -> float:
    """Pages a month of a probe whose runs fail so often on good days, by our rule."""
    chance = random.Random(f"{rate} {minutes}").random
    pages = len(list(pages_of((chance() < rate for _ in range(runs)), minutes * MINUTE)))
    return pages / runs * MONTH / (minutes * MINUTE)


def pages_of(runs: Iterable[bool], period: int) -> Iterator[int]:
    """The numbers of the runs that page: what `Rule` does for soft failures, in bare numbers. A test holds them against
    each other; by `Rule`, months take minutes."""
    month, rate = MONTH / period, Odds().rate
    test = tuned(rate, month)
    score, pages, is_open, passes = 0.0, False, False, 0
    seen = seen_bad = streak = bad = 0
    for number, failed in enumerate(runs):
        if pages:
            score = min(0.0, score + (test.fail if failed else test.good))
            pages = score > test.clear
            score = score if pages else 0.0
        else:
            score = max(0.0, score + (test.fail if failed else test.good))
            streak, bad = streak + 1, bad + failed
            if score >= test.page:
                score, pages = 0.0, True
                if not is_open:
                    yield number
                is_open, passes, streak, bad = True, 0, 0, 0
                continue
            if score == 0.0:
                seen, seen_bad, streak, bad = seen + streak, seen_bad + bad, 0, 0
                if seen > MOST:
                    seen, seen_bad = seen // 2, seen_bad // 2
                now = round(flake_rate(seen_bad, seen), 3)
                if now != rate:
                    rate, test = now, tuned(now, month)
        if failed:
            passes = 0
        elif not pages:
            passes += 1
            is_open = is_open and passes < RECOVER


def in_a_row(rate: float, minutes: int, times: int = 3) -> float:
    """Pages a month of a rule that wants so many failures in a row, exactly."""
    return MONTH / (minutes * MINUTE) / runs_in_a_row(rate, times)


def runs_in_a_row(rate: float, times: int = 3) -> float:
    """How many runs go by, on average, until so many in a row have failed."""
    return float(times) if rate == 1 else (1 - rate**times) / ((1 - rate) * rate**times)


def runs_to_page(usual: float, rate: float, minutes: int, *, soft: bool = True) -> float:
    """How many runs of a fault go by until it is told: of half of all faults fewer, of half more.

    The middle and not the mean: a rate that is little more than the usual one may become the usual one.
    """
    chance = random.Random(f"{usual} {rate} {minutes}").random
    found = []
    for _ in range(FAULTS):
        rule = Rule(minutes * MINUTE, soft=soft)
        rule.odds = Odds(SHORT, round(SHORT * usual))  # what was measured, and a quiet moment
        found.append(next((number for number in range(1, PATIENCE) if rule.ran(chance() < rate)), PATIENCE))
    return median(found)


def golden_rules() -> Golden:
    """The promise that is simulated."""
    cases = {f"case {number}": "" for number in range(400)}
    return Golden(*PROMISE, cases_needed(*PROMISE), PER_RUN, cases, window_cases=WINDOW)


def golden_runs(rules: Golden, shares: list[float], chance: random.Random) -> Iterator[State]:
    """What the window says after each run, in which answers are right with these chances."""
    window, names = Window(), list(rules.cases)
    for number, share in enumerate(shares):
        at = (number + 1) * 5 * MINUTE
        turn = [names[(number * PER_RUN + one) % len(names)] for one in range(PER_RUN)]
        asked = [Asked(at, name, chance.random() < share) for name in turn]
        window, said = score(rules, window, asked, now=at)
        yield said.state


def golden_false_pages(share: float, runs: int) -> float:
    """Pages a month of a set whose answers are right so often."""
    states = golden_runs(golden_rules(), [share] * runs, random.Random(f"golden {share}"))
    pages = sum(now is State.DOWN and before is not State.DOWN for before, now in pairwise(states))
    return pages / runs * MONTH / (5 * MINUTE)


def golden_runs_to_page(share: float, usual: float = 0.98, times: int = 40) -> float:
    """How many runs go by until a drop from the usual share to this one is told."""
    total = 0
    for number in range(times):
        states = golden_runs(golden_rules(), [usual] * 60 + [share] * 400, random.Random(f"drop {share} {number}"))
        total += next(count for count, state in enumerate(states) if count >= 60 and state is State.DOWN) - 59
    return total / times


def figures(page: Page) -> Iterator[Figure]:
    """Ours against 3 in a row, at both cadences; then a golden set."""
    pages: Cells = {}
    for minutes in CADENCES:
        for rate in USUAL:
            pages[rate, minutes] = false_pages(rate, minutes)
            pages[rate, minutes, 3] = in_a_row(rate, minutes)
            name = f"false_pages_month_{rate * 100:g}pct_{minutes}min"
            yield Figure(name, pages[rate, minutes], most=1.0)
            yield Figure(f"{name}_3_in_a_row", pages[rate, minutes, 3])
    found = {(usual, rate): runs_to_page(usual, rate, 5) for usual in USUAL for rate in RATES if rate > usual}
    minute = {(usual, rate): runs_to_page(usual, rate, 1) for usual in USUAL for rate in RATES if rate > usual}
    plain = {rate: runs_in_a_row(rate) for rate in RATES}
    yield Figure("runs_to_page_30pct", found[0.05, 0.30], most=25)
    yield Figure("runs_to_page_30pct_3_in_a_row", plain[0.30])
    yield Figure("runs_to_page_100pct", found[0.05, 1.0], most=4)
    yield Figure("runs_to_page_without_an_answer", runs_to_page(0.0, 1.0, 5, soft=False), most=3)
    right = {share: golden_false_pages(share, 8_640) for share in (0.99, 0.98, 0.97)}
    drop = {share: golden_runs_to_page(share) for share in (0.90, 0.80, 0.50, 0.0)}
    yield Figure("golden_false_pages_month_98pct", right[0.98], most=1.0)
    yield Figure("golden_runs_to_page_80pct", drop[0.80], most=25)
    yield Figure("golden_runs_to_page_0pct", drop[0.0], most=4)
    text = "\n".join([ABOUT, _table(pages, found, minute, plain), GOLDEN, _golden_table(right, drop)])
    page.add("When people are called", text)
    page.put(GUIDE, "statistics", text)


def _table(pages: Cells, found: Cells, minute: Cells, plain: Cells) -> str:
    heads = ["true rate of failing runs", "false pages a month, each 5 min", "each 1 min", "3 in a row, 5 min",
             "3 in a row, 1 min",
             "runs to a page (each 5 min / 1 min), usual 2 %", "usual 5 %", "usual 10 %", "3 in a row"]  # fmt: skip
    rows = []
    for rate in RATES:
        usual = rate in USUAL
        cells = [f"{rate * 100:g} %"]
        cells += [_few(pages[rate, minutes]) if usual else "" for minutes in (5, 1)]
        cells += [_few(pages[rate, minutes, 3]) if usual else "" for minutes in (5, 1)]
        for base in USUAL:
            both = (found.get((base, rate)), minute.get((base, rate)))
            cells.append(" / ".join(_runs(each) for each in both if each is not None))
        rows.append([*cells, f"{plain[rate]:,.0f}"])
    return table(heads, rows) + "\n"


def _golden_table(right: dict[float, float], drop: dict[float, float]) -> str:
    rows = [[f"{share * 100:g} %", _few(pages), ""] for share, pages in right.items()]
    rows += [[f"{share * 100:g} %", "", f"{runs:.0f}"] for share, runs in drop.items()]
    return table(["answers that are right", "false pages a month", "runs to a page, after 98 %"], rows) + "\n"


def _runs(number: float) -> str:
    return f"{number:,.0f}" if number < PATIENCE else f"over {PATIENCE:,}"


def _few(number: float) -> str:
    return f"{number:.1f}" if number < 10 else f"{number:,.0f}"
