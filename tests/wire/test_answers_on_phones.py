"""Who answered on a phone, heard by the real dispatcher before somebody else is woken."""

from __future__ import annotations

import inspect
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from typing import Any, cast

import pytest

from alerts.channel_table import CHANNELS
from alerts.channels.kit import Surroundings
from alerts.channels.pushover.send import PushoverChannel
from alerts.channels.pushover.spec import Spec
from alerts.dispatch import Dispatcher
from alerts.people import Person
from alerts.policy import Level, PolicySpec
from monitor.sandbox.phone import PhoneServer
from probes.words.units import SECOND
from tests.story.night import Night

PEOPLE = {name: Person(name, name.title(), phone=("pushover:${secret:KEY}",)) for name in ("ana", "bo", "cy")}
POLICY = PolicySpec(
    levels=(Level(notify=("ana",)), Level(at=timedelta(minutes=1), notify=("bo",)),
            Level(at=timedelta(minutes=2), notify=("cy",))),
    repeat=1, fallback="cy",
)  # fmt: skip


def night(phone: PhoneServer) -> Night:
    told = Night(POLICY)
    plain = {one.name: getattr(told.book, one.name) for one in fields(told.book)}
    told.book = told.book.__class__(**{**plain, "people": PEOPLE})
    around = Surroundings(
        secrets=lambda names: dict.fromkeys(names, "sandbox-user@sandbox-application"),
        people=lambda: PEOPLE,
        clock=told.clock,
    )
    real = PushoverChannel(Spec.model_validate({"url": phone.url}), around)
    told.rise()
    told.dispatcher = Dispatcher(
        {**told.providers, "pushover": cast("Any", real)}, told.transact, desk=told.desk, book=lambda: told.book,
        clock=told.clock, chance=lambda: 0.5,
    )  # fmt: skip
    return told


async def sent(told: Night, phone: PhoneServer, number: int) -> None:
    """Until so many pages rang and were settled, however long the wire takes."""
    for _ in range(200):
        await told.deliver()
        line = told.dispatcher._lines["pushover"]
        for task in list(line.tasks):
            await task
        if len(phone.pushover.messages) >= number and not line.tasks:
            return
    raise AssertionError(f"{len(phone.pushover.messages)} of {number} rang")


async def test_a_level_that_nobody_answered_starts_though_pushover_is_asked_first() -> None:
    async with PhoneServer() as phone:
        told = night(phone)
        await told.fails()
        await sent(told, phone, 1)
        await told.pass_time(70 * SECOND)
        await sent(told, phone, 2)
        assert [one.what for one in phone.received].count("pushover.receipts") >= 1


async def test_whoever_was_told_first_may_answer_after_others_were_told_too() -> None:
    async with PhoneServer() as phone:
        told = night(phone)
        name = await told.fails()
        await sent(told, phone, 1)
        await told.pass_time(70 * SECOND)
        await sent(told, phone, 2)
        phone.acknowledge(phone.pushover.messages[0])
        phone.pushover.messages[0].acknowledged = told.clock.now() // SECOND
        await told.pass_time(2 * 60 * SECOND)
        seen = await told.view(name)
        assert (seen.state, seen.acked_by) == ("acknowledged", "Ana")


@pytest.mark.parametrize("name", sorted(CHANNELS))
def test_what_can_be_asked_takes_how_long_it_may_take(name: str) -> None:
    module = import_module(f"{CHANNELS[name]}.send")
    kinds = [one for one in vars(module).values() if inspect.isclass(one) and getattr(one, "name", None) == name]
    assert len(kinds) == 1
    ask = getattr(kinds[0], "ask", None)
    assert ask is None or "seconds" in inspect.signature(ask).parameters
