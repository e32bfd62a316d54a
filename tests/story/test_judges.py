"""Judges in a keeper: what they cost is on their own account, their limits stop no run, and a broken one is told of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.config.load import load_text
from monitor.store.queries.history import last_runs
from probes.frames import Reply, Request
from probes.spend import verdict_key
from probes.words.outcome import State
from probes.words.units import DAY, MINUTE
from tests.story.watch import CONFIG, MIDNIGHT, SECRETS, Watch, clock_of

ASKS = "desk/production/asks"
DESK = (
    CONFIG
    + """
  desk:
    url: "https://api.example.com"
    policy: wake-us
    chat: {post: /chat, send: {message: "${ask}"}, reply: $.reply}
    depends_on: [openai]
    probes:
      asks:
        ask: Are you open?
        every: 5m
        attempts: 1
        check:
          - {contains: yes}
          - llm-rubric: {by: referee, rubric: It says yes, good: Yes., bad: No.}
providers:
  openai: {model: small, price: {input: 1, output: 2}}
  referee: {judge_model: judge-1, price: {input: 10, output: 20}, spend: {usd: 0.05}}
"""
)
JUDGE = {"asks": 1.0, "counted": 1.0, "tokens_in": 1000.0, "tokens_out": 100.0}  # 0.012 USD at the referee's price


class Desk(Watch):
    """An agent whose answers cost 400 tokens, and a judge asked about each while the grant lets it."""

    broken = ""
    wait: float | None = None

    async def attempt(self, request: Request, *, job: Mapping[str, Any], script: bool) -> Reply:
        reply = await super().attempt(request, job=job, script=script)
        spent = {"asks": 1.0, "counted": 1.0, "tokens_in": 300.0, "tokens_out": 100.0}
        if not request.grant.get("judge", True):
            return Reply(request.number, reply.state, reply.failure, reply.sentence, spent=spent)
        told = JUDGE if self.wait is None else {"asks": 1.0, "limited": self.wait}
        spent |= {verdict_key("referee", name): amount for name, amount in told.items()}
        if self.wait is not None or self.broken:
            learned = {"judges": {"referee/judge-1": self.broken}}
            return Reply(request.number, "unknown", "unscored", "not judged", spent=spent, learned=learned)
        learned = {"judges": {"referee/judge-1": ""}}
        return Reply(request.number, reply.state, reply.failure, reply.sentence, spent=spent, learned=learned)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with Desk(tmp_path, load_text(DESK, secrets=SECRETS)) as watch:
        await watch.engine.pause(["intake/production/books"], paused=True)
        yield watch


async def states(watch: Watch) -> list[State]:
    await watch.store.flush()
    ledger = watch.engine.tracks[ASKS].ledger
    found = await watch.store.read(lambda session: last_runs(session, ledger, limit=500))
    return [run.result for run in reversed(found)]


def spent(watch: Watch, name: str) -> Mapping[str, float]:
    return watch.engine.spending.accounts(watch.clock.now())[name].spent


async def test_each_account_is_charged_for_what_it_answered(desk: Desk) -> None:
    probe = desk.engine.tracks[ASKS].probe
    assert probe.job["judges"] == {"referee": {"judge_model": "judge-1"}}
    assert probe.costs.judges["referee"]["requests"] == 1.0
    await desk.run(ASKS, at=clock_of("10:00"))
    assert spent(desk, "openai") == pytest.approx({"requests": 1.0, "tokens": 400.0, "usd": 0.0005})
    assert spent(desk, "referee") == pytest.approx({"requests": 1.0, "tokens": 1100.0, "usd": 0.012})
    assert spent(desk, ASKS) == pytest.approx({"requests": 2.0, "tokens": 1500.0, "usd": 0.0125})


async def test_a_judge_whose_day_is_used_up_is_not_asked_and_the_checks_go_on(desk: Desk) -> None:
    await desk.runs(clock_of("10:00"), clock_of("10:30"), every=300, name=ASKS)
    grants = [request.grant for _, request in desk.asked]
    why = "today's 0.05 USD for referee are used up"
    assert grants == [{}] * 4 + [{"judge": False, "why": why}] * 2
    assert await states(desk) == [State.UP] * 6
    await desk.engine.beat()
    await desk.settle()
    (incident,) = await desk.incidents()
    assert why in incident.sentence and incident.severity == "warning"
    await desk.run(ASKS, at=MIDNIGHT + DAY + MINUTE)
    assert desk.asked[-1][1].grant == {}


async def test_a_judge_that_asks_to_be_left_alone_is_and_no_run_waits_for_it(desk: Desk) -> None:
    desk.wait = 700.0
    await desk.run(ASKS, at=clock_of("10:00"))
    await desk.runs(clock_of("10:05"), clock_of("10:15"), every=300, name=ASKS)
    assert await states(desk) == [State.UNKNOWN, State.UP, State.UP]
    assert desk.asked[-1][1].grant == {"judge": False, "why": "referee asked to be left alone for a while"}
    assert desk.engine.spending.troubles == {}
    await desk.run(ASKS, at=clock_of("10:15"))
    assert desk.asked[-1][1].grant == {}


async def test_where_the_workflows_own_provider_judges_its_limit_holds_back_the_judge_alone(tmp_path: Path) -> None:
    written = DESK.replace("by: referee", "by: openai").replace("model: small, price", "judge_model: j, price")
    async with Desk(tmp_path, load_text(written, secrets=SECRETS)) as desk:
        spending, probe = desk.engine.spending, desk.engine.tracks[ASKS].probe
        grant = spending.grant(probe, now=desk.clock.now())
        limited = {verdict_key("openai", "limited"): 700.0}
        reply = Reply(1, "unknown", "unscored", "not judged", spent=limited)
        spending.settle(probe, grant, reply, now=desk.clock.now(), ended=True)
        held = spending.grant(probe, now=desk.clock.now())
        assert (held.judge, held.until) == (False, 0)
        assert spending.grant(probe, now=desk.clock.now() + 12 * MINUTE).judge


async def test_a_broken_judge_is_told_of_once_through_a_restart_until_it_is_right_again(desk: Desk) -> None:
    desk.broken = "it let the known-bad sample pass"
    await desk.run(ASKS, at=clock_of("10:00"))
    for _ in range(2):
        await desk.engine.beat()
        await desk.settle()
    (incident,) = await desk.incidents()
    assert (incident.severity, desk.paged) == ("warning", [])
    assert incident.sentence == (
        "the judge referee/judge-1 is broken: it let the known-bad sample pass; what it judges is unscored"
    )
    await desk.store.flush()
    await desk.restart()
    await desk.engine.beat()
    await desk.settle()
    assert len(await desk.incidents(None)) == 1  # nothing shows yet that it is over
    desk.broken = ""
    await desk.run(ASKS, at=clock_of("10:05"))
    await desk.engine.beat()
    await desk.settle()
    assert await desk.incidents(None) == []
