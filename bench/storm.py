"""The alerting half at its worst: a thousand failures in a second, a hundred overdue levels, a Slack that is slow."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from sqlmodel import Session, select

from alerts.message import Purpose, Reaction
from alerts.signal import Condition, Severity, Signal
from alerts.tables import Incident, Notification, Step
from bench.alerting import Alerting
from bench.figure import Figure, Scale
from probes.words.units import MINUTE, SECOND

STORM = "{at: 0m, notify: [slack, ana, pagerduty]}, {at: 40s, notify: [bo]}"
LATER = "{at: 0m, notify: [ana]}, {at: 5m, notify: [bo]}"
BOTH = "{at: 0m, notify: [slack, pagerduty]}"
TOGETHER = 10 * SECOND
OVERDUE = 100


def storm(scale: Scale) -> Iterator[Figure]:
    """A thousand workflows fail within a second; somebody answers; all recover."""
    logging.getLogger("showup").setLevel(logging.ERROR)
    yield from asyncio.run(_storm(scale.some(1_000, 200)))


def overdue(scale: Scale) -> Iterator[Figure]:
    """A hundred levels are overdue when the keeper comes up again."""
    logging.getLogger("showup").setLevel(logging.ERROR)
    yield from asyncio.run(_overdue())


def slack_slow(scale: Scale) -> Iterator[Figure]:
    """When PagerDuty has a page, with Slack as usual and with Slack a minute late."""
    logging.getLogger("showup").setLevel(logging.ERROR)
    yield from asyncio.run(_slack_slow(scale.some(5, 2)))


async def _storm(many: int) -> list[Figure]:
    places = [(f"w{number}", "home") for number in range(many)]
    async with Alerting(STORM) as stage:
        stage.slack.limit_messages, stage.pagerduty.limit_per_minute = True, 120
        stage.run()
        began = stage.clock.now()
        stage.tell(Condition.FAILING, places)
        first = await stage.until(lambda: len(stage.phone.messages) > 0, within=60)
        told = first + await stage.until(lambda: stage.teller.waiting == 0, within=300)
        await asyncio.sleep(70)  # the second level of all of them, grouped, too
        rows = await stage.store.read(_pages)
        acks = await _answer(stage)
        stage.tell(Condition.PASSING, places)
        await stage.until(lambda: stage.teller.waiting == 0, within=300)
        await asyncio.sleep(12)
        after = await stage.store.read(_messages)
        left = await stage.store.read(lambda session: len(stage.desk.undelivered(session)))
        broken = await stage.store.read(
            lambda session: stage.desk.broken(session, now=stage.clock.now(), started=began)
        )
        for line in broken[:5]:
            print(line)
        messages = Counter(purpose for purpose, _ in after)
        refused = sum(server.faults.met["rate-limited"] for server in (stage.slack, stage.pagerduty))
    return [
        Figure("storm: failures", many),
        Figure("storm: first page after", first, "s", most=2),
        Figure("storm: all told to alerts after", told, "s"),
        Figure("storm: pages a route in 10 s", _most(rows), most=2),
        Figure("storm: incidents that were paged", len({row.incident for row in rows}), least=many),
        Figure("storm: of them at the second level", len({row.incident for row in rows if row.level == 2}), least=many),
        Figure("storm: messages of all pages", len({(row.key, row.channel, row.target) for row in rows})),
        Figure("storm: slowest answer to a group", max(acks), "s", most=5),
        Figure("storm: recoveries sent", messages[Purpose.RESOLVE], most=len({r.key for r in rows}) * 4),
        Figure("storm: messages never delivered", left, most=0),
        Figure("storm: refused for their number", refused, most=0),
        Figure("storm: longest scan of what is due", stage.slowest, "s"),
        Figure("storm: rules broken", len(broken), most=0),
    ]


async def _answer(stage: Alerting) -> list[float]:
    """Acknowledge every message at PagerDuty; the seconds that each took."""
    lengths = []
    for incident in stage.pagerduty.incidents:
        began = stage.clock.mono()
        await stage.dispatcher.react(Reaction(action="ack", incident=incident.key, by="Bo", via="bench", person="bo"))
        lengths.append(stage.clock.mono() - began)
    return lengths


def _pages(session: Session) -> Sequence[Notification]:
    query = select(Notification).where(Notification.purpose == str(Purpose.PAGE), Notification.state == "delivered")
    return session.exec(query.order_by(Notification.id)).all()  # type: ignore[arg-type]


def _messages(session: Session) -> set[tuple[str, tuple[str, str, str]]]:
    """What was delivered: (purpose, route and key), each once."""
    query = select(Notification).where(Notification.state == "delivered")
    return {(row.purpose, (row.channel, row.target, row.key)) for row in session.exec(query).all()}


def _most(rows: Sequence[Notification]) -> int:
    """The most pages of one route within ten seconds; what left together is one."""
    left: dict[tuple[str, str], set[int]] = defaultdict(set)
    for row in rows:
        left[row.channel, row.target].add(row.delivered_at or 0)
    return max(sum(at <= other < at + TOGETHER for other in times) for times in left.values() for at in times)


async def _overdue() -> list[Figure]:
    async with Alerting(LATER) as stage:
        ago = stage.clock.now() - 20 * MINUTE

        def open_all(session: Session) -> None:
            for number in range(OVERDUE):
                now = ago + number * SECOND // 10
                signal = Signal(
                    subject=f"w{number}/production", member="home", condition=Condition.FAILING, at=now, since=now,
                    severity=Severity.CRITICAL, policy="wake-us", title=f"Workflow {number}", failure="timeout",
                )  # fmt: skip
                stage.desk.receive(session, signal, now=now)

        await stage.store.write(open_all)
        stage.rise()  # the process that opened them is gone
        started = stage.clock.now()
        stage.run()
        done = await _wait_for_levels(stage)
        steps, broken = await stage.store.read(
            lambda session: (
                session.exec(select(Step, Incident.opened).where(Step.incident == Incident.id, Step.level == 2)).all(),
                stage.desk.broken(session, now=stage.clock.now(), started=started),
            )
        )
        pages = await stage.until(lambda: any("bo" in message.topic for message in stage.phone.messages), within=20)
    order = [opened for step, opened in sorted(steps, key=lambda each: each[0].id or 0)]
    first_round = [step for step, _ in steps if step.round == 1]
    return [
        Figure("restart: overdue levels started once", len(first_round), least=OVERDUE, most=OVERDUE),
        Figure("restart: in order", float(order == sorted(order)), least=1),
        Figure("restart: the last one after", done, "s", most=2),
        Figure("restart: the first page of them", done + pages, "s"),
        Figure("restart: rules broken", len(broken), most=0),
    ]


async def _wait_for_levels(stage: Alerting) -> float:
    """Seconds until every second level has started, by what was committed."""
    began = stage.clock.now()
    for _ in range(500):
        found = await stage.store.read(lambda session: session.exec(select(Step.started).where(Step.level == 2)).all())
        if len(found) >= OVERDUE:
            return (stage.clock.now() - began) / SECOND
        await asyncio.sleep(0.02)
    return float("inf")


async def _slack_slow(rounds: int) -> list[Figure]:
    usual = [await _until_pagerduty(slow=False) for _ in range(rounds)]
    slow = [await _until_pagerduty(slow=True) for _ in range(rounds)]
    later = sorted(slow)[rounds // 2] - sorted(usual)[rounds // 2]
    return [
        Figure("PagerDuty has it, Slack as usual", sorted(usual)[rounds // 2], "s"),
        Figure("PagerDuty has it, Slack 60 s late", sorted(slow)[rounds // 2], "s"),
        Figure("a slow Slack delays PagerDuty by", later, "s", most=0.1),
    ]


async def _until_pagerduty(*, slow: bool) -> float:
    async with Alerting(BOTH) as stage:
        if slow:
            stage.slack.faults.set("slow", seconds=60)
        stage.run()
        await asyncio.sleep(0.3)
        stage.tell(Condition.FAILING, [("w", "home")])
        return await stage.until(lambda: bool(stage.pagerduty.incidents), within=20)
