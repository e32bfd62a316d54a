"""What can be pressed on a page in Slack beside an acknowledgement, by whom, and over which way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.channels.slack import blocks, send
from alerts.channels.slack.listen import looks, reactions
from alerts.message import ActionView, Answer, Beside, EventView, IncidentView, Reaction
from alerts.signal import Condition, Severity, Signal
from monitor.app import Keeper
from monitor.sandbox.slack import SlackServer
from monitor.sandbox.slack.interactivity import Interactivity
from monitor.web.app import public_app
from probes.words.errors import StoreError
from tests.story.watch import CONFIG
from tests.web.asking import asking, built
from tests.wire.channel_kit import INCIDENT, Desk, message, surroundings
from tests.wire.test_channel_slack import channel_of, listening
from tests.wire.waiting import until

DESK = ActionView(key="desk", title="Send callers to the desk", confirm="Until somebody undoes it")
SEEN = Beside(excerpt="ask 200: <b>no</b> idea", good="ask 200: booked", good_at=1_790_000_000_000_000, actions=(DESK,))
VIEW = replace(
    INCIDENT, beside=SEEN, events=(EventView(at=1_790_000_000_000_000, kind="opened", text="<!here> it began"),)
)


class Late(Desk):
    """Whatever is said is said too late."""

    async def react(self, reaction: Reaction) -> Answer:
        await super().react(reaction)
        return Answer(accepted=False, text="Intake agent: already resolved.")


def seeing(view: IncidentView | None = VIEW) -> Any:
    async def seen(incident: str) -> IncidentView | None:
        return view

    return replace(surroundings(), seen=seen)


async def whispered(slack: SlackServer, number: int = 1) -> Any:
    place = slack.space.channels["C00000001"]
    await until(lambda: len(place.ephemeral) >= number)
    return place.ephemeral[-1]


def strange(slack: SlackServer) -> str:
    """Somebody of the workspace whom no configuration knows."""
    slack.space.members["U0STRANGER"] = replace(slack.space.members["U045EF6GH"], id="U0STRANGER")
    return "U0STRANGER"


async def test_what_was_seen_what_was_good_and_the_runbook_stand_in_the_thread_of_a_first_page() -> None:
    async with SlackServer() as slack:
        await channel_of(slack).send(message(view=VIEW))
        [posted] = slack.messages()
        [below] = slack.messages(thread=posted.ts)
    assert "Seen: ask 200: &lt;b&gt;no&lt;/b&gt; idea" in below.text
    assert "Last good answer at " in below.text and "ask 200: booked" in below.text
    assert "Runbook: 1. Look at the calendar." in below.text


async def test_a_thread_that_cannot_be_written_costs_no_page() -> None:
    async with SlackServer() as slack:
        slack.faults.set("refused", times=1, text="thread_not_found", where="thread")
        receipt = await channel_of(slack).send(message(view=VIEW))
    assert receipt.id


@pytest.mark.parametrize("name", ["check", "snooze", "ack"])
async def test_each_button_is_its_reaction(name: str) -> None:
    async with SlackServer() as slack:
        channel, desk = channel_of(slack), Desk()
        async with listening(channel, slack, desk):
            await channel.send(message())
            [posted] = slack.messages()
            assert (await slack.press(posted, f"showup.{name}", user="U045EF6GH")).acknowledged
            await until(lambda: bool(desk.reactions))
    assert [(one.action, one.incident, one.by) for one in desk.reactions] == [(name, "I-7K2M", "Bo Birch")]


async def test_more_shows_the_timeline_longer_snoozes_and_actions_to_the_one_who_pressed() -> None:
    async with SlackServer() as slack:
        channel, desk = channel_of(slack), Desk()
        channel.around = seeing()
        async with listening(channel, slack, desk):
            await channel.send(message(view=VIEW))
            [posted] = slack.messages()
            await slack.press(posted, "showup.more", user="U045EF6GH")
            shown = await whispered(slack)
            assert shown.only_for == "U045EF6GH"
            assert "&lt;!here&gt; it began" in str(shown.blocks)
            await slack.press(shown, "showup.snooze.8h", user="U045EF6GH")
            await slack.press(shown, "showup.act.desk", user="U045EF6GH")
            await slack.press(shown, "showup.severity.warning", user="U045EF6GH")
            await until(lambda: len(desk.reactions) == 3)
    assert [(one.action, dict(one.said)) for one in desk.reactions] == [
        ("snooze", {"for": "8h"}),
        ("act", {"action": "desk"}),
        ("severity", {"severity": "warning"}),
    ]
    assert "It is error" in str(shown.blocks) and "It is critical" not in str(shown.blocks), "what it is already"
    assert "nobody is paged anew" in str(shown.blocks), "from critical, an error is a fall"
    assert "Until somebody undoes it" in str(shown.blocks)


async def test_a_runbook_that_is_a_file_is_shown_to_the_one_who_asks() -> None:
    view = replace(VIEW, runbook="runbooks/intake.md")
    async with SlackServer() as slack:
        channel, desk = channel_of(slack), Desk()
        channel.around = seeing(view)
        async with listening(channel, slack, desk):
            await channel.send(message(view=view))
            [posted] = slack.messages()
            await slack.press(posted, "showup.runbook", user="U045EF6GH")
            assert "Look at the calendar" in (await whispered(slack)).text
    assert desk.reactions == []


async def test_people_we_do_not_know_may_look_and_not_act_and_are_told_how() -> None:
    async with SlackServer() as slack:
        channel, desk = channel_of(slack), Desk()
        channel.around = seeing()
        stranger = strange(slack)
        async with listening(channel, slack, desk):
            await channel.send(message())
            [posted] = slack.messages()
            await slack.press(posted, "showup.ack", user=stranger)
            told = await whispered(slack)
    assert desk.reactions == []
    assert told.only_for == stranger and "I do not know you" in told.text


async def test_anyone_may_press_where_that_is_wanted() -> None:
    async with SlackServer() as slack:
        channel, desk = channel_of(slack, anyone=True), Desk()
        stranger = strange(slack)
        async with listening(channel, slack, desk):
            await channel.send(message())
            [posted] = slack.messages()
            await slack.press(posted, "showup.ack", user=stranger)
            await until(lambda: bool(desk.reactions))


async def test_what_a_customer_says_in_slack_is_reported_with_their_words() -> None:
    async with SlackServer() as slack:
        channel, desk = channel_of(slack), Desk()
        channel.around = replace(
            seeing(), subjects=lambda: {"intake/production": "Intake", "billing/production": "Bills"}
        )
        async with listening(channel, slack, desk):
            await channel.send(message())
            [posted] = slack.messages()
            posted.text = "our phone agent hangs up"
            await slack.shortcut(posted, "showup.report", user="U045EF6GH")
            await until(lambda: "U045EF6GH" in slack.space.views)
            await slack.submit({"workflow": "billing/production", "since": "20m ago"}, user="U045EF6GH")
            await until(lambda: bool(desk.reactions))
    [said] = desk.reactions
    assert (said.action, said.incident, said.by) == ("report", "billing/production", "Bo Birch")
    assert said.said == {"text": "our phone agent hangs up", "from": "customer", "since": "20m ago"}


async def test_guests_and_people_of_other_workspaces_may_not_press_even_where_anyone_may() -> None:
    async with SlackServer() as slack:
        channel, desk = channel_of(slack, anyone=True), Desk()
        guest, other = strange(slack), "U0OTHER"
        slack.space.members[guest] = replace(slack.space.members[guest], guest=True)
        slack.space.members[other] = replace(slack.space.members["U045EF6GH"], id=other, team="T0OTHER")
        async with listening(channel, slack, desk):
            await channel.send(message())
            [posted] = slack.messages()
            for number, user in enumerate((guest, other), 1):
                await slack.press(posted, "showup.ack", user=user)
                assert "I do not know you" in (await whispered(slack, number)).text
    assert desk.reactions == []


async def test_whoever_pressed_is_told_when_it_could_not_be_kept() -> None:
    async def broken(reaction: Any) -> Answer:
        raise StoreError("the disk is full")

    async with SlackServer() as slack:
        channel, desk = channel_of(slack), Desk()
        channel.around = seeing()
        task = asyncio.create_task(channel.listen(broken))
        try:
            await until(lambda: len(slack.sockets.open) > 0)
            await channel.send(message())
            [posted] = slack.messages()
            await slack.press(posted, "showup.ack", user="U045EF6GH")
            assert "This could not be kept" in (await whispered(slack)).text
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    assert desk.reactions == []


@pytest.mark.parametrize(
    "view", [None, replace(VIEW, state="resolved", resolved_by="recovery")], ids=["unknown", "over"]
)
async def test_a_late_click_takes_the_buttons_off_the_old_message(view: IncidentView | None) -> None:
    async with SlackServer() as slack:
        channel = channel_of(slack)
        channel.around = seeing(view)
        desk = Late()
        async with listening(channel, slack, desk):
            await channel.send(message())
            [posted] = slack.messages()
            await slack.press(posted, "showup.ack", user="U045EF6GH")
            assert "already resolved" in (await whispered(slack)).text
            await until(lambda: posted.edits > 0)
    assert "showup.ack" not in str(posted.blocks) and "showup.more" not in str(posted.blocks)
    assert ("Recovered" in str(posted.blocks)) == (view is not None)


async def test_what_was_seen_never_holds_up_the_receipt_of_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "EXPLAINED", 0.2)
    async with SlackServer() as slack:
        channel = channel_of(slack, timeout="20s")
        writes = send.call

        async def slow(client: Any, method: str, **more: Any) -> dict[str, Any]:
            if more.get("thread_ts"):
                slack.faults.set("hang", times=1)
            return await writes(client, method, **more)

        monkeypatch.setattr(send, "call", slow)
        async with asyncio.timeout(5):
            assert (await channel.send(message(view=VIEW))).id


def test_a_runbook_is_named_by_its_workflow_and_stays_within_what_slack_takes() -> None:
    said = blocks.runbook(replace(VIEW, runbook="", runbook_lines=tuple("<!here> line" for _ in range(2_000))))
    assert said.startswith("Runbook of Intake agent:\n")
    assert "<!" not in said and len(said) < 40_000


@given(st.recursive(st.none() | st.text(max_size=20) | st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "actions", "action_id", "value", "user", "id"]), inner, max_size=4), max_leaves=12))  # fmt: skip  # noqa: E501
def test_no_payload_breaks_the_ear(payload: Any) -> None:
    given = payload if isinstance(payload, dict) else {}
    assert isinstance(reactions({**given, "type": "block_actions"}, surroundings()), list)
    assert isinstance(looks({**given, "type": "block_actions"}), list)


@given(text=st.text(max_size=400))
def test_nothing_foreign_calls_anybody(text: str) -> None:
    view = replace(
        VIEW, events=(EventView(at=0, kind="x", text=text, by=text),), beside=replace(SEEN, excerpt=text, good=text)
    )
    said = blocks.details(view) + json.dumps([one for one in blocks.more(view) if one["type"] == "section"])
    assert "<!" not in said and "<@" not in said and "<#" not in said


# --- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[tuple[Keeper, SlackServer]]:
    async with SlackServer() as slack:
        channels = f'channels: {{slack: {{token: "${{secret:ANA}}", channel: ops-alerts, url: "{slack.api_url}", signing_secret: "${{secret:BO}}"}}}}\n'  # noqa: E501
        text = CONFIG.replace("ana: {name: Ana,", "ana: {name: Ana, slack: U012AB3CD,") + channels
        async with built(tmp_path, text) as made:
            yield made, slack


def signed(body: bytes, *, at: int, secret: str) -> dict[str, str]:
    mark = hmac.new(secret.encode(), b"v0:%d:" % at + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": f"v0={mark}"}


def click(action: str, user: str = "U012AB3CD") -> bytes:
    payload = {"type": "block_actions", "user": {"id": user, "name": "ana"}, "channel": {"id": "C00000001"},
               "actions": [{"action_id": action, "value": "NOPE|1"}]}  # fmt: skip
    return urlencode({"payload": json.dumps(payload)}).encode()


async def post(client: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> int:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return (await client.post("/slack/interactivity", content=body, headers={**kind, **headers})).status_code


async def test_what_slack_signed_is_taken_once_and_nothing_else_is(keeper: tuple[Keeper, SlackServer]) -> None:
    made, _ = keeper
    now, secret, body = made.clock.now() // 1_000_000, "b" * 16, click("showup.ack")
    good = signed(body, at=now, secret=secret)
    async with asking(public_app(made)) as client:
        assert await post(client, body, {}) == 401
        assert await post(client, body, signed(body, at=now, secret="c" * 16)) == 401
        assert await post(client, body + b"x", good) == 401
        assert await post(client, body, signed(body, at=now - 400, secret=secret)) == 401
        assert await post(client, body, {**good, "X-Slack-Request-Timestamp": "soon"}) == 401
        assert await post(client, body, good) == 200
        assert await post(client, body, good) == 200, "a repeat, that does nothing"
        assert await post(client, b"payload=%7B", signed(b"payload=%7B", at=now, secret=secret)) == 400


async def test_a_repeat_is_known_after_a_restart_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Reaction] = []

    async def notes(self: Keeper, reaction: Reaction) -> Answer:
        done.append(reaction)
        return Answer(accepted=True, text="done")

    monkeypatch.setattr(Keeper, "react", notes)
    channels = 'channels: {slack: {token: "${secret:ANA}", channel: ops, signing_secret: "${secret:BO}"}}\n'
    text = CONFIG.replace("ana: {name: Ana,", "ana: {name: Ana, slack: U012AB3CD,") + channels
    body, headers = click("showup.ack"), dict[str, str]()
    for _ in range(2):
        async with built(tmp_path, text) as made, asking(public_app(made)) as client:
            headers = headers or signed(body, at=made.clock.now() // 1_000_000, secret="b" * 16)
            assert await post(client, body, headers) == 200
            await until(lambda: len(done) == 1)
            await asyncio.sleep(0.1)
    assert len(done) == 1
    async with built(tmp_path, text) as made, asking(public_app(made)) as client:
        await made.store.close()
        fresh = signed(body, at=made.clock.now() // 1_000_000 - 1, secret="b" * 16)
        assert await post(client, body, fresh) == 503


HEADER = st.binary(max_size=20).map(lambda said: bytes(each for each in said if each > 32 and each != 127))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=300), stamp=HEADER | st.just(b"9" * 400) | st.just(b"%d" % 1_790_000_000), mark=HEADER)
async def test_no_body_and_no_header_breaks_the_door(
    keeper: tuple[Keeper, SlackServer], body: bytes, stamp: bytes, mark: bytes
) -> None:
    made, _ = keeper
    given = {b"X-Slack-Request-Timestamp": stamp, b"X-Slack-Signature": mark}
    async with asking(public_app(made)) as client:
        assert (await client.post("/slack/interactivity", content=body, headers=given)).status_code == 401


async def test_a_mark_beyond_ascii_at_the_right_time_is_refused(keeper: tuple[Keeper, SlackServer]) -> None:
    made, _ = keeper
    given = {b"X-Slack-Request-Timestamp": b"%d" % (made.clock.now() // 1_000_000), b"X-Slack-Signature": b"v0=\xe9"}
    async with asking(public_app(made)) as client:
        assert (await client.post("/slack/interactivity", content=b"", headers=given)).status_code == 401


async def test_what_is_not_done_is_never_taken_with_a_200(
    keeper: tuple[Keeper, SlackServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = keeper
    open_again, done = asyncio.Event(), []

    async def waits(self: Keeper, reaction: Reaction) -> Answer:
        done.append(reaction)
        await open_again.wait()
        return Answer(accepted=True, text="done")

    monkeypatch.setattr(Keeper, "react", waits)
    now, codes = made.clock.now() // 1_000_000, []
    async with asking(public_app(made)) as client:
        for number in range(30):
            body = click("showup.ack").replace(b"NOPE", b"N%d" % number)
            codes.append(await post(client, body, signed(body, at=now, secret="b" * 16)))
        await until(lambda: len(done) == codes.count(200))
        open_again.set()
        turned_away = signed(body, at=now, secret="b" * 16)
        await until(lambda: len(asyncio.all_tasks()) < 20)
        assert await post(client, body, turned_away) == 200, "what was turned away was not remembered as done"
        await until(lambda: len(done) == codes.count(200) + 1)
    assert 0 < codes.count(200) < 30 and set(codes) == {200, 429}


async def test_a_real_click_over_http_acknowledges_and_says_so(tmp_path: Path) -> None:
    """The whole way: a button on the workspace's page, signed and posted to the keeper's own server."""
    async with SlackServer() as slack:
        channels = f'channels: {{slack: {{token: "${{secret:ANA}}", channel: ops-alerts, url: "{slack.api_url}", signing_secret: "${{secret:BO}}"}}}}\n'  # noqa: E501
        slack.token = "a" * 16
        text = CONFIG.replace("ana: {name: Ana,", "ana: {name: Ana, slack: U012AB3CD,") + channels
        async with built(tmp_path, text) as made, served(public_app(made)) as url:
            slack.interactivity = Interactivity(f"{url}/slack/interactivity", "b" * 16)
            now = made.clock.now()
            signal = Signal(subject="intake/production", member="books", condition=Condition.FAILING, at=now,
                            since=now, severity=Severity.CRITICAL, policy="wake-us", title="Intake agent", failure="timeout")  # fmt: skip  # noqa: E501
            name = (await made.store.write(lambda session: made.desk.receive(session, signal, now=now))).incident
            view = await made.store.read(lambda session: made.desk.find(session, name, now=now))
            await made.channels["slack"].send(message(view=view))
            [posted] = slack.messages()
            assert (await slack.press(posted, "showup.ack")).acknowledged
            assert "acknowledged by Ana" in (await whispered(slack)).text
            slack.interactivity = replace(slack.interactivity, secret="not-ours")
            assert not (await slack.press(posted, "showup.snooze")).acknowledged


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """An app behind a real server."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def test_the_door_is_not_there_without_its_secret(tmp_path: Path) -> None:
    async with built(tmp_path) as made, asking(public_app(made)) as client:
        assert await post(client, b"", {}) == 404
