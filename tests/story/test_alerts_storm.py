"""Hundreds of probes fail in a second, a provider is away for 38 minutes: few messages, the most urgent first, none
lost and none twice."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from sqlmodel import Session, select

from alerts import outbox
from alerts.message import Message, Purpose, Receipt
from alerts.oncall import Deliverable
from alerts.pace import RATES, Pace, Rate
from alerts.policy import Level, PolicySpec
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Notification
from probes.words.clock import moment
from probes.words.errors import DeliveryError
from probes.words.units import MINUTE, SECOND
from tests.story.night import MINUTES, Night

MANY = 200
OUTAGE = 38 * MINUTE
LADDER = PolicySpec(
    levels=(Level(notify=("slack", "ana", "pagerduty")), Level(at=2 * MINUTES, notify=("bo",))), fallback="cy"
)


async def tell(night: Night, condition: Condition, many: int = MANY) -> None:
    """As many workflows, all within a second."""
    start = night.clock.now()

    def receive(session: Session) -> None:
        for number in range(many):
            now = start + number * SECOND // many
            signal = Signal(
                subject=f"w{number}/production", member="home", condition=condition, at=now, since=now,
                severity=Severity.CRITICAL, policy="usual", title=f"Agent {number}", failure="timeout",
            )  # fmt: skip
            night.desk.receive(session, signal, now=now)

    await night.transact(receive)
    night.clock.push(SECOND)
    await night.deliver()


@pytest.mark.timeout(120)
async def test_a_storm_of_failures_is_two_pages_a_route_and_two_of_the_next_level() -> None:
    night = Night(LADDER)
    left: dict[str, list[int]] = defaultdict(list)

    def noting(name: str) -> None:
        send = night.providers[name].send

        async def noted(message: Message) -> Receipt:
            if message.purpose is Purpose.PAGE:
                left[f"{name} {message.target}"].append(night.clock.now())
            return await send(message)

        night.providers[name].send = noted  # type: ignore[method-assign]

    for name in night.providers:
        noting(name)
    await tell(night, Condition.FAILING)
    assert night.ntfy.pages == ["ana"]  # the first leaves at once
    await night.pass_time("15s")
    first, storm = night.ntfy.of(Purpose.PAGE)
    assert first.incident is not None
    assert storm.incident is not None
    assert "Agent 0" in first.incident.headline
    assert storm.incident.members[:2] == ("Agent 1", "Agent 2")
    assert storm.incident.members[-1] == f"and {MANY - 1 - 20} more"
    await night.pass_time("150s")
    assert night.ntfy.pages == ["ana", "ana", "bo", "bo"]  # the second level of all of them, which is two pages as well
    assert {route: len(times) for route, times in left.items()} == {
        "slack ": 2, "pagerduty service": 2, "ntfy ana/phone/0": 2, "ntfy bo/phone/0": 2,
    }  # fmt: skip
    assert night.broken_rules == []


@pytest.mark.timeout(120)
async def test_one_answer_is_for_the_whole_storm_and_its_end_is_one_message() -> None:
    night = Night(LADDER)
    await tell(night, Condition.FAILING)
    await night.pass_time("15s")
    for page in night.pagerduty.of(Purpose.PAGE):
        assert (await night.react(page.key, by="Bo", person="bo")).accepted
    await night.pass_time("10m")
    assert "bo" not in night.ntfy.pages  # nobody else is woken
    assert len(night.ntfy.of(Purpose.ACK)) == 2
    await tell(night, Condition.PASSING)
    await night.pass_time("1m")
    for name in ("ntfy", "pagerduty", "slack"):
        said = Counter(message.purpose for message in night.providers[name].accepted)
        assert (said[Purpose.PAGE], said[Purpose.ACK], said[Purpose.RESOLVE]) == (2, 2, 2), name
    assert sum(len(provider.accepted) for provider in night.providers.values()) < 30
    assert night.broken_rules == []


async def test_what_pagerduty_tells_of_a_storm_is_known_of_each_and_shown_once_a_route() -> None:
    night = Night(LADDER)
    many = 20
    await tell(night, Condition.FAILING, many)
    await night.pass_time("15s")
    group = night.pagerduty.of(Purpose.PAGE)[1].key
    shown = len(night.slack.of(Purpose.REFRESH))
    for action in ("reassign", "told", "told"):  # the last is known
        at = night.clock.now()
        answer = await night.react(group, action, by="Cy", via="pagerduty", at=at, round=1, service=True)
        assert answer.text.endswith(f"And {many - 2} more with it."), answer
    views = await night.transact(lambda session: night.desk.views(session, now=night.clock.now()))
    said = [[event.text for event in view.events if event.kind in ("assigned", "told")] for view in views]
    assert len(said) == many
    once = ["PagerDuty has it with Cy", f"PagerDuty told Cy at {moment(night.clock.now()):%H:%M} UTC"]
    assert said.count(once) == many - 1

    def refreshes(session: Session) -> int:
        wanted = (Notification.purpose == str(Purpose.REFRESH), Notification.key == _slack_key(session))
        return len(session.exec(select(Notification.id).where(*wanted)).all())

    assert await night.transact(refreshes) == 2, "one for each piece of news, not for each incident"
    assert len(night.slack.of(Purpose.REFRESH)) == shown + 2
    assert night.broken_rules == []


def _slack_key(session: Session) -> str:
    return next(
        row.key
        for row in session.exec(select(Notification).where(Notification.channel == "slack"))
        if row.key.endswith(".storm")
    )


async def test_one_of_a_storm_that_recovers_says_nothing_new_to_phones() -> None:
    night = Night(LADDER)
    await tell(night, Condition.FAILING, 4)
    await night.pass_time("15s")
    for page in night.pagerduty.of(Purpose.PAGE):
        await night.react(page.key, by="Bo", person="bo")
    await night.pass_time("5s")
    heard = len(night.ntfy.accepted)
    await night.passes("home", subject="w2/production")
    await night.passes("home", subject="w3/production")
    await night.pass_time("5s")
    assert len(night.ntfy.accepted) == heard
    await night.passes("home", subject="w1/production")
    await night.pass_time("5s")
    assert [message.purpose for message in night.ntfy.accepted[heard:]] == [Purpose.RESOLVE]


async def test_a_hundred_probes_of_one_workflow_are_a_few_lines_in_its_thread() -> None:
    night = Night()
    for number in range(100):
        await night.fails(f"p{number}")
    await night.pass_time("30s")
    assert night.ntfy.pages == ["ana"]
    notes = night.slack.of(Purpose.NOTE)
    assert len(notes) < 10
    assert any(line.startswith("and ") and line.endswith(" more") for note in notes for line in note.text.split("\n"))


# -- the queue drains in order ---------------------------------------------------------------------------------------


async def _broken(message: Message) -> Receipt:
    raise DeliveryError("it is away")


async def test_after_an_outage_the_most_urgent_leaves_first_and_nothing_twice() -> None:
    """First pages, then those of later levels, then who answered, what recovered, and the rest."""
    night = Night(PolicySpec(levels=(Level(notify=("slack",)), Level(at=5 * MINUTES, notify=("slack", "ana")))))
    answered = await night.fails(subject="answered/production")
    await night.fails(subject="recovered/production")
    await night.pass_time("20s")
    works, night.slack.send = night.slack.send, _broken  # type: ignore[method-assign]
    waiting = await night.fails(subject="waiting/production")
    await night.passes(subject="recovered/production")
    await night.react(answered)
    await night.pass_time("37m")
    fresh = await night.fails(subject="fresh/production")
    info = Deliverable(channel="slack", target="")
    await night.transact(
        lambda session: outbox.enqueue(session, None, [info], purpose=Purpose.INFO, now=night.clock.now())
    )
    await night.pass_time("50s")
    before = len(night.slack.accepted)
    night.slack.send = works  # type: ignore[method-assign]
    await night.pass_time("3m")
    left = night.slack.accepted[before + 1 :]  # the very first is whichever was tried next
    ranks = [_rank(message) for message in left]
    assert ranks == sorted(ranks)
    said = {(message.purpose, message.incident.public_id) for message in night.slack.accepted if message.incident}
    assert {(Purpose.PAGE, fresh), (Purpose.PAGE, waiting)} <= said
    markers = Counter(message.marker for message in night.slack.accepted)
    assert set(markers.values()) == {1}
    assert night.broken_rules == []


def _rank(message: Message) -> int:
    again = message.purpose is Purpose.PAGE and message.incident is not None and message.incident.level > 1
    return 1 if again else message.purpose.rank


@pytest.mark.parametrize(("fault", "after"), [("429", 1), ("5xx", 1), ("timeout", 1), ("hang", 10), ("permanent", 0)])
async def test_while_pagerduty_is_away_for_38_minutes_the_next_way_rings_and_then_all_is_made_good(
    fault: str, after: int
) -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)), Level(at=30 * MINUTES, notify=("bo",)))))
    pagerduty = night.pagerduty
    pagerduty.verified = False
    ends = night.clock.now() + OUTAGE
    works = pagerduty.send

    async def away(message: Message) -> Receipt:
        pagerduty.faults = [fault] if night.clock.now() < ends else []
        return await works(message)

    pagerduty.send = away  # type: ignore[method-assign]
    began = night.clock.now()
    await night.fails()
    while not night.ntfy.pages and night.clock.now() < began + MINUTE:
        await night.pass_time("500ms")
    assert night.ntfy.pages == ["bo"]
    assert (night.clock.now() - began) // SECOND in (after, after + 1, after + 2)
    night_over = [f"w{number}/production" for number in range(3)]
    for subject in night_over:
        await night.fails(subject=subject)
    await night.pass_time("39m")
    pagerduty.release()
    await night.pass_time("2m")
    assert night.broken_rules == []
    keys = {message.key for message in pagerduty.of(Purpose.PAGE)}
    open_now = [
        await night.view(message.incident.public_id) for message in pagerduty.of(Purpose.PAGE) if message.incident
    ]
    assert keys
    assert all(view.state == "triggered" for view in open_now)


# -- no faster than a provider takes them -----------------------------------------------------------------------------


async def test_a_channel_of_slack_takes_three_at_once_and_then_one_a_second() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("slack",)),)))
    way = Deliverable(channel="slack", target="ops")
    for number in range(8):
        now, text = night.clock.now(), f"handoff {number}"
        await night.transact(
            lambda session, now=now, text=text: outbox.enqueue(  # type: ignore[misc]
                session, None, [way], purpose=Purpose.INFO, now=now, text=text
            )
        )
    await night.deliver()
    assert len(night.slack.accepted) == 3
    await night.fails()
    assert night.slack.accepted[-1].purpose is Purpose.PAGE  # another channel of theirs is not held back
    await night.pass_time("3s")
    assert len(night.slack.accepted) == 3 + 1 + 3
    await night.pass_time("10s")
    assert len(night.slack.accepted) == 8 + 1


@pytest.mark.parametrize("rate", RATES.values())
def test_no_minute_has_more_than_a_rate_allows(rate: Rate) -> None:
    pace, now, left = Pace(rate), 0, []
    while now < 5 * MINUTE:
        if "x" not in pace.rests(now):
            pace.spend("x", now)
            left.append(now)
        now += SECOND // 20
    most = max(sum(at <= each < at + MINUTE for each in left) for at in left)
    assert most <= rate.burst + MINUTE // rate.every
    assert pace.rests(now + 10 * MINUTE) == {}
