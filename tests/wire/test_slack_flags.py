"""Wrong answers, said in Slack: a shortcut opens a form, a button says it at once, and whoever says it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.slack import flagging
from alerts.channels.slack.send import open_channel
from alerts.channels.slack.spec import Spec
from monitor.app import Keeper
from monitor.sandbox.slack import Channel, SlackServer
from monitor.sandbox.slack.workspace import Message
from monitor.store.queries.flags import list_flags
from tests.serving import Page
from tests.story.keeping import kept, until_incident, write_config
from tests.wire.channel_kit import Desk, surroundings
from tests.wire.waiting import until

SUBJECTS = {"intake/production": "Intake agent", "intake/staging": "Intake agent (staging)"}
AROUND = replace(surroundings(), subjects=lambda: SUBJECTS)


@asynccontextmanager
async def listening(slack: SlackServer, subjects: dict[str, str] = SUBJECTS) -> AsyncIterator[Desk]:
    """The channel's ear, with somebody behind it who remembers."""
    names = {"token": "${secret:SLACK_BOT}", "app_token": "${secret:SLACK_APP}", "channel": "ops-alerts"}
    spec = Spec.model_validate({**names, "url": slack.api_url, "timeout": "2s"})
    desk = Desk("Flagged as wrong, number 1.")
    channel = open_channel(spec, replace(surroundings(), subjects=lambda: subjects))
    task = asyncio.create_task(channel.listen(desk.react))
    try:
        await until(lambda: len(slack.sockets.open) > 0)
        yield desk
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def answered(slack: SlackServer, text: str, *, blocks: list[dict[str, Any]] | None = None) -> Message:
    """A bot of the workflow has answered somebody."""
    place = slack.space.find_channel("ops-alerts", by_name=True)
    message = Message(place.id, slack.space.make_ts(slack.now()), "U0BOT", text, blocks=blocks or [])
    place.messages[message.ts] = message
    return message


async def test_a_shortcut_opens_a_form_that_knows_the_answer_and_asks_for_the_rest() -> None:
    async with SlackServer() as slack, listening(slack) as desk:
        message = answered(slack, "We open at &lt;never&gt; &amp; always")
        assert (await slack.shortcut(message, "showup.flag")).acknowledged
        await until(lambda: "U012AB3CD" in slack.space.views)
        form = slack.space.views["U012AB3CD"]
        assert [block["label"]["text"] for block in form["blocks"]] == ["Workflow", *flagging.FIELDS.values()]
        assert form["blocks"][2]["element"]["initial_value"] == "We open at <never> & always"
        sent = {"workflow": "intake/production", "asked": "When do you open?", "expected": "At nine"}
        assert (await slack.submit(sent)).acknowledged
        await until(lambda: bool(desk.reactions))
        await until(lambda: any(one.only_for for one in slack.space.channels[message.channel].ephemeral))
    [reaction] = desk.reactions
    assert (reaction.action, reaction.incident, reaction.by, reaction.person) == (
        "flag", "intake/production", "Ana Ash", "ana",
    )  # fmt: skip
    assert reaction.said == {
        "asked": "When do you open?",
        "answered": "We open at <never> & always",
        "expected": "At nine",
        "comment": "",
        "key": f"slack:{message.channel}:{message.ts}",
    }


async def test_of_one_workflow_the_choice_is_made_already() -> None:
    async with SlackServer() as slack, listening(slack, {"intake/production": "Intake agent"}) as desk:
        await slack.shortcut(answered(slack, "Never"), "showup.flag", user="U045EF6GH")
        await until(lambda: "U045EF6GH" in slack.space.views)
        await slack.submit({}, user="U045EF6GH")
        await until(lambda: bool(desk.reactions))
    assert (desk.reactions[0].incident, desk.reactions[0].by) == ("intake/production", "Bo Birch")


async def test_where_the_app_is_no_member_the_answer_comes_as_a_direct_message() -> None:
    private = Channel("C0CUSTOMER", "customers", bot_is_member=False, private=True)
    async with SlackServer(channels=["ops-alerts", private]) as slack, listening(slack) as desk:
        message = Message("C0CUSTOMER", "1.000001", "U0BOT", "Never")
        private.messages[message.ts] = message
        await slack.shortcut(message, "showup.flag")
        await until(lambda: "U012AB3CD" in slack.space.views)
        await slack.submit({"workflow": "intake/staging"})
        await until(lambda: "D012AB3CD" in slack.space.channels)
        [told] = slack.messages("U012AB3CD")
    assert (told.text, desk.reactions[0].incident) == ("Flagged as wrong, number 1.", "intake/staging")


