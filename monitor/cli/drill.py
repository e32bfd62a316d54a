"""`showup drill WORKFLOW --fault KIND`: the application's own resilience, with its model address pointed at the kit."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.cli.attempts import Bench, opened
from monitor.cli.paper import count, hung, paper, plain, took
from monitor.cli.rules import rules
from monitor.config.naming import probes_of
from monitor.engine import polite
from monitor.places import state_folder
from monitor.sandbox.faults import Fault
from monitor.sandbox.kit import Place, Switch
from probes.words.errors import Refused
from probes.words.names import nearest

if TYPE_CHECKING:
    from monitor.config.catalog import Catalog, Probe
    from monitor.config.secrets import Secrets

FAULTS: Mapping[str, Fault] = {
    "empty": Fault("empty"),
    "garbage": Fault("garbage"),
    "hang": Fault("hang", seconds=600),
    "429-once": Fault("rate-limited", seconds=1, times=1),
    "5xx": Fault("server-error", status=503),
}
"""What a model provider can do to an application, and the kit's fault that does it."""
DOES: Mapping[str, str] = {
    "empty": "says nothing",
    "garbage": "says garbage",
    "hang": "hangs",
    "429-once": "limits the rate once",
    "5xx": "answers with errors",
}
RECOVERS = 30.0  # s after the repair within which a customer has to be answered well again
AGAIN = 2.0  # s between two looks at that
TOKEN = "SHOWUP_KIT_TOKEN"  # noqa: S105  # the name of a variable


@dataclass(slots=True)
class Look:
    """What a customer was given by one probe at one moment: `faults` are what they would have minded."""

    probe: str
    moment: str  # before, broken or healed
    seconds: float
    faults: list[str]
    said: str = ""
    met: int = 0


@dataclass(slots=True)
class Drill:
    """A drill and what came of it; `faults` are why it failed as a whole, beside those of the looks."""

    workflow: str
    environment: str
    fault: str
    kit: str
    looks: list[Look] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def met(self) -> int:
        """How many requests met the fault."""
        return sum(look.met for look in self.looks)

    @property
    def passed(self) -> bool:
        """True when a customer was treated well throughout, and the fault was really met."""
        return not self.faults and not any(look.faults for look in self.looks)


Say = Callable[[str, str], None]
"""Prints a text behind its head."""


def run_drill(
    workflow: str, config: Path | None, state: Path | None, *, fault: str, environment: str, kit: str, as_json: bool
) -> int:
    """Break the kit, look as a customer, heal it: 0 when the customer was still treated well; raises Refused."""
    if fault not in FAULTS:
        near = nearest(fault, FAULTS)
        hint = f"did you mean {near}?" if near else f"write one of {', '.join(FAULTS)}"
        raise Refused(f"no fault of a drill is called {fault!r}", hint=hint)
    catalog, secrets = opened(config)
    names = probes_of(workflow, catalog.probes, environment=environment)
    chosen = [catalog.probes[name] for name in names if catalog.probes[name].enabled]
    if not chosen:
        raise Refused(f"no probe of {workflow} is enabled in {environment}")
    switch = Switch(_place(kit, state or state_folder()))
    if broken := switch.state()["set"]:
        raise Refused(f"the kit is broken already: {broken[0]['kind']}", hint="heal it first: showup kit heal")
    drill = Drill(chosen[0].workflow, chosen[0].environment, fault, switch.place.url)
    asyncio.run(_until_told(_Playing(drill, switch, catalog, secrets, _teller(as_json=as_json)).play(chosen)))
    if as_json:
        from monitor.cli.show import as_json as print_json

        print_json({**asdict(drill), "met": drill.met, "passed": drill.passed})
    else:
        _conclude(drill)
    return 0 if drill.passed else 1


def _place(kit: str, folder: Path) -> Place:
    """The kit that was named, or the one that was started with this state folder."""
    if not kit:
        return Place.read(folder)
    token = os.environ.get(TOKEN, "")
    if not token:
        raise Refused(f"{TOKEN} is not set", hint="it is the token in the address that the kit printed")
    return Place(kit.rstrip("/"), token, 0)


async def _until_told(playing: Any) -> None:
    """Play to the end; SIGTERM calls it off as Ctrl-C does, and whatever was broken is healed."""
    task = asyncio.ensure_future(playing)
    with suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


