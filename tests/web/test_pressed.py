"""What people press: checking now, and the actions a workflow declares, against a real address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from alerts.message import Reaction
from alerts.signal import Condition, Severity, Signal
from monitor.app import Keeper
from monitor.services import SERVICES, kindly
from probes.words.errors import ConfigError, Refused
from tests.serving import serving
from tests.story.watch import CONFIG
from tests.web.asking import built

ACTION = """    allow: [127.0.0.1]
    actions:
      desk: {title: Send callers to the desk, post: "%s/desk", json: {to: "${secret:ANA}"}, headers: {X-Key: "${secret:BO}"}, confirm: Sure?}
"""  # noqa: E501


class Desk:
    """Takes what is sent, and answers with it."""

    def __init__(self) -> None:
        self.got: list[tuple[Any, str]] = []
        self.status = 200


@pytest.fixture
async def pressed(tmp_path: Path) -> AsyncIterator[tuple[Keeper, Desk]]:
    desk = Desk()

    async def answer(request: web.Request) -> web.Response:
        desk.got.append((await request.json(), request.headers["X-Key"]))
        where = {"Location": "http://127.0.0.1:1/"} if desk.status == 302 else {}
        return web.Response(text=f"done with {desk.got[-1][0]['to']}", status=desk.status, headers=where)

    async with serving(web.post("/desk", answer)) as url:
        text = CONFIG.replace("    probes:\n", ACTION % url + "    probes:\n", 1)
        async with built(tmp_path, text) as keeper:
            yield keeper, desk


async def fails(keeper: Keeper) -> str:
    now = keeper.clock.now()
    signal = Signal(subject="intake/production", member="books", condition=Condition.FAILING, at=now, since=now,
                    severity=Severity.CRITICAL, policy="wake-us", title="Intake agent", failure="timeout")  # fmt: skip
    return (await keeper.store.write(lambda session: keeper.desk.receive(session, signal, now=now))).incident


async def lines(keeper: Keeper, name: str) -> list[str]:
    return [event["text"] for event in (await SERVICES["incident"](keeper, id=name))["events"]]


def press(name: str, action: str = "desk") -> Reaction:
    return Reaction(action="act", incident=name, by="Ana", via="slack", said={"action": action})


async def test_an_action_is_done_once_with_its_secrets_and_recorded_with_who_asked(
    pressed: tuple[Keeper, Desk],
) -> None:
    keeper, desk = pressed
    name = await fails(keeper)
    answer = await keeper.react(press(name))
    assert answer.accepted
    assert desk.got == [({"to": "a" * 16}, "b" * 16)]
    said = await lines(keeper, name)
    assert "Send callers to the desk: asked for by Ana" in said
    assert any(line.startswith("Send callers to the desk: answered 200 (done with ") for line in said)
    assert "a" * 16 not in f"{answer.text}{said}", "an answer that repeats a secret is shown without it"
    again = await keeper.react(press(name))
    assert (again.accepted, len(desk.got)) == (False, 1)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_an_action_that_is_refused_or_led_elsewhere_says_so(pressed: tuple[Keeper, Desk], status: int) -> None:
    keeper, desk = pressed
    desk.status = status
    answer = await keeper.react(press(await fails(keeper)))
    assert not answer.accepted and f"answered {status}" in answer.text


async def test_what_is_not_declared_is_not_done(pressed: tuple[Keeper, Desk]) -> None:
    keeper, desk = pressed
    name = await fails(keeper)
    assert not (await keeper.react(press(name, "nope"))).accepted
    assert not (await keeper.react(press("NOPE"))).accepted
    assert desk.got == []
    listed = await SERVICES["do_action"](keeper, id=name)
    assert listed["actions"] == [{"action": "desk", "title": "Send callers to the desk"}]
    seen = await SERVICES["incident"](keeper, id=name)
    assert [one["key"] for one in seen["beside"]["actions"]] == ["desk"]


async def test_checking_needs_something_that_runs(pressed: tuple[Keeper, Desk]) -> None:
    keeper, _ = pressed
    answer = await keeper.react(Reaction(action="check", incident=await fails(keeper), by="Ana", via="slack"))
    assert (answer.accepted, answer.text) == (False, "Intake agent: no probe of it can be run.")


async def test_an_action_of_a_workflow_is_done_whether_or_not_something_is_wrong(
    pressed: tuple[Keeper, Desk],
) -> None:
    keeper, desk = pressed
    calm = await SERVICES["do_action"](keeper, id="intake", action="desk", by="Ana")
    assert calm["accepted"] and len(desk.got) == 1
    name = await fails(keeper)
    again = await SERVICES["do_action"](keeper, id="intake", action="desk", by="Ana")
    assert (again["accepted"], len(desk.got)) == (False, 1), "the same press, whichever way it was named"
    keeper.notes["pressed"].clear()
    assert (await SERVICES["do_action"](keeper, id="intake", action="desk", by="Ana"))["accepted"]
    assert "Send callers to the desk: asked for by Ana" in await lines(keeper, name)
    with pytest.raises(Refused):
        await SERVICES["do_action"](keeper, id="nowhere", action="desk")


async def test_what_was_pressed_is_forgotten_in_time(pressed: tuple[Keeper, Desk]) -> None:
    keeper, _ = pressed
    keeper.notes["pressed"] = {f"checked {n}": keeper.clock.now() - kindly.KEPT - 1 for n in range(50)}
    assert kindly.once(keeper, "checked X", within=1_000_000)
    assert list(keeper.notes["pressed"]) == ["checked X"]


async def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    text = CONFIG.replace("    probes:\n", ACTION % "nowhere" + "    probes:\n", 1)
    with pytest.raises(ConfigError):
        async with built(tmp_path, text):
            pass
