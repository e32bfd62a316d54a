"""Whatever happens, in whatever order: the rules of delivery hold, in the database and at the providers.

`SHOWUP_RULES=1000x50` runs so many nights of so many steps, `make rules` more. One that breaks a rule is told as it
happened, and can be told again with the line that is printed; `SHOWUP_SHRINK=1` looks for a shorter one, which takes
minutes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from alerts.policy import Level, PolicySpec
from alerts.signal import Condition, Severity
from alerts.tables import Mute, Row
from probes.words.units import MINUTE, SECOND
from tests.rules.watched import FAULTS, Watched, run
from tests.story.night import Night, memory

T = TypeVar("T")
ENGINE = memory()
TABLES = tuple(reversed(Row.metadata.sorted_tables))  # other modules may bring more
MINUTES = timedelta(minutes=1)
POLICY = PolicySpec(
    levels=(
        Level(notify=("slack", "ana")),
        Level(at=2 * MINUTES, notify=("bo", "pagerduty")),
        Level(at=5 * MINUTES, notify=("dee",)),  # reaches nobody
        Level(at=9 * MINUTES, notify=("pagerduty",)),
    ),
    repeat=2,
    warnings=("slack",),
    fallback="cy",
)
OTHER = PolicySpec(levels=(Level(notify=("cy",)), Level(at=4 * MINUTES, notify=("ana",))), repeat=1)
SUBJECTS = ("intake/production", "billing/production", "provider:openai", "monitor")
MEMBERS = ("home", "books")
CHANNELS = ("slack", "pagerduty", "ntfy", "pushover")
BLAMED = {
    "failure": "provider_down",
    "blame": "provider",
    "suspected": False,
    "labels": (("provider", "openai"), ("period", str(2 * MINUTE))),
}


class Nights(RuleBasedStateMachine):
    """Everything that can happen in a night, in any order."""

    def __init__(self) -> None:
        super().__init__()
        with ENGINE.begin() as connection:
            for table in TABLES:
                connection.execute(table.delete())
        self.loop = asyncio.new_event_loop()
        self.night = Night(POLICY, engine=ENGINE, other=OTHER)
        for name in CHANNELS:
            provider = Watched(name, verified=name != "pagerduty")
            provider.watch(self.night.transact)
            self.night.providers[name] = provider
        self.night.rise()
        self.mutes: list[int] = []
        self.incidents: list[str] = []

    def do(self, story: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(story)

    def teardown(self) -> None:
        self.do(self.night.restart())
        self.loop.close()

    @initialize()
    def something_fails(self) -> None:
        self.incidents.append(self.do(self.night.fails("home")))

    @rule(
        subject=st.sampled_from(SUBJECTS),
        member=st.sampled_from(MEMBERS),
        severity=st.sampled_from([Severity.CRITICAL, Severity.CRITICAL, Severity.ERROR, Severity.WARNING]),
        policy=st.sampled_from(["usual", "usual", "other"]),
        blamed=st.booleans(),
    )
    def fails(self, subject: str, member: str, severity: Severity, policy: str, blamed: bool) -> None:
        more: dict[str, Any] = BLAMED if blamed and not subject.startswith("provider:") else {}
        found = self.do(self.night.fails(member, subject=subject, severity=severity, policy=policy, **more))
        if found not in self.incidents:
            self.incidents.append(found)

    @rule(
        subject=st.sampled_from(SUBJECTS),
        member=st.sampled_from(MEMBERS),
        condition=st.sampled_from([Condition.PASSING, Condition.PASSING, Condition.GONE]),
    )
    def recovers(self, subject: str, member: str, condition: Condition) -> None:
        self.do(self.night.signal(condition, member, subject=subject))

    @rule(channel=st.sampled_from(CHANNELS), faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3))
    def provider_fails(self, channel: str, faults: list[str]) -> None:
        self.night.providers[channel].faults += faults

    @rule(channel=st.sampled_from(CHANNELS))
    def provider_lets_go(self, channel: str) -> None:
        async def let_go() -> None:
            self.night.providers[channel].release()
            await self.night.deliver()

        self.do(let_go())

    @rule(known=st.booleans())
    def pagerduty_forgets(self, known: bool) -> None:
        self.night.pagerduty.knows = lambda key: {"id": key} if known else None

    @precondition(lambda self: self.incidents)
    @rule(
        data=st.data(),
        action=st.sampled_from(["ack", "ack", "snooze", "resolve"]),
        by=st.sampled_from(["ana", "bo"]),
        late=st.sampled_from([None, 0, 5 * SECOND, 40 * MINUTE]),
        number=st.sampled_from([None, 1, 2]),
    )
    def somebody_answers(self, data: st.DataObject, action: str, by: str, late: int | None, number: int | None) -> None:
        name = data.draw(st.sampled_from(self.incidents))
        at = None if late is None else self.night.clock.now() - late
        self.do(self.night.react(name, action, by=by, person=by, at=at, round=number))

    @precondition(lambda self: self.incidents)
    @rule(data=st.data(), number=st.integers(1, 3))
    def pagerduty_closes(self, data: st.DataObject, number: int) -> None:
        name = data.draw(st.sampled_from(self.incidents))
        self.do(self.night.react(name, "resolve", by="PagerDuty", service=True, round=number))

    @precondition(lambda self: len(self.mutes) < 4)
    @rule(subject=st.sampled_from(["", "intake", "provider:openai", "monitor"]), minutes=st.sampled_from([1, 3, 20]))
    def somebody_mutes(self, subject: str, minutes: int) -> None:
        self.mutes.append(self.do(self.night.mute(f"{minutes}m", subject)))

    @precondition(lambda self: self.mutes)
    @rule(data=st.data())
    def somebody_lifts_a_mute(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.mutes))
        self.mutes.remove(number)
        now = self.night.clock.now()
        row = self.do(self.night.transact(lambda session: session.get(Mute, number)))
        if row is not None and row.lifted is None and row.end > now:
            self.do(self.night.unmute(number))

    @rule(subject=st.sampled_from(SUBJECTS), minutes=st.integers(0, 3))
    def an_attempt_passes(self, subject: str, minutes: int) -> None:
        self.night.recovering[subject] = self.night.clock.now() + minutes * MINUTE

    @rule()
    def the_keeper_dies(self) -> None:
        self.do(self.night.restart())

    @rule(away=st.sampled_from([1, 70, 1000, 4000]))
    def the_keeper_is_away(self, away: int) -> None:
        async def away_and_back() -> None:
            self.night.clock.push(away * SECOND)
            await self.night.restart()
            await self.night.tick()

        self.do(away_and_back())

    @rule(seconds=st.sampled_from([1, 1, 3, 11, 61, 125, 300, 31 * 60]))
    def time_passes(self, seconds: int) -> None:
        self.do(self.night.pass_time(seconds * SECOND))

    @rule()
    def the_clock_beats(self) -> None:
        self.do(self.night.tick())

    @invariant()
    def no_rule_is_broken(self) -> None:
        wrong = [line for name in CHANNELS for line in self.night.providers[name].wrong]  # type: ignore[attr-defined]
        assert wrong + self.night.broken_rules + self.do(self.night.check()) == []


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("half", [1, 2])  # two, so that both cores of a small machine have one
def test_the_rules_of_delivery_hold_whatever_happens(half: int) -> None:
    run(Nights, "300x50", share=2)
