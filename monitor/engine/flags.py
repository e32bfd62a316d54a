"""Answers that were flagged as wrong: above a rate they are an incident of their workflow, until they are reviewed or
stay rare."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from sqlmodel import Session

from alerts.desk import OpenMember
from alerts.message import Answer, Reaction
from alerts.signal import Condition, Severity, Signal
from monitor.config.catalog import Catalog, Flags
from monitor.engine import signals
from monitor.store.database import Store
from monitor.store.queries.flags import FlagView, Said, add_flag, newest_open, open_times, review_flag
from probes.words.clock import Clock
from probes.words.failure import FACTS, Failure
from probes.words.text import clean
from probes.words.units import MINUTE, SECOND, micros_of, say_duration

MEMBER = signals.FLAGGED
LOOK_EVERY = 30 * SECOND
LONGEST: Mapping[str, int] = {"asked": 4_000, "answered": 4_000, "expected": 4_000, "comment": 1_000, "author": 80}
KEY = 100  # characters of a key that makes a word count once
SAME = 10 * MINUTE  # without a key, the same words count once in this time
NAMED = 3  # newest flags in a sentence
QUOTED = 60  # characters of each


def over(times: Sequence[int], rule: Flags, now: int) -> bool:
    """True when more than so many came in the time before now. `times` are sorted."""
    return _count(times, now, micros_of(rule.within)) > rule.above


def calm(times: Sequence[int], rule: Flags, now: int) -> bool:
    """True when at no moment of the time before now more than so many had come in the time before that moment."""
    within = micros_of(rule.within)
    moments = [now - within, *(at for at in times if now - within < at <= now)]
    return all(_count(times, at, within) <= rule.above for at in moments)


def _count(times: Sequence[int], at: int, within: int) -> int:
    return bisect_right(times, at) - bisect_right(times, at - within)


def read_said(given: Mapping[str, Any], *, source: str, at: int, hide: Callable[[str], str]) -> Said:
    """What somebody said, made safe: cut, cleaned, without our secrets; raises ValueError with what to write."""
    unknown = sorted(set(map(str, given)) - {*LONGEST, "key"})
    if unknown:
        raise ValueError(f"unknown field {clean(unknown[0], 40)!r}; write {', '.join(LONGEST)} or key")
    texts = {name: clean(hide(_text(given.get(name))), most, lines=True).strip() for name, most in LONGEST.items()}
    if not (texts["asked"] or texts["answered"] or texts["comment"]):
        raise ValueError("nothing is said; write asked, answered or comment")
    key = clean(_text(given.get("key")), KEY)
    if not key:
        same = json.dumps([at // SAME, source, *texts.values()])
        key = f"same:{blake2b(same.encode(), digest_size=16).hexdigest()}"
    return Said(source=source, key=key, **texts)


def _text(value: Any) -> str:
    """A field as text: what an app sends may be data of any kind."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


