"""Spending as it happens: what is used up degrades and is said, a restart forgets nothing, and a 429 is obeyed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.config.load import load_text
from monitor.engine.spending import NOTHING
from monitor.store.queries.history import last_runs
from monitor.store.queries.notes import spend_between
from probes.frames import Reply, Request
from probes.words.outcome import State
from probes.words.units import DAY, MINUTE, SECOND
from tests.story.watch import CONFIG, MIDNIGHT, SECRETS, Watch, clock_of

ASKS = "desk/production/asks"
DESK = (
    CONFIG
    + """
  desk:
    url: "https://api.example.com"
    policy: wake-us
    chat: {dialect: openai, model: small, max_tokens: 200}
    depends_on: [openai]
    probes:
      asks: {ask: "Are you open?", every: 5m, attempts: 1, check: [{contains: yes}]}
providers: {openai: {model: small, price: {input: 1, output: 2}, spend: {usd: 0.002, per_minute: 3}}}
"""
)


class Desk(Watch):
    """A model whose every answer costs 300 tokens in and 100 out: 0.0005 USD."""

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        if self.world(ASKS, self.clock.now()) == "r":
            self.asked.append((ASKS, request))
            return Reply(request.number, "down", "rate_limited", "limits requests", retry_after=600.0)
        reply = await super().attempt(request, job=job, script=script)
        if request.grant.get("canary"):
            if reply.failure is None:
                return Reply(request.number, "unknown", "skipped", f"{request.grant['why']}; a check passed")
            return reply
        spent = {"asks": 1.0, "counted": 1.0, "tokens_in": 300.0, "tokens_out": 100.0}
        return Reply(request.number, reply.state, reply.failure, reply.sentence, spent=spent)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Desk(tmp_path, load_text(DESK, secrets=SECRETS)) as watch:
        yield watch


async def states(watch: Watch) -> list[State]:
    await watch.store.flush()
    ledger = watch.engine.tracks[ASKS].ledger
    found = await watch.store.read(lambda session: last_runs(session, ledger, limit=500))
    return [run.result for run in reversed(found)]


async def test_on_a_used_up_day_a_check_without_tokens_is_left_and_passing_it_is_unknown(desk: Desk) -> None:
    await desk.runs(clock_of("10:00"), clock_of("10:30"), every=300, name=ASKS)
    assert await states(desk) == [State.UP] * 4 + [State.UNKNOWN] * 2
    grants = [request.grant for _, request in desk.asked]
    assert grants[3] == {}
    assert grants[4] == {"judge": False, "canary": True, "why": "today's 0.002 USD for openai are used up"}


async def test_when_the_check_without_tokens_fails_the_workflow_is_down(desk: Desk) -> None:
    await desk.runs(clock_of("10:00"), clock_of("10:20"), every=300, name=ASKS)
    desk.world = lambda probe, at: "x"
    await desk.run(ASKS, at=clock_of("10:20"))
    assert (await states(desk))[-1] is State.DOWN
    assert desk.paged == ["ana"]


async def test_a_restart_forgets_nothing_of_the_day_and_midnight_forgets_all_of_it(desk: Desk) -> None:
    await desk.runs(clock_of("10:00"), clock_of("10:20"), every=300, name=ASKS)
    await desk.store.flush()
    await desk.restart()
    await desk.run(ASKS, at=clock_of("10:20"))
    assert desk.asked[-1][1].grant["canary"]
    today = MIDNIGHT // DAY
    kept = await desk.store.read(lambda session: spend_between(session, today, today))
    assert kept["openai"]["tokens"] == pytest.approx(1_600)
    assert kept["openai"]["usd"] == pytest.approx(0.002)
    assert kept[ASKS] == pytest.approx(kept["openai"])
    await desk.run(ASKS, at=MIDNIGHT + DAY + MINUTE)
    assert desk.asked[-1][1].grant == {}


async def test_the_owner_is_told_once_and_that_it_is_over_after_midnight(desk: Desk) -> None:
    await desk.engine.pause(["intake/production/books"], paused=True)
    await desk.runs(clock_of("10:00"), clock_of("10:40"), every=300, name=ASKS)
    await desk.engine.beat()
    await desk.settle()
    (incident,) = await desk.incidents()
    assert "today's 0.002 USD for openai are used up" in incident.sentence
    assert incident.severity == "warning"
    await desk.run(ASKS, at=MIDNIGHT + DAY + MINUTE)
    await desk.engine.beat()
    await desk.settle()
    assert await desk.incidents(None) == []


async def test_an_attempt_that_a_kill_cut_off_stays_reserved(desk: Desk) -> None:
    track = desk.engine.tracks[ASKS]
    grant = desk.engine.spending.grant(track.probe, now=desk.clock.now())
    await desk.store.flush()
    await desk.restart()
    account = desk.engine.spending.accounts(desk.clock.now())["openai"]
    assert account.spent["tokens"] == grant.want.amounts["tokens"] > 0


async def test_a_full_minute_makes_a_run_wait_for_its_turn_and_it_is_late(desk: Desk) -> None:
    for _ in range(3):
        await desk.run(ASKS, at=clock_of("10:00"))
    await desk.run(ASKS)
    times = [request.at for _, request in desk.asked]
    assert times[3] >= times[0] + MINUTE
    assert times[:3] == [clock_of("10:00")] * 3


async def test_a_429_is_obeyed_by_every_probe_of_the_key_and_what_is_not_asked_is_unknown(desk: Desk) -> None:
    limited = Reply(1, "down", "rate_limited", "limited", retry_after=700.0)
    track = desk.engine.tracks[ASKS]
    spending = desk.engine.spending
    await desk.pass_to(clock_of("10:00"))
    grant = spending.grant(track.probe, now=desk.clock.now())
    spending.settle(track.probe, grant, limited, now=desk.clock.now(), ended=True)
    await desk.runs(clock_of("10:05"), clock_of("10:20"), every=300, name=ASKS)
    assert await states(desk) == [State.UNKNOWN, State.UNKNOWN, State.UP]
    assert [request.at for _, request in desk.asked] == [clock_of("10:15")]


async def test_one_429_that_asks_for_a_long_wait_wakes_nobody_and_a_second_one_does(tmp_path: Path) -> None:
    text = DESK.replace("attempts: 1, check", "attempts: 3, check")
    async with Desk(tmp_path, load_text(text, secrets=SECRETS)) as desk:
        desk.world = lambda probe, at: "r"
        await desk.run(ASKS, at=clock_of("10:00"))
        assert len(desk.asked) == 1, "the wait is longer than the period has room for"
        assert desk.paged == []
        await desk.restart()
        assert desk.paged == [], "nor does a restart make more of it"
        await desk.run(ASKS, at=clock_of("10:15"))
        assert desk.paged == ["ana"]
        assert (await states(desk))[0] is State.DOWN, "what it found is counted all the same"


async def test_a_probe_that_costs_nothing_is_asked_for_nothing(desk: Desk) -> None:
    await desk.run("intake/production/books", at=clock_of("10:00"))
    assert "intake/production/books" not in desk.engine.spending.accounts(desk.clock.now())
    assert desk.clock.at == clock_of("10:00") + 0 * SECOND


async def test_a_page_that_is_only_read_goes_on_while_the_providers_key_rests(tmp_path: Path) -> None:
    text = DESK.replace("      asks: {", '      home: {get: /, every: 1m, check: [{status: 200}]}\n      asks: {')
    async with Desk(tmp_path, load_text(text, secrets=SECRETS)) as desk:
        asks, home = desk.engine.tracks[ASKS].probe, desk.engine.tracks["desk/production/home"].probe
        await desk.pass_to(clock_of("10:00"))
        spending, now = desk.engine.spending, desk.clock.now()
        limited = Reply(1, "down", "rate_limited", "limited", retry_after=700.0)
        spending.settle(asks, spending.grant(asks, now=now), limited, now=now, ended=True)
        assert spending.grant(asks, now=now).until, "the model is left alone"
        assert spending.grant(home, now=now) == NOTHING, "nobody asks a model there"
        assert home.id not in spending.accounts(now)


def test_a_probe_that_reads_and_says_what_it_depends_on_is_counted_there() -> None:
    home = "home: {get: /, depends_on: [openai], check: [{status: 200}]}"
    text = DESK.replace("      asks: {", f"      {home}\n      asks: {{")
    catalog = load_text(text, secrets=SECRETS)
    assert catalog.probes["desk/production/home"].costs.provider == "openai"


async def test_a_restart_and_a_reload_tell_nobody_anew_of_what_is_used_up(desk: Desk) -> None:
    await desk.engine.pause(["intake/production/books"], paused=True)
    await desk.runs(clock_of("10:00"), clock_of("10:30"), every=300, name=ASKS)
    for again in (desk.settle(), desk.restart(), desk.reload(desk.catalog)):
        await again
        await desk.engine.beat()
        desk.clock.at += 31 * SECOND
        await desk.engine.beat()
        await desk.settle()
    await desk.run(ASKS)
    await desk.engine.beat()
    await desk.settle()
    (incident,) = await desk.incidents()
    assert [event.kind for event in incident.events].count("passed") == 0
    assert desk.warned == [], "since the restart"


async def test_a_reload_after_midnight_begins_the_day_with_nothing_spent(desk: Desk) -> None:
    await desk.runs(clock_of("10:00"), clock_of("10:30"), every=300, name=ASKS)
    await desk.pass_to(MIDNIGHT + DAY + MINUTE)
    await desk.reload(desk.catalog)
    await desk.run(ASKS)
    assert desk.asked[-1][1].grant == {}


async def test_what_was_reserved_before_midnight_is_not_given_to_the_new_day(desk: Desk) -> None:
    spending, probe = desk.engine.spending, desk.engine.tracks[ASKS].probe
    grant = spending.grant(probe, now=MIDNIGHT + DAY - SECOND)
    spending.settle(probe, grant, Reply(1, "up", spent={"asks": 1.0, "counted": 1.0}), now=MIDNIGHT + DAY, ended=True)
    await desk.store.flush()
    day = MIDNIGHT // DAY + 1
    kept = await desk.store.read(lambda session: spend_between(session, day, day))
    assert [amount for account in kept.values() for amount in account.values() if amount < 0] == []


async def test_the_429_of_a_workflow_is_no_word_of_its_providers_key(tmp_path: Path) -> None:
    text = DESK.replace("{model: small,", '{model: small, key: "${secret:ANA}",').replace("minute: 3", "minute: 9")
    canary = "provider:openai/production/canary"
    async with Desk(tmp_path, load_text(text, secrets=SECRETS)) as desk:
        spending, tracks = desk.engine.spending, desk.engine.tracks
        limited = Reply(1, "down", "rate_limited", "limited", retry_after=3_000.0)
        await desk.pass_to(clock_of("10:00"))
        grant = spending.grant(tracks[ASKS].probe, now=desk.clock.now())
        spending.settle(tracks[ASKS].probe, grant, limited, now=desk.clock.now(), ended=True)
        assert spending.grant(tracks[ASKS].probe, now=desk.clock.now()).until
        assert not spending.grant(tracks[canary].probe, now=desk.clock.now()).until, "whose key is another"
        spending.settle(tracks[canary].probe, spending.grant(tracks[canary].probe, now=desk.clock.now()), limited,
                        now=desk.clock.now(), ended=True)  # fmt: skip
        later = clock_of("10:51")
        assert not spending.grant(tracks[ASKS].probe, now=later).until
        await desk.pass_to(clock_of("10:40"))
        assert spending.grant(tracks[canary].probe, now=desk.clock.now()).until
