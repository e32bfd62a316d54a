"""The policy's ladder as it stood when the incident began to page, and the next move on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alerts.policy import PEOPLE, PolicySpec, parse_target
from probes.words.units import MINUTE, micros_of

NOBODY_EVERY = 15 * MINUTE
RESUMES_AFTER = 30 * MINUTE  # µs after which showup escalates what PagerDuty was to escalate


@dataclass(frozen=True, slots=True)
class Ladder:
    """Levels with their times (µs from the page) and targets; `rounds` climbs, `every` apart; then `last_resort`.

    With `by_pagerduty` the first level also goes to PagerDuty, which escalates by itself; showup's own next level waits
    half an hour.
    """

    at: tuple[int, ...]
    notify: tuple[tuple[str, ...], ...]
    rounds: int
    every: int
    warnings: tuple[str, ...]
    fallback: str
    by_pagerduty: bool
    ack: int

    @classmethod
    def of(cls, policy: PolicySpec) -> Ladder:
        """The ladder of a policy."""
        notify = [level.notify for level in policy.levels]
        if policy.escalation == "pagerduty":
            notify[0] = tuple(dict.fromkeys((*notify[0], "pagerduty")))
        return cls(
            at=tuple(micros_of(level.at) for level in policy.levels),
            notify=tuple(notify),
            rounds=max(1, policy.repeat),
            every=micros_of(policy.every),
            warnings=policy.warnings,
            fallback=policy.fallback or "",
            by_pagerduty=policy.escalation == "pagerduty",
            ack=micros_of(policy.ack),
        )

    @property
    def last_resort(self) -> tuple[str, ...]:
        """Who is told every 15 min when nobody was reached."""
        return tuple(dict.fromkeys([*self.notify[-1], *([self.fallback] if self.fallback else [])]))

    @property
    def calls_somebody(self) -> bool:
        """False where only channels are told, such as the console: a post is no call."""
        named = [*self.last_resort, *(target for level in self.notify for target in level)]
        return any(parse_target(target).kind in PEOPLE for target in named)

    def dump(self) -> dict[str, Any]:
        """As JSON, for the incident's row."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Ladder:
        """From the incident's row."""
        known = dict(data)
        known["at"] = tuple(known["at"])
        known["notify"] = tuple(tuple(part) for part in known["notify"])
        known["warnings"] = tuple(known["warnings"])
        return cls(**known)

    def due(self, level: int, round_at: int) -> int:
        """When a level (0 is the first) of a round that began at `round_at` starts."""
        if not self.by_pagerduty or level == 0:
            return round_at + self.at[level]
        return round_at + self.at[0] + RESUMES_AFTER + self.at[level] - self.at[1]

    def merge(self, other: Ladder) -> Ladder:
        """Both ladders in one, for an incident whose members follow two policies: at each time whom either tells. What
        PagerDuty escalates by itself keeps its half hour."""
        rungs: dict[int, tuple[str, ...]] = {}
        both = self.by_pagerduty and other.by_pagerduty
        for ladder in (self, other):
            for level, notify in enumerate(ladder.notify):
                at = ladder.at[level] if both else ladder.due(level, 0)
                rungs[at] = tuple(dict.fromkeys((*rungs.get(at, ()), *notify)))
        ordered = sorted(rungs.items())
        return Ladder(
            at=tuple(at for at, _ in ordered),
            notify=tuple(notify for _, notify in ordered),
            rounds=max(self.rounds, other.rounds),
            every=min(self.every, other.every),
            warnings=tuple(dict.fromkeys((*self.warnings, *other.warnings))),
            fallback=self.fallback or other.fallback,
            by_pagerduty=both,
            ack=min(self.ack, other.ack),
        )


class Move(StrEnum):
    """The next thing that happens to an open incident by itself."""

    LEVEL = "level"
    ROUND = "round"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Next:
    """The move, when it is due (µs), and why. There always is one: no ladder comes to an end."""

    move: Move
    due: int
    why: str


@dataclass(frozen=True, slots=True)
class Stand:
    """Where an incident stands. `climbs` counts the rounds since it began to page or was last acknowledged, `level` the
    levels started in this round, `round_at` is what their times count from; `nobody`: all rounds brought no answer."""

    climbs: int
    level: int
    round_at: int
    nobody: bool = False


def next_move(stand: Stand, ladder: Ladder) -> Next:
    """What comes next while nobody has answered, whatever the time is now: the caller acts once `due` has come."""
    if stand.nobody:
        return Next(Move.NOBODY, stand.round_at + NOBODY_EVERY, "nobody was reached yet")
    if stand.level < len(ladder.at):
        return Next(Move.LEVEL, ladder.due(stand.level, stand.round_at), f"level {stand.level + 1}")
    last = ladder.due(len(ladder.at) - 1, stand.round_at)
    if ladder.by_pagerduty and len(ladder.at) == 1:
        last += RESUMES_AFTER - min(ladder.every, RESUMES_AFTER)  # PagerDuty has its half hour here too
    if stand.climbs < ladder.rounds:
        return Next(Move.ROUND, last + ladder.every, f"round {stand.climbs} brought no answer")
    rounds = "one round" if stand.climbs == 1 else f"{stand.climbs} rounds"
    return Next(Move.NOBODY, last + NOBODY_EVERY, f"{rounds} brought no answer")
