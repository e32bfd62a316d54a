"""A small world around the pure core: `decide`, mutes and the ladder as they are, and as little as can carry out what
they say, on plain values, so that equal situations are met once.

Times are µs relative to now, so that a situation is the same whenever it comes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from alerts.decide import FLAP_WITHIN, Action, Decision, Facts, Failing, decide
from alerts.ladder import Ladder, Move, Stand, next_move
from alerts.mute import ends, until
from alerts.signal import Condition, Severity, Signal
from probes.words.units import MINUTE

SUBJECT = "intake/production"
LADDER = Ladder(
    at=(0, 2 * MINUTE), notify=(("ana",), ("bo",)), rounds=2, every=15 * MINUTE, warnings=("slack",), fallback="cy",
    by_pagerduty=False, ack=30 * MINUTE,
)  # fmt: skip
MOST_MOVES = 50
CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING
NOWHERE = Stand(0, 0, 0)


class Mute(NamedTuple):
    """A mute of everything that began before now."""

    end: int
    subject: str = ""
    start: int = -(1 << 60)
    lifted: int | None = None
    author: str = "Ana"
    reason: str = "a test of load"


@dataclass(frozen=True, slots=True)
class World:
    """One subject: its incident if one is open, what holds it, and its provider. `left` is until when a folded member
    is left to its provider, whose incident is over (None: it is not). `joins` are the times at which members began."""

    open: bool = False
    members: tuple[tuple[str, Severity], ...] = ()
    folded: tuple[tuple[str, int | None], ...] = ()
    severity: Severity = CRITICAL
    paging: bool = False
    ack_until: int | None = None
    grace: bool = False
    acked: frozenset[str] = frozenset()
    acked_severity: Severity = CRITICAL
    settle_at: int | None = None
    stand: Stand = NOWHERE
    round: int = 0
    held: bool = False
    due: int | None = None
    joins: tuple[tuple[str, int], ...] = ()
    mute: Mute | None = None
    provider: bool = False
    recovers_by: int | None = None

    def later(self, length: int) -> World:
        """The same, that much later."""

        def back(at: int | None) -> int | None:
            return None if at is None else at - length

        recent = tuple((name, at - length) for name, at in self.joins if at - length > -FLAP_WITHIN)
        mute = self.mute if self.mute is None or ends(self.mute) > length else None
        recovers = back(self.recovers_by)
        return replace(
            self, ack_until=back(self.ack_until), settle_at=back(self.settle_at), due=back(self.due), joins=recent,
            stand=replace(self.stand, round_at=self.stand.round_at - length if self.paging else 0),
            folded=tuple((name, back(at)) for name, at in self.folded),
            mute=None if mute is None else mute._replace(end=mute.end - length),
            recovers_by=recovers if recovers is not None and recovers > 0 else None,
        )  # fmt: skip

    @property
    def facts(self) -> Facts:
        """As `decide` sees it."""
        left = dict(self.folded)
        counts = Counter(name for name, _ in self.joins)
        return Facts(
            severity=self.severity,
            members={name: Failing(severity, name in left and stays(left[name])) for name, severity in self.members},
            paging=self.paging, ack_until=self.ack_until, ack_grace=self.grace, acked=self.acked,
            acked_severity=self.acked_severity, flaps=max(counts.values(), default=0), settle_at=self.settle_at,
        )  # fmt: skip

    @property
    def mutes(self) -> tuple[Mute, ...]:
        """What is muted now."""
        return (self.mute,) if self.mute is not None else ()


def stays(at: int | None) -> bool:
    return at is None or at > 0


@dataclass(slots=True)
class Told:
    """What one event made happen: levels that started, as (round, level, due), and which rule was broken by it."""

    started: list[tuple[int, int, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


# -- carrying out what was decided ------------------------------------------------------------------------------------


def hear(world: World, told: Told, name: str, condition: Condition, severity: Severity, *, blamed: bool) -> World:
    """A signal about one member."""
    more = {"failure": "provider_down", "blame": "provider", "suspected": False, "labels": (("provider", "openai"),)}
    signal = Signal(
        subject=SUBJECT, member=name, condition=condition, at=0, since=0, severity=severity, policy="usual", title="I",
        **(more if blamed else {}),  # type: ignore[arg-type]
    )  # fmt: skip
    decision = decided(signal, world, told)
    if decision.action is Action.NOTHING:
        return world
    if not world.open:
        world = replace(world, open=True, round=0, severity=severity, stand=NOWHERE)
    members, folded = dict(world.members), dict(world.folded)
    if condition in (Condition.PASSING, Condition.GONE):
        members.pop(name, None)
        folded.pop(name, None)
    else:
        if name not in members:
            world = replace(world, joins=(*world.joins, (name, 0)))
        members[name] = severity
        folded.pop(name, None)
        if decision.fold:
            folded[name] = None
        world = replace(world, settle_at=None)
    world = replace(world, members=tuple(sorted(members.items())), folded=tuple(sorted(folded.items())))
    return carry_out(world, decision, told)


def decided(signal: Signal | None, world: World, told: Told) -> Decision:
    decision = decide(
        signal, world.facts if world.open else None, subject=SUBJECT, now=0, mutes=world.mutes,
        providers=frozenset({"openai"} if world.provider else ()), recovers_by=world.recovers_by,
    )  # fmt: skip
    if not decision.reason:
        told.wrong.append(f"{decision.action} has no reason")
    return decision


def carry_out(world: World, decision: Decision, told: Told) -> World:
    """Make the values say what was decided."""
    if decision.action is Action.RESOLVE:
        if world.members:
            told.wrong.append("it is resolved while something fails")
        return replace(
            CLOSED, joins=world.joins, mute=world.mute, provider=world.provider, recovers_by=world.recovers_by
        )
    world = replace(world, severity=decision.severity or world.severity)
    if decision.action is Action.SETTLE:
        world = replace(world, settle_at=decision.until)
    elif decision.action is Action.AWAIT:
        world = replace(world, ack_until=decision.until, grace=True)
    elif decision.stops:
        world = replace(_answerless(world), paging=False, held=False, stand=replace(world.stand, nobody=False))
    elif decision.begins:
        world = begin(world, fresh=True)
    return advance(world, told)


def _answerless(world: World) -> World:
    return replace(world, ack_until=None, grace=False, acked=frozenset(), acked_severity=CRITICAL)


def begin(world: World, *, fresh: bool) -> World:
    """Another round begins."""
    stand = Stand(1 if fresh else world.stand.climbs + 1, 0, 0, nobody=not fresh and world.stand.nobody)
    return replace(_answerless(world), round=world.round + 1, stand=stand, paging=True)


def advance(world: World, told: Told) -> World:
    """Make every move that is due; note when the next one is."""
    due = world.ack_until
    if world.open and world.paging and world.ack_until is None:
        world, due = climb(world, told)
    others = [world.settle_at, *(at for _, at in world.folded)]
    moments = [at for at in (due, *others) if at is not None]
    return replace(world, due=min(moments) if moments and world.open else None)


def climb(world: World, told: Told) -> tuple[World, int]:
    """What `alerts.escalate` does with the ladder."""
    for _ in range(MOST_MOVES):
        step = next_move(world.stand, LADDER)
        due = step.due
        mute = until(world.mutes, SUBJECT, 0)
        if mute is not None and due < ends(mute):
            stand = replace(world.stand, round_at=world.stand.round_at + ends(mute) - due)
            return replace(world, stand=stand, held=True), ends(mute)
        if mute is not None and world.held and due == ends(mute):
            return world, due
        world = replace(world, held=False)
        if due > 0:
            return world, due
        world = _move(world, step.move, due, told)
    told.wrong.append("the ladder turns in circles")
    return world, 0


def _move(world: World, move: Move, due: int, told: Told) -> World:
    if move is not Move.LEVEL:
        world = begin(world, fresh=False)
    level = len(LADDER.at) if move is Move.NOBODY else world.stand.level + 1 if move is Move.LEVEL else 0
    if move is not Move.ROUND:
        told.started.append((world.round, level, due))
    stand = replace(world.stand, level=level, nobody=world.stand.nobody or move is Move.NOBODY)
    return replace(world, stand=stand)


CLOSED = World()
