"""Answers that were flagged as wrong: too many open an incident, which ends when they are reviewed or stay rare."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from alerts.message import Reaction
from monitor.app import Keeper
from monitor.config.load import load_text
from monitor.engine.flags import read_said
from monitor.services import SERVICES
from monitor.store.queries.flags import FlagView, add_flag, list_flags
from monitor.tokens import flag_token, key_in
from monitor.web.app import public_app
from monitor.web.flags import A_MINUTE
from probes.words.errors import Refused
from probes.words.units import HOUR, MINUTE
from tests.story.watch import CONFIG, MIDNIGHT, SECRETS, Watch
from tests.web.asking import asking, built

INTAKE = "intake/production"
RULED = CONFIG.replace("    policy: wake-us\n", "    policy: wake-us\n    flags: {above: 2, within: 1h}\n")


class Flagged(Watch):
    """A watch whose answers people find wrong."""

    async def flag(self, answered: str, at: int | None = None) -> int:
        if at is not None:
            await self.live(at)
        words = {"asked": "When?", "answered": answered}
        number, _ = await self.engine.flags.add(INTAKE, read_said(words, source="app", at=self.clock.at, hide=str))
        await self.settle()
        return number

    async def live(self, until: int) -> None:
        while self.clock.at < until:
            self.clock.at = min(until, self.clock.at + MINUTE)
            await self.engine.flags.look(self.clock.at)
            await self.settle()
        await self.pass_to(until)

    async def states(self) -> list[tuple[str, str]]:
        return [(one.severity, one.state) for one in await self.incidents()]


@pytest.fixture
async def watch(tmp_path: Path) -> AsyncIterator[Flagged]:
    async with Flagged(tmp_path, load_text(RULED, secrets=SECRETS)) as found:
        yield found


async def test_the_third_within_the_hour_is_told_once_as_a_warning(watch: Flagged) -> None:
    await watch.flag("one")
    await watch.flag("two", MIDNIGHT + 20 * MINUTE)
    assert await watch.states() == []
    await watch.flag("three", MIDNIGHT + 40 * MINUTE)
    await watch.flag("four")
    assert (await watch.states(), watch.paged) == ([("warning", "triggered")], [])
    assert len(watch.warned) == 1
    [incident] = await watch.incidents()
    assert incident.sentence.startswith('3 answers were flagged as wrong within 1h: "When?" → "three"; "When?" → "two"')


async def test_rare_ones_wake_nobody_however_many_they_become(watch: Flagged) -> None:
    for number in range(12):
        await watch.flag(f"answer {number}", MIDNIGHT + number * 31 * MINUTE)
    assert await watch.states() == []


async def test_it_ends_when_it_has_been_rare_for_an_hour(watch: Flagged) -> None:
    for number in range(3):
        await watch.flag(f"answer {number}")
    await watch.live(MIDNIGHT + HOUR + 58 * MINUTE)
    assert await watch.states() == [("warning", "triggered")]
    await watch.live(MIDNIGHT + 2 * HOUR + 2 * MINUTE)
    assert await watch.states() == [("warning", "resolved")]


async def test_it_ends_at_once_when_enough_of_them_are_reviewed(watch: Flagged) -> None:
    numbers = [await watch.flag(f"answer {number}") for number in range(3)]
    assert await watch.engine.flags.review(numbers[0], state="rejected", by="Ana")
    await watch.settle()
    assert await watch.states() == [("warning", "resolved")]
    assert not await watch.engine.flags.review(numbers[0], state="accepted", by="Bo"), "once is enough"


async def test_a_restart_neither_forgets_nor_repeats_it(watch: Flagged) -> None:
    for number in range(3):
        await watch.flag(f"answer {number}")
    await watch.restart()
    await watch.flag("one more")
    await watch.live(watch.clock.at + 5 * MINUTE)
    assert await watch.states() == [("warning", "triggered")]
    await watch.live(MIDNIGHT + 3 * HOUR)
    assert await watch.states() == [("warning", "resolved")]


async def test_flags_that_came_while_nobody_told_alerts_are_told_by_the_next_keeper(watch: Flagged) -> None:
    watch.engine.flags._catalog = None  # the keeper dies between the flag and its look
    for number in range(3):
        await watch.flag(f"answer {number}")
    await watch.restart()
    await watch.live(MIDNIGHT + MINUTE)
    assert await watch.states() == [("warning", "triggered")]


async def test_a_severity_that_pages_wakes_and_a_workflow_that_is_gone_lets_go(watch: Flagged) -> None:
    await watch.reload(load_text(RULED.replace("within: 1h", "within: 1h, severity: critical"), secrets=SECRETS))
    for number in range(3):
        await watch.flag(f"answer {number}")
    assert len(watch.paged) == 1
    await watch.reload(load_text(CONFIG.replace("  intake:", "  other:"), secrets=SECRETS))
    assert [state for _, state in await watch.states()] == ["resolved"]


# -- over the web ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def keeper(tmp_path: Path) -> AsyncIterator[Keeper]:
    async with built(tmp_path, RULED) as made:
        await made.engine.start()
        yield made


@pytest.fixture
async def web(keeper: Keeper) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(public_app(keeper)) as client:
        yield client


def path_of(keeper: Keeper) -> str:
    return f"/flag/{flag_token(key_in(keeper.folder), INTAKE)}"


async def flags_of(keeper: Keeper) -> list[FlagView]:
    return await keeper.store.read(lambda session: list_flags(session, limit=100))


async def test_an_app_flags_by_json_or_form_and_the_same_key_counts_once(
    keeper: Keeper, web: httpx.AsyncClient
) -> None:
    path = path_of(keeper)
    first = await web.post(path, json={"asked": "When?", "answered": "Never", "key": "m1", "author": "a customer"})
    assert (first.status_code, first.json()) == (202, {"flag": 1, "new": True})
    assert first.headers["access-control-allow-origin"] == "*"
    assert (await web.post(path, json={"comment": "again", "key": "m1"})).json() == {"flag": 1, "new": False}
    assert (await web.post(path, data={"asked": "Price?", "answered": "<b>free</b>"})).json()["new"] is True
    assert [(one.source, one.author, one.answered) for one in await flags_of(keeper)] == [
        ("app", "", "<b>free</b>"), ("app", "a customer", "Never"),
    ]  # fmt: skip


async def test_a_page_in_a_browser_may_ask_first(keeper: Keeper, web: httpx.AsyncClient) -> None:
    answer = await web.options(path_of(keeper), headers={"Origin": "https://app.example.com"})
    assert (answer.status_code, answer.headers["access-control-allow-methods"]) == (204, "POST")


async def test_wrong_tokens_bodies_and_floods_are_refused_and_keep_nothing(
    keeper: Keeper, web: httpx.AsyncClient
) -> None:
    path = path_of(keeper)
    assert (await web.post(f"{path}0", json={"asked": "x"})).status_code == 404
    assert (await web.post(f"/flag/{'0' * 40}", json={"asked": "x"})).status_code == 404
    assert (await web.get(path)).status_code == 404
    assert (await web.post(path, content=b"x" * 70_000)).status_code == 413
    assert (await web.post(path, content=b"[1]")).status_code == 400
    assert (await web.post(path, content=b"[" * 60_000)).status_code == 400
    assert (await web.post(path, files={"asked": b"x"})).status_code == 400
    assert (await web.post(path, data={f"field{number}": "x" for number in range(40)})).status_code == 400
    assert await flags_of(keeper) == []
    flood = [(await web.post(path, json={"asked": str(number)})).status_code for number in range(A_MINUTE + 5)]
    assert (flood[0], flood[-1]) == (202, 429)
    assert len(await flags_of(keeper)) == flood.count(202) <= A_MINUTE


@given(st.binary(max_size=200), st.sampled_from(["application/json", "application/x-www-form-urlencoded", "", "x/y"]))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_body_brings_a_5xx(keeper: Keeper, web: httpx.AsyncClient, body: bytes, kind: str) -> None:
    answer = await web.post(path_of(keeper), content=body, headers={"Content-Type": kind})
    assert answer.status_code in (202, 400, 429)


async def test_over_the_socket_flags_are_said_listed_and_reviewed(keeper: Keeper) -> None:
    said = await SERVICES["flag"](keeper, workflow="intake", answered="Never", by="ana")
    assert said == {"flag": 1, "new": True, "workflow": INTAKE}
    [listed] = (await SERVICES["flags"](keeper, workflow="intake"))["flags"]
    assert (listed["author"], listed["source"], listed["state"]) == ("ana", "person", "open")
    with pytest.raises(Refused, match="without a reason"):
        await SERVICES["review"](keeper, number=1, outcome="rejected", by="bo")
    await SERVICES["review"](keeper, number=1, outcome="rejected", by="bo", reason="it was right")
    assert (await SERVICES["flags"](keeper))["flags"] == []
    with pytest.raises(Refused, match="rejected by bo: it was right already"):
        await SERVICES["review"](keeper, number=1, outcome="accepted", by="ana")
    with pytest.raises(Refused, match="no flag 7"):
        await SERVICES["flag_of"](keeper, number=7)
    with pytest.raises(Refused, match="no environment staging"):
        await SERVICES["flags_url"](keeper, workflow="intake/staging")


async def test_a_flag_through_a_channel_is_answered_politely_whatever_it_names(keeper: Keeper) -> None:
    async def hear(workflow: str, **said: str) -> str:
        return (await keeper.react(Reaction(action="flag", incident=workflow, by="Ana", via="slack", said=said))).text

    assert await hear("intake", answered="x") == "Flagged as wrong, number 1. Review: showup flags"
    assert "counts once" in await hear("intake/production", answered="x")
    assert await hear("nothing", answered="x") == "There is no workflow nothing."
    assert (await hear("intake")).startswith("Not flagged: nothing is said")


async def test_a_workflow_that_is_taken_out_while_its_flags_are_counted_ends_nothing(watch: Flagged) -> None:
    for answered in ("one", "two", "three"):
        await watch.engine.flags._store.write(partial(_added, answered, watch.clock.at))
    looking = asyncio.ensure_future(watch.engine.flags.look(watch.clock.at, at_once=True))
    await asyncio.sleep(0)
    other = RULED.replace("  intake:", "  desk:").replace("intake.", "desk.")
    watch.engine.flags.take(load_text(other, secrets=SECRETS), [])
    await looking
    assert watch.engine.teller.untold == ()


def _added(answered: str, at: int, session: Session) -> None:
    add_flag(session, INTAKE, read_said({"answered": answered}, source="app", at=at, hide=str), at=at)
