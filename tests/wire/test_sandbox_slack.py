"""The local Slack, driven by the library that drives the real one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

from monitor.sandbox.slack import CannotPress, Channel, Member, SlackServer
from monitor.sandbox.slack.page import mrkdwn
from probes.words.clock import PushedClock
from tests.wire.waiting import until

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def client_of(slack: SlackServer, token: str = "") -> AsyncWebClient:
    return AsyncWebClient(token=token or slack.token, base_url=slack.api_url, retry_handlers=[], timeout=5)


def page_blocks(*action_ids: str) -> list[dict[str, Any]]:
    buttons = [
        {"type": "button", "action_id": a, "value": "i1", "text": {"type": "plain_text", "text": a}} for a in action_ids
    ]
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "*Intake agent* does not answer"}}
    return [section, {"type": "actions", "elements": buttons}] if buttons else [section]


@asynccontextmanager
async def connected(slack: SlackServer, *, acknowledge: bool = True) -> AsyncIterator[list[SocketModeRequest]]:
    """The app, connected through Socket Mode; it takes the button away when it was pressed."""
    heard: list[SocketModeRequest] = []
    web = client_of(slack)
    socket = SocketModeClient(app_token=slack.app_token, web_client=web, ping_interval=0.5)

    async def listen(client: SocketModeClient, request: SocketModeRequest) -> None:
        heard.append(request)
        if not acknowledge:
            return
        await client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        if request.type == "interactive":
            where = request.payload["container"]
            await web.chat_update(
                channel=where["channel_id"], ts=where["message_ts"], text="acknowledged", blocks=page_blocks()
            )

    socket.socket_mode_request_listeners.append(listen)
    await asyncio.wait_for(socket.connect(), 5)
    try:
        yield heard
    finally:
        await socket.close()


async def refused(call: Any) -> dict[str, Any]:
    with pytest.raises(SlackApiError) as caught:
        await call
    data = caught.value.response.data
    assert isinstance(data, dict)
    return data


async def test_a_page_is_posted_changed_and_answered_in_its_thread() -> None:
    async with SlackServer() as slack:
        client = client_of(slack)
        who = await client.auth_test()
        posted = await client.chat_postMessage(
            channel="ops-alerts",
            text="down",
            blocks=page_blocks("ack"),
            metadata={"event_type": "incident", "event_payload": {"id": "i1"}},
        )
        channel, ts = posted["channel"], posted["ts"]
        reply = await client.chat_postMessage(channel=channel, text="first run failed", thread_ts=ts)
        await client.chat_update(channel=channel, ts=ts, text="resolved", blocks=[])
        await client.reactions_add(channel=channel, timestamp=ts, name="white_check_mark")
        history = await client.conversations_history(channel=channel, include_all_metadata=True)
        thread = await client.conversations_replies(channel=channel, ts=ts)

    assert who["user_id"] == "U0SHOWUP"
    assert isinstance(ts, str) and ts < reply["ts"]
    (shown,) = history["messages"]
    assert shown["text"] == "resolved" and "blocks" not in shown and shown["reply_count"] == 1
    assert shown["metadata"]["event_payload"] == {"id": "i1"}
    assert shown["reactions"][0]["name"] == "white_check_mark"
    assert [m["text"] for m in thread["messages"]] == ["resolved", "first run failed"]
    assert "metadata" not in thread["messages"][0]
    assert [r.what for r in slack.received][:2] == ["auth.test", "chat.postMessage"]


async def test_a_click_is_acknowledged_over_the_socket_and_the_button_is_gone_afterwards() -> None:
    async with SlackServer() as slack, connected(slack) as heard:
        await client_of(slack).chat_postMessage(channel="ops-alerts", text="down", blocks=page_blocks("ack"))
        (message,) = slack.messages()
        pressed = await slack.press(message, "ack", user="U045EF6GH", wait=2)

        assert pressed.acknowledged and pressed.changed and (pressed.seconds or 9) < 3
        payload = heard[0].payload
        assert payload["type"] == "block_actions" and payload["user"]["id"] == "U045EF6GH"
        assert payload["actions"][0]["value"] == "i1" and payload["container"]["message_ts"] == message.ts
        assert message.text == "acknowledged"
        with pytest.raises(CannotPress, match="there are: none"):
            await slack.press(message, "ack")
        with pytest.raises(CannotPress, match="nobody in this workspace"):
            await slack.press(message, "ack", user="U999")


async def test_a_click_that_nobody_takes_is_not_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sandbox.slack.sockets.ACK_WITHIN", 0.1)
    async with SlackServer() as slack:
        await client_of(slack).chat_postMessage(channel="ops-alerts", text="down", blocks=page_blocks("ack"))
        (message,) = slack.messages()
        alone = await slack.press(message, "ack")
        async with connected(slack, acknowledge=False) as heard:
            silent = await slack.press(message, "ack")
    assert (alone.acknowledged, alone.error) == (False, "no app is connected")
    assert len(heard) == 1 and not silent.acknowledged and "not acknowledged" in silent.error


async def test_the_socket_comes_back_after_a_refresh_and_after_a_cut_cable() -> None:
    async with SlackServer() as slack, connected(slack):
        await client_of(slack).chat_postMessage(channel="ops-alerts", text="down", blocks=page_blocks("ack"))
        (message,) = slack.messages()
        assert await slack.sockets.refresh() == 1
        await until(lambda: len(slack.sockets.open) == 1)
        (cut,) = slack.sockets.open
        assert slack.sockets.drop() == 1
        await until(lambda: len(slack.sockets.open) == 1 and cut not in slack.sockets.open, 30)
        assert (await slack.press(message, "ack")).acknowledged
        opened = [r for r in slack.received if r.what == "apps.connections.open"]
    assert len(opened) >= 3


async def test_a_socket_address_is_good_for_one_connection() -> None:
    async with SlackServer() as slack, aiohttp.ClientSession() as session:
        address = (await client_of(slack).apps_connections_open(app_token=slack.app_token))["url"]
        async with session.ws_connect(address) as socket:
            assert (await socket.receive_json())["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(address)


async def test_tokens_and_scopes_are_checked_like_slack_does() -> None:
    closed = [Channel("C1", "old", archived=True), Channel("C2", "elsewhere", bot_is_member=False)]
    async with SlackServer(channels=closed, scopes={"chat:write"}) as slack:
        good, bad = client_of(slack), client_of(slack, "xoxb-wrong")
        assert (await refused(bad.auth_test()))["error"] == "invalid_auth"
        assert (await refused(good.apps_connections_open(app_token="xapp-wrong")))["error"] == "invalid_auth"
        assert (await refused(good.apps_connections_open(app_token=slack.token)))["error"] == "not_allowed_token_type"
        missing = await refused(good.users_lookupByEmail(email="first@example.com"))
        assert (missing["error"], missing["needed"], missing["provided"]) == (
            "missing_scope",
            "users:read.email",
            "chat:write",
        )
        closed_to_us = {"old": "is_archived", "elsewhere": "not_in_channel", "nowhere": "channel_not_found"}
        for channel, error in closed_to_us.items():
            assert (await refused(good.chat_postMessage(channel=channel, text="x")))["error"] == error
        assert (await refused(good.api_call("chat.delete")))["error"] == "unknown_method"
    assert not any(r.accepted for r in slack.received)


@pytest.mark.parametrize(
    ("blocks", "pointer"),
    [
        ([{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}], "/blocks/0/text/text"),
        ([{"type": "divider"}] * 51, "/blocks"),
        (page_blocks("a" * 76), "/blocks/1/elements/0/text/text"),
        (page_blocks("a", "a"), "/blocks/1/elements/1/action_id"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "/blocks/0/text/type"),
        ([{"type": ["section"]}], "/blocks/0/type"),
        ([{"type": "section"}], "/blocks/0"),
        ([{"type": "context", "elements": []}], "/blocks/0/elements"),
        ([7], "/blocks/0"),
    ],
)
async def test_blocks_that_slack_refuses_are_refused_with_a_pointer(blocks: list[Any], pointer: str) -> None:
    async with SlackServer() as slack:
        arguments = {"channel": "ops-alerts", "text": "x", "blocks": blocks}
        answer = await refused(client_of(slack).api_call("chat.postMessage", json=arguments))
    assert answer["error"] == "invalid_blocks"
    assert f"[json-pointer:{pointer}]" in answer["response_metadata"]["messages"][0]
    assert not slack.messages()


async def test_a_value_too_long_an_empty_text_and_too_much_text() -> None:
    long_value = page_blocks("ack")
    long_value[1]["elements"][0]["value"] = "v" * 2001
    much = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5
    async with SlackServer() as slack:
        client = client_of(slack)
        answer = await refused(client.chat_postMessage(channel="ops-alerts", text="x", blocks=long_value))
        assert "/blocks/1/elements/0/value" in answer["errors"][0]
        empty = client.api_call("chat.postMessage", json={"channel": "ops-alerts", "text": " "})
        assert (await refused(empty))["error"] == "no_text"
        too_much = client.chat_postMessage(channel="ops-alerts", text="x", blocks=much)
        assert (await refused(too_much))["error"] == "msg_blocks_too_long"
        cut = await client.chat_postMessage(channel="ops-alerts", text="y" * 40_001)
        assert cut["warning"] == "message_truncated" and len(slack.messages()[-1].text) == 40_000


async def test_updates_threads_and_people_are_refused_when_they_do_not_exist() -> None:
    async with SlackServer() as slack:
        client = client_of(slack)
        await slack.say("hello")
        (theirs,) = slack.messages()
        wrong = client.chat_update(channel=theirs.channel, ts=theirs.ts, text="mine")
        assert (await refused(wrong))["error"] == "cant_update_message"
        missing = client.chat_update(channel=theirs.channel, ts="1.000000", text="x")
        assert (await refused(missing))["error"] == "message_not_found"
        by_name = client.chat_update(channel="ops-alerts", ts=theirs.ts, text="x")
        assert (await refused(by_name))["error"] == "channel_not_found"
        reply = await client.chat_postMessage(channel=theirs.channel, text="a reply", thread_ts=theirs.ts)
        nested = client.chat_postMessage(channel=theirs.channel, text="x", thread_ts=reply["ts"])
        assert (await refused(nested))["error"] == "cannot_reply_to_message"
        assert (await refused(client.users_info(user="U999")))["error"] == "user_not_found"
        assert (await refused(client.users_lookupByEmail(email="no@example.com")))["error"] == "users_not_found"
        person = await client.users_lookupByEmail(email="Second@Example.com")
        direct = await client.conversations_open(users=person["user"]["id"])
        await client.chat_postMessage(channel=person["user"]["id"], text="you are on call")
        whisper = await client.chat_postEphemeral(channel="ops-alerts", user="U012AB3CD", text="only you")
    assert direct["channel"]["id"] == "D045EF6GH"
    assert [m.text for m in slack.messages("U045EF6GH")] == ["you are on call"]
    assert whisper["message_ts"] and len(slack.messages()) == 1


async def test_a_channel_takes_about_one_message_a_second() -> None:
    clock = PushedClock(START)
    async with SlackServer(clock=clock, channels=("a", "b")) as slack:
        slack.limit_messages = True
        client = client_of(slack)
        for number in range(3):
            await client.chat_postMessage(channel="a", text=str(number))
        with pytest.raises(SlackApiError) as caught:
            await client.chat_postMessage(channel="a", text="too many")
        assert caught.value.response.status_code == 429
        assert caught.value.response.headers["Retry-After"] == "1"
        await client.chat_postMessage(channel="b", text="another channel has its own allowance")
        clock.push(timedelta(seconds=1))
        await client.chat_postMessage(channel="a", text="3")
    assert [m.text for m in slack.messages("a")] == ["0", "1", "2", "3"]


async def test_names_of_messages_rise_even_when_the_clock_stands() -> None:
    async with SlackServer(clock=PushedClock(START)) as slack:
        client = client_of(slack)
        names = [(await client.chat_postMessage(channel="ops-alerts", text="x"))["ts"] for _ in range(5)]
    assert names == sorted(set(names))


async def test_every_fault_of_the_wire_is_what_it_says() -> None:
    async with SlackServer() as slack:
        client = client_of(slack)
        post = lambda text: client.chat_postMessage(channel="ops-alerts", text=text)  # noqa: E731

        slack.faults.set("rate-limited", seconds=7, times=1)
        with pytest.raises(SlackApiError) as limited:
            await post("limited")
        slack.faults.set("server-error", status=503, times=1)
        with pytest.raises(SlackApiError) as broken:
            await post("broken")
        slack.faults.set("refused", times=1)
        assert (await refused(post("refused")))["error"] == "internal_error"
        slack.faults.set("drop", times=1)
        with pytest.raises(aiohttp.ClientError):
            await post("dropped")
        assert not slack.messages()

        slack.faults.set("lost-reply", times=1)
        with pytest.raises(aiohttp.ClientError):
            await post("stored, and the answer lost")
        slack.faults.set("refused-but-done", times=1, text="fatal_error")
        assert (await refused(post("done, and denied")))["error"] == "fatal_error"

        slack.faults.set("hang", where="chat.postMessage", seconds=0.3, times=1)
        await client.auth_test()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(post("after the caller has left"), 0.1)
        await until(lambda: len(slack.messages()) == 3, 5)

    assert limited.value.response.headers["Retry-After"] == "7" and limited.value.response.status_code == 429
    assert broken.value.response.status_code == 503
    by_fault = {r.fault: r.accepted for r in slack.received if r.fault}
    assert by_fault == {
        "rate-limited": False,
        "server-error": False,
        "refused": False,
        "drop": False,
        "lost-reply": True,
        "refused-but-done": True,
        "hang": True,
    }


async def test_a_response_url_replaces_whispers_and_wears_out() -> None:
    clock = PushedClock(START)
    async with SlackServer(clock=clock) as slack, connected(slack) as heard, httpx.AsyncClient() as http:
        await client_of(slack).chat_postMessage(channel="ops-alerts", text="down", blocks=page_blocks("ack"))
        (message,) = slack.messages()
        await slack.press(message, "ack", wait=2)
        address = heard[0].payload["response_url"]
        await http.post(address, json={"replace_original": True, "text": "taken", "blocks": []})
        assert message.text == "taken" and not message.blocks
        for number in range(4):
            await http.post(address, json={"text": f"whisper {number}"})
        used_up = await http.post(address, json={"text": "one too many"})
        assert used_up.json() == {"ok": False, "error": "used_url"}
        clock.push(timedelta(minutes=31))
        assert (await http.post(address, json={"text": "late"})).json()["error"] == "expired_url"
        assert (await http.post(f"{slack.url}/response/guess", json={"text": "x"})).status_code == 404
    assert len(slack.space.channels[message.channel].ephemeral) == 4


async def test_a_person_reads_the_channel_and_clicks_in_a_browser() -> None:
    async with SlackServer() as slack, connected(slack) as heard, httpx.AsyncClient() as browser:
        nasty = "<script>alert(1)</script> <javascript:alert(2)|click> <https://example.com|runbook> *bold*"
        await client_of(slack).chat_postMessage(channel="ops-alerts", text="x", blocks=[*page_blocks("ack")])
        await client_of(slack).chat_postMessage(channel="ops-alerts", text=nasty)
        shown = await browser.get(slack.url)
        assert "<script" not in shown.text and "javascript:" not in shown.text
        assert '<a href="https://example.com"' in shown.text and "<b>bold</b>" in shown.text
        assert 'http-equiv="refresh"' in shown.text
        assert "default-src 'none'" in shown.headers["content-security-policy"]

        message = slack.messages()[0]
        form = {"channel": message.channel, "ts": message.ts, "as": "U012AB3CD", "action_id": "ack"}
        assert (await browser.post(f"{slack.url}/press", data=form)).status_code == 403
        assert not heard
        form["token"] = slack.control_token
        assert f'value="{slack.control_token}"' in shown.text
        done = await browser.post(f"{slack.url}/press", data=form)
        assert done.status_code == 303 and "told=done" in done.headers["location"]
        again = await browser.post(f"{slack.url}/press", data=form)
        assert "told=gone" in again.headers["location"]
        assert "has taken your click" in (await browser.get(slack.url + done.headers["location"])).text
        assert (await browser.get(slack.url, headers={"Host": "evil.example"})).status_code == 421


def test_what_a_sender_wrote_never_becomes_markup() -> None:
    assert str(mrkdwn("&lt;b&gt; <!channel> <@U1|someone>")) == "&lt;b&gt; <b>@channel</b> <b>@someone</b>"
    assert str(mrkdwn('<https://x.example/"onmouseover="a|w>')).count('"') == 4
    assert str(mrkdwn("a\u2060*b\u2060*")).count("<b>") == 0


async def test_hostile_arguments_never_break_the_server() -> None:
    bodies = [b"", b"{", b"[1]", b'"x"', b"\xff\xfe", b"[" * 5000, b'{"channel":{"a":1},"blocks":"[[[","text":7}']
    async with SlackServer() as slack, httpx.AsyncClient() as http:
        key = {"Authorization": f"Bearer {slack.token}", "Content-Type": "application/json"}
        for body in bodies:
            for method in ("chat.postMessage", "chat.update", "conversations.history", "reactions.add", "users.info"):
                answer = await http.post(f"{slack.api_url}{method}", content=body, headers=key)
                assert answer.status_code == 200 and answer.json()["ok"] is False


async def test_another_process_sets_faults_and_reads_the_record_from_file_and_wire(tmp_path: Path) -> None:
    lines = tmp_path / "slack.jsonl"
    async with SlackServer(record=lines) as slack, httpx.AsyncClient() as http:
        key = {"Authorization": f"Bearer {slack.control_token}"}
        at = f"{slack.url}/_sandbox/faults"
        assert (await http.post(at, json={"kind": "drop"})).status_code == 401
        wrong = await http.post(at, json={"kind": "hangs"}, headers=key)
        assert wrong.status_code == 400 and "did you mean 'hang'?" in wrong.json()["error"]
        fault = {"kind": "refused", "times": 1, "where": "chat.*"}
        assert (await http.post(at, json=fault, headers=key)).status_code == 201
        await refused(client_of(slack).chat_postMessage(channel="ops-alerts", text="one"))
        await client_of(slack).chat_postMessage(channel="ops-alerts", text="two")
        read = (await http.get(f"{slack.url}/_sandbox/received?after=1", headers=key)).json()["received"]
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(w["what"], w["body"]["text"], w["accepted"]) for w in written] == [
        ("chat.postMessage", "one", False),
        ("chat.postMessage", "two", True),
    ]
    assert [r["number"] for r in read] == [2]
    assert slack.token not in lines.read_text()


async def test_it_starts_at_once_and_lets_go_of_whoever_hangs() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with SlackServer(members=[Member("U1", "One", "one@example.com")]) as slack:
        assert loop.time() - began < 0.3
        slack.faults.set("hang")
        waiting = asyncio.create_task(client_of(slack).auth_test())
        await until(lambda: slack.faults and not waiting.done(), 1)
        await asyncio.sleep(0.05)
        began = loop.time()
    assert loop.time() - began < 1
    with pytest.raises(aiohttp.ClientError):
        await waiting
