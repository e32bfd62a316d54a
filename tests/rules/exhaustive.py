"""Every sequence of a small alphabet of events, to a depth: what the pure core decides never breaks a rule.

The core is `decide`, mutes and the ladder, as they are; around it stands as little as can carry out what they say, on
plain values, so that equal situations are met once. Times are µs relative to now, so that a situation is the same
whenever it comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from alerts.decide import FLAP_WITHIN, Action, Decision, Facts, Failing, decide, worst
from alerts.ladder import Ladder, Move, Stand, next_move
from alerts.mute import ends, until
from alerts.signal import Condition, Severity, Signal
from probes.words.units import HOUR, MINUTE

SUBJECT = "intake/production"
LADDER = Ladder(
    at=(0, 2 * MINUTE), notify=(("ana",), ("bo",)), rounds=2, every=15 * MINUTE, warnings=("slack",), fallback="cy",
    by_pagerduty=False, ack=30 * MINUTE,
)  # fmt: skip
PERIOD, MUTED, SNOOZED, MOST_MOVES = 5 * MINUTE, 10 * MINUTE, HOUR, 50
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
            members={name: Failing(severity, name in left and _stays(left[name])) for name, severity in self.members},
            paging=self.paging, ack_until=self.ack_until, ack_grace=self.grace, acked=self.acked,
            acked_severity=self.acked_severity, flaps=max(counts.values(), default=0), settle_at=self.settle_at,
        )  # fmt: skip

    @property
    def mutes(self) -> tuple[Mute, ...]:
        """What is muted now."""
        return (self.mute,) if self.mute is not None else ()


def _stays(at: int | None) -> bool:
    return at is None or at > 0


@dataclass(slots=True)
class Told:
    """What one event made happen: levels that started, as (round, level, due), and which rule was broken by it."""

    started: list[tuple[int, int, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


# -- carrying out what was decided -------------------------------------------------------------------------------------


def hear(world: World, told: Told, name: str, condition: Condition, severity: Severity, *, blamed: bool) -> World:
    """A signal about one member."""
    more = {"failure": "provider_down", "blame": "provider", "suspected": False, "labels": (("provider", "openai"),)}
    signal = Signal(
        subject=SUBJECT, member=name, condition=condition, at=0, since=0, severity=severity, policy="usual", title="I",
        **(more if blamed else {}),  # type: ignore[arg-type]
    )  # fmt: skip
    decision = _decide(signal, world, told)
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


def _decide(signal: Signal | None, world: World, told: Told) -> Decision:
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
        due = 0 if step.due is None else step.due
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


# -- events ------------------------------------------------------------------------------------------------------------


def review(world: World, told: Told) -> World:
    """What the due scan does."""
    if not world.open:
        return world
    world = replace(world, folded=tuple((name, at) for name, at in world.folded if _stays(at)))
    return carry_out(world, _decide(None, world, told), told)


def wait(world: World, told: Told, length: int) -> World:
    """Time passes, from one thing that is due to the next."""
    for _ in range(MOST_MOVES):
        if world.due is None or world.due > length:
            return world.later(length)
        step = max(0, world.due)
        length -= step
        world = review(world.later(step), told)
        if world.due is not None and world.due <= 0:
            told.wrong.append("what was due is due still")
            return world
    told.wrong.append("time does not pass")
    return world


def wait_until_due(world: World, told: Told) -> World:
    """Time passes until the next thing is due, or a mute ends."""
    moments = [at for at in (world.due, world.mute.end if world.mute else None) if at is not None]
    return wait(world, told, min(moments)) if moments else world


def answer(world: World, told: Told, length: int) -> World:
    """Somebody is on it for so long."""
    if not world.open or not world.paging:
        return world
    if world.ack_until is not None:
        return advance(replace(world, ack_until=max(world.ack_until, length)), told)
    names = frozenset(name for name, _ in world.members)
    stand = replace(world.stand, nobody=False)
    return advance(
        replace(
            world, ack_until=length, acked=names, acked_severity=world.severity, grace=False, held=False, stand=stand
        ),
        told,
    )


def resolve(world: World, told: Told, *, service: bool) -> World:
    """A person says that it is over, or PagerDuty does by itself."""
    if world.open and not world.members:
        return carry_out(world, Decision(Action.RESOLVE, "a person said so"), told)
    if not service:
        return answer(world, told, LADDER.ack)
    if not world.open or world.ack_until is not None or not world.paging:
        return world
    return advance(begin(world, fresh=True), told)


def lift(world: World, told: Told) -> World:
    """A mute ends early: what it held is due now."""
    world = replace(world, mute=None)
    if not world.held:
        return world
    early = max(0, next_move(world.stand, LADDER).due or 0)
    return advance(replace(world, stand=replace(world.stand, round_at=world.stand.round_at - early)), told)


def provider(world: World, *, down: bool) -> World:
    """The provider's own incident begins or ends; what was left to it then has one period to recover."""
    if down or not world.provider:
        return replace(world, provider=down)
    folded = tuple((name, PERIOD if at is None else at) for name, at in world.folded)
    moments = [at for at in (world.due, *(at for _, at in folded)) if at is not None]
    return replace(world, provider=False, folded=folded, due=min(moments) if moments and world.open else None)


