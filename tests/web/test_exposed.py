"""How many real items passed while a failure went unnoticed: asked of the workflow's own system, which may lie."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from alerts.signal import Condition, Severity, Signal
from monitor.app import Keeper
from monitor.chores import exposed
from monitor.config.catalog import Items
from monitor.services import SERVICES
from monitor.services import exposed as asking
from probes.words.units import MINUTE
from tests.serving import serving
from tests.story.watch import CONFIG
from tests.web.asking import built

ITEMS = """    allow: [127.0.0.1]
    items: {get: "%s/count?from={from}&to={to}&k=${secret:ANA}", at: $.found, called: intakes, headers: {X-Key: "${secret:BO}"}}
"""  # noqa: E501


@dataclass
class Office:
    """Counts what it was given between two moments."""

    answer: str = '{"found": 12}'
    status: int = 200
    asked: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
async def counted(tmp_path: Path) -> AsyncIterator[tuple[Keeper, Office]]:
    office = Office()

    async def answer(request: web.Request) -> web.Response:
        office.asked.append({**request.query, "key": request.headers["X-Key"]})
        return web.Response(text=office.answer, status=office.status)

    async with serving(web.get("/count", answer)) as url:
        text = CONFIG.replace("    probes:\n", ITEMS % url + "    probes:\n", 1)
        async with built(tmp_path, text) as keeper:
            keeper.engine.pulse.began = True
            yield keeper, office


async def fails(keeper: Keeper, last_good: int | None = 5 * MINUTE) -> str:
    now = keeper.clock.now()
    signal = Signal(subject="intake/production", member="books", condition=Condition.FAILING, at=now, since=now,
                    severity=Severity.CRITICAL, policy="wake-us", title="Intake agent", failure="timeout",
                    last_good=None if last_good is None else now - last_good)  # fmt: skip
    return (await keeper.store.write(lambda session: keeper.desk.receive(session, signal, now=now))).incident


async def said(keeper: Keeper, name: str) -> str:
    found = await SERVICES["incident"](keeper, id=name)
    return str(found["beside"]["exposed"])


async def test_an_incident_says_how_many_items_passed_unseen_and_asks_once(counted: tuple[Keeper, Office]) -> None:
    keeper, office = counted
    name = await fails(keeper)
    await exposed.look(keeper)
    await exposed.look(keeper)
    assert await said(keeper, name) == "12 intakes between to re-check"
    (asked,) = office.asked
    assert (asked["k"], asked["key"]) == ("a" * 16, "b" * 16)
    assert asked["from"] < asked["to"] and asked["to"].endswith("Z")
    report = await SERVICES["incident_report"](keeper, id=name)
    assert "12 intakes between to re-check" in report["markdown"].replace("\\", "")


async def test_a_window_that_is_none_is_not_asked_for(counted: tuple[Keeper, Office]) -> None:
    keeper, office = counted
    name = await fails(keeper, last_good=None)
    await exposed.look(keeper)
    assert (office.asked, await said(keeper, name)) == ([], "")


@pytest.mark.parametrize(
    ("status", "answer"),
    [(500, '{"found": 12}'), (302, ""), (200, "no json"), (200, '{"found": -1}'), (200, '{"found": true}'),
     (200, '{"other": 12}'), (200, '{"found": 1e400}'), (200, '{"found": "<b>12</b>"}'), (200, "x" * 200_000)],
)  # fmt: skip
async def test_what_is_no_count_is_not_shown_as_one_and_is_asked_again(
    counted: tuple[Keeper, Office], status: int, answer: str
) -> None:
    keeper, office = counted
    name = await fails(keeper)
    good, office.status, office.answer = office.answer, status, answer
    await exposed.look(keeper)
    assert await said(keeper, name) == ""
    office.status, office.answer = 200, good
    await exposed.look(keeper)
    assert len(office.asked) == 1, "not more than once a minute"
    keeper.notes["exposed"][name] -= exposed.AGAIN
    await exposed.look(keeper)
    assert await said(keeper, name) == "12 intakes between to re-check"


@given(st.binary(max_size=200) | st.integers(-5, 2_000).map(lambda n: b"%d" % n) | st.just(b"[1,2,3]"))
def test_whatever_comes_is_a_count_or_refused(body: bytes) -> None:
    try:
        found = asking.count_in(body, Items("http://x/{from}{to}"))
    except (ValueError, RecursionError):
        return
    assert 0 <= found <= asking.MOST
