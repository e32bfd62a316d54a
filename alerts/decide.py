"""What a signal means for a subject's incident. Pure: facts in, an action and its reason out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from alerts.signal import Condition, Severity, Signal


class Action(StrEnum):
    """What is done about a signal."""

    NOTHING = "nothing"
    OPEN = "open"
    JOIN = "join"  # another member fails
    WORSEN = "worsen"  # the severity rises
    UPDATE = "update"  # it fails otherwise than before
    LEAVE = "leave"  # one member recovered or is gone, others still fail
    RESOLVE = "resolve"  # the last one did


@dataclass(frozen=True, slots=True)
class Facts:
    """An open incident as `decide` sees it: its severity, and its failing members with theirs."""

    severity: Severity
    members: Mapping[str, Severity]


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do and why."""

    action: Action
    reason: str


def decide(signal: Signal, open_: Facts | None) -> Decision:
    """The action for a signal, given the open incident of its subject, if there is one."""
    if signal.condition in (Condition.PASSING, Condition.GONE):
        return _better(signal, open_)
    if open_ is None:
        return Decision(Action.OPEN, f"{signal.member} fails and nothing is open")
    known = open_.members.get(signal.member)
    if signal.severity.rank < open_.severity.rank:
        return Decision(Action.WORSEN, f"{signal.member} is {signal.severity}, the incident was {open_.severity}")
    if known is None:
        return Decision(Action.JOIN, f"{signal.member} fails too")
    return Decision(Action.UPDATE, f"{signal.member} still fails")


def _better(signal: Signal, open_: Facts | None) -> Decision:
    if open_ is None or signal.member not in open_.members:
        return Decision(Action.NOTHING, f"{signal.member} was not failing here")
    said = "is gone" if signal.condition is Condition.GONE else "passes again"
    if len(open_.members) > 1:
        return Decision(Action.LEAVE, f"{signal.member} {said}, {len(open_.members) - 1} still fail")
    return Decision(Action.RESOLVE, f"{signal.member} {said}, nothing fails any more")
