"""The Slack channel against the local Slack: one message an incident, faults of every kind, buttons."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from alerts.channels.slack.send import SlackChannel, open_channel
from alerts.channels.slack.spec import Spec
from alerts.message import Purpose
from alerts.people import Person
from monitor.sandbox.slack import Channel, Member, SlackServer
from probes.words.errors import DeliveryError
from tests.wire.channel_kit import INCIDENT, Desk, acknowledged, message, resolved, surroundings
from tests.wire.waiting import until


def channel_of(slack: SlackServer, *, secrets: dict[str, str] | None = None, **options: Any) -> SlackChannel:
    spec = Spec.model_validate(
        {
            "token": "${secret:SLACK_BOT}",
            "app_token": "${secret:SLACK_APP}",
            "channel": "ops-alerts",
            "url": slack.api_url,
            "timeout": "2s",
            **options,
        }
    )
    return open_channel(spec, surroundings(secrets))


@asynccontextmanager
async def listening(channel: SlackChannel, slack: SlackServer, desk: Desk) -> AsyncIterator[None]:
    task = asyncio.create_task(channel.listen(desk.react))
    try:
        await until(lambda: len(slack.sockets.open) > 0)
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def failing(channel: SlackChannel, **more: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        await channel.send(message(**more))
    return caught.value


def words(posted: Any) -> str:
    return str(posted.blocks)


# --- one message for an incident --------------------------------------------------------------------------------------


async def test_a_page_says_what_when_who_and_what_next() -> None:
    async with SlackServer() as slack:
        receipt = await channel_of(slack).send(message())
        [posted] = slack.messages()
    assert receipt.id == f"{posted.channel}/{posted.ts}"
    assert posted.text.startswith("Intake agent answers wrongly")
    said = words(posted)
    assert "Since Sun 22 Nov 22:58 EST" in said
    assert "3 of 3 attempts" in said
    assert "Suspected: the workflow" in said
    assert "Next: Bo Birch at Sun 22 Nov 23:05 EST" in said
    assert "<@U012AB3CD>" in said
    assert "1. Look at the calendar." in said
    buttons = [
        button["text"]["text"]
        for block in posted.blocks
        for button in block.get("elements", [])
        if "value" in button or "url" in button
    ]
    assert buttons == ["Acknowledge", "Snooze 30 min", "Check now", "More", "Runbook", "Evidence"]


async def test_the_one_message_changes_with_the_incident_and_its_story_stands_in_the_thread() -> None:
    async with SlackServer() as slack:
        channel = channel_of(slack)
        receipt = (await channel.send(message())).detail
        await channel.send(message(Purpose.NOTE, marker="n-2", receipt=receipt, text="Paged Ana Ash by phone"))
        await channel.send(
            message(Purpose.ACK, view=acknowledged(), marker="n-3", receipt=receipt, text="Ana Ash has it")
        )
        [posted] = slack.messages()
        assert "🟡" in words(posted)
        assert "showup.ack" not in words(posted)
        await channel.send(message(Purpose.REFRESH, view=acknowledged(), marker="n-4", receipt=receipt))
        await channel.send(message(Purpose.RESOLVE, view=resolved(), marker="n-5", receipt=receipt, text="Recovered"))
        [posted] = slack.messages()
        thread = [reply.text for reply in slack.messages(thread=posted.ts)]
    assert posted.text.startswith("Recovered: Intake agent")
    assert "🟢" in words(posted)
    assert thread == ["Paged Ana Ash by phone", "Ana Ash has it", "Recovered"]


async def test_a_later_level_edits_the_message_and_calls_the_next_person_where_it_makes_a_sound() -> None:
    async with SlackServer() as slack:
        channel = channel_of(slack)
        receipt = (await channel.send(message())).detail
        later = replace(INCIDENT, on_call="Bo Birch", level=2)
        await channel.send(message(view=later, marker="n-2", receipt=receipt, text="Nobody answered for 5 min"))
        [posted] = slack.messages()
        [reply] = slack.messages(thread=posted.ts)
    assert "<@U045EF6GH>" in words(posted)
    assert reply.text == "<@U045EF6GH> Nobody answered for 5 min"
    assert reply.broadcast


async def test_news_is_posted_anew_when_somebody_deleted_the_message() -> None:
    async with SlackServer() as slack:
        channel = channel_of(slack)
        receipt = (await channel.send(message())).detail
        slack.space.channels["C00000001"].messages.clear()
        again = await channel.send(message(Purpose.RESOLVE, view=resolved(), marker="n-2", receipt=receipt))
        [posted] = slack.messages()
        assert again.id.endswith(posted.ts)
        slack.space.channels["C00000001"].messages.clear()
        gone = await failing(channel, purpose=Purpose.REFRESH, receipt=again.detail)
    assert gone.permanent


async def test_a_person_gets_a_direct_message() -> None:
    async with SlackServer() as slack:
        receipt = await channel_of(slack).send(message(target="U045EF6GH", person="bo"))
        [posted] = slack.messages("U045EF6GH")
    assert receipt.detail["channel"] == posted.channel == "D045EF6GH"


async def test_what_no_incident_stands_behind_is_posted_in_plain_words() -> None:
    async with SlackServer() as slack:
        await channel_of(slack).send(
            message(Purpose.WARNING, view=None, headline="3 workflows are failing", text="a\nb")
        )
        [posted] = slack.messages()
    assert posted.text == "3 workflows are failing"
    assert "a\\nb" in words(posted)


async def test_hostile_words_call_nobody_and_link_nowhere() -> None:
    evil = "<!channel> <@U045EF6GH> <https://evil.example|here> & *bold*"
    view = replace(
        INCIDENT, title=evil, sentence=evil, members=(evil,), on_call=evil, next_on_call=evil, sure=evil, run=evil,
        runbook_lines=(evil,), runbook="http://localhost:8470/x", page_url="javascript:alert(1)",
    )  # fmt: skip
    async with SlackServer() as slack:
        channel = channel_of(slack)
        receipt = (await channel.send(message(view=view, headline=evil, text=evil))).detail
        await channel.send(message(Purpose.NOTE, view=view, marker="n-2", receipt=receipt, text=evil))
        [posted] = slack.messages()
        [reply] = slack.messages(thread=posted.ts)
    mrkdwn = [block["text"]["text"] for block in posted.blocks if block.get("text", {}).get("type") == "mrkdwn"]
    assert mrkdwn
    assert not any(mark in text for text in [*mrkdwn, posted.text, reply.text] for mark in ("<!", "<@", "<h"))
    assert "localhost" not in words(posted)
    assert "javascript" not in words(posted)


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "options", "permanent", "unknown"),
    [
        ("server-error", {}, False, True),
        ("hang", {"seconds": 30}, False, True),
        ("drop", {}, False, True),
        ("lost-reply", {}, False, True),
        ("refused", {"text": "internal_error"}, False, True),
        ("refused", {"text": "fatal_error"}, False, True),
        ("refused", {"text": "token_revoked"}, True, False),
        ("refused", {"text": "is_archived"}, True, False),
    ],
)
async def test_each_fault_says_whether_trying_again_helps(
    fault: str, options: dict[str, Any], permanent: bool, unknown: bool
) -> None:
    async with SlackServer() as slack:
        slack.faults.set(fault, times=1, **options)
        error = await failing(channel_of(slack, timeout="500ms"))
    assert (error.permanent, error.unknown) == (permanent, unknown)


async def test_a_busy_slack_says_how_long_to_wait() -> None:
    async with SlackServer() as slack:
        slack.faults.set("rate-limited", seconds=7, times=1)
        error = await failing(channel_of(slack))
    assert (error.retry_after, error.permanent, error.unknown) == (7.0, False, False)


async def test_a_closed_port_has_certainly_not_taken_the_message() -> None:
    async with SlackServer() as slack:
        channel = channel_of(slack)
    error = await failing(channel)
    assert (error.permanent, error.unknown) == (False, False)


async def test_a_wrong_token_and_a_wrong_channel_say_what_to_do() -> None:
    async with SlackServer(
        channels=[Channel("C00000001", "ops-alerts", bot_is_member=False)], scopes=["chat:write"]
    ) as slack:
        token = await failing(channel_of(slack, secrets={"SLACK_BOT": "xoxb-wrong"}))
        place = await failing(channel_of(slack), target="nowhere")
        outside = await failing(channel_of(slack))
    assert token.permanent and "xoxb" in str(token) and "wrong" not in str(token).split("xoxb")[1]
    assert place.permanent and "/invite" in str(place)
    assert outside.permanent and "/invite" in str(outside)


async def test_a_missing_secret_is_named() -> None:
    async with SlackServer() as slack:
        error = await failing(channel_of(slack, token="${secret:NOT_SET}"))
    assert error.permanent
    assert "NOT_SET" in str(error)


async def test_a_post_whose_reply_was_lost_is_found_and_not_repeated() -> None:
    async with SlackServer() as slack:
        channel = channel_of(slack, channel="C00000001")
        slack.faults.set("lost-reply", times=1)
        assert (await failing(channel, target="C00000001")).unknown
        receipt = await channel.send(message(target="C00000001", repeat=True))
        [posted] = slack.messages()
        assert receipt.id.endswith(posted.ts)
        slack.faults.set("lost-reply", times=1, where="chat.postMessage")
        note = {"purpose": Purpose.NOTE, "receipt": receipt.detail, "marker": "n-2"}
        assert (await failing(channel, **note)).unknown
        await channel.send(message(**note, repeat=True))
        assert len(slack.messages(thread=posted.ts)) == 1


async def test_a_post_that_never_arrived_is_repeated() -> None:
    async with SlackServer() as slack:
        channel = channel_of(slack, channel="C00000001")
        slack.faults.set("drop", times=1)
        assert (await failing(channel, target="C00000001")).unknown
        await channel.send(message(target="C00000001", repeat=True))
        assert len(slack.messages()) == 1


async def test_without_the_right_to_look_a_post_may_repeat_once() -> None:
    async with SlackServer(scopes=["chat:write"]) as slack:
        channel = channel_of(slack)
        slack.faults.set("lost-reply", times=1)
        assert (await failing(channel)).unknown
        await channel.send(message(repeat=True))
        assert len(slack.messages()) == 2


async def test_a_layout_that_slack_refuses_never_costs_the_page() -> None:
    async with SlackServer() as slack:
        slack.faults.set("refused", times=1, text="invalid_blocks")
        await channel_of(slack).send(message())
        [posted] = slack.messages()
    assert posted.blocks == []
    assert posted.text.startswith("Intake agent answers wrongly")
    assert "Suspected: the workflow" in posted.text


async def test_the_longest_words_still_fit() -> None:
    long = "x" * 9_000
    view = replace(
        INCIDENT, title=long, sentence=long, members=(long,) * 40, on_call=long, next_on_call=long, sure=long,
        runbook_lines=(long,) * 9, run=long, public_id=long, runbook="https://e.example/" + long, acked_by=long,
    )  # fmt: skip
    async with SlackServer() as slack:
        await channel_of(slack).send(message(view=view, headline=long, text=long))
        [posted] = slack.messages()
    assert posted.blocks  # taken with its layout


async def test_messages_keep_to_one_a_second_and_channel() -> None:
    async with SlackServer() as slack:
        slack.limit_messages = True
        channel = channel_of(slack)
        began = asyncio.get_running_loop().time()
        for number in range(5):
            await channel.send(message(marker=f"n-{number}"))
        took = asyncio.get_running_loop().time() - began
        assert len(slack.messages()) == 5
    assert took > 2.5


# --- buttons ----------------------------------------------------------------------------------------------------------


async def test_acknowledge_is_heard_at_once_and_answered_to_the_one_who_pressed() -> None:
    async with SlackServer() as slack:
        channel, desk = channel_of(slack), Desk()
        async with listening(channel, slack, desk):
            await channel.send(message())
            [posted] = slack.messages()
            press = await slack.press(posted, "showup.ack", user="U045EF6GH")
            await until(lambda: bool(slack.space.channels["C00000001"].ephemeral))
        [told] = slack.space.channels["C00000001"].ephemeral
    assert press.acknowledged
    [reaction] = desk.reactions
    assert (reaction.action, reaction.incident, reaction.round) == ("ack", "I-7K2M", 1)
    assert (reaction.by, reaction.person, reaction.via) == ("Bo Birch", "bo", "slack")
    assert (told.only_for, told.text) == ("U045EF6GH", "Thank you, it is yours")


async def test_snooze_and_links() -> None:
    async with SlackServer() as slack:
        channel, desk = channel_of(slack), Desk()
        async with listening(channel, slack, desk):
            await channel.send(message())
            [posted] = slack.messages()
            assert (await slack.press(posted, "showup.link.0")).acknowledged
            assert (await slack.press(posted, "showup.snooze")).acknowledged
            await until(lambda: bool(desk.reactions))
    assert [reaction.action for reaction in desk.reactions] == ["snooze"]


async def test_the_socket_is_found_again_after_it_was_lost() -> None:
    async with SlackServer() as slack:
        channel, desk = channel_of(slack), Desk()
        async with listening(channel, slack, desk):
            await channel.send(message())
            before = set(slack.sockets.open)
            await slack.sockets.refresh()
            await until(lambda: bool(slack.sockets.open.keys() - before) and not before & slack.sockets.open.keys(), 15)
            [posted] = slack.messages()
            assert (await slack.press(posted, "showup.ack")).acknowledged
            await until(lambda: bool(desk.reactions))


async def test_a_wrong_app_token_leaves_sending_alone() -> None:
    async with SlackServer() as slack:
        channel = channel_of(slack, secrets={"SLACK_APP": "xapp-wrong"})
        task = asyncio.create_task(channel.listen(Desk().react))
        await until(lambda: any(one.what == "apps.connections.open" for one in slack.received))
        await channel.send(message())
        assert len(slack.messages()) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# --- doctor -----------------------------------------------------------------------------------------------------------


async def test_doctor_finds_a_sound_slack_sound() -> None:
    async with SlackServer() as slack:
        found = await channel_of(slack, channel="C00000001").doctor()
    assert {finding.level for finding in found} == {"ok"}
    assert slack.messages() == []


async def test_doctor_names_what_is_wrong_and_what_to_do() -> None:
    async with SlackServer(channels=[Channel("C00000001", "ops", bot_is_member=False)]) as slack:
        wrong = await channel_of(slack, secrets={"SLACK_BOT": "xoxb-wrong"}).doctor()
        place = await channel_of(slack, channel="C00000001", secrets={"SLACK_APP": "xapp-wrong"}).doctor()
        deaf = await channel_of(slack, app_token=None).doctor()
    assert [finding.level for finding in wrong] == ["fault"]
    assert "xoxb-" in wrong[0].what
    faults = [finding for finding in place if finding.level == "fault"]
    assert "/invite" in faults[0].what
    assert "Socket Mode" in faults[1].write
    assert any(finding.level == "warning" and "app_token" in finding.write for finding in deaf)


async def test_ids_that_are_nobodys_or_no_persons_are_known_and_what_slack_does_not_say_is_not_guessed() -> None:
    people = [Person("ana", "Ana Silva", "U012AB3CD"), Person("bo", "Bo Birch", "U0GONE"), Person("cy", "Cy", "U0NONE")]
    members = [Member("U012AB3CD", "Ana", "a@example.com"), Member("U0GONE", "Bo", "b@example.com", deleted=True)]
    async with SlackServer(members=members) as slack:
        channel = channel_of(slack)
        channel.around = replace(channel.around, people=lambda: {each.key: each for each in people})
        assert {key: one.what for key, one in (await channel.strangers()).items()} == {
            "bo": "Slack's U0GONE, the id of Bo Birch, is deactivated",
            "cy": "Slack knows no U0NONE, the id of Cy",
        }
        slack.faults.set("server-error", status=503)
        with pytest.raises(DeliveryError):
            await channel.strangers()
        slack.faults.clear("server-error")
        channel.around = replace(channel.around, secrets=lambda names: dict.fromkeys(names, "xoxb-wrong"))
        with pytest.raises(DeliveryError, match="invalid_auth"):
            await channel.strangers()
    async with SlackServer(members=members, scopes=["chat:write"]) as slack:
        assert await channel_of(slack).strangers() == {}, "without users:read nobody can say"
