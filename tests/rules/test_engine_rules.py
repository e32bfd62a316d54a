"""Whatever happens, in whatever order, to the real engine and a real database: a failure reaches a person, and the
record says what was seen.

`SHOWUP_RULES=1000x50` tells so many stories of so many steps, see `watched.run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import chain
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlmodel import Session, select

from alerts import dispatch
from alerts.signal import Condition
from alerts.tables import Incident
from monitor.config.catalog import Catalog
from monitor.config.load import load_text
from monitor.store import writer
from probes.words.errors import Refused, StoreError
from probes.words.units import MINUTE, SECOND
from tests.rules import truths
from tests.rules.life import Life, new_folder, one_engine
from tests.rules.watched import FAULTS, run
from tests.story.watch import MIDNIGHT, SECRETS

CONFIG = """
site: {{title: Example, url: "https://status.example.com", timezone: UTC}}
monitor: {{policy: owner}}
channels:
  slack: {{token: "${{secret:SLACK}}", channel: ops-alerts}}
  pagerduty: {{routing_key: "${{secret:DUTY}}"}}
people:
  ana: {{name: Ana, phone: ["ntfy:${{secret:ANA}}"]}}
  bo: {{name: Bo, phone: ["ntfy:${{secret:BO}}"]}}
  cy: {{name: Cy, phone: ["ntfy:${{secret:CY}}"]}}
policies:
  wake-us:
    levels: [{{at: 0m, notify: [slack, ana]}}, {{at: 2m, notify: [bo, pagerduty]}}, {{at: 9m, notify: [pagerduty]}}]
    repeat: 2
    warnings: [slack]
    fallback: cy
  wake-you:
    levels: [{{at: 0m, notify: [bo]}}, {{at: 4m, notify: [ana]}}]
    repeat: 1
    warnings: [console]
    fallback: cy
  owner: {{levels: [{{at: 0m, notify: [cy]}}], fallback: cy, warnings: [console]}}
providers: {{openai: {{key: "${{secret:ANA}}", model: small, policy: wake-us, canary: {{every: 3m, attempts: 1}}}}}}
workflows:
  intake:
    title: Intake agent
    promise: Who writes in is booked
    url: "https://intake.example.com"
    policy: wake-us
    probes:
      calendar: {{get: /calendar, every: 2m, attempts: 3, confirm: 2 of 3, check: [{{contains: Monday}}]}}
      shop: {{get: /shop, every: 5m, attempts: 1, affects: degraded, check: [{{contains: Order}}]}}
      {books}
  billing:
    title: Billing
    promise: Who pays gets a receipt
    url: "https://billing.example.com"
    policy: wake-you
    depends_on: [openai]
    chat: {{post: /chat, send: {{message: "${{ask}}"}}, reply: $.reply}}
    probes:
      asks: {{ask: "What do I owe?", every: 2m, attempts: 2, check: [{{contains: EUR}}]}}
      pays: {{get: /, every: 5m, attempts: 3, severity: error, check: [{{contains: Paid}}]}}
      mails: {{get: /mail, every: 1m, attempts: 1, confirm: 2 of 3, check: [{{contains: Sent}}]}}
