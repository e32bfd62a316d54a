"""What a signal, or the passing of time, means for an incident. Pure: facts in, a decision and its reason out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from alerts.mute import Hold, until
from alerts.signal import Condition, Severity, Signal
from probes.words.units import HOUR, MINUTE

RECOVERING = "recovering"  # the label of a member whose provider is being well again
FLAPS, FLAP_WITHIN = 3, HOUR  # a member that began to fail so often within an hour flaps
SETTLE = 10 * MINUTE  # µs that a flapping incident must stay well before it is resolved


class Action(StrEnum):
    """What is done."""

    NOTHING = "nothing"
    OPEN = "open"
    JOIN = "join"  # another member fails
    WORSEN = "worsen"  # the severity rises
    UPDATE = "update"  # it fails otherwise than before
    LEAVE = "leave"  # one member recovered or is gone, others still fail
    SETTLE = "settle"  # nothing fails, but it flaps: it is held open for a while
    RESOLVE = "resolve"  # nothing fails any more
    AWAIT = "await"  # the acknowledgement ran out while recovery is near
    EXPIRE = "expire"  # the acknowledgement ran out
    KEEP = "keep"  # all stays as it is


@dataclass(frozen=True, slots=True)
class Failing:
    """A member that fails. `folded`: the open incident of its provider speaks for it."""

    severity: Severity
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """An open incident as `decide` sees it.

    `paging`: rounds run. `ack_until` is set while it is acknowledged; `acked` are the members that failed then or since
    the opening, `acked_severity` how severe it was. `ack_grace`: the one wait for recovery was used. `flaps`: how often
    its most restless member began to fail within the last hour. `settle_at`: held open until then. `merged`: a person
    left it to another incident.
    """

    severity: Severity
    members: Mapping[str, Failing]
    paging: bool = True
    ack_until: int | None = None
    ack_grace: bool = False
    acked: frozenset[str] = frozenset()
    acked_severity: Severity = Severity.CRITICAL
    flaps: int = 0
    settle_at: int | None = None
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do and why.

    `severity` is the incident's from now on. `begins`: a new round with a new key starts; `stops`: nobody needs to be
    woken any more, though it stays open. `voids`: the acknowledgement no longer holds. `hold`: levels wait for the end
    of this mute. `fold`: the signal's member is left to its provider's incident. `until`: the new end of the
    acknowledgement, or of settling.
    """

    action: Action
    reason: str
    severity: Severity | None = None
    begins: bool = False
    stops: bool = False
    voids: bool = False
    fold: bool = False
    until: int | None = None
    hold: Hold | None = field(default=None, compare=False)


def decide(
    signal: Signal | None,
    facts: Facts | None,
    *,
    subject: str,
    now: int,
    mutes: Sequence[Hold] = (),
    providers: frozenset[str] = frozenset(),
    recovers_by: int | None = None,
) -> Decision:
    """The decision about a signal, or with None about the present state.

    `facts` is None when nothing is open. `providers` have an incident of their own that pages. `recovers_by`: the
    newest attempt passed, and the recover rule can be met until then (µs).
    """
    fold = signal is not None and folds(signal, facts, providers)
    members, action, reason = _after(signal, facts, fold=fold)
    if facts is None and action is not Action.OPEN:
        return Decision(Action.NOTHING, reason)
    if facts is not None and not members:
        return _nothing_fails(facts, reason, now=now)
    if action is Action.NOTHING:
        return Decision(action, reason)
    severity = worst(members)
    found = Decision(action, reason, severity=severity, fold=fold, hold=until(mutes, subject, now))
    wakes = {name for name, member in members.items() if member.severity.pages and not member.folded}
    if not wakes:
        return replace(found, stops=facts is not None and facts.paging)
    if facts is None or not facts.paging:
        return replace(found, begins=True)
    if facts.ack_until is None:
        return found
    return _answered(found, facts, wakes, now=now, recovers_by=recovers_by)