Event = Callable[[World, Told], World]
EVENTS: dict[str, Event] = {
    "a fails": lambda w, t: hear(w, t, "a", Condition.FAILING, CRITICAL, blamed=False),
    "b fails": lambda w, t: hear(w, t, "b", Condition.FAILING, CRITICAL, blamed=False),
    "a warns": lambda w, t: hear(w, t, "a", Condition.CHANGED, WARNING, blamed=False),
    "b is its provider's": lambda w, t: hear(w, t, "b", Condition.FAILING, CRITICAL, blamed=True),
    "a passes": lambda w, t: hear(w, t, "a", Condition.PASSING, CRITICAL, blamed=False),
    "b passes": lambda w, t: hear(w, t, "b", Condition.PASSING, CRITICAL, blamed=False),
    "a is gone": lambda w, t: hear(w, t, "a", Condition.GONE, CRITICAL, blamed=False),
    "ack": lambda w, t: answer(w, t, LADDER.ack),
    "snooze": lambda w, t: answer(w, t, SNOOZED),
    "a person resolves": lambda w, t: resolve(w, t, service=False),
    "a service resolves": lambda w, t: resolve(w, t, service=True),
    "mute": lambda w, t: replace(w, mute=Mute(MUTED)),
    "unmute": lift,
    "an attempt passes": lambda w, t: replace(w, recovers_by=MINUTE),
    "its provider fails": lambda w, t: provider(w, down=True),
    "its provider is well": lambda w, t: provider(w, down=False),
    "until due": wait_until_due,
    "a minute": lambda w, t: wait(w, t, MINUTE),
}
CLOSED = World()


# -- what must hold ----------------------------------------------------------------------------------------------------


def broken(before: World, event: str, after: World, told: Told) -> Iterator[str]:
    """Each rule that this event broke."""
    yield from told.wrong
    last = (before.round, before.stand.level) if before.open and after.open else (0, 0)
    for number, level, due in told.started:
        if (number, level) <= last:
            yield f"D6: level {level} of round {number} after {last}"
        if due > 0:
            yield f"D6: level {level} starts before it is due"
        last = (number, level)
    if told.started and after.open and after.round == before.round and after.ack_until is not None:
        yield "D7: a level started beside an answer"
    if not after.open:
        if after.members or after.due is not None:
            yield "it is over, and something fails or is due"
        return
    yield from _of_an_open_one(before, event, after, told)


def _of_an_open_one(before: World, event: str, after: World, told: Told) -> Iterator[str]:
    wakes = {name for name, member in after.facts.members.items() if member.severity.pages and not member.folded}
    if after.members and after.severity is not worst(after.facts.members):
        yield f"its severity is {after.severity}"
    if not after.members and after.settle_at is None:
        yield "D8: nothing fails, and it is open for no reason"
    if wakes and not after.paging and (after.due is None or after.due > 0):
        yield f"D1: {sorted(wakes)} fail, and nobody is paged"
    if not after.paging:
        return
    if after.due is None:
        yield "D1: nothing more will happen"
    elif after.due <= 0:
        yield "D1: what is due was not done"
    if after.ack_until is not None:
        if after.due is None or after.due > after.ack_until:
            yield "D7: the answer never ends"
        new = wakes - after.acked
        if new and event in ("a fails", "b fails"):
            yield f"D7: {sorted(new)} is covered by an answer given before"
        return
    held = after.mute is not None
    if not held and after.stand.level == 0 and after.members:
        yield "D1: no level has started"
    if held and told.started and event not in ("until due", "a minute"):
        yield "D10: a level started while it is muted"
    if held and after.held and after.due is not None and after.mute is not None and after.due > after.mute.end:
        yield "D10: it is held beyond its mute"
    if not held and after.held:
        yield "D10: it is held by nothing"
    if before.ack_until is not None and event in ("a fails", "b fails") and after.round == before.round:
        yield "D7: an answer was voided without a new round"


@dataclass(slots=True)
class Found:
    """What was searched: situations, steps between them, sequences that they stand for; and what was broken."""

    situations: int = 0
    steps: int = 0
    sequences: int = 0
    wrong: list[str] = field(default_factory=list)


def search(depth: int, *, most_wrong: int = 5) -> Found:
    """Every sequence of so many events from nothing on."""
    found = Found(situations=1)
    seen: dict[World, tuple[World, str] | None] = {CLOSED: None}
    edge: dict[World, int] = {CLOSED: 1}
    ways: dict[World, list[World]] = {}
    for _ in range(depth):
        following: Counter[World] = Counter()
        for world, paths in edge.items():
            if world not in ways:
                ways[world] = _all_from(world, seen, found)
                if len(found.wrong) >= most_wrong:
                    return found
            for after in ways[world]:
                following[after] += paths
        edge = dict(following)
        found.sequences += sum(edge.values())
    found.situations = len(seen)
    return found


def _all_from(world: World, seen: dict[World, tuple[World, str] | None], found: Found) -> list[World]:
    afters = []
    for name, event in EVENTS.items():
        told = Told()
        after = event(world, told)
        found.steps += 1
        if after not in seen:
            seen[after] = (world, name)
        for line in broken(world, name, after, told):
            found.wrong.append(f"{line}: {', '.join([*_way_to(world, seen), name])}")
        afters.append(after)
    return afters


def _way_to(world: World, seen: dict[World, tuple[World, str] | None]) -> list[str]:
    way: list[str] = []
    while (came := seen[world]) is not None:
        world, name = came
        way.insert(0, name)
    return way
