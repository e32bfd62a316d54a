"""Who answers, when it counts, and what undoes it."""

import asyncio
import re
from typing import Any

import pytest

from alerts.channels.kit import OpenPage
from alerts.message import Purpose, React, Reaction
from alerts.policy import Level, PolicySpec
from alerts.signal import Severity
from probes.words.clock import moment
from probes.words.units import MINUTE, SECOND
from tests.story.night import MINUTES, START, Night, Provider


@pytest.fixture
def night() -> Night:
    return Night()


async def test_a_snooze_holds_for_half_an_hour(night: Night) -> None:
    incident = await night.fails()
    answer = await night.react(incident, "snooze")
    assert answer.text == "Intake agent: snoozed by Ana for 30m."
    await night.pass_time("29m")
    assert night.ntfy.pages == ["ana"]
    await night.pass_time("1m")
    assert night.ntfy.pages == ["ana", "ana"]


@pytest.mark.parametrize(("until", "said"), [("08:00", r"for \d+h(\d+m)?\."), ("no time", r"for 30m\.")])
async def test_a_snooze_lasts_until_a_time_of_day(night: Night, until: str, said: str) -> None:
    incident = await night.fails()
    answer = await night.react(incident, "snooze", said={"until": until})
    assert re.search(said, answer.text), answer.text
    expires = (await night.incident(incident)).ack_expires or 0
    if until == "08:00":
        assert moment(expires).strftime("%H:%M:%S") == "08:00:00"
        assert START < expires <= START + 24 * 60 * MINUTE


async def test_an_answer_given_again_lasts_longer_and_one_read_again_does_not(night: Night) -> None:
    incident = await night.fails()
    first = night.clock.now()
    await night.react(incident, at=first)
    await night.pass_time("10m")
    await night.react(incident, at=first)
    assert (await night.incident(incident)).ack_expires == first + 30 * MINUTE
    await night.react(incident, at=night.clock.now(), by="Bo")
    assert (await night.incident(incident)).ack_expires == first + 40 * MINUTE
    assert (await night.incident(incident)).acked_by == "Ana"


async def test_an_old_answer_of_an_earlier_round_is_not_taken_for_a_new_one(night: Night) -> None:
    incident = await night.fails()
    answered = night.clock.now() + SECOND
    await night.pass_time("2s")
    await night.react(incident, at=answered, via="pagerduty", round=1)
    await night.pass_time("10m")
    await night.fails("home")
    late = await night.react(incident, at=answered, via="pagerduty", round=1)
    assert not late.accepted
    assert "earlier round" in late.text
    assert (await night.incident(incident)).state == "triggered"
    old = await night.react(incident, at=answered - 40 * MINUTE)
    assert "too old" in old.text


async def test_only_a_person_can_acknowledge(night: Night) -> None:
    incident = await night.fails()
    assert not (await night.react(incident, by="automation", service=True)).accepted
    assert (await night.incident(incident)).state == "triggered"


async def test_pagerduty_closing_an_acknowledged_incident_wakes_nobody_before_the_answer_expires(night: Night) -> None:
    incident = await night.fails()
    await night.react(incident)
    await night.react(incident, "resolve", by="PagerDuty", service=True, round=1)
    assert (await night.incident(incident)).round == 1
    await night.pass_time("31m")
    assert (await night.incident(incident)).round == 2


async def test_a_service_that_closes_an_earlier_round_changes_nothing(night: Night) -> None:
    incident = await night.fails()
    await night.react(incident)
    await night.pass_time("31m")
    await night.react(incident, "resolve", by="PagerDuty", service=True, round=1)
    assert (await night.incident(incident)).round == 2


async def test_recovery_that_is_near_when_the_answer_expires_is_awaited_once(night: Night) -> None:
    incident = await night.fails()
    await night.react(incident)
    night.recovering["intake/production"] = START + 35 * MINUTE
    await night.pass_time("34m")
    assert night.ntfy.pages == ["ana"]
    night.recovering["intake/production"] = START + 90 * MINUTE
    await night.pass_time("2m")
    assert night.ntfy.pages == ["ana", "ana"], "one wait only"
    assert "awaited" in await night.kinds(incident)


async def test_recovery_while_it_is_awaited_wakes_nobody(night: Night) -> None:
    incident = await night.fails()
    await night.react(incident)
    night.recovering["intake/production"] = START + 35 * MINUTE
    await night.pass_time("32m")
    await night.passes()
    await night.pass_time("1h")
    assert night.ntfy.pages == ["ana"]
    assert (await night.incident(incident)).resolved_by == "recovery"


async def test_a_member_that_was_failing_when_somebody_answered_may_fail_again(night: Night) -> None:
    incident = await night.fails()
    await night.fails("home")
    await night.react(incident)
    await night.passes("home")
    await night.fails("home")
    assert (await night.incident(incident)).state == "acknowledged"


async def test_a_new_warning_does_not_undo_an_answer(night: Night) -> None:
    incident = await night.fails()
    await night.react(incident)
    await night.fails("slow", severity=Severity.WARNING)
    assert (await night.incident(incident)).state == "acknowledged"
    assert night.slack.of(Purpose.WARNING) == []


async def test_others_hear_that_somebody_answered_and_the_one_who_did_does_not(night: Night) -> None:
    incident = await night.fails()
    await night.pass_time("6m")
    await night.react(incident, person="bo", by="Bo")
    assert [message.person for message in night.ntfy.of(Purpose.ACK)] == ["ana"]
    assert [message.text for message in night.slack.of(Purpose.ACK)] == ["Acknowledged by Bo through test for 30m"]


