"""Every sequence of a small alphabet of events, to a depth: what the pure core decides never breaks a rule."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from alerts.decide import Action, Decision, worst
from alerts.ladder import next_move
from alerts.signal import Condition
from probes.words.units import HOUR, MINUTE
from tests.rules.small_world import (
    CLOSED,
    CRITICAL,
    LADDER,
    MOST_MOVES,
    WARNING,
    Mute,
    Told,
    World,
    advance,
    begin,
    carry_out,
    decided,
    hear,
    stays,
)

PERIOD, MUTED, SNOOZED = 5 * MINUTE, 10 * MINUTE, HOUR
MOST_WRONG = 5

# -- events ------------------------------------------------------------------------------------------------------------


def review(world: World, told: Told) -> World:
    """What the due scan does."""
    if not world.open:
        return world
    world = replace(world, folded=tuple((name, at) for name, at in world.folded if stays(at)))
    return carry_out(world, decided(None, world, told), told)


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

    depth: int = 0
    situations: int = 0
    steps: int = 0
    sequences: int = 0
    wrong: list[str] = field(default_factory=list)


def search(depth: int, *, until: float = float("inf"), say: Callable[[str], None] | None = None) -> Found:
    """Every sequence of so many events from nothing on; it ends early at the fifth broken rule, and at `until`
    (monotonic). `depth` of what is found is the last that was finished."""
    found = Found(situations=1)
    seen: dict[World, tuple[World, str] | None] = {CLOSED: None}
    edge: dict[World, int] = {CLOSED: 1}
    ways: dict[World, list[World]] = {}
    for length in range(1, depth + 1):
        following: Counter[World] = Counter()
        for number, (world, paths) in enumerate(edge.items()):
            if world not in ways:
                ways[world] = _all_from(world, seen, found)
                found.situations = len(seen)
                if len(found.wrong) >= MOST_WRONG or time.monotonic() >= until:
                    return found
                if say is not None:
                    say(f"depth {length} of {depth}, {number} of {len(edge)} situations")
            for after in ways[world]:
                following[after] += paths
        edge = dict(following)
        found.depth, found.sequences = length, found.sequences + sum(edge.values())
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
