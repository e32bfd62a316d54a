"""Who is on call at an instant, and in which order people are told. Times are µs since the epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from probes.words.clock import moment


@dataclass(frozen=True, slots=True)
class User:
    """A person of the account."""

    id: str
    name: str
    email: str


@dataclass(slots=True)
class Schedule:
    """People in turn, `shift` µs each from `starts` on (0: always the first); overrides win; no people: nobody."""

    id: str
    name: str
    users: tuple[str, ...]
    shift: int = 0
    starts: int = 0
    overrides: list[tuple[int, int, str]] = field(default_factory=list)

    def shifts(self, start: int, end: int) -> list[tuple[int, int, str]]:
        """(start, end, user) for whoever is on call at some moment of [start, end), cut to it, in order."""
        end = max(end, start + 1)
        edges = {start, *(at for low, high, _ in self.overrides for at in (low, high) if start < at < end)}
        if self.shift:
            turn = self.starts + ((start - self.starts) // self.shift + 1) * self.shift
            edges.update(range(turn, end, self.shift))
        marks = [*sorted(edges), end]
        found: list[tuple[int, int, str]] = []
        for low, high in pairwise(marks):
            user = self.on_call(low)
            if user is not None and found and found[-1][1:] == (low, user):
                found[-1] = (found[-1][0], high, user)
            elif user is not None:
                found.append((low, high, user))
        return found

    def on_call(self, at: int) -> str | None:
        """The user on call at that instant."""
        for low, high, user in reversed(self.overrides):
            if low <= at < high:
                return user
        if not self.users:
            return None
        turn = (at - self.starts) // self.shift if self.shift else 0
        return self.users[turn % len(self.users)]


@dataclass(frozen=True, slots=True)
class Rule:
    """One level: whom to tell (users or schedules), and after how many minutes the next level is told."""

    targets: tuple[str, ...]
    delay_minutes: int = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """Levels in order; gone through again `loops` times."""

    id: str
    name: str
    rules: tuple[Rule, ...]
    loops: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance window of a service: events are taken in it, and no incident is made of them."""

    id: str
    start: int
    end: int
    description: str = ""


BY_SEVERITY: dict[str, Any] = {"type": "constant", "urgency": "severity_based"}


@dataclass(slots=True)
class Service:
    """What events are sent to; `status` is active or disabled, or maintenance by hand. Timeouts in s, None: never.

    `urgency` is its incident_urgency_rule, `hours` its support_hours. `grouping` (time, intelligent …) lets whatever
    fails while an incident is open join that one, and wake nobody.
    """

    id: str
    name: str
    routing_key: str
    policy: str
    ack_timeout: int | None = 1800
    auto_resolve: int | None = 14_400
    status: str = "active"
    urgency: dict[str, Any] = field(default_factory=lambda: dict(BY_SEVERITY))
    hours: dict[str, Any] | None = None
    grouping: str | None = None
    integration: str = "events_api_v2_inbound_integration"
    windows: list[Window] = field(default_factory=list)

    def state(self, now: int) -> str:
        """Its status at that moment."""
        if self.status == "active" and any(one.start <= now < one.end for one in self.windows):
            return "maintenance"
        return self.status

    def urgency_of(self, severity: str, now: int) -> str:
        """`high` wakes people, `low` does not."""
        rule = self.urgency
        if rule.get("type") == "use_support_hours":
            rule = rule.get("during_support_hours" if self._is_open(now) else "outside_support_hours") or {}
        if rule.get("urgency") == "severity_based":
            return "high" if severity in ("critical", "error") else "low"
        return str(rule.get("urgency", "high"))

    def _is_open(self, now: int) -> bool:
        hours, there = self.hours or {}, moment(now)
        if there.isoweekday() not in hours.get("days_of_week", []):
            return False
        return str(hours.get("start_time")) <= f"{there:%H:%M:%S}" < str(hours.get("end_time"))
