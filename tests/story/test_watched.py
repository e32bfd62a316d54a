"""The watcher watched: channels that are spoken to, an outbox that empties itself, a page that is made; the canary."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import Session

from alerts import drills
from alerts.drills import CANARY
from alerts.signal import Severity
from alerts.tables import Notification
from monitor import selfcheck
from monitor.chores import canary, outbox, selftests, strangers
from monitor.chores.canary import Do, Stand, move
from monitor.cli.examine import daemon as findings
from monitor.deadman import health, outside
from monitor.metrics import exposition
from monitor.sandbox.phone import PhoneServer
from monitor.sandbox.pings import PingServer
from monitor.sandbox.slack import Member, SlackServer
from monitor.selfcheck import Word
from monitor.services import SERVICES
from probes.words.units import MINUTE, SECOND
from tests.serving import Page
from tests.story.keeping import incidents, kept, until, until_incident, write_config
from tests.story.rehearsing import Town, town

CANARY_AT = 'monitor: {policy: wake-us, canary_page: {at: "09:30", within: 15s}}'


async def begin(place: Town, name: str = "today") -> None:
    plan = place.keeper.catalog.canary_page
    assert plan is not None
    assert await canary.begin(place.keeper, plan, key=name)
    assert not await canary.begin(place.keeper, plan, key=name), "once a day, whoever asks"


async def over(place: Town, *, within: float = 30.0) -> dict[str, Any]:
    """The newest canary page, once it is over."""

    def read(session: Session) -> dict[str, Any]:
        [row] = drills.newest(session, kind=CANARY, limit=1)
        return {"outcome": row.outcome, **row.report}

    for _ in range(int(within / 0.1)):
        found = await place.keeper.store.read(read)
        if found["outcome"]:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(found)


async def test_the_canary_page_comes_out_of_pagerduty_as_low_urgency_and_is_closed(tmp_path: Path) -> None:
    async with town(tmp_path, more=CANARY_AT) as place:
        await begin(place)
        found = await over(place)
        assert (found["outcome"], found["why"]) == ("passed", "it came out of the provider, and was closed there")
        [made] = place.pagerduty.account.incidents.values()
        assert made.status == "resolved"
        assert made.title.startswith("[drill] Canary page")
        assert made.payload["payload"]["severity"] == "info", "nobody is woken by it"
        assert not place.phone.messages, "it climbs nobody's ladder"
        await until(lambda: (place.keeper.notes.get("canary page") or {}).get("good"))
        assert b"showup_canary_page_good_timestamp_seconds" in exposition(place.keeper)
        told = await SERVICES["status"](place.keeper)
        assert told["canary_page"]["outcome"] == "passed"
        assert told["canary_page"]["next"].endswith("09:30:00+00:00")


async def test_pagerduty_lies_and_the_owner_is_paged_by_another_way_until_it_works_again(tmp_path: Path) -> None:
    async with town(tmp_path, more=CANARY_AT, levels="{at: 0m, notify: [ana]}") as place:
        place.pagerduty.faults.set("no-incident")
        await begin(place)
        failed = await until_incident(place.keeper, lambda view: view.subject == "monitor", within=30)
        assert "the canary page failed: it was accepted, and no page came of it within 15 s" in failed.sentence
        await until(lambda: place.phone.messages, within=15)
        assert (await over(place, within=90))["outcome"] == "failed"
        place.pagerduty.faults.clear("no-incident")
        await begin(place, "tomorrow")
        assert (await over(place))["outcome"] == "passed"
        await until_incident(place.keeper, lambda view: view.subject == "monitor" and view.state == "resolved")


async def test_pagerduty_is_not_there(tmp_path: Path) -> None:
    async with town(tmp_path, more=CANARY_AT, levels="{at: 0m, notify: [ana]}") as place:
        place.pagerduty.faults.set("server-error", status=503)
        await begin(place)
        failed = await until_incident(place.keeper, lambda view: view.subject == "monitor", within=30)
        assert "was not accepted within 15 s" in failed.sentence
        assert failed.severity == "error"


async def test_what_the_provider_says_in_the_last_look_counts(tmp_path: Path) -> None:
    async with town(tmp_path, more=CANARY_AT) as place:
        await begin(place)
        await until(lambda: place.pagerduty.account.incidents)

        def age(session: Session) -> None:
            [row] = drills.running(session, CANARY)
            row.began -= 20 * SECOND
            session.add(row)

        place.keeper.engine.pulse.began -= 20 * SECOND
        await place.keeper.store.write(age)
        assert (await over(place))["outcome"] == "passed"


def test_what_is_done_about_a_canary_page() -> None:
    fresh = Stand(began=0, within=MINUTE, can=True)
    assert move(fresh, now=SECOND) == (Do.WAIT, "")
    taken = replace(fresh, accepted=SECOND)
    assert move(taken, now=2 * SECOND) == (Do.WAIT, "")
    assert move(replace(taken, verified=True), now=2 * SECOND) == (Do.CLOSE, "")
    assert move(replace(taken, can=False), now=2 * SECOND) == (Do.CLOSE, ""), "what nobody can verify is not held back"
    assert "no page came of it" in move(taken, now=MINUTE)[1]
    assert "not accepted" in move(fresh, now=MINUTE)[1]
    assert move(replace(fresh, held=True), now=MINUTE)[1].startswith("held")
    closed = replace(taken, verified=True, healed=3 * SECOND)
    assert move(closed, now=4 * SECOND) == (Do.WAIT, "")
    assert move(replace(closed, closed=True), now=5 * SECOND) == (Do.FINISH, "")
    assert move(closed, now=2 * MINUTE) == (Do.FINISH, "it could not be closed there")


async def test_each_channel_is_spoken_to_and_one_that_fails_for_long_is_told_by_another(tmp_path: Path) -> None:
    async with town(tmp_path, warnings="ntfy:owners") as place:
        found = await selfcheck.test_channels(place.keeper)
        assert {name: one.ok for name, one in found.items()} == {"ntfy": True, "pagerduty": True}
        assert b'showup_channel_works{channel="pagerduty"} 1.0' in exposition(place.keeper)
        place.pagerduty.faults.set("server-error", status=503)
        await selftests.look(place.keeper)
        met = place.pagerduty.faults.met  # the keeper's own look may have come as well
        await until(lambda: selfcheck.tests(place.keeper)["pagerduty"].fails == met["server-error"] > 0)
        one = selfcheck.tests(place.keeper)["pagerduty"]
        assert not one.ok
        assert outside(place.keeper).well, "somebody can be rung still"
        long_ago = place.keeper.clock.now() - 31 * MINUTE
        place.keeper.notes[selfcheck.TESTS] = {"pagerduty": replace(one, since=long_ago), "ntfy": found["ntfy"]}
        await selftests.look(place.keeper)
        told = await until_incident(place.keeper, lambda view: view.subject == "monitor")
        assert told.sentence.startswith("pagerduty has not answered for 31m")
        assert told.severity == "warning"
        await until(lambda: [message for message in place.phone.messages if message.topic == "owners"])
        place.pagerduty.faults.clear("server-error")
        await selftests.look(place.keeper)
        await until_incident(place.keeper, lambda view: view.subject == "monitor" and view.state == "resolved")


async def test_when_nothing_can_ring_the_outside_switch_hears_it(tmp_path: Path) -> None:
    async with town(tmp_path) as place, PingServer() as switch:
        place.phone.faults.set("server-error", status=503)
        place.pagerduty.faults.set("server-error", status=503)
        for _ in range(2):
            await selfcheck.test_channels(place.keeper)
        found = outside(place.keeper)
        assert found.reasons == ("no channel that can ring works: ntfy, pagerduty",)
        assert health(place.keeper).well, "no restart would help, so systemd is not told"
        place.keeper.engine.catalog = replace(place.keeper.catalog, dead_man=switch.ping_url)
        from monitor import deadman

        task = asyncio.create_task(deadman.ping_outside(place.keeper))
        await until(lambda: switch.check.pings)
        task.cancel()
        assert switch.state() == "down"
        assert switch.check.pings[0].body == "no channel that can ring works: ntfy, pagerduty"
        told = await SERVICES["status"](place.keeper)
        assert told["health"] == ["no channel that can ring works: ntfy, pagerduty"]
        lines = [one.what for one in findings(tmp_path, lambda: told) if one.level == "fault"]
        assert not [line for line in lines if "sandbox" in line]


async def test_a_page_that_nobody_sends_is_seen(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        await outbox.look(place.keeper)
        assert outside(place.keeper).well
        now = place.keeper.clock.now()

        def leave(session: Session) -> None:
            session.add(
                Notification(
                    purpose="page",
                    channel="gone",
                    target="x",
                    key="k",
                    marker="m",
                    created=now,
                    due_at=now - 3 * MINUTE,
                )
            )
            session.add(  # it failed and waits for its next try: that is no fault of ours
                Notification(
                    purpose="page", channel="gone", target="y", key="k2", marker="m2", created=now, due_at=now + MINUTE
                )
            )

        await place.keeper.store.write(leave)
        await outbox.look(place.keeper)
        assert outside(place.keeper).reasons == ("1 pages are due and nobody sends them",)


async def test_a_stale_page_is_seen(tmp_path: Path) -> None:
    async with town(tmp_path) as place:
        place.keeper.loops["publish"] = lambda: asyncio.sleep(0)
        assert selfcheck.reasons(place.keeper) == (), "it has just begun"
        place.keeper.engine.pulse.began -= 20 * MINUTE
        assert "the page is stale: it is not made any more" in selfcheck.reasons(place.keeper)
        selfcheck.note_page(place.keeper, made=place.keeper.clock.now())
        place.keeper.notes[selfcheck.OUTBOX] = {"at": place.keeper.clock.now(), "stuck": 0}
        assert selfcheck.reasons(place.keeper) == ()


def test_a_channel_counts_its_failures_from_the_first() -> None:
    one = Word(0, True).after("no answer", at=10).after("no answer", at=20)
    assert (one.since, one.fails) == (10, 2)
    assert one.after("", at=30) == Word(30, True)


@pytest.mark.parametrize(("broken", "loud"), [("slack", Severity.ERROR), ("pagerduty", Severity.WARNING)])
def test_what_cannot_be_warned_of_by_its_own_channel_pages(broken: str, loud: Severity) -> None:
    policy = SimpleNamespace(warnings=("slack",))
    book: Any = SimpleNamespace(policies={"wake-us": policy}, people={}, rotations={})
    found = {name: Word(0, name != broken) for name in ("slack", "pagerduty")}
    assert selftests.how_loud(book, "wake-us", found) is loud


async def test_what_was_never_rehearsed_is_told_by_the_doctor(tmp_path: Path) -> None:
    (tmp_path / "runbook.md").write_text("# Call the desk\n")
    runbook = "      home: {get: /, check: [{contains: Book online}]}\n    runbook: runbook.md\n"
    async with town(tmp_path, runbook.strip()) as place:
        told = await SERVICES["status"](place.keeper)
        [one] = told["rehearsed"]
        assert one["due"]
        started = await place.ask("drill_start", workflow="intake")
        found = await place.until(started["id"], lambda found: found["times"].get("paged"))
        view = next(view for view in await incidents(place.keeper) if view.drill)
        assert view.beside.rehearsed == "The runbook was never rehearsed"
        await place.answer(found["incident"])
        await place.until(started["id"], lambda found: found["outcome"] == "passed")
        [one] = (await SERVICES["status"](place.keeper))["rehearsed"]
        assert not one["due"]


async def test_an_id_that_slack_does_not_know_is_said_before_anybody_is_called_by_it(tmp_path: Path) -> None:
    async with Page() as page, PhoneServer() as phone, SlackServer() as slack:
        channels = f'ntfy: {{url: "{phone.client_url}"}}, slack: {{token: "${{secret:BOT}}", channel: ops-alerts, '
        file = write_config(
            tmp_path, page, channels=f'{channels}url: "{slack.client_url}"}}', secrets={"BOT": slack.token}
        )
        file.write_text(file.read_text().replace("people: {", "people: {bo: {name: Bo Birch, slack: U0NOBODY1}, "))
        async with kept(file) as keeper:
            told = await until_incident(keeper, lambda view: view.subject == "monitor")
            assert told.severity == "warning"
            assert told.sentence == "Slack knows no U0NOBODY1, the id of Bo Birch"
            slack.faults.set("server-error", status=503)
            await strangers.look(keeper)
            await asyncio.sleep(0.3)
            assert [view.state for view in await incidents(keeper)] == ["triggered"], "no answer is no good news"
            slack.faults.clear("server-error")
            slack.space.members["U0NOBODY1"] = Member("U0NOBODY1", "Bo", "bo@example.com")
            await strangers.look(keeper)
            await until_incident(keeper, lambda view: view.subject == "monitor" and view.state == "resolved")
