"""The policy's ladder as it stood when the incident opened, and the next move on it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from alerts.policy import PolicySpec
from probes.words.units import MINUTE, micros_of

NOBODY_EVERY = 15 * MINUTE
RESUMES_AFTER = 30 * MINUTE  # µs after which showup escalates what PagerDuty was to escalate


@dataclass(frozen=True, slots=True)
class Ladder:
    """Levels with their times (µs from the page) and targets; `rounds` climbs, `every` apart; then `last_resort`."""

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
        return cls(
            at=tuple(micros_of(level.at) for level in policy.levels),
            notify=tuple(level.notify for level in policy.levels),
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
        """When a level of a round that began at `round_at` starts."""
        late = RESUMES_AFTER if self.by_pagerduty and level > 0 else 0
        return round_at + self.at[level] + late


class Move(StrEnum):
    """The next thing that happens to an open incident by itself."""

    WAIT = "wait"
    LEVEL = "level"
    ROUND = "round"
    NOBODY = "nobody"
    EXPIRE = "expire"


@dataclass(frozen=True, slots=True)
class Next:
    """The move and when it is due (µs); `due` None: never. `why` is its reason."""

    move: Move
    due: int | None
    why: str


@dataclass(frozen=True, slots=True)
class Stand:
    """Where an incident stands. `level` counts the levels started in this round; `held_until` is the end of a mute."""

    state: str
    pages: bool
    round: int
    level: int
    round_at: int
    nobody: bool
    ack_expires: int | None = None
    held_until: int | None = None
    recovers_by: int | None = None


def next_move(stand: Stand, ladder: Ladder) -> Next:
    """What comes next, whatever the time is now: the caller acts once `due` has come."""
    if stand.state == "resolved" or not stand.pages:
        return Next(Move.WAIT, None, "nothing is escalated")
    if stand.state == "acknowledged":
        due = stand.ack_expires or 0
        if stand.recovers_by is not None and stand.recovers_by > due:
            return Next(Move.EXPIRE, stand.recovers_by, "the newest attempt passed; recovery is awaited")
        return Next(Move.EXPIRE, due, "the acknowledgement expires")
    found = _climb(stand, ladder)
    if stand.held_until is not None and found.due is not None and found.due < stand.held_until:
        return Next(Move.WAIT, stand.held_until, "pages are held until the mute ends")
    return found


def _climb(stand: Stand, ladder: Ladder) -> Next:
    if stand.level < len(ladder.at):
        due = ladder.due(stand.level, stand.round_at)
        return Next(Move.LEVEL, due, f"level {stand.level + 1} of round {stand.round}")
    if stand.nobody:
        return Next(Move.NOBODY, stand.round_at + NOBODY_EVERY, "nobody was reached yet")
    over = ladder.due(len(ladder.at) - 1, stand.round_at) + ladder.every
    if stand.round < ladder.rounds:
        return Next(Move.ROUND, over, f"round {stand.round} brought no answer")
    return Next(Move.NOBODY, over, f"{stand.round} rounds brought no answer")