class _Playing:
    """A drill while it is played. The kit is only ever broken within `_broken`, which heals it whatever happens."""

    def __init__(self, drill: Drill, switch: Switch, catalog: Catalog, secrets: Secrets, say: Say) -> None:
        self._drill, self._switch, self._say = drill, switch, say
        self._catalog, self._secrets = catalog, secrets
        self._own = rules(catalog.workflows[drill.workflow].polite)
        self._began = time.monotonic()

    async def play(self, probes: Sequence[Probe]) -> None:
        """Each probe before, while the model fails, and after: one after another, as they share the kit."""
        self._tell(f"{self._drill.workflow} in {self._drill.environment}, its model at {self._drill.kit}")
        async with Bench(self._catalog, self._secrets) as bench:
            for probe in probes:
                before = await self._look(bench, probe, "before")
                if before.faults:
                    self._drill.faults.append(f"{probe.name} was no good before anything was broken")
                    continue
                await self._broken(bench, probe)
                await self._healed(bench, probe)
        if not self._drill.faults and not self._drill.met:
            hint = "is the environment's model address the kit's?"
            self._drill.faults.append(f"no request of {self._drill.environment} met the fault: {hint}")

    async def _broken(self, bench: Bench, probe: Probe) -> None:
        kind = FAULTS[self._drill.fault].kind
        self._switch.break_it(FAULTS[self._drill.fault])
        try:
            self._tell(f"the model {DOES[self._drill.fault]}")
            look = await self._look(bench, probe, "broken", told=False)
            look.met = int(self._switch.state()["met"].get(kind, 0))
        finally:
            self._switch.heal(kind)
        self._tell_of(look)
        self._tell("the kit is healed")

    async def _healed(self, bench: Bench, probe: Probe) -> None:
        """Until a customer is answered well again, for RECOVERS at most."""
        until = time.monotonic() + RECOVERS
        while (look := await self._look(bench, probe, "healed")).faults and time.monotonic() < until:
            self._drill.looks.pop()
            await asyncio.sleep(AGAIN)
        if look.faults:
            self._drill.faults.append(f"{probe.name} had not recovered {RECOVERS:g} s after the repair")

    async def _look(self, bench: Bench, probe: Probe, moment: str, *, told: bool = True) -> Look:
        began = time.monotonic()
        reply = await bench.attempt(probe)
        chat = probe.job["target"].get("chat") or {}
        given = polite.answers(reply, chat)
        heard = next((one.text for one in reversed(given) if one.asked), "")
        faults = polite.faults(reply, given, self._own)
        look = Look(probe.name, moment, time.monotonic() - began, faults, plain(heard, 200))
        self._drill.looks.append(look)
        if told:
            self._tell_of(look)
        return look

    def _tell_of(self, look: Look) -> None:
        met = f", {count(look.met, 'request')} met it" if look.moment == "broken" else ""
        word = "NO GOOD" if look.faults else "well"
        self._tell(f"{look.moment}: {look.probe} answered {word} after {took(look.seconds * 1e6)}{met}")
        for said in [*look.faults, *([f"“{look.said}”"] if look.said else [])]:
            self._say(" " * 12, said)

    def _tell(self, text: str) -> None:
        self._say(f"{time.monotonic() - self._began:6.1f} s  ", text)


def _teller(*, as_json: bool) -> Say:
    if as_json:
        return lambda head, text: None
    out = paper()

    def say(head: str, text: str) -> None:
        for line in hung(head, plain(text, 400), out.width):
            out.print(line, soft_wrap=True)

    return say


def _conclude(drill: Drill) -> None:
    out, does = paper(), DOES[drill.fault]
    out.print()
    for said in drill.faults:
        out.print(plain(said, 300))
    broken = [look for look in drill.looks if look.moment == "broken"]
    rude = [look.probe for look in broken if look.faults]
    if drill.passed:
        slowest = max((look.seconds for look in broken), default=0.0)
        out.print(f"PASSED: while the model {does}, a customer is answered politely within {took(slowest * 1e6)}.")
    elif rude:
        out.print(f"FAILED: when the model {does}, the customer of {', '.join(rude)} is left alone with it.")
    else:
        out.print("FAILED: the drill proved nothing.")
