"""A golden probe as the engine follows it: whose turn it is, what scores mean, and what a restart reads back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from monitor.config.accuracy import Golden
from monitor.engine.confirm import Level, Progress, Ran, advance
from monitor.engine.odds import SOFT, Odds, weigh
from monitor.engine.scoring import OLDEST, Asked, Judged, Window, following, judged, score, trimmed
from monitor.engine.verdict import Verdict
from monitor.store.queries.scores import RIGHT, UNSCORED, WRONG, ScoreView, last_scores
from monitor.store.rows import ScoreRow
from probes.words.failure import FACTS, Failure
from probes.words.outcome import State
from probes.words.text import clean

if TYPE_CHECKING:
    from sqlmodel import Session

    from probes.frames import Reply

_VERDICTS = {"right": True, "wrong": False, "unscored": None}
_CODES = {True: RIGHT, False: WRONG, None: UNSCORED}
MOST_READ = 8_000  # scores that a restart reads back for one probe
SENTENCE = 300  # characters


@dataclass(slots=True)
class Standing:
    """What is known of a golden probe's answers: the window that counts, what it says, and whose turn was last."""

    window: Window = field(default_factory=Window)
    said: Judged | None = None
    last: str = ""

    def next(self, rules: Golden, granted: object = None) -> list[str]:
        """The cases whose turn it is, fewer when no more were granted."""
        count = min(rules.per_run, granted) if isinstance(granted, int) and granted > 0 else rules.per_run
        chosen = following(rules.order, self.last, count)
        self.last = chosen[-1] if chosen else self.last
        return chosen

    def take(self, rules: Golden, asked: Sequence[Asked], verdict: Verdict, *, now: int) -> Verdict:
        """The verdict of a run in which cases were scored: what the window says, or what was worse in the run."""
        self.window, self.said = score(rules, self.window, asked, now=now)
        return verdict_of(self.said, verdict)


def scored(
    rules: Golden | None, standing: Standing, reply: Reply, verdict: Verdict, *, at: int, ledger: int
) -> tuple[Verdict, tuple[ScoreRow, ...]]:
    """The verdict on a reply, the window's where golden cases were scored, and what is kept of them. `at` is the start
    of the run."""
    asked = asked_in(rules, reply, at) if rules is not None else []
    if rules is None or not asked:
        return verdict, ()
    return standing.take(rules, asked, verdict, now=at), rows_of(asked, started=at, ledger=ledger)


def verdict_of(said: Judged, own: Verdict) -> Verdict:
    """What the window says, as a verdict; `own` is the run's, which may be slow where the window is right."""
    if own.state is State.DEGRADED and said.state is State.UP:
        return own
    failure = said.failure
    blame = FACTS[failure].blame if failure else None
    return Verdict(said.state, failure, clean(said.sentence, SENTENCE), blame, failure is Failure.WRONG, sure=said.sure)


def asked_in(rules: Golden, reply: Reply, at: int) -> list[Asked]:
    """The scores of a reply that are of this probe's cases, once each: a host may have been taken over."""
    found: dict[str, Asked] = {}
    for one in reply.scores:
        name, verdict = one.get("case"), one.get("verdict")
        if not isinstance(name, str) or name not in rules.cases or verdict not in _VERDICTS or name in found:
            continue
        held = verdict == "right"
        texts = {key: "" if held else clean(str(one.get(key) or ""), 200) for key in ("expected", "got")}
        failure = str(one.get("failure") or "")
        found[name] = Asked(
            at,
            name,
            _VERDICTS[str(verdict)],
            **texts,
            failure=failure if failure in set(Failure) else "",
            fields=_fields(one.get("fields")),
            mark=rules.cases[name],
        )
    return [found[name] for name in sorted(found)]  # as the record has them


def _fields(value: Any) -> dict[str, bool]:
    if not isinstance(value, Mapping):
        return {}
    return {clean(str(name), 80): held for name, held in list(value.items())[:60] if isinstance(held, bool)}


def rows_of(asked: Iterable[Asked], *, started: int, ledger: int) -> tuple[ScoreRow, ...]:
    """What is kept of them."""
    return tuple(ScoreRow(started, ledger, one.case, _CODES[one.right], _detail(one)) for one in asked)