def worst(members: Mapping[str, Failing]) -> Severity:
    """The most severe of some members."""
    return min((member.severity for member in members.values()), key=lambda severity: severity.rank)


def folds(signal: Signal, facts: Facts | None, providers: frozenset[str]) -> bool:
    """True when a second witness says that the provider is down and its own incident pages already.

    An incident that pages keeps its members: nobody is told twice that it is somebody else's now. What was left to a
    provider that is recovering keeps its time to recover with it, whatever it shows meanwhile.
    """
    if signal.condition not in (Condition.FAILING, Condition.CHANGED) or (facts is not None and facts.paging):
        return False
    known = facts.members.get(signal.member) if facts is not None else None
    if known is not None and known.folded and ((facts and facts.merged) or RECOVERING in dict(signal.labels)):
        return True
    by_witness = signal.failure == "provider_down" and signal.blame == "provider" and not signal.suspected
    return by_witness and dict(signal.labels).get("provider") in providers


def _after(signal: Signal | None, facts: Facts | None, *, fold: bool) -> tuple[dict[str, Failing], Action, str]:
    """The failing members after the signal, what it does, and why."""
    members = dict(facts.members) if facts else {}
    if signal is None:
        return members, Action.KEEP, "nothing has changed"
    known = members.get(signal.member)
    if signal.condition in (Condition.PASSING, Condition.GONE):
        said = "is gone" if signal.condition is Condition.GONE else "passes again"
        if known is None:
            return members, Action.NOTHING, f"{signal.member} was not failing here"
        del members[signal.member]
        return members, Action.LEAVE, f"{signal.member} {said}, {len(members)} still fail"
    members[signal.member] = Failing(signal.severity, fold)
    if facts is None:
        return members, Action.OPEN, f"{signal.member} fails and nothing is open"
    if signal.severity.rank < facts.severity.rank:
        return members, Action.WORSEN, f"{signal.member} is {signal.severity}, the incident was {facts.severity}"
    if known is None:
        return members, Action.JOIN, f"{signal.member} fails too"
    return members, Action.UPDATE, f"{signal.member} still fails"


def _nothing_fails(facts: Facts, reason: str, *, now: int) -> Decision:
    """The end of an incident, unless it flaps: then it must stay well for a while."""
    if facts.settle_at is not None:
        if now >= facts.settle_at:
            return Decision(Action.RESOLVE, "it has stayed well", severity=facts.severity)
        if facts.ack_until is not None and facts.ack_until <= now:
            return Decision(Action.AWAIT, "nothing fails; it is settling", facts.severity, until=facts.settle_at)
        return Decision(Action.KEEP, "nothing fails; it is settling", severity=facts.severity)
    if facts.flaps >= FLAPS:
        said = f"it began to fail {facts.flaps} times within an hour"
        return Decision(Action.SETTLE, said, severity=facts.severity, until=now + SETTLE)
    return Decision(Action.RESOLVE, f"{reason.partition(',')[0]}, nothing fails any more", severity=facts.severity)


def _answered(found: Decision, facts: Facts, wakes: set[str], *, now: int, recovers_by: int | None) -> Decision:
    """Whether the acknowledgement still holds: it covers what failed when it was given, as severe as it was, for its
    time.
    """
    new = sorted(wakes - facts.acked)
    if new:
        return replace(found, voids=True, begins=True, reason=f"{', '.join(new)} fails since the acknowledgement")
    if found.severity is not None and found.severity.rank < facts.acked_severity.rank:
        return replace(found, voids=True, begins=True, reason=f"it is {found.severity} now")
    if facts.ack_until is None or facts.ack_until > now:
        return found
    if recovers_by is not None and recovers_by > now and not facts.ack_grace:
        said = "the newest attempt passed: recovery is awaited"
        return replace(found, action=Action.AWAIT, reason=said, until=recovers_by)
    return replace(found, action=Action.EXPIRE, begins=True, reason="the acknowledgement expired and it still fails")