"""
HOME = "{{{was}get: /, every: 1m, attempts: 1, check: [{{contains: Book online}}]}}"
BOOKS = {
    "": "",
    "books": "books: " + HOME.format(was=""),
    "bookings": "bookings: " + HOME.format(was="was: books, "),
    "books again": "books: " + HOME.format(was="was: bookings, "),
}
PROBES = ("books", "bookings", "calendar", "shop", "pays", "mails", "asks")
PLACES = {name: "billing/production" if name in ("pays", "mails", "asks") else "intake/production" for name in PROBES}
ASKS, CANARY = "billing/production/asks", "provider:openai/production/canary"
LETTERS = st.sampled_from(["x", "x", ".", ".", "w", "d", "b", "l", "s"])
WHILE = st.sampled_from([61, 0, 7, 125, 300])  # seconds that pass after it
SUBJECTS = ("intake/production", "billing/production", "provider:openai", "")


def configured(books: str) -> Catalog:
    """The configuration, with `books` under one of its names or without it."""
    more = {"SLACK": "xoxb-" + "s" * 20, "DUTY": "d" * 32}
    return load_text(CONFIG.format(books=BOOKS[books]), secrets={**SECRETS, **more})


CATALOGS = {books: configured(books) for books in BOOKS}


class Lives(RuleBasedStateMachine):
    """Everything that can happen to a keeper, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.life = Life(new_folder(), CATALOGS["books"])
        self.loop.run_until_complete(self.life.rise())
        self.incidents: list[str] = []
        self.mutes: list[int] = []
        self.healed: set[int] = set()  # when the store accepted again

    def do(self, story: Coroutine[Any, Any, Any]) -> Any:
        """Tell a part of the story; what the store refuses is not done."""
        refused = self.life.refuses
        try:
            return self.loop.run_until_complete(self.life.live(story))
        except StoreError:
            assert refused
            return None
        except Refused:
            return None
        finally:
            if refused and not self.life.refuses:
                self.healed.add(self.life.clock.now())

    def teardown(self) -> None:
        self.loop.run_until_complete(self.life.fall())
        self.loop.close()

    @initialize(letter=LETTERS)
    def it_begins(self, letter: str) -> None:
        self.everything_changes(letter, 125)

    # -- the world ----------------------------------------------------------------------------------------------------

    @rule(names=st.lists(st.sampled_from(PROBES), min_size=1, max_size=3), letter=LETTERS, seconds=WHILE)
    def something_changes(self, names: list[str], letter: str, seconds: int) -> None:
        self.life.worlds |= {f"{PLACES[name]}/{name}": letter for name in names}
        self.do(self.life.pass_time(seconds * SECOND))

    @rule(letter=LETTERS, seconds=WHILE)
    def everything_changes(self, letter: str, seconds: int) -> None:
        self.life.worlds = {f"{PLACES[name]}/{name}": letter for name in PROBES}
        self.do(self.life.pass_time(seconds * SECOND))

    @rule(seconds=st.sampled_from([125, 300]))
    def the_model_provider_goes_down(self, seconds: int) -> None:
        self.life.worlds |= {CANARY: "x", ASKS: "x"}
        self.do(self.life.pass_time(seconds * SECOND))

    @rule(model=st.sampled_from("x.dls"), hits=st.sampled_from("xxw."), seconds=WHILE)
    def the_model_provider_changes(self, model: str, hits: str, seconds: int) -> None:
        self.life.worlds |= {CANARY: model, ASKS: hits if model == "x" else "."}
        self.do(self.life.pass_time(seconds * SECOND))

    @rule(seconds=st.sampled_from([0, 0, 2, 9]))
    def attempts_take(self, seconds: int) -> None:
        self.life.takes = seconds

    # -- providers and people -----------------------------------------------------------------------------------------

    @rule(
        channel=st.sampled_from(["slack", "pagerduty", "ntfy", "ntfy"]),
        faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3),
    )
    def a_provider_fails(self, channel: str, faults: list[str]) -> None:
        self.life.known[channel].faults += faults

    @rule(channel=st.sampled_from(["slack", "pagerduty", "ntfy"]))
    def a_provider_lets_go(self, channel: str) -> None:
        async def let_go() -> None:
            self.life.known[channel].release()
            await self.life.deliver()

        self.do(let_go())

    @rule(known=st.booleans())
    def pagerduty_forgets(self, known: bool) -> None:
        self.life.known["pagerduty"].knows = lambda key: {"id": key} if known else None

    @precondition(lambda self: self.incidents)
    @rule(
        data=st.data(),
        action=st.sampled_from(["ack", "ack", "snooze", "resolve"]),
        by=st.sampled_from(["ana", "bo"]),
        late=st.sampled_from([None, 0, 5 * SECOND, 40 * MINUTE]),
        number=st.sampled_from([None, 1, 2]),
    )
    def somebody_answers(self, data: st.DataObject, action: str, by: str, late: int | None, number: int | None) -> None:
        name = data.draw(st.sampled_from(self.incidents))
        at = None if late is None else self.life.clock.now() - late
        self.do(self.life.react(name, action, by, person=by, at=at, round=number))

    @precondition(lambda self: self.incidents)
    @rule(data=st.data(), number=st.integers(1, 3))
    def pagerduty_closes(self, data: st.DataObject, number: int) -> None:
        name = data.draw(st.sampled_from(self.incidents))
        self.do(self.life.react(name, "resolve", "PagerDuty", service=True, round=number))

    @precondition(lambda self: len(self.mutes) < 3)
    @rule(subject=st.sampled_from(["", "intake", "provider:openai", "monitor"]), minutes=st.sampled_from([1, 3, 20]))
    def somebody_mutes(self, subject: str, minutes: int) -> None:
        now, life = self.life.clock.now(), self.life

        def act(session: Session) -> int:
            end = now + minutes * MINUTE
            row = life.desk.mute(session, subject, start=now, end=end, author="Ana", reason="a test of load", now=now)
            return row.id or 0

        number = self.do(life.store.write(act))
        self.mutes += [number] if number else []

    @precondition(lambda self: self.mutes)
    @rule(data=st.data())
    def somebody_lifts_a_mute(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.mutes))
        self.mutes.remove(number)
        life, now = self.life, self.life.clock.now()

        async def lift() -> None:
            await life.store.write(lambda session: life.desk.unmute(session, number, by="Ana", now=now))
            await life.beat()

        self.do(lift())

    @rule(
        subject=st.sampled_from(SUBJECTS),
        begins=st.sampled_from([0, 0, 4]),
        minutes=st.sampled_from([3, 20]),
    )
    def maintenance_is_announced(self, subject: str, begins: int, minutes: int) -> None:
        start = self.life.clock.now() + begins * MINUTE
        self.do(self.life.maintenance(start, start + minutes * MINUTE, subject))

    # -- the configuration --------------------------------------------------------------------------------------------

    @rule(
        changes=st.lists(st.tuples(st.sampled_from(list(BOOKS)), WHILE), min_size=1, max_size=3),
        meanwhile=st.booleans(),
    )
    def the_configuration_changes(self, changes: list[tuple[str, int]], meanwhile: bool) -> None:
        for books, seconds in changes:
            self.do(self._change(CATALOGS[books], meanwhile))
            self.do(self.life.pass_time(seconds * SECOND))

    async def _change(self, catalog: Catalog, meanwhile: bool) -> None:
        life, before = self.life, self.life.catalog
        if meanwhile:  # while runs start and attempts go on
            life.clock.at = max(life.clock.at, min(await life.following(), life.clock.at + MINUTE))
            life.go_on()
        try:
            await life.reload(catalog)
        except StoreError:
            life.catalog = before
            assert life.engine.catalog is before, "half of a configuration is in force"
            raise
        await life.beat()

    @rule(name=st.sampled_from(PROBES), paused=st.booleans())
    def somebody_pauses(self, name: str, paused: bool) -> None:
        self.do(self.life.engine.pause([f"{PLACES[name]}/{name}"], paused=paused))

    # -- the keeper and its store -------------------------------------------------------------------------------------

    @rule()
    def the_keeper_dies(self) -> None:
        self.do(self.life.restart())

    @rule(waits=st.integers(0, 60))
    def the_keeper_will_die(self, waits: int) -> None:
        self.life.lives = waits

    @rule(away=st.sampled_from([1, 70, 1000, 4000, 7200]))
    def the_keeper_is_away(self, away: int) -> None:
        async def leave() -> None:
            self.life.dies()
            self.life.clock.at += away * SECOND
            await asyncio.Event().wait()

        self.do(leave())
        self.do(self.life.beat())

    @precondition(lambda self: not self.life.refuses)
    @rule(seconds=st.sampled_from([3, 8, 40, 150]))
    def the_store_refuses(self, seconds: int) -> None:
        self.life.refuse()
        self.do(self.life.pass_time(seconds * SECOND))

    @precondition(lambda self: self.life.refuses)
    @rule()
    def the_store_comes_back(self) -> None:
        self.do(self.life.recover())

    @rule(seconds=st.sampled_from([1, 3, 11, 61, 61, 125, 300, 31 * 60]))
    def time_passes(self, seconds: int) -> None:
        self.do(self.life.pass_time(seconds * SECOND))

    # -- what must be true --------------------------------------------------------------------------------------------

    @invariant()
    def no_rule_is_broken(self) -> None:
        wrong = [line for provider in self.life.known.values() for line in provider.wrong]
        assert wrong + self.life.broken_rules == []
        assert self.loop.run_until_complete(self.life.check()) == []

    @invariant()
    def while_the_store_refuses_people_are_paged_from_memory(self) -> None:
        life, teller = self.life, self.life.engine.teller
        if teller.refused_since and life.clock.now() - teller.refused_since > 15 * SECOND:
            pages = [one for one in teller._waiting if one.severity.pages and one.condition is not Condition.PASSING]
            assert [one for one in pages if one not in life.emergencies] == []

    @invariant()
    def what_is_open_and_what_is_recorded_is_what_was_seen(self) -> None:
        if not self.life.refuses:
            assert self.loop.run_until_complete(self._untrue()) == []

    async def _untrue(self) -> list[str]:
        life, now = self.life, self.life.clock.now()
        await life.store.settle()  # what is recorded in memory is as good as committed

        def look(session: Session) -> list[str]:
            self.incidents = list(session.exec(select(Incident.public_id).order_by(Incident.id)))  # type: ignore[arg-type]
            runs = truths.seen(session, now)
            found = [truths.of_record(session, runs, start=MIDNIGHT, now=now), truths.of_attempts(runs, life.met)]
            found.append(truths.of_what_is_left_to_others(session, now=now, started=life.started))
            if not life.engine.teller.waiting:
                tracks = life.engine.tracks
                found.append(truths.of_incidents(session, tracks, runs, now=now, healed=self.healed))
            return list(chain.from_iterable(found))

        return await life.store.look(look)


def hasten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits by a real clock waits for less; a database is opened once."""
    monkeypatch.setattr(writer, "AGAIN", 0.002)  # seconds between two tries of a broken store
    monkeypatch.setattr(writer, "open_engine", one_engine)
    monkeypatch.setattr(dispatch, "LOOK_EVERY", 0.002)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("half", [1, 2])  # two, so that both cores of a small machine have one
def test_the_rules_hold_on_the_real_engine_whatever_happens(half: int, monkeypatch: pytest.MonkeyPatch) -> None:
    hasten(monkeypatch)
    run(Lives, "16x30", share=2)
