"""Nights on call: who is told, when, and what stops it."""

import pytest

from alerts.message import Purpose
from alerts.policy import Level, PolicySpec
from alerts.signal import Severity
from probes.words.units import MINUTE
from tests.story.night import MINUTES, START, Night


@pytest.fixture
def night() -> Night:
    return Night()


async def test_a_failure_pages_the_first_level_at_once(night: Night) -> None:
    incident = await night.fails()
    assert night.ntfy.pages == ["ana"]
    assert len(night.slack.of(Purpose.PAGE)) == 1
    assert (await night.incident(incident)).paged_at == START


async def test_an_unanswered_page_reaches_the_second_person_then_pagerduty(night: Night) -> None:
    await night.fails()
    await night.pass_time("4m59s")
    assert night.ntfy.pages == ["ana"]
    await night.pass_time("1s")
    assert night.ntfy.pages == ["ana", "bo"]
    await night.pass_time("10m")
    assert len(night.pagerduty.pages) == 1
    assert night.broken_rules == []


async def test_after_the_last_round_nobody_was_reached_and_the_fallback_is_told_every_15_minutes(night: Night) -> None:
    incident = await night.fails()
    await night.pass_time("2h")
    assert (await night.incident(incident)).nobody
    assert night.ntfy.pages.count("cy") >= 3
    keys = [message.key for message in night.pagerduty.of(Purpose.PAGE)]
    assert len(keys) == len(set(keys)), "a key that was used wakes nobody again"


async def test_an_acknowledgement_stops_the_climb_and_expires(night: Night) -> None:
    incident = await night.fails()
    await night.pass_time("1m")
    assert (await night.react(incident)).accepted
    await night.pass_time("29m")
    assert night.ntfy.pages == ["ana"]
    await night.pass_time("2m")
    assert night.ntfy.pages == ["ana", "ana"]
    assert night.broken_rules == []


async def test_a_second_acknowledgement_and_a_late_one_are_answered_politely(night: Night) -> None:
    incident = await night.fails()
    await night.react(incident, by="Ana")
    assert "Ana is on it already" in (await night.react(incident, by="Bo")).text
    await night.passes()
    late = await night.react(incident)
    assert not late.accepted
    assert "already resolved" in late.text


async def test_a_new_failing_member_voids_the_acknowledgement(night: Night) -> None:
    incident = await night.fails()
    await night.react(incident)
    await night.fails("home")
    assert night.ntfy.pages == ["ana", "ana"]
    assert (await night.incident(incident)).round == 2


async def test_a_rise_in_severity_voids_the_acknowledgement(night: Night) -> None:
    incident = await night.fails(severity=Severity.ERROR)
    await night.react(incident)
    await night.fails(severity=Severity.CRITICAL)
    assert (await night.incident(incident)).state == "triggered"


async def test_recovery_resolves_what_was_told_and_withdraws_what_was_not(night: Night) -> None:
    await night.fails()
    await night.pass_time("16m")
    await night.passes()
    assert [message.key for message in night.pagerduty.of(Purpose.RESOLVE)] == [
        message.key for message in night.pagerduty.of(Purpose.PAGE)
    ]
    await night.pass_time("1h")
    assert len(night.pagerduty.of(Purpose.PAGE)) == 1


async def test_a_persons_resolve_while_it_fails_counts_as_an_acknowledgement(night: Night) -> None:
    incident = await night.fails()
    answer = await night.react(incident, "resolve")
    assert "counts as an acknowledgement" in answer.text
    assert (await night.incident(incident)).state == "acknowledged"


async def test_a_services_resolve_while_it_fails_begins_a_new_round(night: Night) -> None:
    incident = await night.fails()
    await night.react(incident, "resolve", by="PagerDuty", service=True)
    assert (await night.incident(incident)).round == 2
    assert night.ntfy.pages == ["ana", "ana"]


async def test_a_permanent_error_takes_the_persons_next_channel_at_once(night: Night) -> None:
    night.ntfy.faults = ["permanent"]
    await night.fails()
    assert night.pushover.pages == ["ana"]


async def test_two_transient_errors_start_the_next_channel_beside(night: Night) -> None:
    night.ntfy.faults = ["5xx"] * 50
    await night.fails()
    await night.pass_time("3s")
    assert night.pushover.pages == ["ana"]
    night.ntfy.faults = []
    await night.pass_time("1m")
    assert night.ntfy.pages == [], "she was reached: nothing rings a second time for the same level"


async def test_when_no_way_is_left_the_next_level_does_not_wait(night: Night) -> None:
    night.ntfy.faults, night.pushover.faults = ["permanent"], ["permanent"]
    await night.fails()
    await night.pass_time("2s")
    assert "bo" in night.ntfy.pages


