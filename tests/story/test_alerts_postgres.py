"""The same nights on a real PostgreSQL: what the two databases do differently must not show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import Session, create_engine, select

from alerts.message import Purpose
from alerts.outbox import claim
from alerts.signal import Severity
from alerts.tables import Incident, Row
from tests.store.postgres import postgres
from tests.story.night import Night

pytestmark = pytest.mark.xdist_group("postgres")


@pytest.fixture(scope="module")
def server() -> Iterator[Engine]:
    with postgres() as url:
        engine = create_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def engine(server: Engine) -> Engine:
    Row.metadata.drop_all(server)
    Row.metadata.create_all(server)
    return server


class There(Night):
    """A night whose rules are asked each time: PostgreSQL does not count changes as SQLite does."""

    async def check(self) -> list[str]:
        from alerts import rules

        now = self.clock.now()
        return await self.transact(lambda session: rules.broken(session, now, self.book, started=self.started))


async def test_a_whole_night(engine: Engine) -> None:
    night = There(engine=engine)
    night.ntfy.faults = ["lost reply", "5xx", "permanent"]
    incident = await night.fails()
    await night.fails("slow", severity=Severity.WARNING)
    await night.pass_time("6m")
    await night.react(incident, by="Bo", person="bo")
    await night.restart()
    await night.pass_time("31m")
    await night.mute("10m")
    await night.pass_time("20m")
    for number in range(4):
        await night.fails(subject=f"w{number}/production", title=f"W{number}")
    await night.pass_time("15s")
    await night.passes()
    await night.passes("slow")
    await night.pass_time("1m")
    assert (await night.incident(incident)).resolved_by == "recovery"
    assert len(night.slack.of(Purpose.RESOLVE)) == 1
    assert night.broken_rules == []


def test_one_open_incident_a_subject_is_kept_by_the_database(engine: Engine) -> None:
    def opened(public_id: str) -> Incident:
        return Incident(public_id=public_id, subject="s", title="S", severity="critical", policy="p", began=1, opened=1)

    with Session(engine) as session:
        session.add(opened("A"))
        session.commit()
        session.add(opened("B"))
        with pytest.raises(IntegrityError):
            session.commit()


async def test_of_two_keepers_one_claims_and_a_stale_change_is_refused(engine: Engine) -> None:
    night = There(engine=engine)
    night.slack.faults = ["429"]
    await night.fails()
    night.clock.push(10_000_000)

    def take() -> bool:
        with Session(engine) as session:
            found = claim(session, "slack", now=night.clock.now())
            session.commit()
            return found is not None

    assert sorted(await asyncio.gather(asyncio.to_thread(take), asyncio.to_thread(take))) == [False, True]
    with Session(engine) as one, Session(engine) as other:
        first, second = (session.exec(select(Incident)).one() for session in (one, other))
        first.state = "acknowledged"
        one.commit()
        second.level = 9
        with pytest.raises(StaleDataError):
            other.commit()
