"""The local phone: ntfy and Pushover as their servers behave, and a lock screen."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiohttp import web

from monitor.sandbox.phone import CannotPress, PhoneServer
from probes.words.clock import PushedClock
from tests.serving import serving
from tests.wire.waiting import until

START = datetime(2026, 3, 2, 3, tzinfo=UTC)
PAGE = {"topic": "ops", "title": "Intake agent down", "message": "no answer", "priority": 5, "tags": ["sos"]}


def emergency(phone: PhoneServer, **more: Any) -> dict[str, Any]:
    fields = {"token": phone.pushover.token, "user": "sandbox-user", "message": "down", "priority": 2}
    return fields | {"retry": 30, "expire": 3600} | more


async def test_a_message_as_json_or_as_a_plain_body_rings() -> None:
    async with PhoneServer() as phone, httpx.AsyncClient(base_url=phone.url) as http:
        first = (await http.post("/", json=PAGE | {"click": "https://example.com/i1"})).json()
        headers = {"Title": "Second", "X-Priority": "high", "Tags": "a, b"}
        second = (await http.put("/ops", content="plain", headers=headers)).json()
        poll = await http.get("/ops/json?poll=1")
        later = await http.get(f"/ops/json?poll=1&since={first['id']}")
    assert first["event"] == "message" and first["priority"] == 5 and first["click"] == "https://example.com/i1"
    assert (second["title"], second["priority"], second["tags"]) == ("Second", 4, ["a", "b"])
    assert [json.loads(line)["id"] for line in poll.text.splitlines()] == [first["id"], second["id"]]
    assert [json.loads(line)["id"] for line in later.text.splitlines()] == [second["id"]]
    assert [m.title for m in phone.messages] == ["Intake agent down", "Second"]


async def test_a_subscriber_hears_new_messages_and_a_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sandbox.phone.server.KEEPALIVE", 0.05)
    heard: list[dict[str, Any]] = []

    async def listen(http: httpx.AsyncClient, url: str) -> None:
        async with http.stream("GET", f"{url}/ops/json") as stream:
            async for line in stream.aiter_lines():
                heard.append(json.loads(line))

    async with httpx.AsyncClient() as http:
        async with PhoneServer() as phone:
            listening = asyncio.create_task(listen(http, phone.url))
            await until(lambda: heard)
            await http.post(phone.url, json=PAGE)
            await http.post(phone.url, json=PAGE | {"topic": "elsewhere"})
            await until(lambda: {"open", "message", "keepalive"} <= {h["event"] for h in heard})
        await asyncio.wait_for(listening, 2)  # the server's end is the stream's end
    assert heard[0]["event"] == "open"
    assert [h["topic"] for h in heard if h["event"] == "message"] == ["ops"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"topic": "no spaces"}, 400, 40009),
        ({"topic": ""}, 400, 40009),
        ({"priority": 9}, 400, 40007),
        ({"priority": "urgent"}, 400, 40017),
        ({"message": "x" * 4097}, 413, 41301),
        ({"actions": [{"action": "explode", "label": "x"}]}, 400, 40018),
        ({"actions": [{"action": "view", "label": "x", "url": "https://e.example"}] * 4}, 400, 40018),
        ({"actions": [{"action": "http", "label": "no address"}]}, 400, 40018),
        ({"tags": "not a list"}, 400, 40017),
    ],
)
async def test_what_ntfy_refuses_is_refused_with_its_code(change: dict[str, Any], status: int, code: int) -> None:
    async with PhoneServer() as phone, httpx.AsyncClient(base_url=phone.url) as http:
        answer = await http.post("/", json=PAGE | change)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not phone.messages


async def test_a_protected_topic_wants_its_token() -> None:
    async with PhoneServer(access_token="tk_secret") as phone, httpx.AsyncClient(base_url=phone.url) as http:
        without = await http.post("/", json=PAGE)
        wrong = await http.post("/", json=PAGE, headers={"Authorization": "Bearer tk_wrong"})
        garbled = await http.post("/", json=PAGE, headers={"Authorization": "Basic %%%"})
        right = await http.post("/", json=PAGE, headers={"Authorization": "Bearer tk_secret"})
        basic = await http.post("/", json=PAGE, auth=("", "tk_secret"))
    codes = [a.json().get("code") for a in (without, wrong, garbled, right, basic)]
    assert codes == [40301, 40101, 40301, None, None]
    assert len(phone.messages) == 2


async def test_a_button_makes_the_request_that_the_phone_would_make() -> None:
    taken: list[tuple[str, str, str]] = []

    async def take(request: web.Request) -> web.Response:
        taken.append((request.method, request.headers.get("X-Token", ""), await request.text()))
        return web.Response(text="acknowledged")

    async with (
        serving(web.post("/ack", take)) as here,
        PhoneServer() as phone,
        httpx.AsyncClient(base_url=phone.url) as http,
    ):
        button: dict[str, Any] = {"action": "http", "label": "Acknowledge", "url": f"{here}/ack", "body": "i1"}
        button |= {"headers": {"X-Token": "once"}}
        broken = {"action": "http", "label": "Broken", "url": f"{here}/nowhere"}
        outside = {"action": "http", "label": "Outside", "url": "https://elsewhere.example/ack"}
        await http.post("/", json=PAGE | {"actions": [button | {"clear": True}, broken, outside]})
        (message,) = phone.messages
        with pytest.raises(CannotPress, match="this machine only"):
            await phone.press(message, 2)
        assert (await phone.press(message, 1)).status == 404
        pressed = await phone.press(message, 0)
        assert pressed.worked and pressed.text == "acknowledged" and message.cleared
        with pytest.raises(CannotPress):
            await phone.press(message, 0)
        short = {"Actions": f"http, Take it, {here}/ack, method=POST, clear=true; view, Open, https://e.example"}
        await http.post("/ops", content="x", headers=short)
        assert [a["label"] for a in phone.messages[1].actions] == ["Take it", "Open"]
        assert (await phone.press(phone.messages[1], 0)).worked
    assert taken == [("POST", "once", "i1"), ("POST", "", "")]


async def test_faults_and_the_lie_that_a_message_was_delivered() -> None:
    async with PhoneServer() as phone, httpx.AsyncClient(base_url=phone.url) as http:
        phone.faults.set("rate-limited", seconds=9, times=1)
        limited = await http.post("/", json=PAGE)
        phone.faults.set("server-error", times=1)
        broken = await http.post("/", json=PAGE)
        phone.faults.set("not-delivered", times=1)
        lied = await http.post("/", json=PAGE)
        phone.faults.set("lost-reply", times=1)
        with pytest.raises(httpx.TransportError):
            await http.post("/", json=PAGE)
    assert (limited.status_code, limited.json()["code"], limited.headers["Retry-After"]) == (429, 42901, "9")
    assert (broken.status_code, broken.json()["code"]) == (500, 50001)
    assert lied.status_code == 200 and lied.json()["id"]
    assert len(phone.messages) == 1 and phone.received[-1].accepted


async def test_an_emergency_rings_until_somebody_takes_it() -> None:
    clock = PushedClock(START)
    async with PhoneServer(clock=clock) as phone, httpx.AsyncClient(base_url=phone.url) as http:
        sent = (await http.post("/1/messages.json", data=emergency(phone))).json()
        receipt = phone.pushover.find(sent["receipt"])
        look = f"/1/receipts/{sent['receipt']}.json?token={phone.pushover.token}"
        clock.push(timedelta(seconds=65))
        waiting = (await http.get(look)).json()
        assert (waiting["acknowledged"], waiting["expired"]) == (0, 0)
        assert waiting["last_delivered_at"] == receipt.sent + 60
        await http.get(look)
        assert phone.pushover.hasty == 1
        phone.acknowledge(receipt)
        clock.push(timedelta(minutes=10))
        taken = (await http.get(look)).json()
        assert taken["acknowledged"] == 1 and taken["acknowledged_by"] == "sandbox-user"
        assert len(receipt.rings(phone.seconds())) == 3, "it must not ring after somebody took it"

        lost = (await http.post("/1/messages.json", json=emergency(phone, expire=60))).json()["receipt"]
        over = (await http.post("/1/messages.json", json=emergency(phone))).json()["receipt"]
        await http.post(f"/1/receipts/{over}/cancel.json", data={"token": phone.pushover.token})
        clock.push(timedelta(minutes=2))
        ends = [phone.pushover.find(r).as_json(phone.seconds()) for r in (lost, over)]
        assert [(e["acknowledged"], e["expired"]) for e in ends] == [(0, 1), (0, 1)]
    assert phone.pushover.token not in str(list(phone.received))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"token": "wrong"}, "token"),
        ({"user": "nobody"}, "user"),
        ({"message": " "}, "message"),
        ({"message": "x" * 1025}, "message"),
        ({"title": "x" * 251}, "title"),
        ({"retry": 10}, "retry"),
        ({"expire": 10_801}, "expire"),
        ({"priority": "high"}, "priority"),
    ],
)
async def test_what_pushover_refuses_is_refused(change: dict[str, Any], field: str) -> None:
    async with PhoneServer() as phone, httpx.AsyncClient(base_url=phone.url) as http:
        answer = await http.post("/1/messages.json", json=emergency(phone, **change))
        missing = await http.get(f"/1/receipts/none.json?token={phone.pushover.token}")
    assert answer.status_code == 400 and answer.json()["status"] == 0 and answer.json()[field] == "invalid"
    assert missing.status_code == 404 and not phone.pushover.messages


async def test_the_lock_screen_shows_eighty_characters_and_nothing_a_sender_could_run() -> None:
    async with PhoneServer(clock=PushedClock(START)) as phone, httpx.AsyncClient(base_url=phone.url) as http:
        text = "<img src=x onerror=alert(1)> " + "é" * 120
        button = {"action": "view", "label": "Runbook", "url": "javascript:alert(1)"}
        await http.post("/", json={"topic": "ops", "message": text, "actions": [button]})
        receipt = (await http.post("/1/messages.json", json=emergency(phone))).json()["receipt"]
        shown = (await http.get("/")).text
        form = {"receipt": receipt}
        assert (await http.post("/_sandbox/press", data=form)).status_code == 403
        form["token"] = phone.control_token
        assert "told=done" in (await http.post("/_sandbox/press", data=form)).headers["location"]
        assert "Acknowledged" in (await http.get("/?told=done")).text
    first = shown.split("class='first'>", 2)[1:]
    assert any("é" * 51 + "<" in part and "é" * 52 not in part.split("</p>")[0] for part in first)
    assert "<img" not in shown and "javascript:" not in shown and "03:00" in shown


async def test_hostile_requests_never_break_the_phone() -> None:
    async with PhoneServer() as phone, httpx.AsyncClient(base_url=phone.url) as http:
        bodies = [b"", b"{", b"[]", b"null", b"\xff", b"[" * 5000, b'{"topic": {"a": 1}}', b'{"topic":"a","title":3}']
        for body in bodies:
            assert (await http.post("/", content=body)).status_code == 400
            assert (await http.post("/1/messages.json", content=body)).status_code == 400
        assert (await http.post("/ops", content=b"\xff\xfe")).status_code == 400
        for actions in ("[", "[1]", "x", ";;;", ",,,="):
            assert (await http.post("/ops", content="x", headers={"Actions": actions})).status_code == 400
        for path in ("/a b/json", "/ops/json?poll=1&since=soon"):
            assert (await http.get(path)).status_code in (400, 404)
