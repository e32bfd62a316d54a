"""What the doctor says of a PagerDuty service, each setting made in a local one and read back over TLS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from alerts.channels.pagerduty.send import open_channel
from alerts.message import Finding
from alerts.people import Person
from alerts.policy import PolicySpec
from monitor.sandbox.pagerduty import PagerDutyServer, Policy, Rule, Schedule, Service
from monitor.sandbox.pagerduty.people import Window
from monitor.sandbox.pagerduty.server import ROUTING_KEY
from probes.words.units import DAY, HOUR
from tests.wire.channel_kit import surroundings
from tests.wire.test_channel_pagerduty import PEOPLE, spec_of

QUIET_KEY = "R1QUIET".ljust(32, "0")
ONE = Policy("PPOLCY1", "Wake us", (Rule(("PSCHED1",), 5),))
LADDER = Policy("PPOLCY1", "Wake us", (Rule(("PSCHED1",), 5), Rule(("PSECND2",), 15)), loops=1)
OURS = PolicySpec.model_validate({"levels": [{"notify": "pagerduty"}, {"at": "5m", "notify": "first"}]})
THEIRS = PolicySpec.model_validate({"levels": [{"notify": "slack"}], "escalation": "pagerduty"})
HOURS = {"type": "fixed_time_per_day", "days_of_week": [1], "start_time": "09:00:00", "end_time": "17:00:00"}
LOW_AT_NIGHT = {
    "type": "use_support_hours",
    "during_support_hours": {"type": "constant", "urgency": "high"},
    "outside_support_hours": {"type": "constant", "urgency": "low"},
}


async def said(
    server: PagerDutyServer, *, policies: Mapping[str, PolicySpec] | None = None, secrets: Any = None, **options: Any
) -> list[Finding]:
    known = {"PD_ROUTING": server.routing_key, "PD_API": server.api_key, "PD_QUIET": QUIET_KEY, **(secrets or {})}
    around = replace(surroundings(known, people=PEOPLE), policies=lambda: policies or {"wake-us": OURS})
    found = await open_channel(spec_of(server, **options), around).doctor()
    assert server.incidents == [] and server.woken == [], "the doctor wakes nobody"
    assert all(one.write for one in found if one.level != "ok"), "each trouble says what to write or click"
    return found


def about(found: list[Finding], word: str) -> Finding:
    matching = [one for one in found if word in one.what]
    assert matching, [one.what for one in found]
    return matching[0]


async def test_a_sound_service_is_all_ok_and_says_what_it_will_do_by_itself() -> None:
    async with PagerDutyServer(policies=[ONE]) as server:
        found = await said(server)
    assert [one.level for one in found] == ["ok"] * len(found)
    assert "after 30m there" in about(found, "an acknowledgement runs out").what
    about(found, "resolves what is open after 4")
    about(found, "First Responder would be woken first now, by the policy Wake us")
    about(found, "tells one level, and showup escalates")
    about(found, "its urgency follows the severity")


async def test_wrong_keys_are_named_and_nothing_further_is_asked() -> None:
    async with PagerDutyServer() as server:
        found = await said(server, secrets={"PD_ROUTING": "x", "PD_API": "wrong"})
    assert [one.level for one in found] == ["fault", "fault"]
    assert "routing_key" in found[0].write and "api_key" in found[1].write


@pytest.mark.parametrize(
    ("ladder", "policies", "level", "word"),
    [
        (LADDER, {"wake-us": OURS}, "warning", "it escalates by itself: Wake us has 2 levels, 2 times over"),
        (LADDER, {"wake-us": OURS, "night": THEIRS}, "warning", "so does showup by wake-us"),
        (LADDER, {"night": THEIRS}, "ok", "it escalates, as night says"),
        (ONE, {"night": THEIRS}, "warning", "nobody else is told for 30 min"),
        (ONE, {"wake-us": OURS}, "ok", "tells one level, and showup escalates"),
        (replace(ONE, loops=2), {"wake-us": OURS}, "warning", "one level, 3 times over"),
    ],
)
async def test_who_escalates_is_said_for_what_the_policies_say(
    ladder: Policy, policies: dict[str, PolicySpec], level: str, word: str
) -> None:
    async with PagerDutyServer(policies=[ladder]) as server:
        assert about(await said(server, policies=policies), word).level == level


def _service(**changes: Any) -> Callable[[Service], None]:
    def change(service: Service) -> None:
        for name, value in changes.items():
            setattr(service, name, value)

    return change


@pytest.mark.parametrize(
    ("change", "level", "word"),
    [
        (_service(status="disabled"), "fault", "is disabled: events are taken, and no incident comes of them"),
        (_service(status="maintenance"), "fault", "is in maintenance"),
        (_service(urgency={"type": "constant", "urgency": "low"}), "fault", "every incident of the service has low"),
        (
            _service(urgency={"type": "constant", "urgency": "high"}),
            "warning",
            "drills and canary pages of low urgency",
        ),
        (_service(urgency=LOW_AT_NIGHT, hours=HOURS), "warning", "outside of its support hours every page has low"),
        (_service(grouping="intelligent"), "warning", "groups alerts (intelligent): a second outage joins"),
        (_service(integration="generic_events_api_inbound_integration"), "warning", "is of an integration of the kind"),
        (_service(ack_timeout=None), "ok", "an acknowledgement never runs out there; here it does"),
    ],
)
async def test_each_setting_that_would_surprise_somebody_is_a_finding(
    change: Callable[[Service], None], level: str, word: str
) -> None:
    async with PagerDutyServer(policies=[ONE]) as server:
        change(server.service)
        assert about(await said(server), word).level == level


async def test_a_service_that_never_resolves_by_itself_has_no_line_about_it() -> None:
    async with PagerDutyServer(policies=[ONE]) as server:
        server.service.auto_resolve = None
        assert not [one for one in await said(server) if "resolves what is open" in one.what]


async def test_maintenance_is_seen_while_it_lasts_and_before_it_begins() -> None:
    async with PagerDutyServer(policies=[ONE]) as server:
        now = server.now()
        server.service.windows += [Window("PW1", now - HOUR, now + HOUR), Window("PW2", now + DAY, now + DAY + HOUR)]
        found = await said(server)
    assert about(found, "is in maintenance until").level == "fault"
    assert about(found, "will be in maintenance from").level == "warning"


async def test_nobody_on_call_there_means_that_no_incident_can_be_made() -> None:
    empty = Schedule("PSCHED1", "Front line", ())
    async with PagerDutyServer(schedules=[empty], policies=[ONE]) as server:
        assert about(await said(server), "no incident can be made (1015)").level == "fault"
    async with PagerDutyServer(schedules=[empty], policies=[LADDER]) as server:
        assert about(await said(server), "nobody is on call at the first level").level == "warning"


async def test_somebody_who_is_called_by_both_in_one_level_is_named() -> None:
    twice = PolicySpec.model_validate({"levels": [{"notify": ["pagerduty", "first"]}]})
    async with PagerDutyServer(policies=[ONE]) as server:
        found = about(await said(server, policies={"wake-us": twice}), "in the same level")
        assert found.what.startswith("PagerDuty: First Responder is called by showup and by PagerDuty")
        assert not [one for one in await said(server, policies={"wake-us": OURS}) if "in the same level" in one.what]


async def test_the_key_of_another_service_is_found_out() -> None:
    other = Service("PSERVC9", "Payroll", "R9PAYROLL".ljust(32, "0"), "PPOLCY1")
    ours = Service("PSERVC1", "AI workflows", ROUTING_KEY, "PPOLCY1")
    async with PagerDutyServer(services=[ours, other], policies=[ONE]) as server:
        assert about(await said(server, service="PSERVC1"), "AI workflows (PSERVC1) is active").level == "ok"
        assert about(await said(server, service="PSERVC9"), "is of the service AI workflows (PSERVC1)").level == "fault"
    async with PagerDutyServer(services=[other, replace(ours, id="PSERVC2")], policies=[ONE]) as server:
        wrong = {"PD_ROUTING": "R0NOBODY".ljust(32, "0")}
        found = await said(server, secrets=wrong)
        assert found[0].level == "fault", "PagerDuty itself does not know the key"


async def test_the_quiet_service_has_to_be_another_one_and_quiet() -> None:
    ours = Service("PSERVC1", "AI workflows", ROUTING_KEY, "PPOLCY1")
    low = Service("PSERVC2", "Drills", QUIET_KEY, "PPOLCY1", urgency={"type": "constant", "urgency": "low"})
    option = {"low_urgency_routing_key": "${secret:PD_QUIET}"}
    async with PagerDutyServer(services=[ours, low], policies=[ONE]) as server:
        assert about(await said(server, **option), "go to Drills (PSERVC2) and wake nobody").level == "ok"
        server.account.services["PSERVC2"].urgency = {"type": "constant", "urgency": "high"}
        assert about(await said(server, **option), "does not have low urgency").level == "warning"
        same = await said(server, secrets={"PD_QUIET": ROUTING_KEY}, **option)
        assert about(same, "is of the very service that wakes people").level == "fault"


async def test_a_webhook_that_does_not_send_is_found() -> None:
    option = {"webhook_secret": "${secret:HOOK}"}
    async with PagerDutyServer(policies=[ONE]) as server:
        assert about(await said(server, **option), "no webhook sends to /pagerduty").level == "warning"
        hook = server.subscribe("http://127.0.0.1:9/pagerduty", "s")
        assert about(await said(server, **option), "is on").level == "ok"
        hook.events = ("incident.triggered",)
        assert "incident.acknowledged" in about(await said(server, **option), "does not tell").what
        hook.disabled = True
        assert about(await said(server, **option), "PagerDuty switched it off after refusals").level == "warning"


async def test_a_plan_or_key_that_may_not_read_is_said_and_the_rest_is_still_looked_at() -> None:
    async with PagerDutyServer(policies=[ONE]) as server:
        server.faults.set("plan-lacks", where="rest.services")
        found = await said(server)
        assert [one.level for one in found] == ["ok", "ok", "warning"]
        assert "the account's plan does not allow this" in found[-1].what
        server.faults.clear()
        server.faults.set("plan-lacks", where="rest.webhook_subscriptions")
        found = await said(server, webhook_secret="${secret:HOOK}")
        assert about(found, "does not tell of its webhooks").level == "warning"
        about(found, "showup escalates")


@pytest.mark.parametrize("fault", ["server-error", "rate-limited", "hang", "drop"])
async def test_a_pagerduty_in_trouble_is_a_warning_and_never_an_error_of_ours(fault: str) -> None:
    async with PagerDutyServer(policies=[ONE]) as server:
        server.faults.set(fault)
        found = await said(server, timeout=timedelta(milliseconds=400))
    assert {one.level for one in found} == {"warning"}


async def test_an_answer_of_any_shape_is_survived() -> None:
    from alerts.channels.pagerduty import service

    around = surroundings(people=[Person("first", "First Responder")])
    bent: dict[str, Any] = {"integrations": [1, None], "incident_urgency_rule": [], "alert_grouping_parameters": 7}
    bent |= {"acknowledgement_timeout": "x", "auto_resolve_timeout": True, "name": ["<b>"], "status": None}
    for odd in ({}, bent):
        lines = [
            *service.state(odd, [odd], now=0), *service.integration(odd, "k"), *service.timeouts(odd, {}),
            *service.urgency(odd, quiet=False), *service.grouping(odd), *service.on_call(odd, [odd], around),
            *service.escalates(odd, {"a": OURS}), *service.both([odd], around), *service.quiet(odd, {}),
            *service.hooks([odd], odd),
        ]  # fmt: skip
        assert all(isinstance(line, Finding) for line in lines)
