"""What holds pages back, or leaves them to others, and how it lets go."""

import pytest

from alerts.message import Purpose
from alerts.policy import Level, PolicySpec
from alerts.signal import Condition, Severity
from probes.words.units import MINUTE, SECOND
from tests.story.night import MINUTES, START, Night

PROVIDER = {"subject": "provider:openai", "title": "OpenAI", "failure": "provider_down", "blame": "provider"}
BLAMED = {
    "failure": "provider_down",
    "blame": "provider",
    "suspected": False,
    "labels": (("provider", "openai"), ("period", str(5 * MINUTE))),
}


@pytest.fixture
def night() -> Night:
    return Night()


async def test_a_mute_in_mid_climb_holds_one_level_and_the_others_keep_their_distance(night: Night) -> None:
    await night.fails()
    await night.pass_time("4m")
    await night.mute("1h")
    await night.pass_time("59m59s")
    assert night.ntfy.pages == ["ana"]
    await night.pass_time("1s")
    assert night.ntfy.pages == ["ana", "bo"]
    assert night.pagerduty.pages == []
    await night.pass_time("10m")
    assert len(night.pagerduty.pages) == 1
    assert night.broken_rules == []


async def test_a_mute_that_is_lifted_lets_go_at_once(night: Night) -> None:
    number = await night.mute("1h")
    incident = await night.fails()
    await night.pass_time("10m")
    await night.unmute(number)
    assert night.ntfy.pages == ["ana"]
    assert "released" in await night.kinds(incident)
    await night.pass_time("5m")
    assert night.ntfy.pages == ["ana", "bo"]
    assert night.broken_rules == []


async def test_a_mute_after_a_mute_goes_on_holding(night: Night) -> None:
    await night.mute("10m")
    await night.fails()
    await night.pass_time("5m")
    await night.mute("10m")
    await night.pass_time("9m")
    assert night.ntfy.pages == []
    await night.pass_time("1m")
    assert night.ntfy.pages == ["ana"]
    assert night.broken_rules == []


async def test_nobody_reached_is_held_too(night: Night) -> None:
    await night.fails()
    await night.pass_time("70m")
    count = len(night.ntfy.pages)
    await night.mute("1h")
    await night.pass_time("59m")
    assert len(night.ntfy.pages) == count
    await night.pass_time("2m")
    assert len(night.ntfy.pages) > count
    assert night.broken_rules == []


async def test_what_a_mute_held_back_to_the_end_is_written_down(night: Night) -> None:
    await night.mute("1h")
    incident = await night.fails()
    await night.passes()
    seen = await night.incident(incident)
    assert seen.held_back
    assert (await night.kinds(incident))[-2:] == ["held back", "resolved"]


async def test_an_answer_holds_whatever_a_mute_does(night: Night) -> None:
    incident = await night.fails()
    await night.react(incident)
    await night.mute("1h")
    await night.pass_time("59m59s")
    assert night.ntfy.pages == ["ana"]
    await night.pass_time("1s")
    assert night.ntfy.pages == ["ana", "ana"]
    assert night.broken_rules == []


async def test_a_mute_of_everything_does_not_mute_showups_own_troubles(night: Night) -> None:
    await night.mute("1h", subject="")
    await night.fails()
    assert night.ntfy.pages == []
    await night.fails(subject="monitor")
    assert night.ntfy.pages == ["ana"]


async def test_a_muted_warning_is_posted_when_the_mute_ends(night: Night) -> None:
    await night.mute("10m")
    await night.fails(severity=Severity.WARNING)
    await night.pass_time("9m")
    assert night.slack.sent == []
    await night.pass_time("2m")
    assert len(night.slack.of(Purpose.WARNING)) == 1


async def test_maintenance_from_two_to_three_pages_at_three_sharp(night: Night) -> None:
    """Began at 01:57, confirmed at 02:02 in maintenance: paged at 03:00:00."""
    night.clock.push(5 * MINUTE)
    await night.mute("58m")
    incident = await night.fails(since=night.clock.now() - 5 * MINUTE)
    await night.pass_time("1h")
    seen = await night.incident(incident)
    assert (seen.began, seen.opened) == (START, START + 5 * MINUTE)
    assert seen.paged_at == START + 63 * MINUTE


async def test_a_member_is_left_to_its_providers_incident(night: Night) -> None:
    await night.fails("canary", **PROVIDER)
    incident = await night.fails(**BLAMED)
    await night.pass_time("4m")
    assert night.ntfy.pages == ["ana"], "for the provider alone"
    assert "folded" in await night.kinds(incident)
    await night.passes(**BLAMED)
    assert (await night.incident(incident)).resolved_at is not None
    assert night.broken_rules == []


async def test_when_the_provider_is_well_again_what_still_fails_pages_a_period_later(night: Night) -> None:
    await night.fails("canary", **PROVIDER)
    incident = await night.fails(**BLAMED)
    await night.pass_time("1m")
    await night.passes("canary", subject="provider:openai")
    await night.pass_time("4m59s")
    assert not (await night.incident(incident)).paging
    await night.pass_time("1s")
    assert (await night.incident(incident)).paging
    assert night.ntfy.pages == ["ana", "ana"]
    assert night.broken_rules == []


async def test_a_suspicion_is_no_witness(night: Night) -> None:
    await night.fails("canary", **PROVIDER)
    incident = await night.fails(**{**BLAMED, "suspected": True})
    assert (await night.incident(incident)).paging


