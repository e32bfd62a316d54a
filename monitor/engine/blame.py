"""Who broke it: a failure weighed against what the canaries of the providers it depends on saw meanwhile. Pure.

A canary speaks of its provider alone. It never makes a failure of nothing, and never makes one go away: it says whose
failure it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from monitor.engine.verdict import Verdict
from probes.frames import REFUSED, Reply
from probes.words.failure import FACTS, Blame, Failure
from probes.words.outcome import State
from probes.words.text import clean
from probes.words.units import MINUTE

FRESH = MINUTE  # µs; what a canary saw longer before a failure says nothing of it
CONNECTING = frozenset({"dns", "connect", "tls"})  # phases in which the workflow itself was not reached yet

CAUSED = frozenset(
    {
        Failure.PROVIDER_DOWN,
        Failure.RATE_LIMITED,
        Failure.APP_ERROR,
        Failure.TIMEOUT,
        Failure.TRUNCATED,
        Failure.EMPTY,
        Failure.CONTRACT_CHANGED,
        Failure.GARBAGE,
        Failure.WRONG,
    }
)
"""What a workflow may show when its provider is down: an error, nothing, or a polite sentence that is no answer."""

SPEAKING = frozenset(
    {
        Failure.UNREACHABLE,
        Failure.PROVIDER_DOWN,
        Failure.APP_ERROR,
        Failure.TIMEOUT,
        Failure.TRUNCATED,
        Failure.EMPTY,
        Failure.GARBAGE,
    }
)
"""What a canary may show when its provider is down."""

_OURS: Mapping[Failure, str] = {
    Failure.AUTH: "showup's own key is refused",
    Failure.QUOTA: "the quota of showup's own key is used up",
    Failure.RATE_LIMITED: "showup's own key is limited in rate",
    Failure.CONTRACT_CHANGED: "the canary's question is not taken",
    Failure.REFUSED: "the canary's question is refused",
    Failure.WRONG: "the canary's answer is not what was asked for",
}
"""What is wrong with our own canary, and says nothing of the provider."""


class Word(StrEnum):
    """What a canary says of its provider."""

    FAILED = "failed"
    PASSED = "passed"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Heard:
    """One attempt of a canary, from `began` to `ended` (µs). `acquits`: that it passed shows that models answer."""

    began: int
    ended: int
    word: Word
    failure: Failure | None = None
    sentence: str = ""
    run: str = ""
    acquits: bool = True


def of_canary(verdict: Verdict, *, capped: bool = False) -> Verdict:
    """A canary's own verdict: what is wrong with our key or question is nothing that the provider did, and unknown.

    `capped`: the answer was cut at the length that we asked for.
    """
    failure = verdict.failure
    if failure is None or verdict.state is not State.DOWN:
        return verdict
    ours = "the canary's answer was cut: raise its max_tokens" if capped else _OURS.get(failure, "")
    if ours:
        said = clean(f"{ours}: {verdict.sentence}", 300)
        return Verdict(State.UNKNOWN, Failure.MONITOR_FAULT, said, Blame.US, False)
    unsure = failure is Failure.UNREACHABLE  # that may be the network between
    own = Failure.APP_ERROR if failure is Failure.PROVIDER_DOWN else failure  # it has no provider but itself
    return replace(verdict, failure=own, blame=Blame.PROVIDER, suspected=unsure)


def word_of(verdict: Verdict) -> Word:
    """What a canary's verdict says of its provider."""
    if verdict.state in (State.UP, State.DEGRADED):
        return Word.PASSED
    return Word.FAILED if verdict.failure in SPEAKING and verdict.state is State.DOWN else Word.NOTHING


def may_be_caused(verdict: Verdict, phase: str) -> bool:
    """True when a provider that is down could have brought this about, so that its canary is worth asking."""
    if verdict.state is not State.DOWN or verdict.failure not in CAUSED:
        return False
    return not (verdict.failure is Failure.TIMEOUT and phase in CONNECTING)


def out_of_reach(verdict: Verdict, reply: Reply) -> bool:
    """True for an attempt that got no sign of life from its target: a name that leads nowhere, or silence. A
    connection that was refused was answered."""
    if verdict.state is not State.DOWN or verdict.failure not in (Failure.UNREACHABLE, Failure.TIMEOUT):
        return False
    return reply.phase in ("dns", "connect") and reply.witness != REFUSED


def of_network(verdict: Verdict, references: Sequence[str]) -> Verdict:
    """The verdict on an attempt that reached nobody while none of the references could be reached either."""
    listed = ", ".join(references[:3])
    said = clean(f"this machine reaches nobody, neither the target nor {listed}: {verdict.sentence}", 300)
    return Verdict(State.UNKNOWN, Failure.MONITOR_FAULT, said, Blame.NETWORK, False, why=f"{listed} not reached either")


def weigh(
    verdict: Verdict, heard: Mapping[str, Sequence[Heard]], *, since: int, names: Mapping[str, str]
) -> Verdict:
    """The verdict on a run whose first failed attempt began at `since` (µs), in the light of what was heard.

    `heard` has every provider the probe depends on, its statements oldest first. A canary that failed just before or
    meanwhile, and has not passed since, makes it the provider's; canaries that all passed meanwhile make it the
    workflow's own; anything else leaves it suspected.
    """
    newest = {name: _newest(said, since) for name, said in heard.items()}
    for name, found in newest.items():
        if found is not None and found.word is Word.FAILED:
            return _down(verdict, name, names.get(name, name), found)
    if verdict.failure is Failure.PROVIDER_DOWN or not newest:
        return verdict
    if not all(found is not None and _acquits(found, heard[name], since) for name, found in newest.items()):
        return verdict
    listed = " and ".join(names.get(name, name) for name in newest)
    runs = next((found.run for found in newest.values() if found is not None), "")
    why = f"{listed} answered showup's canary meanwhile"
    return replace(verdict, blame=Blame.WORKFLOW, suspected=False, witness=runs, why=why)


def _newest(said: Sequence[Heard], since: int) -> Heard | None:
    known = [one for one in said if one.word is not Word.NOTHING and one.began >= since - FRESH]
    return max(known, key=lambda one: one.began, default=None)


def _acquits(found: Heard, said: Sequence[Heard], since: int) -> bool:
    """True when it passed after the failure began, and nothing else failed since then: a provider that comes and goes
    is not acquitted."""
    failed = any(one.word is Word.FAILED and one.began >= since for one in said)
    return found.word is Word.PASSED and found.acquits and found.began >= since and not failed


def _down(verdict: Verdict, provider: str, name: str, found: Heard) -> Verdict:
    seen = found.sentence or (FACTS[found.failure].sentence if found.failure else "")
    return replace(
        verdict,
        failure=Failure.PROVIDER_DOWN,
        sentence=clean(f"{name} fails ({seen}); seen here: {verdict.sentence}", 300),
        blame=Blame.PROVIDER,
        suspected=False,
        provider=provider,
        witness=found.run,
        why=f"{name} fails showup's canary too",
    )
