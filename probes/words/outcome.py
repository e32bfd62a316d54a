"""What an attempt came to: a state for the ledger, and the failure that explains it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from probes.words.failure import FACTS, Failure


class State(StrEnum):
    """The five states of the ledger; every microsecond is in exactly one of them."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to.

    `failure` is None when every hard and soft check held. `sentence` says it in a person's words,
    already cleaned of control characters; `phase` is the part of a request that ran out of time.
    """

    state: State
    failure: Failure | None = None
    sentence: str = ""
    phase: str = ""
    step: str = ""

    @property
    def passed(self) -> bool:
        """True when the attempt counts as success for confirm and recover."""
        return self.state in (State.UP, State.DEGRADED)


def outcome_of(failure: Failure, sentence: str = "", *, phase: str = "", step: str = "", soft: bool = False) -> Outcome:
    """The outcome that a failure means: its row in the taxonomy decides the state, `soft` only ever degrades."""
    facts = FACTS[failure]
    state = State.DEGRADED if soft and facts.state == "down" else State(facts.state)
    return Outcome(state, failure, sentence or facts.sentence, phase, step)


PASSED = Outcome(State.UP)