async def test_a_provider_whose_pages_are_held_speaks_for_nobody(night: Night) -> None:
    await night.mute("1h", subject="provider:openai")
    await night.fails("canary", **PROVIDER)
    incident = await night.fails(**BLAMED)
    assert (await night.incident(incident)).paging


async def test_a_provider_that_is_muted_later_lets_its_members_go(night: Night) -> None:
    await night.fails("canary", **PROVIDER)
    incident = await night.fails(**BLAMED)
    await night.mute("2h", subject="provider:openai")
    await night.pass_time("11m")
    assert (await night.incident(incident)).paging


async def test_an_incident_that_pages_already_keeps_its_members(night: Night) -> None:
    incident = await night.fails()
    await night.fails("canary", **PROVIDER)
    await night.signal(Condition.CHANGED, **BLAMED)
    assert (await night.incident(incident)).paging


async def test_a_member_with_another_policy_has_its_people_told_too() -> None:
    other = PolicySpec(levels=(Level(notify=("cy",)),))
    night = Night(PolicySpec(levels=(Level(notify=("ana",)), Level(at=5 * MINUTES, notify=("bo",)))), other=other)
    await night.fails()
    await night.fails("billing", policy="other")
    await night.pass_time("11s")
    assert sorted(night.ntfy.pages) == ["ana", "ana", "cy"]
    await night.pass_time("5m")
    assert night.ntfy.pages.count("bo") == 1
    assert night.broken_rules == []


async def test_flapping_never_holds_back_a_level(night: Night) -> None:
    for _ in range(2):
        await night.fails()
        await night.passes()
        await night.pass_time("1m")
    incident = await night.fails()
    before = len(night.ntfy.pages)
    await night.passes()
    assert (await night.incident(incident)).settle_at is not None
    await night.pass_time("5m")
    assert night.ntfy.pages[before:] == ["bo"]
    await night.pass_time("6m")
    assert (await night.incident(incident)).resolved_at is not None
    assert night.broken_rules == []


async def test_a_person_may_resolve_what_is_only_settling(night: Night) -> None:
    for _ in range(3):
        incident = await night.fails()
        await night.passes()
    assert (await night.react(incident, "resolve", by="Ana")).text == "Intake agent: resolved."
    assert (await night.incident(incident)).resolved_by == "Ana"


async def test_a_probe_that_went_away_closes_its_share_visibly(night: Night) -> None:
    incident = await night.fails()
    await night.signal(Condition.GONE, sentence="it was taken out of the configuration")
    assert "gone" in await night.kinds(incident)
    assert (await night.incident(incident)).resolved_at is not None


async def test_who_is_on_call_is_found_when_a_level_starts() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("cy",)), Level(at=5 * MINUTES, notify=("on-call:front",)))))
    await night.fails()
    now = night.clock.now()
    await night.transact(
        lambda session: night.desk.override(
            session, "front", "bo", start=now, end=now + 60 * MINUTE, author="Ana", reason="dentist", now=now
        )
    )
    await night.pass_time("5m")
    assert night.ntfy.pages == ["cy", "bo"]


async def test_a_gap_goes_to_the_fallback_and_says_so() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("on-call:gone",)),), fallback="cy"))
    incident = await night.fails()
    assert night.ntfy.pages == ["cy"]
    assert {"unreachable", "fallback"} <= set(await night.kinds(incident))


async def test_a_policy_that_reaches_nobody_goes_on_saying_so() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("dee",)), Level(at=5 * MINUTES, notify=("eve",))), repeat=1))
    incident = await night.fails()
    await night.pass_time("1h")
    kinds = await night.kinds(incident)
    assert kinds.count("empty") == 2
    assert kinds.count("nobody") == 4
    assert (await night.incident(incident)).due_at is not None


async def test_silence_is_said_once_and_its_end(night: Night) -> None:
    incident = await night.fails()
    for since in (START, START + SECOND, None, None):
        await night.transact(
            lambda session, since=since: night.desk.evidence(session, "intake/production", silent_since=since)
        )
    kinds = await night.kinds(incident)
    assert (kinds.count("silent"), kinds.count("seen")) == (1, 1)


async def test_a_message_to_several_is_resolved_when_all_of_them_are(night: Night) -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)),)))
    for number in range(4):
        await night.fails(subject=f"w{number}/production", title=f"W{number}")
    await night.pass_time("10s")
    first, group = night.pagerduty.of(Purpose.PAGE)
    for number in (1, 2):
        await night.passes(subject=f"w{number}/production")
    assert night.pagerduty.of(Purpose.RESOLVE) == []
    await night.passes(subject="w3/production")
    assert [message.key for message in night.pagerduty.of(Purpose.RESOLVE)] == [group.key]
    assert first.key != group.key
    assert night.broken_rules + await night.check() == []


async def test_a_message_to_several_that_fails_is_repeated_as_it_was(night: Night) -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)),)))
    for number in range(4):
        await night.fails(subject=f"w{number}/production", title=f"W{number}")
    night.pagerduty.faults = ["lost reply"]
    await night.pass_time("15s")
    _, first, again = night.pagerduty.sent
    assert (first.key, first.marker, again.repeat) == (again.key, again.marker, True)
    assert again.incident is not None
    assert again.incident.members == ("W1", "W2", "W3")


async def test_what_fails_meanwhile_does_not_make_a_lifted_mute_last_to_its_end(night: Night) -> None:
    number = await night.mute("20m")
    incident = await night.fails("home")
    await night.pass_time("1m")
    await night.fails("books")
    assert "released" not in await night.kinds(incident)
    await night.unmute(number)
    assert night.ntfy.pages == ["ana"]
    assert night.broken_rules == []
