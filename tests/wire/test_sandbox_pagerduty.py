"""The local PagerDuty, driven over TLS by the library that drives the real one."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import pagerduty
import pytest
from aiohttp import web

from monitor.sandbox.pagerduty import PagerDutyServer, Policy, Rule, Schedule, Service
from monitor.sandbox.pagerduty.server import POLICIES, ROUTING_KEY, SERVICES
from probes.words.clock import PushedClock, micros, moment
from tests.serving import serving
from tests.wire.waiting import until

START = datetime(2026, 3, 2, 3, tzinfo=UTC)
T = TypeVar("T")


def trust(server: PagerDutyServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


def open_events(server: PagerDutyServer, key: str = "") -> pagerduty.EventsApiV2Client:
    client = pagerduty.EventsApiV2Client(key or server.routing_key, base_url=server.url, verify=trust(server))
    return set_up(client)


def open_rest(server: PagerDutyServer, key: str = "", sender: str = "second@example.com") -> pagerduty.RestApiV2Client:
    client = pagerduty.RestApiV2Client(
        key or server.api_key, default_from=sender, base_url=server.url, verify=trust(server)
    )
    return set_up(client)


C = TypeVar("C", pagerduty.EventsApiV2Client, pagerduty.RestApiV2Client)


def set_up(client: C) -> C:
    client.timeout, client.max_network_attempts, client.sleep_timer = 3, 0, 0.001
    client.retry.clear()
    client.retry[429] = 1
    return client


async def events(server: PagerDutyServer, act: Callable[[pagerduty.EventsApiV2Client], T]) -> T:
    """The library blocks, so it works in a thread."""

    def work() -> T:
        with open_events(server) as client:
            return act(client)

    return await asyncio.to_thread(work)


async def rest(server: PagerDutyServer, act: Callable[[pagerduty.RestApiV2Client], T], **options: str) -> T:
    def work() -> T:
        with open_rest(server, **options) as client:
            return act(client)

    return await asyncio.to_thread(work)


def trigger(key: str, summary: str = "Intake agent does not answer") -> Callable[[pagerduty.EventsApiV2Client], str]:
    return lambda client: client.trigger(summary, "showup", dedup_key=key, severity="critical")


async def test_a_trigger_wakes_the_person_on_call_and_a_second_one_wakes_nobody() -> None:
    async with PagerDutyServer() as pd:
        assert await events(pd, trigger("i1.1")) == "i1.1"
        await events(pd, trigger("i1.1"))
        (incident,) = pd.incidents
        assert [(w.user, w.why) for w in pd.woken] == [("PFIRST1", "triggered")]

        pd.acknowledge(incident)
        await events(pd, trigger("i1.1"))
        assert len(pd.woken) == 1, "a trigger on an acknowledged key must wake nobody"

        await events(pd, lambda c: c.resolve("i1.1"))
        assert pd.open_keys == [] and incident.changed_by == "PSERVC1"
        await events(pd, trigger("i1.1"))
        assert len(pd.incidents) == 2, "after a resolve the same key makes a new incident"
        assert len(pd.woken) == 2
    came = [r.answer["came_of_it"] for r in pd.received if r.what == "enqueue"]
    assert came == ["created", "logged", "logged", "resolved", "created"]
    assert all(r.body["routing_key"] == "***" for r in pd.received if r.what == "enqueue")


async def test_acknowledge_and_resolve_of_an_unknown_key_are_dropped_and_still_202() -> None:
    async with PagerDutyServer() as pd:
        await events(pd, lambda c: c.acknowledge("never"))
        await events(pd, lambda c: c.resolve("never"))
        assert pd.incidents == [] and pd.woken == []
    assert [(r.status, r.answer["came_of_it"]) for r in pd.received] == [(202, "dropped")] * 2


async def test_the_clock_escalates_loops_expires_an_ack_and_resolves_in_the_end() -> None:
    clock = PushedClock(START)

    def minute(at: int) -> int:
        return (at - micros(START)) // 60_000_000

    async with PagerDutyServer(clock=clock) as pd:
        await events(pd, trigger("k"))
        clock.push(timedelta(minutes=6))
        (incident,) = pd.incidents
        pd.acknowledge(incident, "PSECND2")
        clock.push(timedelta(minutes=29))
        assert incident.status == "acknowledged"
        clock.push(timedelta(minutes=60))
        told = [(minute(w.at), w.user, w.why) for w in pd.woken]
        assert told == [
            (0, "PFIRST1", "triggered"),
            (5, "PSECND2", "escalated"),
            (36, "PSECND2", "unacknowledged"),
            (51, "PFIRST1", "escalated"),
            (56, "PSECND2", "escalated"),
        ]
        clock.push(timedelta(hours=4))
        assert pd.open_keys == [] and minute(incident.resolved) == 240
        shown = await rest(pd, lambda c: c.rget(f"/incidents/{incident.id}"))
        assert shown["last_status_change_by"]["type"] == "service_reference"


async def test_an_ack_that_is_made_to_expire_wakes_again() -> None:
    async with PagerDutyServer() as pd:
        await events(pd, trigger("k"))
        (incident,) = pd.incidents
        pd.acknowledge(incident)
        pd.expire_ack(incident)
        assert incident.status == "triggered" and [w.why for w in pd.woken] == ["triggered", "unacknowledged"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"routing_key": "short"}, "routing_key"),
        ({"routing_key": "X" * 32}, "Invalid routing key"),
        ({"event_action": "page"}, "event_action"),
        ({"dedup_key": "k" * 256}, "dedup_key"),
        ({"dedup_key": 7}, "dedup_key"),
        ({"event_action": "resolve", "dedup_key": ""}, "needs one"),
        ({"payload": {"summary": "s" * 1025, "source": "x", "severity": "critical"}}, "summary"),
        ({"payload": {"summary": "s", "source": "", "severity": "critical"}}, "source"),
        ({"payload": {"summary": "s", "source": "x", "severity": "fatal"}}, "severity"),
        ({"payload": None}, "payload"),
        ({"links": [{"text": "no address"}]}, "links"),
        ({"images": [{"src": "http://plain.example"}]}, "https"),
        ({"client": "x" * 530_000}, "too large"),
    ],
)
async def test_an_event_that_breaks_a_limit_is_refused_with_its_reason(change: dict[str, Any], error: str) -> None:
    payload = {"summary": "s", "source": "x", "severity": "critical"}
    event = {"routing_key": ROUTING_KEY, "event_action": "trigger", "dedup_key": "k", "payload": payload} | change
    async with PagerDutyServer() as pd, httpx.AsyncClient(verify=trust(pd)) as http:
        answer = await http.post(f"{pd.url}/v2/enqueue", json=event)
        assert pd.incidents == []
    assert answer.status_code == 400 and answer.json()["status"] == "invalid event"
    assert error in answer.json()["errors"][0]


async def test_keys_of_different_services_are_kept_apart() -> None:
    other = Service("POTHER1", "Other", "O" * 32, "PPOLCY1")
    async with PagerDutyServer(services=[*SERVICES, other]) as pd:
        await events(pd, trigger("k"))

        def elsewhere() -> None:
            with open_events(pd, "O" * 32) as client:
                client.resolve("k")

        await asyncio.to_thread(elsewhere)
        assert pd.open_keys == ["k"]


async def test_a_202_is_not_a_page() -> None:
    async with PagerDutyServer() as pd:
        pd.faults.set("no-incident", times=1)
        await events(pd, trigger("swallowed"))
        pd.service.status = "disabled"
        await events(pd, trigger("disabled"))
        pd.service.status = "maintenance"
        await events(pd, trigger("maintenance"))
        assert pd.incidents == [] and pd.woken == []
    nobody = Policy("PPOLCY1", "Nobody", (Rule(("PEMPTY1",)),))
    async with PagerDutyServer(schedules=[Schedule("PEMPTY1", "Nobody", ())], policies=[nobody]) as pd:
        await events(pd, trigger("nobody"))
        assert pd.incidents == []


async def test_an_incident_appears_in_the_rest_api_some_seconds_after_the_202() -> None:
    clock = PushedClock(START)

    def look(client: pagerduty.RestApiV2Client) -> list[dict[str, Any]]:
        found = client.list_all("incidents", params={"incident_key": "k", "statuses": ["triggered", "acknowledged"]})
        return list(found)

    async with PagerDutyServer(clock=clock) as pd:
        pd.faults.set("late-incident", seconds=3, times=1)
        await events(pd, trigger("k"))
        assert await rest(pd, look) == []
        clock.push(timedelta(seconds=3))
        (found,) = await rest(pd, look)
        assert (found["incident_key"], found["status"]) == ("k", "triggered")
        assert found["pending_actions"][0]["type"] in ("escalate", "resolve")


async def test_an_ack_through_the_rest_api_names_the_person() -> None:
    async with PagerDutyServer() as pd:
        await events(pd, trigger("k"))
        (incident,) = pd.incidents
        change = {"type": "incident_reference", "status": "acknowledged"}
        await rest(pd, lambda c: c.rput(f"/incidents/{incident.id}", json=change))
        shown = await rest(pd, lambda c: c.rget(f"/incidents/{incident.number}"))
        assert shown["acknowledgements"][0]["acknowledger"]["summary"] == "Second Responder"
        log = await rest(pd, lambda c: list(c.iter_all(f"incidents/{incident.id}/log_entries")))
        assert log[0]["type"] == "acknowledge_log_entry"
        assert any(e["type"] == "notify_log_entry" and e["user"]["id"] == "PFIRST1" for e in log)

        with pytest.raises(pagerduty.HttpError) as stranger:
            await rest(pd, lambda c: c.rput(f"/incidents/{incident.id}", json=change), sender="no@example.com")
        assert stranger.value.response.status_code == 400
        pd.resolve(incident)
        with pytest.raises(pagerduty.HttpError) as late:
            await rest(pd, lambda c: c.rput(f"/incidents/{incident.id}", json=change))
        assert late.value.response.json()["error"]["code"] == 1001


async def test_a_wrong_key_is_refused_and_unknown_things_are_not_found() -> None:
    async with PagerDutyServer() as pd:
        with pytest.raises(pagerduty.HttpError) as wrong:
            await rest(pd, lambda c: c.rget("/incidents/Q1"), key="wrong")
        with pytest.raises(pagerduty.HttpError) as missing:
            await rest(pd, lambda c: c.rget("/incidents/Q1"))
    assert (wrong.value.response.status_code, wrong.value.response.json()["error"]["code"]) == (401, 2006)
    assert (missing.value.response.status_code, missing.value.response.json()["error"]["code"]) == (404, 2100)


async def test_who_is_on_call_now_and_over_a_range() -> None:
    hour = 3_600_000_000
    weekly = Schedule("PSCHED1", "Front line", ("PFIRST1", "PSECND2"), shift=12 * hour, starts=micros(START))
    weekly.overrides.append((micros(START) + 2 * hour, micros(START) + 3 * hour, "PSECND2"))
    clock = PushedClock(START)
    async with PagerDutyServer(schedules=[weekly], clock=clock) as pd:
        now = await rest(pd, lambda c: list(c.iter_all("oncalls", params={"schedule_ids": ["PSCHED1"]})))
        assert [(o["user"]["id"], o["escalation_level"]) for o in now] == [("PFIRST1", 1)]
        everybody = await rest(pd, lambda c: list(c.iter_all("oncalls")))
        assert everybody[1]["schedule"] is None and everybody[1]["start"] is None

        until_noon = {"since": "2026-03-02T03:00:00Z", "until": "2026-03-02T16:00:00Z"}
        shifts = await rest(pd, lambda c: c.rget("/schedules/PSCHED1", params=until_noon))
        entries = shifts["final_schedule"]["rendered_schedule_entries"]
        assert [(e["start"][11:16], e["user"]["id"]) for e in entries] == [
            ("03:00", "PFIRST1"),
            ("05:00", "PSECND2"),
            ("06:00", "PFIRST1"),
            ("15:00", "PSECND2"),
        ]
        clock.push(timedelta(hours=2))
        users = await rest(pd, lambda c: c.rget("/schedules/PSCHED1/users"))
        assert [u["email"] for u in users] == ["second@example.com"]
        names = await rest(pd, lambda c: [u["name"] for u in c.iter_all("users", page_size=1)])
        assert names == ["First Responder", "Second Responder"]
        policy = await rest(pd, lambda c: c.rget("/escalation_policies/PPOLCY1"))
        assert [r["escalation_delay_in_minutes"] for r in policy["escalation_rules"]] == [5, 15]
        service = await rest(pd, lambda c: c.rget("/services/PSERVC1"))
        assert (service["acknowledgement_timeout"], service["auto_resolve_timeout"]) == (1800, 14400)


async def test_limits_answer_429_and_let_through_when_the_minute_has_slid() -> None:
    clock = PushedClock(START)
    async with PagerDutyServer(clock=clock) as pd:
        pd.limit_per_minute = 2
        await events(pd, trigger("a"))
        clock.push(timedelta(seconds=30))
        await events(pd, trigger("b"))
        with pytest.raises(pagerduty.HttpError) as limited:
            await events(pd, trigger("c"))
        assert limited.value.response.status_code == 429 and pd.open_keys == ["a", "b"]
        clock.push(timedelta(seconds=31))
        await events(pd, trigger("c"))
        response = await rest(pd, lambda c: c.get("/users"))
        assert response.headers["ratelimit-limit"] == "960" and response.headers["ratelimit-remaining"] == "959"


async def test_faults_of_the_wire_reach_the_client_and_the_record() -> None:
    async with PagerDutyServer() as pd:
        pd.faults.set("rate-limited", times=2)  # the client asks once more by itself
        with pytest.raises(pagerduty.HttpError):
            await events(pd, trigger("limited"))
        pd.faults.set("server-error", status=502, times=1)
        with pytest.raises(pagerduty.ServerHttpError):
            await events(pd, trigger("broken"))
        pd.faults.set("invalid-event", times=1)
        with pytest.raises(pagerduty.HttpError):
            await events(pd, trigger("refused"))
        pd.faults.set("drop", times=1)
        with pytest.raises(pagerduty.Error):
            await events(pd, trigger("dropped"))
        assert pd.open_keys == []
        pd.faults.set("lost-reply", times=1, where="enqueue")
        with pytest.raises(pagerduty.Error):
            await events(pd, trigger("stored"))
        assert pd.open_keys == ["stored"]
        pd.faults.set("slow", seconds=0.1, times=1)
        await events(pd, trigger("slow"))
    assert {r.fault: r.accepted for r in pd.received} == {
        "rate-limited": False,
        "server-error": False,
        "invalid-event": False,
        "drop": False,
        "lost-reply": True,
        "slow": True,
    }


async def test_webhooks_are_signed_in_order_and_tried_again() -> None:
    heard: list[tuple[bytes, str]] = []
    broken = [True]

    async def receive(request: web.Request) -> web.Response:
        if broken and broken.pop():
            return web.Response(status=503)
        heard.append((await request.read(), request.headers["X-PagerDuty-Signature"]))
        return web.Response(status=202)

    async with serving(web.post("/hook", receive)) as here, PagerDutyServer() as pd:
        with pytest.raises(ValueError, match="this machine only"):
            pd.subscribe("https://elsewhere.example/hook", "s")
        pd.subscribe(f"{here}/hook", "s3cret").wait = 0.01
        await events(pd, trigger("k"))
        pd.acknowledge(pd.incidents[0], "PSECND2")
        await until(lambda: len(heard) == 2)
    for raw, signature in heard:
        assert signature == "v1=" + hmac.new(b"s3cret", raw, hashlib.sha256).hexdigest()
    first, second = (json.loads(raw)["event"] for raw, _ in heard)
    assert (first["event_type"], first["agent"]) == ("incident.triggered", None)
    assert (second["event_type"], second["agent"]["id"]) == ("incident.acknowledged", "PSECND2")
    assert second["data"]["incident_key"] == "k"


async def test_a_person_sees_who_was_woken_and_acknowledges_in_a_browser() -> None:
    async with PagerDutyServer() as pd, httpx.AsyncClient() as browser:
        await events(pd, trigger("k", "<b>bold</b> claims"))
        shown = await browser.get(pd.view_url)
        assert "First Responder was woken" in shown.text and "<b>bold</b>" not in shown.text
        form = {"incident": pd.incidents[0].id, "user": "PFIRST1", "act": "acknowledge"}
        assert (await browser.post(f"{pd.view_url}ui", data=form)).status_code == 403
        form["token"] = pd.control_token
        assert (await browser.post(f"{pd.view_url}ui", data=form)).status_code == 303
        assert pd.incidents[0].status == "acknowledged"
        plain = await browser.post(f"{pd.view_url}v2/enqueue", json={})
        assert plain.status_code == 403, "the API itself is served over TLS only"


async def test_hostile_requests_never_break_the_server() -> None:
    async with PagerDutyServer() as pd, httpx.AsyncClient(verify=trust(pd)) as http:
        for body in (b"", b"{", b"[]", b"\xff", b"[" * 5000, b'{"payload": 1}', b"null"):
            assert (await http.post(f"{pd.url}/v2/enqueue", content=body)).status_code == 400
        key = {"Authorization": f"Token token={pd.api_key}"}
        for path in (
            "incidents?limit=x", "incidents?offset=99999", "incidents?since=never&until=1", "incidents?statuses[]=up",
            "oncalls?since=0001-01-01&until=9999-12-31", "schedules/x", "incidents/%00",
        ):  # fmt: skip
            answer = await http.get(f"{pd.url}/{path}", headers=key)
            assert answer.status_code in (400, 404), path
        for change in (None, [], {"incident": 1}, {"incidents": [1]}):
            assert (await http.put(f"{pd.url}/incidents", json=change, headers=key)).status_code == 400


async def test_it_starts_at_once_and_servers_share_nothing() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with PagerDutyServer() as one, PagerDutyServer() as two:
        assert loop.time() - began < 0.6
        one.service.status = "disabled"
        assert two.service.status == "active" and SERVICES[0].status == "active"
        assert replace(POLICIES[0]) == POLICIES[0]


# --- what is set up and done there through the REST API ---------------------------------------------------------------


async def test_reassigned_it_wakes_its_new_holder_alone_and_climbs_no_further() -> None:
    clock = PushedClock(START)
    async with PagerDutyServer(clock=clock) as pd:
        await events(pd, trigger("k"))
        (incident,) = pd.incidents
        pd.acknowledge(incident)
        given = {"type": "incident", "assignments": [{"assignee": {"id": "PSECND2", "type": "user_reference"}}]}
        shown = await rest(pd, lambda c: c.rput(f"/incidents/{incident.id}", json=given), sender="first@example.com")
        assert (shown["status"], shown["assigned_via"], shown["acknowledgements"]) == (
            "triggered",
            "direct_assignment",
            [],
        )
        assert [(w.user, w.why) for w in pd.woken] == [("PFIRST1", "triggered"), ("PSECND2", "reassigned")]
        clock.push(timedelta(hours=1))
        assert len(pd.woken) == 2, "what was assigned by hand never escalates"
        nobody = {"type": "incident", "assignments": [{"assignee": {"id": "PNOBODY"}}]}
        with pytest.raises(pagerduty.HttpError):
            await rest(pd, lambda c: c.rput(f"/incidents/{incident.id}", json=nobody))


async def test_an_answer_is_taken_back_and_a_note_and_a_priority_are_given_through_the_rest_api() -> None:
    async with PagerDutyServer() as pd:
        await events(pd, trigger("k"))
        (incident,) = pd.incidents
        pd.acknowledge(incident)
        back = {"type": "incident", "status": "triggered"}
        assert (await rest(pd, lambda c: c.rput(f"/incidents/{incident.id}", json=back)))["status"] == "triggered"
        await rest(pd, lambda c: c.rpost(f"/incidents/{incident.id}/notes", json={"content": "Looking at it"}))
        high = {"type": "incident", "priority": {"id": "P1", "type": "priority_reference"}}
        shown = await rest(pd, lambda c: c.rput(f"/incidents/{incident.id}", json=high))
        assert shown["priority"]["summary"] == "P1"
        assert [entry[1] for entry in incident.log][-2:] == ["annotate_log_entry", "priority_change_log_entry"]


async def test_in_a_maintenance_window_events_are_taken_and_come_to_nothing() -> None:
    clock = PushedClock(START)
    async with PagerDutyServer(clock=clock) as pd:
        window = {
            "type": "maintenance_window",
            "start_time": moment(pd.now()).isoformat(),
            "end_time": moment(pd.now() + 3_600_000_000).isoformat(),
            "services": [{"id": "PSERVC1", "type": "service_reference"}],
        }
        await rest(pd, lambda c: c.rpost("/maintenance_windows", json=window))
        await events(pd, trigger("during"))
        shown = await rest(pd, lambda c: c.rget("/services/PSERVC1"))
        assert (shown["status"], pd.incidents) == ("maintenance", [])
        clock.push(timedelta(hours=1))
        await events(pd, trigger("after"))
        assert pd.open_keys == ["after"]
        found = await rest(pd, lambda c: c.list_all("maintenance_windows", params={"filter": "ongoing"}))
        assert found == []


async def test_a_subscription_is_made_tells_its_secret_once_and_is_switched_off_after_three_refusals() -> None:
    answers = [202, 401, 401, 401, 202]

    async def receive(request: web.Request) -> web.Response:
        return web.Response(status=answers.pop(0))

    async with serving(web.post("/hook", receive)) as here, PagerDutyServer() as pd:
        url = f"{here}/hook"
        asked = {"type": "webhook_subscription", "delivery_method": {"type": "http_delivery_method", "url": url}}
        made = await rest(pd, lambda c: c.rpost("/webhook_subscriptions", json=asked))
        assert made["delivery_method"]["secret"] == pd.subscriptions[0].secret
        for number in range(4):
            await events(pd, trigger(f"k{number}"))
        await until(lambda: len([one for one in pd.received if one.what == "webhook"]) == 4)
        await events(pd, trigger("lost"))
        await until(lambda: len([one for one in pd.received if one.what == "webhook"]) == 5)
        (shown,) = await rest(pd, lambda c: c.list_all("webhook_subscriptions"))
        assert shown["delivery_method"]["temporarily_disabled"] and shown["delivery_method"]["secret"] is None
        assert answers == [202], "the last one was never sent"


async def test_a_service_is_switched_off_and_a_plan_lacks_what_is_asked() -> None:
    async with PagerDutyServer() as pd:
        await rest(pd, lambda c: c.rput("/services/PSERVC1", json={"type": "service", "status": "disabled"}))
        await events(pd, trigger("k"))
        assert pd.incidents == []
        with pytest.raises(pagerduty.HttpError):
            await rest(pd, lambda c: c.rput("/services/PSERVC1", json={"type": "service", "support_hours": "always"}))
        pd.faults.set("plan-lacks", where="rest.oncalls")
        with pytest.raises(pagerduty.HttpError) as lacking:
            await rest(pd, lambda c: c.rget("/oncalls"))
        assert lacking.value.response.status_code == 402
        await events(pd, lambda c: c.resolve("k"))


async def test_low_urgency_tells_people_and_wakes_none_and_alerts_that_are_grouped_end_one_by_one() -> None:
    async with PagerDutyServer() as pd:
        await events(pd, lambda c: c.trigger("a drill", "showup", dedup_key="d", severity="info"))
        assert pd.woken == [] and pd.incidents[0].urgency == "low"
        await events(pd, lambda c: c.resolve("d"))
        pd.service.grouping = "time"
        for key in ("a", "b"):
            await events(pd, trigger(key))
        assert len(pd.incidents) == 2 and len(pd.woken) == 1
        await events(pd, lambda c: c.resolve("a"))
        assert pd.incidents[1].is_open
        await events(pd, lambda c: c.resolve("b"))
        assert not pd.incidents[1].is_open