async def test_an_unknown_outcome_is_sent_again_with_the_same_key_and_says_so(night: Night) -> None:
    night.ntfy.faults = ["lost reply"]
    await night.fails()
    await night.pass_time("3s")
    first, second = night.ntfy.sent
    assert (first.key, first.marker) == (second.key, second.marker)
    assert (first.repeat, second.repeat) == (False, True)


async def test_a_crash_while_sending_repeats_the_page_after_the_restart(night: Night) -> None:
    night.ntfy.faults = ["crash after"]
    await night.fails()
    assert night.ntfy.pages == ["ana", "ana"], "at once: nobody else can be sending it"
    first, second = night.ntfy.sent
    assert second.repeat
    assert (first.key, first.marker) == (second.key, second.marker)


async def test_a_page_held_by_a_mute_leaves_when_it_ends(night: Night) -> None:
    await night.mute("10m")
    incident = await night.fails()
    await night.pass_time("9m59s")
    assert night.ntfy.pages == []
    await night.pass_time("1s")
    assert night.ntfy.pages == ["ana"], "the held level is due now, and only that one"
    kinds = [event.kind for event in (await night.transact(lambda s: night.desk.find(s, incident, now=0))).events]
    assert "held" in kinds


async def test_an_outage_within_a_mute_is_listed_and_wakes_nobody(night: Night) -> None:
    await night.mute("10m")
    incident = await night.fails()
    await night.pass_time("2m")
    await night.passes()
    await night.pass_time("20m")
    assert night.ntfy.sent == []
    seen = await night.transact(lambda session: night.desk.find(session, incident, now=night.clock.now()))
    assert any(event.kind == "held" for event in seen.events)


async def test_a_level_that_reaches_nobody_says_so_and_the_next_starts_at_once() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("dee",)), Level(at=5 * MINUTES, notify=("bo",)))))
    incident = await night.fails()
    assert night.ntfy.pages == ["bo"]
    seen = await night.transact(lambda session: night.desk.find(session, incident, now=night.clock.now()))
    assert any(event.kind == "empty" for event in seen.events)


async def test_a_warning_is_posted_once_and_wakes_nobody(night: Night) -> None:
    await night.fails(severity=Severity.WARNING)
    await night.pass_time("1h")
    assert len(night.slack.of(Purpose.WARNING)) == 1
    assert night.ntfy.sent == []


async def test_a_warning_that_becomes_critical_pages(night: Night) -> None:
    await night.fails(severity=Severity.WARNING)
    await night.fails(severity=Severity.CRITICAL)
    assert night.ntfy.pages == ["ana"]


async def test_a_storm_is_two_pages_a_route(night: Night) -> None:
    for number in range(30):
        await night.fails(subject=f"w{number}/production", title=f"Workflow {number}")
    await night.pass_time("11s")
    assert len(night.ntfy.of(Purpose.PAGE)) == 2
    assert night.broken_rules == []
    grouped = night.ntfy.of(Purpose.PAGE)[1]
    await night.react(grouped.key)
    views = await night.transact(lambda session: night.desk.views(session, now=night.clock.now()))
    assert sum(view.state == "acknowledged" for view in views) == 29, "one answer to a grouped page answers them all"


async def test_flapping_keeps_one_incident_open(night: Night) -> None:
    for _ in range(4):
        incident = await night.fails()
        await night.pass_time("1m")
        await night.passes()
        await night.pass_time("1m")
    assert (await night.incident(incident)).resolved_at is None
    again = await night.fails()
    assert again == incident
    await night.passes()
    await night.pass_time("11m")
    assert (await night.incident(incident)).resolved_at is not None


async def test_an_accepted_page_that_became_no_incident_is_a_failed_channel(night: Night) -> None:
    night.pagerduty.verified, night.pagerduty.knows = False, lambda key: None
    await night.fails()
    await night.pass_time("15m")
    await night.pass_time("2m")
    await night.dispatcher.verify()
    await night.pass_time("5s")
    assert len(night.pagerduty.of(Purpose.PAGE)) >= 2


async def test_overdue_levels_start_once_each_and_in_order_after_a_restart(night: Night) -> None:
    for number in range(25):
        await night.fails(subject=f"w{number}/production", policy="usual")
    night.clock.push(20 * MINUTE)
    await night.restart()
    await night.tick()
    assert night.broken_rules == []
    steps = await night.transact(lambda s: [night.desk.steps(s, view.public_id) for view in night.desk.views(s, now=0)])
    assert all([step.level for step in each] == [1, 2, 3] for each in steps)
