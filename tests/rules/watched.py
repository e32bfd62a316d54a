"""What the machines of this folder share: providers that look for broken rules, what can befall them, how long it
runs."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from sqlmodel import Session, select

from alerts.message import Message, Purpose, Receipt
from alerts.routes import EDITS, FIRST_WORDS
from alerts.tables import Notification
from probes.words.errors import StoreError
from tests.story.night import Provider

FAULTS = ("429", "5xx", "permanent", "timeout", "lost reply", "hang", "crash", "crash after")
SHRINKS = bool(os.environ.get("SHOWUP_SHRINK"))

Look = Callable[[Callable[[Session], list[str]]], Awaitable[list[str]]]


class Watched(Provider):
    """A provider that sees what the rules are about: D2, D4, D7 and D8 as they look from outside."""

    def watch(self, look: Look) -> None:
        """`look` asks the database."""
        self.look = look
        self.wrong: list[str] = []
        self.keys: dict[str, str] = {}
        self.triggered: set[tuple[str, str]] = set()
        self.flying: set[tuple[str, str]] = set()

    async def send(self, message: Message) -> Receipt:
        if message.purpose is Purpose.EMERGENCY:  # the store being broken, there is no row to look at
            self.faults = [fault for fault in self.faults if fault != "hang"]  # given up by a real clock: 15 s each
            return await super().send(message)
        flight = (message.key, message.target)
        await self._look(message, flight)
        self.flying.add(flight)
        try:
            return await super().send(message)
        finally:
            self.flying.discard(flight)

    async def _look(self, message: Message, flight: tuple[str, str]) -> None:
        try:
            states = await self.look(lambda session: _states(session, message.marker))
        except StoreError:  # it was claimed before the store broke
            states = ["sending"]
        if states != ["sending"]:
            self.wrong.append(f"D2: {message.purpose} left {self.name} while its row was {states}")
        if self.keys.setdefault(message.marker, message.key) != message.key:
            self.wrong.append(f"D4: {message.marker} had key {self.keys[message.marker]}, now {message.key}")
        if flight in self.flying:
            self.wrong.append(f"two messages about {flight} are in flight at {self.name}")
        state = message.incident.state if message.incident else "triggered"
        if message.purpose is Purpose.PAGE and state != "triggered" and not (self.name in EDITS and message.repeat):
            self.wrong.append(f"D7: a page about {message.key} left {self.name}, and it was {state}")
        if message.purpose in FIRST_WORDS:
            self.triggered.add(flight)
        elif message.purpose is Purpose.RESOLVE and flight not in self.triggered:
            self.wrong.append(f"D8: {message.key} was resolved at {self.name} before it was triggered")


def _states(session: Session, marker: str) -> list[str]:
    return list(session.exec(select(Notification.state).where(Notification.marker == marker)).all())


def run(machine: type[RuleBasedStateMachine], usual: str, *, share: int = 1) -> None:
    """Run a machine as often and as long as SHOWUP_RULES, else `usual`, says (`examples x steps`); one of `share`
    parts."""
    examples, _, steps = os.environ.get("SHOWUP_RULES", usual).partition("x")
    tell(machine, -(-int(examples) // share), int(steps or 50))


def tell(machine: type[RuleBasedStateMachine], sequences: int, steps: int) -> None:
    """So many sequences of so many steps. Raises what the first broken rule raises."""
    phases: list[Any] = [phase for phase in Phase if SHRINKS or phase not in (Phase.shrink, Phase.explain)]
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=sequences,
            stateful_step_count=steps,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            phases=phases,
        ),
    )