async def test_a_phone_that_rings_on_is_told_to_stop_whoever_answered(night: Night) -> None:
    night.ntfy.faults = ["permanent"]
    incident = await night.fails()
    await night.react(incident, person="ana")
    [stop] = night.pushover.of(Purpose.ACK)
    assert stop.receipt == {"id": "pushover-1"}


async def test_pages_that_wait_are_withdrawn_by_an_answer(night: Night) -> None:
    night.ntfy.faults = ["5xx"]
    incident = await night.fails()
    await night.react(incident)
    await night.pass_time("20m")
    assert night.ntfy.accepted == []
    assert night.pushover.accepted == []


async def test_what_wakes_nobody_any_more_is_taken_back_and_a_relapse_has_a_new_key(night: Night) -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)),), warnings=("slack",)))
    incident = await night.fails()
    await night.fails("slow", severity=Severity.WARNING)
    await night.passes()
    seen = await night.incident(incident)
    assert (seen.severity, seen.paging, seen.resolved_at) == ("warning", False, None)
    assert [message.key for message in night.pagerduty.of(Purpose.RESOLVE)] == [f"showup-{incident}.1"]
    await night.fails()
    assert [message.key for message in night.pagerduty.of(Purpose.PAGE)][1:] == [f"showup-{incident}.2"]
    await night.passes("slow")
    await night.passes()
    assert [message.key for message in night.pagerduty.of(Purpose.RESOLVE)][1:] == [f"showup-{incident}.2"]
    assert night.broken_rules + await night.check() == []


async def test_a_warning_is_nothing_to_answer(night: Night) -> None:
    incident = await night.fails(severity=Severity.WARNING)
    assert not (await night.react(incident)).accepted


async def test_nonsense_is_answered_politely(night: Night) -> None:
    incident = await night.fails()
    assert (await night.react("no-such")).text == "There is no such incident."
    assert not (await night.react(incident, "explode")).accepted
    assert (await night.react(f"showup-{incident}.1")).accepted, "a key of a message names its incident"
    assert (await night.react(incident.lower(), "resolve")).accepted


class Told(Provider):
    """PagerDuty, where people answer beside us."""

    answers: dict[str, Reaction]
    asked: list[str]
    verifies = True

    async def ask(self, pages: list[OpenPage], react: React, *, seconds: float) -> int:
        self.asked += [page.key for page in pages]
        for page in pages:
            if page.key in self.answers:
                await react(self.answers.pop(page.key))
        return 0


def _with_pagerduty(night: Night) -> Told:
    told = Told("pagerduty")
    told.answers, told.asked = {}, []
    night.providers["pagerduty"] = told
    night.rise()
    return told


async def test_before_a_level_starts_an_answer_given_at_the_provider_is_heard() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)), Level(at=5 * MINUTES, notify=("bo",)))))
    told = _with_pagerduty(night)
    incident = await night.fails()
    key = f"showup-{incident}.1"
    reaction: dict[str, Any] = {"action": "ack", "incident": incident, "via": "pagerduty", "round": 1}
    told.answers[key] = Reaction(by="Bo", at=START + 299 * SECOND, **reaction)
    for _ in range(310):
        night.clock.push(SECOND)
        await night.tick()
    assert told.asked
    assert night.ntfy.pages == []
    assert (await night.incident(incident)).acked_by == "Bo"


@pytest.mark.parametrize("late", [0, 1, 500, 999])
async def test_a_level_starts_within_two_seconds_whenever_the_look_comes_and_the_provider_does_not_answer(
    late: int,
) -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)), Level(at=5 * MINUTES, notify=("bo",)))))
    told = _with_pagerduty(night)
    incident = await night.fails()
    night.desk.questions.asked = lambda *_, **__: None  # type: ignore[method-assign]
    night.clock.push(late * SECOND // 1000)
    for _ in range(303):
        night.clock.push(SECOND)
        await night.tick()
    assert told.asked
    assert night.ntfy.pages == ["bo"]
    [_, step] = await night.transact(lambda session: night.desk.steps(session, incident))
    assert step.started - step.due <= 2 * SECOND
    assert night.broken_rules == []


async def test_after_a_start_it_is_asked_at_once_who_answered_meanwhile() -> None:
    night = Night(PolicySpec(levels=(Level(notify=("pagerduty",)), Level(at=5 * MINUTES, notify=("bo",)))))
    told = _with_pagerduty(night)
    await night.fails()
    night.clock.push(6 * 60 * SECOND)  # showup was not there when the level was due
    night.rise()
    work = asyncio.create_task(night.dispatcher.run())
    for _ in range(50):  # a tenth of the wait between two looks
        await asyncio.sleep(0.002)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert told.asked


async def test_pagerduty_escalates_alone_for_half_an_hour() -> None:
    levels = (Level(notify=("slack",)), Level(at=5 * MINUTES, notify=("bo",)), Level(at=15 * MINUTES, notify=("cy",)))
    night = Night(PolicySpec(levels=levels, escalation="pagerduty"))
    await night.fails()
    assert len(night.pagerduty.pages) == 1
    await night.pass_time("29m59s")
    assert night.ntfy.pages == []
    await night.pass_time("1s")
    assert night.ntfy.pages == ["bo"]
    await night.pass_time("10m")
    assert night.ntfy.pages == ["bo", "cy"]
    assert night.broken_rules == []
