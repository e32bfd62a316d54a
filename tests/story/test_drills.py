"""Drills: a failure that is staged on its real way, with its measured report, and nothing real in its way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from alerts import drills
from monitor.engine.signals import is_of_probes
from monitor.services import SERVICES
from monitor.services.staging import Do, Stand, move
from monitor.status import history
from probes.words.errors import Refused
from probes.words.units import MINUTE, SECOND
from tests.story.keeping import HOME, incidents, kept, until, until_incident
from tests.story.rehearsing import Neighbours, neighbours, town


async def test_a_drill_is_noticed_paged_answered_and_measured_and_no_figure_changes(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        started = await place.ask("drill_start", workflow="intake", by="Bo")
        paged = await place.until(started["id"], lambda found: found["times"].get("paged"))
        [seen] = await incidents(place.keeper)
        assert seen.subject == "drill:intake/production"
        assert seen.headline.startswith("[drill] Intake agent")
        assert seen.drill and not seen.urgent
        await until(lambda: place.phone.messages)
        assert place.phone.messages[0].title.startswith("[drill] Intake agent")
        assert place.phone.messages[0].priority < 4, "of low urgency it rings nobody awake"
        await place.answer(paged["incident"])
        over = await place.until(started["id"], lambda found: found["outcome"] != "running")
        assert over["outcome"] == "passed", over["why"]
        times = over["times"]
        order = [
            times[name] for name in ("injected", "detected", "paged", "acknowledged", "healed", "resolved", "ended")
        ]
        assert order == sorted(order)
        assert over["answer"] == {"by": "Ana Silva", "via": "Slack"}
        assert {page["channel"]: page["proof"] for page in over["pages"]} == {
            "ntfy": "receipt",
            "pagerduty": "read back",
        }
        assert [one.status for one in place.pagerduty.account.incidents.values()] == ["resolved"]
        assert {one["channel"] for one in over["resolves"]} >= {"pagerduty"}
        record = await place.keeper.store.read(
            lambda session: history.read(session, start=0, end=place.keeper.clock.now(), now=place.keeper.clock.now())
        )
        assert {str(span.state) for span in record.spans(("intake", "production"))} <= {"up", "unknown"}
        listed = await place.ask("drills")
        assert listed["rehearsed"][0]["at"] is not None
        assert listed["drills"][0]["seconds"]["paged"] >= listed["drills"][0]["seconds"]["detected"]


async def test_a_real_failure_in_the_middle_pages_by_itself_and_ends_the_drill(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        started = await place.ask("drill_start", workflow="intake")
        await place.until(started["id"], lambda found: found["times"].get("paged"))
        place.page.well = False
        real = await until_incident(place.keeper, lambda view: view.subject == "intake/production")
        assert real.urgent and not real.drill
        over = await place.until(started["id"], lambda found: found["outcome"] != "running")
        assert over["outcome"] == "stopped"
        assert real.public_id in over["why"]
        loud = [one for one in place.phone.messages if one.priority == 5]
        assert loud and not loud[0].title.startswith("[drill]")
        with pytest.raises(Refused, match="real incident"):
            await place.ask("drill_start", workflow="intake")


async def test_one_drill_at_a_time_and_it_can_be_called_off(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        started = await place.ask("drill_start", workflow="intake", urgent=True)
        with pytest.raises(Refused, match="goes on"):
            await place.ask("drill_start", workflow="intake")
        await place.until(started["id"], lambda found: found["times"].get("paged"))
        await until(lambda: place.phone.messages)
        assert place.phone.messages[0].priority == 5, "as loud as a real page, as it was asked for"
        await place.ask("drill_stop", by="Bo")
        over = await place.until(started["id"], lambda found: found["outcome"] != "running")
        assert (over["outcome"], over["why"]) == ("stopped", "called off by Bo")
        assert over["times"]["resolved"] is not None
        with pytest.raises(Refused, match="no drill goes on"):
            await place.ask("drill_stop")


async def test_nobody_answers_and_the_drill_fails(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        started = await place.ask("drill_start", workflow="intake", limit="3s")
        over = await place.until(started["id"], lambda found: found["outcome"] != "running")
        assert over["outcome"] == "failed"
        times = over["times"]
        assert 3 * SECOND <= times["healed"] - times["detected"] < 5 * SECOND
        assert over["why"] == f"nobody answered within {(times['healed'] - times['paged']) // SECOND} s"
        assert over["times"]["healed"] - over["times"]["detected"] >= 3 * SECOND, "it counts from when it was noticed"
        assert over["times"]["resolved"] is not None, "it is healed all the same"
        assert (await place.ask("drills"))["rehearsed"][0]["at"] is None, "what failed was no rehearsal"


async def test_pagerduty_takes_it_and_makes_nothing_of_it(tmp_path: Path) -> None:
    async with town(tmp_path, levels="{at: 0m, notify: [pagerduty]}") as place:
        place.pagerduty.faults.set("no-incident")
        started = await place.ask("drill_start", workflow="intake", limit="4s")
        found = await place.until(started["id"], lambda found: found["times"].get("paged"))
        await place.answer(found["incident"])
        over = await place.until(started["id"], lambda found: found["outcome"] != "running", within=50)
        assert over["pages"][0]["proof"] == "accepted, unverified"
        assert "unverified" in over["why"]


async def test_a_drill_does_not_outlive_the_keeper(tmp_path: Path) -> None:
    async with neighbours(tmp_path) as place:
        async with kept(place.config) as keeper:
            started = await SERVICES["drill_start"](keeper, workflow="intake")
            await until_incident(keeper, lambda view: view.paged_at is not None)
        await come_up_again(place, started["id"])


async def come_up_again(place: Neighbours, drill: str) -> None:
    async with kept(place.config) as keeper:
        for _ in range(200):
            found = await SERVICES["drill"](keeper, id=drill)
            if found["outcome"] != "running":
                break
            await asyncio.sleep(0.05)
        assert found["outcome"] == "stopped"
        assert "started anew" in found["why"]
        views = [view for view in await incidents(keeper) if view.drill]
        assert [view.state for view in views] == ["resolved"]


async def test_what_wakes_nobody_is_no_drill(tmp_path: Path) -> None:
    async with town(tmp_path, HOME.replace("{get: /,", "{get: /, severity: warning,")) as place:
        with pytest.raises(Refused, match="wake anybody"):
            await place.ask("drill_start", workflow="intake")
        with pytest.raises(Refused, match="nothing watches intak/production"):
            await place.ask("drill_start", workflow="intak")


async def test_a_run_that_is_far_off_is_told_and_can_be_made_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.services.drills.FAR", 0)  # a run each six hours is near for a while of each of them
    far = 'home: {get: /, check: [{contains: Book online}], every: 6h, confirm: "2 of 2"}'
    async with town(tmp_path, far) as place:
        await until(lambda: place.keeper.engine.next_due("intake/production/home"))
        await asyncio.sleep(0.2)
        engine = place.keeper.engine
        engine._works.set("intake/production/home", engine.tracks["intake/production/home"].cadence)  # type: ignore[union-attr]
        with pytest.raises(Refused, match="next run of home"):
            await place.ask("drill_start", workflow="intake")
        started = await place.ask("drill_start", workflow="intake", now=True, by="Bo")
        found = await place.until(started["id"], lambda found: found["times"].get("paged"))
        assert found["seen"] == 2, "its rule wants two runs, and both were made"
        await place.answer(found["incident"])
        over = await place.until(started["id"], lambda found: found["outcome"] != "running")
        assert any("6h more" in line for line in over["left_out"])


async def test_a_run_at_once_is_asked_for_no_oftener_than_its_rule_wants(tmp_path: Path) -> None:
    far = 'home: {get: /, check: [{contains: Book online}], every: 6h, attempts: 3, confirm: "2 of 3"}'
    async with town(tmp_path, far) as place:
        engine, name = place.keeper.engine, "intake/production/home"
        await until(lambda: engine.next_due(name))
        engine._works.set(name, engine.tracks[name].cadence)  # type: ignore[union-attr]
        counts = engine.tracks[name].counts
        before = counts.runs
        started = await place.ask("drill_start", workflow="intake", now=True)
        found = await place.until(started["id"], lambda found: found["times"].get("paged"), within=60)
        assert (found["seen"], counts.runs - before) == (2, 2), "two real requests, while six attempts were staged"
        await place.ask("drill_stop", by="Bo")


def test_what_is_done_about_a_drill() -> None:
    calm = Stand(began=0, limit=15 * MINUTE, length=0, staged=True)
    assert move(calm, now=MINUTE)[0] is Do.WAIT
    assert move(calm, now=15 * MINUTE) == (Do.HEAL, "")
    answered = Stand(began=0, limit=15 * MINUTE, length=5 * MINUTE, staged=True, answered=MINUTE, open=True)
    assert move(answered, now=4 * MINUTE)[0] is Do.WAIT, "it was to last five minutes"
    assert move(answered, now=5 * MINUTE) == (Do.HEAL, "")
    lost = Stand(began=0, limit=15 * MINUTE, length=0, staged=False)
    assert move(lost, now=SECOND)[0] is Do.HEAL
    healed = Stand(began=0, limit=15 * MINUTE, length=0, staged=False, healed=MINUTE, open=True)
    assert move(healed, now=MINUTE + SECOND)[0] is Do.WAIT
    assert move(healed, now=3 * MINUTE)[0] is Do.FINISH, "whatever still waits, it is over"


def test_the_subject_of_a_drill_is_none_of_a_probe() -> None:
    assert not is_of_probes("drill:intake/production"), "a reload must not take it for a probe that is gone"
    assert is_of_probes("intake/production")


def test_an_answer_is_waited_for_from_when_there_is_something_to_answer() -> None:
    calm = Stand(began=0, limit=2 * MINUTE, length=0, staged=True, due=15 * MINUTE)
    assert move(calm, now=14 * MINUTE)[0] is Do.WAIT, "its run comes in a minute"
    assert move(calm, now=17 * MINUTE)[0] is Do.HEAL, "its run came, and noticed nothing"
    noticed = replace(calm, noticed=14 * MINUTE + 30 * SECOND, open=True)
    assert move(noticed, now=16 * MINUTE)[0] is Do.WAIT
    assert move(noticed, now=16 * MINUTE + 30 * SECOND) == (Do.HEAL, "")
    long = replace(noticed, length=30 * MINUTE)
    assert move(long, now=29 * MINUTE)[0] is Do.WAIT
    assert move(long, now=30 * MINUTE)[0] is Do.HEAL


def test_what_is_judged() -> None:
    times = {"injected": 0, "healed": 30 * MINUTE + SECOND, "detected": None}
    found = {"times": times, "pages": [], "answer": {}}
    assert drills.judged(found) == ("failed", "no run noticed it within 30 min")
    found = {"times": {**times, "detected": 1, "paged": None}, "pages": [], "answer": {}}
    assert drills.judged(found) == ("failed", "no page to a person was accepted")
    found = {"times": {**times, "detected": MINUTE, "paged": 150 * SECOND}, "pages": [], "answer": {}}
    assert drills.judged(found) == ("failed", "nobody answered within 27 min 31 s"), "as long as it really was"
    short = {**times, "detected": 0, "paged": 0, "healed": 3 * SECOND}
    assert drills.judged({**found, "times": short}) == ("failed", "nobody answered within 3 s")
