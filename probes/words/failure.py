"""The failure taxonomy in one table: what each failure means, who is blamed first, and whether trying again helps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal


class Blame(StrEnum):
    """Who broke it."""

    WORKFLOW = "workflow"
    PROVIDER = "provider"
    PARTNER = "partner"
    NETWORK = "network"
    US = "us"


class Failure(StrEnum):
    """Kinds of failure, in the order in which they are recognised: the first match wins."""

    MONITOR_FAULT = "monitor_fault"
    PROBE_BUG = "probe_bug"
    HOST_LOST = "host_lost"
    SKIPPED = "skipped"
    UNREACHABLE = "unreachable"
    AUTH = "auth"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    PROVIDER_DOWN = "provider_down"
    APP_ERROR = "app_error"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    REFUSED = "refused"
    CONTRACT_CHANGED = "contract_changed"
    GARBAGE = "garbage"
    WRONG = "wrong"
    EXPIRING = "expiring"
    SLOW = "slow"
    UNSCORED = "unscored"
    HEARTBEAT_MISSED = "heartbeat_missed"
    HEARTBEAT_FAILED = "heartbeat_failed"


@dataclass(frozen=True, slots=True)
class Facts:
    """One row of the taxonomy. `state` is what the ledger records; `retried`: another attempt may help;
    `sentence` is said when the probe has nothing better; `notice` is what a customer notices, for headlines."""

    state: Literal["down", "degraded", "unknown"]
    blame: Blame
    retried: bool
    sentence: str
    notice: str


_W, _P, _N, _U = Blame.WORKFLOW, Blame.PROVIDER, Blame.NETWORK, Blame.US

FACTS: Mapping[Failure, Facts] = MappingProxyType(
    {
        Failure.MONITOR_FAULT: Facts("unknown", _U, True, "showup itself could not look", "is not being watched"),
        Failure.PROBE_BUG: Facts("unknown", _U, False, "the probe itself is broken", "is not being watched"),
        Failure.HOST_LOST: Facts(
            "unknown", _U, True, "the process that made the attempt was lost", "is not being watched"
        ),
        Failure.SKIPPED: Facts("unknown", _U, False, "the run was skipped", "is not being watched"),
        Failure.UNREACHABLE: Facts("down", _W, True, "no connection could be made", "cannot be reached"),
        Failure.AUTH: Facts("down", _W, False, "access was refused", "refuses access"),
        Failure.QUOTA: Facts("down", _P, False, "the quota is used up", "has used up its quota"),
        Failure.RATE_LIMITED: Facts("down", _P, True, "requests are being limited", "is limited in rate"),
        Failure.PROVIDER_DOWN: Facts("down", _P, True, "the model provider failed", "lost its model provider"),
        Failure.APP_ERROR: Facts(
            "down", _W, True, "the workflow answered with an error of its own", "answers with an error"
        ),
        Failure.TIMEOUT: Facts("down", _W, True, "no answer came in time", "does not answer in time"),
        Failure.TRUNCATED: Facts("down", _W, True, "the answer broke off", "breaks off in mid-answer"),
        Failure.EMPTY: Facts("down", _W, True, "the answer was empty", "answers with nothing"),
        Failure.REFUSED: Facts("down", _P, True, "the model refused to answer", "refuses to answer"),
        Failure.CONTRACT_CHANGED: Facts(
            "down", _W, True, "the interface is not what it was", "has changed its interface"
        ),
        Failure.GARBAGE: Facts("down", _W, True, "the answer cannot be read", "answers with garbage"),
        Failure.WRONG: Facts(
            "down", _W, True, "the workflow answered, and the answer was not right", "answers wrongly"
        ),
        Failure.EXPIRING: Facts("degraded", _W, False, "something is about to expire", "has something about to expire"),
        Failure.SLOW: Facts("degraded", _W, False, "the answer was right and came late", "is slow to answer"),
        Failure.UNSCORED: Facts("unknown", _U, True, "the answer could not be scored", "is not being scored"),
        Failure.HEARTBEAT_MISSED: Facts("down", _W, False, "the job did not report in time", "has not run on time"),
        Failure.HEARTBEAT_FAILED: Facts("down", _W, False, "the job reported a failure", "failed in its last run"),
    }
)
"""Every failure has exactly one row; a probe may soften `down` to `degraded` (`soft: true`), never the reverse."""


def first(failures: list[Failure]) -> Failure:
    """The failure that names the attempt when several were seen: the one recognised first."""
    order = list(Failure)
    return min(failures, key=order.index)


def notice(failure: Failure | None, blame: Blame | None = None) -> str:
    """What a customer notices of a failure, "" of none: a partner's own is not said of the workflow."""
    if failure is None:
        return ""
    lets_down = blame is Blame.PARTNER and FACTS[failure].state == "down"
    return "is let down by a partner" if lets_down else FACTS[failure].notice
