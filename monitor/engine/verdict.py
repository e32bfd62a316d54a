"""From a host's reply to what it means here: the state for the ledger, who is blamed, and how bad the run was."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.engine.confirm import Level
from probes.frames import SHED, Reply
from probes.words.failure import FACTS, Blame, Failure
from probes.words.outcome import State
from probes.words.text import clean


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one attempt means. `suspected` is True while nothing but the failure itself points at `blame`.

    `provider` is whose canary speaks against it, in the run `witness`; `why` is what was weighed, in words for people.
    """

    state: State
    failure: Failure | None
    sentence: str
    blame: Blame | None
    suspected: bool
    shed: bool = False
    provider: str = ""
    witness: str = ""
    why: str = ""
    sure: str = ""  # the evidence of many runs, which wants no confirming

    @property
    def level(self) -> Level:
        """How bad, for confirm and recover."""
        return _LEVELS[self.state]


_LEVELS = {
    State.UP: Level.PASS,
    State.DEGRADED: Level.DEGRADED,
    State.DOWN: Level.FAIL,
    State.UNKNOWN: Level.UNKNOWN,
    State.MAINTENANCE: Level.UNKNOWN,
}
_PASSED = Verdict(State.UP, None, "", None, False)
_THEIRS = frozenset({Blame.WORKFLOW, Blame.PROVIDER, Blame.NETWORK})
OUR_KEY, ALL_KEYS = "key", "keys"  # the witnesses of a key probe whose second key was taken, or refused too
_SURE = frozenset({Failure.PROBE_BUG, Failure.HOST_LOST, Failure.SKIPPED, Failure.MONITOR_FAULT})


def judge(reply: Reply, *, partner: str = "") -> Verdict:
    """The verdict on a reply. A host names the failure; a state that its failure cannot mean is not believed.

    A probe that looks at a `partner`'s system blames them for what is theirs. A key that is refused beside another one
    that is not is ours, and surely so.
    """
    if reply.failure is None:
        return (
            _PASSED
            if reply.state == "up"
            else Verdict(State.UNKNOWN, Failure.PROBE_BUG, "the host gave no reason", Blame.US, False)
        )
    try:
        failure = Failure(reply.failure)
    except ValueError:
        return Verdict(State.UNKNOWN, Failure.PROBE_BUG, "the host named an unknown failure", Blame.US, False)
    facts = FACTS[failure]
    softened = reply.state == "degraded" and facts.state == "down"  # `soft: true` may soften, nothing may harden
    state = State.DEGRADED if softened else State(facts.state)
    sentence = clean(reply.sentence, 300) or facts.sentence
    shed = failure is Failure.SKIPPED and reply.witness == SHED
    if reply.witness == OUR_KEY:
        return Verdict(state, failure, sentence, Blame.WORKFLOW, False)
    if reply.witness == ALL_KEYS and not partner:
        return Verdict(state, failure, sentence, Blame.PROVIDER, True)
    blame = blamed(failure, partner)
    if blame is Blame.PARTNER and partner.lower() not in sentence.lower():
        sentence = clean(f"{partner}: {sentence}", 300)
    return Verdict(state, failure, sentence, blame, failure not in _SURE, shed)


def blamed(failure: Failure, partner: str = "") -> Blame:
    """Who is blamed first: what is a partner's own is theirs."""
    found = FACTS[failure].blame
    return Blame.PARTNER if partner and found in _THEIRS else found
