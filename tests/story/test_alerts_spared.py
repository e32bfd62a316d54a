"""What a mute holds that had begun before it, and what it must not silence with it."""

from alerts.book import Book
from alerts.message import Purpose
from alerts.people import Person
from alerts.policy import Level, PolicySpec
from alerts.tables import Mute
from probes.words.section import Section
from probes.words.units import MINUTE
from tests.story.night import MINUTES, Night
from tests.story.test_alerts_held import BLAMED, PROVIDER

TWO = {"ana": Person("ana", "Ana", phone=("ntfy:${secret:ANA}", "pushover:${secret:CALL}"), after=(0, 2 * MINUTE))}
ONE_LEVEL = PolicySpec(levels=(Level(notify=("ana",)),), repeat=2, every=60 * MINUTES)


def evening() -> Night:
    """A night on which Ana's second phone rings two minutes after her first."""
    night = Night(ONE_LEVEL)
    channels = {name: Section() for name in night.providers}
    night.book = Book(people=TWO, policies={"usual": ONE_LEVEL}, channels=channels)
    return night


async def test_a_phone_that_was_to_ring_later_is_held_by_a_mute_that_began_after_its_level() -> None:
    night = evening()
    incident = await night.fails()
    await night.pass_time("1m")
    number = await night.mute("10m")
    await night.pass_time("9m59s")
    assert (night.ntfy.pages, night.pushover.pages) == (["ana"], [])
    assert (await night.kinds(incident)).count("held") == 1
    assert (await night.transact(lambda session: session.get_one(Mute, number))).held == 1
    await night.pass_time("1s")
    assert night.pushover.pages == ["ana"]
    assert night.broken_rules == []


async def test_it_rings_at_once_when_the_mute_is_lifted_and_never_when_it_is_over_by_then() -> None:
    night = evening()
    await night.fails()
    number = await night.mute("1h")
    await night.pass_time("20m")
    assert night.pushover.pages == []
    await night.unmute(number)
    assert night.pushover.pages == ["ana"]
    await night.passes()
    await night.fails()
    await night.mute("1h")
    await night.pass_time("20m")
    await night.passes()
    await night.pass_time("2h")
    assert night.pushover.pages == ["ana"]
    assert night.broken_rules == []


async def test_one_that_could_not_leave_before_the_mute_waits_for_its_end() -> None:
    night = evening()
    night.ntfy.faults = ["5xx"] * 100
    night.pushover.faults = ["5xx"] * 100
    await night.fails()
    await night.pass_time("30s")
    await night.mute("10m")
    night.ntfy.faults.clear()
    night.pushover.faults.clear()
    await night.pass_time("9m29s")
    assert night.ntfy.pages + night.pushover.pages == []
    await night.pass_time("2m")
    assert "ana" in night.ntfy.pages + night.pushover.pages
    assert night.broken_rules == []


async def test_of_a_storm_only_what_is_muted_waits() -> None:
    night = Night(ONE_LEVEL)
    for number in range(4):
        await night.fails(subject=f"w{number}/production", title=f"W{number}")
    await night.mute("10m", subject="w2")
    await night.mute("10m", subject="w3")
    await night.pass_time("11s")
    assert [message.incident.title for message in night.ntfy.of(Purpose.PAGE) if message.incident] == ["W0", "W1"]
    await night.pass_time("10m")
    last = night.ntfy.of(Purpose.PAGE)[-1]
    assert last.incident is not None
    assert last.incident.members == ("W2", "W3"), "those that waited leave as one"
    assert night.broken_rules == []


async def test_a_mute_of_the_incident_that_speaks_lets_the_merged_one_page_a_period_later() -> None:
    night = Night(ONE_LEVEL)
    other = await night.fails(subject="billing/production", title="Billing")
    merged = await night.fails(labels=(("period", str(MINUTE)),))
    await night.merge(merged, other)
    await night.pass_time("1m")
    before = len(night.ntfy.pages)
    await night.mute("5h", subject="billing")
    await night.tick()
    await night.pass_time("59s")
    assert len(night.ntfy.pages) == before
    await night.pass_time("12s")
    assert (await night.incident(merged)).paging
    assert len(night.ntfy.pages) == before + 1
    assert night.broken_rules == []


async def test_while_somebody_is_on_the_one_that_speaks_its_mute_changes_nothing() -> None:
    night = Night(ONE_LEVEL)
    other = await night.fails(subject="billing/production", title="Billing")
    merged = await night.fails(labels=(("period", str(MINUTE)),))
    await night.merge(merged, other)
    await night.react(other)
    await night.mute("5h", subject="billing")
    await night.pass_time("20m")
    assert not (await night.incident(merged)).paging
    await night.pass_time("12m")
    assert (await night.incident(merged)).paging, "the answer ran out, and the mute holds what would follow"
    assert night.broken_rules == []


async def test_a_provider_that_is_muted_speaks_for_nobody_from_then_on() -> None:
    night = Night(ONE_LEVEL)
    await night.fails("canary", **PROVIDER)
    early = await night.fails(**BLAMED)
    await night.mute("5h", subject="provider:openai")
    late = await night.fails(subject="billing/production", **BLAMED)
    assert (await night.incident(late)).paging
    await night.pass_time("5m10s")
    assert (await night.incident(early)).paging
    assert night.broken_rules == []