async def test_a_button_on_the_answer_itself_needs_no_form() -> None:
    label = {"type": "plain_text", "text": "Wrong answer"}
    button = {"type": "button", "action_id": "showup.flag", "value": "intake", "text": label}
    blocks = [{"type": "actions", "block_id": "b1", "elements": [button]}]
    async with SlackServer() as slack, listening(slack) as desk:
        message = answered(slack, "A banana", blocks=blocks)
        assert (await slack.press(message, "showup.flag")).acknowledged
        await until(lambda: bool(desk.reactions))
    [reaction] = desk.reactions
    assert (reaction.incident, reaction.said["answered"]) == ("intake", "A banana")
    assert reaction.said["key"].endswith(message.ts)


async def test_with_nothing_to_flag_whoever_tries_is_told() -> None:
    async with SlackServer() as slack, listening(slack, {}):
        message = answered(slack, "Never")
        await slack.shortcut(message, "showup.flag")
        await until(lambda: bool(slack.space.channels[message.channel].ephemeral))
        assert "no workflow" in slack.space.channels[message.channel].ephemeral[0].text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["view", "state", "values", "workflow", "v", "actions", "user"]), inner),
    max_leaves=12,
)


@given(st.sampled_from(["view_submission", "block_actions", "message_action", "x"]), st.dictionaries(st.text(), JSON))
def test_no_payload_makes_the_ear_stumble(kind: str, rest: dict[str, Any]) -> None:
    view = {"callback_id": "showup.flag", "state": rest, "private_metadata": str(rest)}
    action = {"action_id": "showup.flag", "value": "intake"}
    payload = {"view": view, "actions": [action], "callback_id": "showup.flag", **rest, "type": kind}
    for reaction in flagging.flags(payload, AROUND):
        assert reaction.action == "flag"
    flagging.form(payload, AROUND)
    assert flagging.is_shortcut(payload) is (kind == "message_action" and payload["callback_id"] == "showup.flag")


@pytest.mark.parametrize("count", [1, 100, 250])
def test_a_form_is_one_that_slack_takes_however_many_workflows_there_are(count: int) -> None:
    from monitor.sandbox.slack.forms import find_view_faults

    many = {f"{'w' * 60}-{number}/production": f"Workflow {'x' * 80} {number}" for number in range(count)}
    payload = {"message": {"text": "y" * 9_000, "ts": "1.1"}, "channel": {"id": "C1"}}
    assert find_view_faults(flagging.form(payload, replace(surroundings(), subjects=lambda: many))) == []


async def test_in_the_real_daemon_three_people_in_slack_open_an_incident_and_the_fourth_click_counts_once(
    tmp_path: Path,
) -> None:
    async with Page() as page, SlackServer() as slack:
        tokens = 'token: "${secret:BOT}", app_token: "${secret:APP}"'
        options = f'slack: {{{tokens}, channel: ops-alerts, url: "{slack.api_url}"}}'
        secrets = {"BOT": slack.token, "APP": slack.app_token}
        config = write_config(tmp_path, page, channels=options, levels="{at: 0m, notify: [ana]}", secrets=secrets)
        config.write_text(config.read_text().replace("    title: Intake", "    flags: {above: 2}\n    title: Intake"))
        async with kept(config) as keeper:
            await until(lambda: len(slack.sockets.open) > 0)
            messages = [answered(slack, f"Answer {number}") for number in range(3)]
            for message in [*messages, messages[0]]:
                await flag(slack, message)
            found = await until_incident(keeper, lambda one: "flagged answers" in one.members)
            kept_flags = await flags_of(keeper)
    assert found.severity == "warning"
    assert found.sentence.startswith('3 answers were flagged as wrong within 1d: "Question" → "Answer 2"')
    assert [one.answered for one in kept_flags] == ["Answer 2", "Answer 1", "Answer 0"]
    assert {one.source for one in kept_flags} == {"slack"}


async def flag(slack: SlackServer, message: Message) -> None:
    """A person flags a message, and waits to be told."""
    place = slack.space.channels[message.channel]
    before = len(place.ephemeral)
    await slack.shortcut(message, "showup.flag")
    await until(lambda: "U012AB3CD" in slack.space.views)
    await slack.submit({"asked": "Question"})
    await until(lambda: len(place.ephemeral) > before)


async def flags_of(keeper: Keeper) -> list[Any]:
    return await keeper.store.read(list_flags)
