"""A provider is away for 38 minutes, as providers are: meanwhile others tell, afterwards nothing is missing and
nothing came twice."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlmodel import Session, select

from alerts.message import Message, Purpose, Receipt
from alerts.policy import Level, PolicySpec
from alerts.routes import EDITS
from alerts.tables import Incident, Notification
from probes.words.errors import DeliveryError
from probes.words.units import MINUTE
from tests.story.night import MINUTES, Night

OUTAGE = 38 * MINUTE
LADDER = PolicySpec(
    levels=(Level(notify=("slack", "ana", "pagerduty")), Level(at=10 * MINUTES, notify=("bo",))), fallback="cy"
)
# What real channels make of each: a refusal, an answer that says nothing, no answer, no connection.
SHAPES = {
    "429": DeliveryError("too many messages", retry_after=3),
    "5xx": DeliveryError("HTTP 503", unknown=True),
    "hang": None,
    "no connection": DeliveryError("cannot be reached (ConnectError)"),
}
PAIRS = [
    ("slack", "429"), ("slack", "hang"), ("slack", "no connection"), ("pagerduty", "no connection"),
    ("ntfy", "429"), ("ntfy", "5xx"), ("ntfy", "hang"), ("ntfy", "no connection"),
]  # fmt: skip


class Outage:
    """One provider of a night is away from now on, for 38 minutes."""

    def __init__(self, night: Night, name: str, shape: str) -> None:
        self.night, self.name, self.shape = night, name, shape
        self.provider = night.providers[name]
        self.ends = night.clock.now() + OUTAGE
        self._works = self.provider.send
        self.provider.send = self._send  # type: ignore[method-assign]

    async def _send(self, message: Message) -> Receipt:
        if self.night.clock.now() >= self.ends:
            return await self._works(message)
        error = SHAPES[self.shape]
        if error is not None:
            raise error
        self.provider.faults = [self.shape]
        return await self._works(message)

    async def lasts(self) -> None:
        """To its end, and the minutes in which all is made good."""
        await self.night.pass_time(self.ends - self.night.clock.now())
        self.provider.release()
        self.provider.faults = []
        await self.night.pass_time("3m")


def unsaid(session: Session) -> list[str]:
    """The lanes of incidents that are open still on which nobody was told in the present round."""
    reached: dict[tuple[str, int, str], bool] = {}
    query = select(Notification, Incident).where(Notification.incident == Incident.id)
    for row, incident in session.exec(query).all():
        needed = incident.resolved_at is None and row.round == incident.round  # a new round tells them all again
        if row.purpose == Purpose.PAGE and needed:
            lane = incident.subject, row.level, row.lane
            reached[lane] = reached.get(lane, False) or row.state == "delivered"
    return [str(lane) for lane, told in reached.items() if not told]


async def waiting(night: Night) -> list[str]:
    """What has not left yet."""

    def look(session: Session) -> list[str]:
        rows = session.exec(select(Notification)).all()
        now = night.clock.now()
        late = [row for row in rows if row.state in ("pending", "sending") and row.due_at <= now]
        return [f"{row.purpose} by {row.channel}: {row.error}" for row in late]

    return await night.transact(look)


def told(night: Night, subject: str, purpose: Purpose = Purpose.PAGE, *, but: str = "") -> list[str]:
    """The channels by which a message about a subject arrived."""
    return [
        name
        for name, provider in night.providers.items()
        for message in provider.of(purpose)
        if name != but and message.incident is not None and message.incident.subject == subject
    ]


@pytest.mark.parametrize(("name", "shape"), PAIRS)
async def test_38_minutes_without_a_provider_lose_nothing_and_double_nothing(name: str, shape: str) -> None:
    night = Night(LADDER)
    await night.fails(subject="before/production")
    await night.pass_time("1m")
    outage = Outage(night, name, shape)

    await night.fails(subject="meanwhile/production")
    await night.pass_time("15s")
    assert told(night, "meanwhile/production", but=name), "somebody is told by another way within 15 s"
    await night.fails(subject="gone/production")
    await night.pass_time("15m")
    await night.passes(subject="gone/production")
    await night.passes(subject="before/production")

    await outage.lasts()
    assert await night.transact(unsaid) == []
    assert await waiting(night) == []
    assert max(Counter(message.marker for message in night.providers[name].accepted).values()) == 1
    if name not in EDITS:  # nobody is woken for what was over before it could be said
        assert name not in told(night, "gone/production")
    assert name in told(night, "before/production", Purpose.RESOLVE)
    assert night.broken_rules == []
