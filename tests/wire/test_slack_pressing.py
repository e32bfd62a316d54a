"""What can be pressed on a page in Slack beside an acknowledgement, by whom, and over which way."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.channels.slack import blocks
from alerts.channels.slack.listen import looks, reactions
from alerts.message import ActionView, Beside, EventView, IncidentView
from monitor.app import Keeper
from monitor.sandbox.slack import SlackServer
from monitor.web.app import public_app
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
            await until(lambda: len(desk.reactions) == 2)
    assert [(one.action, dict(one.said)) for one in desk.reactions] == [
        ("snooze", {"for": "8h"}),
        ("act", {"action": "desk"}),
    ]
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
            await slack.submit({"workflow": "billing/production"}, user="U045EF6GH")
            await until(lambda: bool(desk.reactions))
    [said] = desk.reactions
    assert (said.action, said.incident, said.by) == ("report", "billing/production", "Bo Birch")
    assert said.said == {"text": "our phone agent hangs up", "from": "customer"}


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


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary(max_size=300), stamp=st.text(max_size=12))
async def test_no_body_breaks_the_door(keeper: tuple[Keeper, SlackServer], body: bytes, stamp: str) -> None:
    made, _ = keeper
    header = stamp.encode("ascii", "ignore").decode().replace("\r", "").replace("\n", "").replace("\0", "")
    async with asking(public_app(made)) as client:
        assert await post(client, body, {"X-Slack-Request-Timestamp": header, "X-Slack-Signature": "v0=0"}) == 401


async def test_the_door_is_not_there_without_its_secret(tmp_path: Path) -> None:
    async with built(tmp_path) as made, asking(public_app(made)) as client:
        assert await post(client, b"", {}) == 404
