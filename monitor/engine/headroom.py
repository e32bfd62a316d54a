"""What is left of the rate limits that ordinary answers tell of, and the warning before they run out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alerts.desk import OpenMember
from alerts.signal import Condition, Severity, Signal
from monitor.config.catalog import Catalog, Probe
from monitor.engine import signals

SUBJECT = "headroom:"  # begins the subject of every such incident, `workflow/environment` follows
NAMES: Mapping[str, str] = {"headroom_requests": "requests", "headroom_tokens": "tokens"}
SURE = 3  # runs in a row: a limit by the minute is nearly used up now and then, and that says nothing


@dataclass(slots=True)
class Room:
    """What one probe saw: `left` by unit (0 to 1), runs in a row under the limit, runs in a row at or over it."""

    left: dict[str, float]
    under: int = 0
    over: int = 0
    told: bool = False
    since: int = 0


class Headroom:
    """The newest headroom of each probe, by its id: `rooms`."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}
        self._least: dict[str, float] = {}  # by probe id: the share under which people are told

    def watch(self, catalog: Catalog, members: Iterable[OpenMember]) -> None:
        """Follow the probes of a catalog; what is open was told."""
        self._least = {
            probe.id: catalog.workflows[probe.workflow].headroom for probe in catalog.probes.values() if probe.scheduled
        }
        self.rooms = {name: room for name, room in self.rooms.items() if name in self._least}
        names = {(f"{SUBJECT}{probe.subject}", probe.name): name for name, probe in catalog.probes.items()}
        for one in members:
            if (name := names.get((one.subject, one.member))) in self._least and name is not None:
                self.rooms.setdefault(name, Room({})).told = True

    def learn(self, probe: Probe, values: Mapping[str, float]) -> None:
        """Take over what an attempt saw of its limits."""
        left = {unit: values[name] for name, unit in NAMES.items() if name in values}
        if not left or probe.id not in self._least:
            return
        room = self.rooms.setdefault(probe.id, Room({}))
        room.left = left
        if min(left.values()) < self._least[probe.id]:
            room.under, room.over = room.under + 1, 0
        else:
            room.under, room.over = 0, room.over + 1

    def signals(self, catalog: Catalog, *, now: int) -> list[Signal]:
        """The warnings that are due, and those that are over."""
        found = []
        for name, room in self.rooms.items():
            if not room.told and room.under >= SURE:
                room.told, room.since = True, now
                found.append(_signal(catalog, catalog.probes[name], room, Condition.FAILING, now=now))
            elif room.told and room.over >= SURE:
                room.told = False
                found.append(_signal(catalog, catalog.probes[name], room, Condition.PASSING, now=now))
        return found


def say(left: Mapping[str, float]) -> str:
    """`12 % of requests, 80 % of tokens`."""
    return ", ".join(f"{share * 100:.0f} % of {unit}" for unit, share in sorted(left.items(), key=lambda pair: pair[1]))


def _signal(catalog: Catalog, probe: Probe, room: Room, condition: Condition, *, now: int) -> Signal:
    workflow = catalog.workflows[probe.workflow]
    whose = f"{probe.partner}'s" if probe.partner else "its"
    only = "only " if condition is Condition.FAILING else ""
    said = f"{only}{say(room.left)} left of {whose} rate limits, as {probe.name} sees them"
    return Signal(
        subject=f"{SUBJECT}{probe.subject}",
        member=probe.name,
        condition=condition,
        at=now,
        since=room.since or now,
        severity=Severity.WARNING,
        policy=probe.policy or workflow.policy,
        title=signals.title_of(workflow, probe.environment),
        sentence=said,
        notice="comes near a rate limit",
        blame="partner" if probe.partner else "workflow",
        suspected=False,
        sure=f"{SURE} runs in a row",
        owner=workflow.owner,
        labels=(("probe", probe.name), ("environment", probe.environment)),
    )