def _detail(one: Asked) -> str:
    said: dict[str, Any] = {"mark": one.mark}
    if not one.right:  # of a right answer nobody asks what it was
        said |= {name: text for name in ("expected", "got", "failure") if (text := getattr(one, name))}
    if one.fields:
        said["fields"] = dict(one.fields)
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)


def asked_of(view: ScoreView) -> Asked:
    """A score of the record."""
    said = view.detail
    texts = {name: str(said.get(name) or "") for name in ("expected", "got", "failure", "mark")}
    return Asked(view.started, view.case, view.right, fields=_fields(said.get("fields")), **texts)


# what a run means to the confirm rule


def ran_of(ran: Ran, *, sure: str, progress: Progress) -> Ran:
    """A run in which cases were scored: its window is statistics already, and wants no confirming.

    Too few cases say nothing, but that there were answers again.
    """
    if ran.level in (Level.FAIL, Level.DEGRADED):
        return replace(ran, sure=sure)
    if ran.level is Level.UNKNOWN and progress.open is not Level.PASS:
        return replace(ran, level=Level.PASS)
    return ran


@dataclass(frozen=True, slots=True)
class Finished:
    """A run as the odds see it: whether cases were `scored` in it, and how `sure` its window is of what it says."""

    ran: Ran
    failure: str
    scored: bool = False
    sure: str = ""


def weighed(odds: Odds, run: Finished, *, golden: bool, period: int, progress: Progress) -> tuple[Odds, Ran]:
    """The odds after a run, and the run as the confirm rule is to take it."""
    is_open = progress.open is not Level.PASS
    if not run.scored:
        soft = not golden and run.failure in SOFT
        return weigh(odds, run.ran, soft=soft, period=period, is_open=is_open)
    answered = replace(run.ran, level=Level.PASS)  # there were answers, whatever they were
    odds, held = weigh(odds, answered, soft=False, period=period, is_open=is_open)
    own = ran_of(run.ran, sure=run.sure, progress=progress)
    if held.level is Level.UNKNOWN and own.level is Level.PASS:
        return odds, held
    return odds, own


# what a restart reads back


def replayed(
    runs: Sequence[Finished],
    *,
    golden: bool,
    period: int,
    confirm: tuple[int, int],
    recover: int,
    before: Progress,
    newest: int,
) -> tuple[Odds, Progress]:
    """The odds after all these runs, and the progress after the `newest` of them, from what was told `before` those."""
    odds, progress = Odds(), Progress()
    for number, run in enumerate(runs):
        if number == len(runs) - newest:
            progress = before
        odds, ran = weighed(odds, run, golden=golden, period=period, progress=progress)
        if number >= len(runs) - newest:
            progress, _ = advance(progress, ran, confirm=confirm, recover=recover)
    return odds, progress


def read_back(session: Session, rules: Golden, ledger: int, *, now: int) -> tuple[Standing, dict[int, str]]:
    """The standing as the record has it, and of each run in which cases were scored how sure its window was that
    something was wrong, "" when nothing was."""
    limit = min(MOST_READ, 4 * max(rules.window_cases, rules.minimum, 500))
    views = [asked_of(view) for view in last_scores(session, ledger, limit=limit, since=now - OLDEST)]
    standing, said = Standing(), dict[int, str]()
    for at, group in groupby(views, key=lambda one: one.at):
        asked = list(group)
        standing.window, standing.said = score(rules, standing.window, asked, now=at)
        standing.last = _last_turn(rules.order, {one.case for one in asked}) or standing.last
        if any(one.right is not None for one in asked):
            said[at] = standing.said.sure if standing.said.state is not State.UP else ""
    standing.window = trimmed(rules, standing.window, now=now)
    return standing, said


def stood(rules: Golden, standing: Standing, recorded: State) -> None:
    """Go on from the state that was recorded: what opened an incident may lie before all that was read back."""
    if standing.window.cases and recorded in (State.DOWN, State.DEGRADED, State.UP):
        standing.window = replace(standing.window, state=recorded)
    standing.said = judged(rules, standing.window)


def _last_turn(order: Sequence[str], asked: set[str]) -> str:
    """Of the cases of one run the one whose follower was not among them: where the next run goes on."""
    for number, name in enumerate(order):
        if name in asked and order[(number + 1) % len(order)] not in asked:
            return name
    return ""