class FlagWatch:
    """Takes flags in, counts them, and tells alerts when there are too many of a workflow."""

    def __init__(self, store: Store, clock: Clock, tell: Callable[[Signal], None]) -> None:
        self._store, self._clock, self._tell = store, clock, tell
        self._catalog: Catalog | None = None
        self._told: dict[str, int] = {}  # subject -> since when there are too many
        self._looked = 0

    def take(self, catalog: Catalog, members: Iterable[OpenMember]) -> None:
        """Follow the workflows of a catalog; `members` are what alerts has open."""
        self._catalog, self._looked = catalog, 0
        self._told = {one.subject: one.since for one in members if one.member == MEMBER}

    def take_rules(self, catalog: Catalog) -> None:
        """Know the workflows of a catalog, where nothing runs: what was told to alerts is left to who runs."""
        self._catalog = self._catalog or catalog

    def rules(self) -> dict[str, Flags]:
        """When there are too many, by `workflow/environment`."""
        workflows = self._catalog.workflows.values() if self._catalog is not None else ()
        return {f"{one.key}/{name}": one.flags for one in workflows if not one.provider for name in one.environments}

    async def add(self, subject: str, said: Said) -> tuple[int, bool]:
        """Keep a flag; (its number, True when it is new). On return it is on the disk. Raises StoreError."""
        now = self._clock.now()
        found = await self._store.write(lambda session: add_flag(session, subject, said, at=now))
        await self.look(now, at_once=True)
        return found

    async def heard(self, reaction: Reaction, hide: Callable[[str], str]) -> Answer:
        """A flag that came through a channel: politely answered, whatever it holds."""
        subject = reaction.incident if reaction.incident in self.rules() else f"{reaction.incident}/production"
        if subject not in self.rules():
            return Answer(accepted=False, text=f"There is no workflow {clean(reaction.incident, 60)}.")
        given = {**reaction.said, "author": reaction.by}
        try:
            said = read_said(given, source=reaction.via, at=self._clock.now(), hide=hide)
        except ValueError as error:
            return Answer(accepted=False, text=f"Not flagged: {error}.")
        number, new = await self.add(subject, said)
        again = "" if new else " It was flagged before, and counts once."
        return Answer(accepted=True, text=f"Flagged as wrong, number {number}.{again} Review: showup flags")

    async def review(self, number: int, *, state: str, by: str) -> bool:
        """Say what became of a flag; False when it was not open."""
        now = self._clock.now()
        done = await self._store.write(lambda session: review_flag(session, number, state=state, by=by, at=now))
        await self.look(now, at_once=True)
        return done

    async def look(self, now: int, *, at_once: bool = False) -> None:
        """Tell alerts of workflows with too many flags, and of those that have few again."""
        catalog = self._catalog  # a reload may swap it while the store answers
        if catalog is None or (now - self._looked < LOOK_EVERY and not at_once):
            return
        self._looked = now
        rules = self.rules()
        since = {subject: now - 2 * micros_of(rule.within) for subject, rule in rules.items()}

        def read(session: Session) -> tuple[dict[str, list[int]], dict[str, list[FlagView]]]:
            times = open_times(session, since)
            many = [subject for subject, rule in rules.items() if over(times[subject], rule, now)]
            return times, newest_open(session, [one for one in many if one not in self._told], NAMED)

        times, newest = await self._store.read(read)
        if self._catalog is not catalog:
            self._looked = 0  # the next look knows who is watched now
            return
        for subject, rule in rules.items():
            if subject not in self._told and subject in newest:
                self._told[subject] = now
                self._say(subject, rule, Condition.FAILING, _sentence(rule, times[subject], newest[subject], now), now)
            elif subject in self._told and calm(times[subject], rule, now):
                del self._told[subject]
                self._say(subject, rule, Condition.PASSING, "few answers are flagged as wrong again", now)

    def _say(self, subject: str, rule: Flags, condition: Condition, sentence: str, now: int) -> None:
        if self._catalog is None:
            return
        severity = rule.severity
        self._tell(signal_of(self._catalog, subject, severity, condition=condition, sentence=sentence, now=now))


def signal_of(
    catalog: Catalog, subject: str, severity: Severity, *, condition: Condition, sentence: str, now: int
) -> Signal:
    """What alerts is told of a workflow's flags."""
    key, _, environment = subject.partition("/")
    workflow = catalog.workflows[key]
    return Signal(
        subject=subject,
        member=MEMBER,
        condition=condition,
        at=now,
        since=now,
        severity=severity,
        policy=workflow.environments[environment].policy or workflow.policy,
        title=signals.title_of(workflow, environment),
        sentence=sentence,
        notice=FACTS[Failure.WRONG].notice,
        failure=str(Failure.WRONG),
        sure="said by people or by the app",
        owner=workflow.owner,
        runbook=workflow.runbook,
        runbook_lines=workflow.runbook_lines,
        labels=(("environment", environment),),
    )


def _sentence(rule: Flags, times: Sequence[int], newest: Sequence[FlagView], now: int) -> str:
    count = _count(times, now, micros_of(rule.within))
    said = "; ".join(filter(None, (_quoted(one) for one in newest)))
    noun = "answer was" if count == 1 else "answers were"
    return clean(f"{count} {noun} flagged as wrong within {say_duration(rule.within)}: {said}", 300)


def _quoted(one: FlagView) -> str:
    asked, answered = clean(one.asked, QUOTED), clean(one.answered, QUOTED)
    if asked and answered:
        return f'"{asked}" → "{answered}"'
    return f'"{asked or answered or clean(one.comment, QUOTED)}"'
