"""The rows: what is broken, the probe that watches it, and what it has to be called in each dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.sandbox.faults import Fault, parse_fault
from monitor.sandbox.models.kinds import MODEL_KINDS

QUESTION = "What are your opening hours on Monday, and do you take new patients?"
PATIENT = {"connect": "2s", "first_byte": "4s", "first_token": "4s", "idle": "4s", "total": "6s"}
# Who is blamed once the provider's canary was asked, too; `suspected` where it cannot know.
BLAME = {
    "unreachable": "workflow",
    "auth": "workflow",
    "quota": "provider",
    "rate_limited": "provider",
    "provider_down": "provider",
    "timeout": "provider",
    "truncated": "provider",
    "empty": "provider",
    "refused": "provider",
    "contract_changed": "workflow",
    "garbage": "provider",
    "wrong": "workflow",
    "slow": "workflow",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that can go wrong. `fault` is set in the provider; `at` is an address that is broken by itself.

    `failure` and `blame` are what it comes to where the kit's own table says otherwise, or nothing; `but` has dialects
    of which that is not so (None: they have no way to say such a thing). `says` stands in the sentence. `within` s it
    has to be told; `probe` are keys of the probe that watches, `chat` of how the model is talked to.
    """

    name: str
    fault: str = ""
    at: str = ""
    failure: str | None = None
    blame: str = ""
    says: str = ""
    phase: str = ""
    within: float = 3.0
    pace: float = 0.002
    probe: Mapping[str, Any] = field(default_factory=dict)
    chat: Mapping[str, Any] = field(default_factory=dict)
    timeout: Mapping[str, str] = field(default_factory=dict)
    but: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def broken(self) -> Fault | None:
        """The fault, as it is set."""
        return parse_fault(self.fault) if self.fault else None

    def expected(self, label: str, name: str) -> str | None:
        """The failure in a dialect: "" for none, None where it does not apply."""
        if name in self.but:
            return self.but[name]
        broken = self.broken
        known = MODEL_KINDS[broken.kind].expected(label) if broken is not None else ""
        return known if known is None or self.failure is None else self.failure

    def blamed(self, failure: str) -> str:
        """Who is to be blamed."""
        return self.blame or BLAME.get(failure, "")

    @property
    def slug(self) -> str:
        """The row's name as a probe's."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name.lower()).strip("-")

    def written(self) -> dict[str, Any]:
        """The probe that watches it, as a user writes it."""
        made: dict[str, Any] = {"ask": QUESTION, "check": [{"contains": "opening hours"}], "every": "1h", "attempts": 1}
        return made | {"timeout": dict(PATIENT) | dict(self.timeout)} | dict(self.probe)


LAST_TELLS = ("openai-responses", "ollama")  # dialects whose last event also says why an answer ended
TOLD_BEFORE = ("openai", "anthropic", "compatible")
READABLE = {"check": [{"readable": True}, {"contains": "opening hours"}]}
PLAIN_WORDS = {"check": [{"not-is-refusal": True}, {"contains": "opening hours"}]}
WHOLE = {"stream": False}
# Nothing is wrong: each quirk of a healthy server is forgiven.
HEALTHY = (
    Row("nothing is wrong", says=""),
    Row("nothing is wrong, in one document", chat=WHOLE),
)
CONNECTIONS = (
    Row("the port is closed", at="refused", failure="unreachable", phase="connect", says="refused the connection"),
    Row("the name does not exist", at="no-such-name", failure="unreachable", phase="dns", within=8),
    Row("the certificate has expired", at="expired", failure="unreachable", phase="tls", says="expired"),
    Row("the certificate is another host's", at="wrong-host", failure="unreachable", phase="tls", says="not valid"),
    Row("the certificate is nobody's", at="untrusted", failure="unreachable", phase="tls", says="not valid"),
    Row(
        "TLS is taken and never spoken",
        at="silent",
        failure="timeout",
        blame="workflow",
        phase="connect",
        says="handshake",
        timeout={"connect": "0.5s"},
        within=1.5,
    ),
)
REFUSALS = (
    Row("the key is not known", "unauthorized"),
    Row("the key may not do this", "forbidden"),
    Row("the credit is used up", "no-credit"),
    Row("payment is required", "payment-required"),
    Row("the rate is limited", "rate-limited,seconds=7"),
    Row("the provider has no room", "overloaded"),
    Row("the provider has no room, and says 429", "engine-overloaded"),
    Row("the provider fails", "server-error"),
    Row("a gateway fails", "server-error,status=502"),
    Row("the model was retired", "model-missing"),
)
TIMES = (
    Row("no byte of an answer", "hang", phase="first_byte", timeout={"first_byte": "0.5s"}, within=1.5),
    Row("no first token", "no-first-token", phase="first_token", timeout={"first_token": "0.5s"}, within=1.5),
    Row("silence in the middle", "idle-gap", phase="idle", timeout={"idle": "0.5s"}, within=2.5),
    Row(
        "never ends in time",
        "slow-tokens,seconds=0.3",
        failure="timeout",
        phase="total",
        timeout=dict.fromkeys(PATIENT, "1s"),
        within=2,
    ),
    Row("late, and right", "slow,seconds=0.8", probe={"budget": "0.5s"}, says="budget"),
    Row(
        "words come slowly",
        "slow-tokens,seconds=0.15",
        probe={"check": [{"contains": "opening hours"}, {"value": "worst_gap", "below": "0.1s", "soft": True}]},
        within=4,
        says="worst_gap",
    ),
    Row(
        "the stream is held back",
        "buffered",
        pace=0.08,
        probe={"check": [{"contains": "opening hours"}, {"value": "first_token", "below": "0.6s", "soft": True}]},
        says="first_token",
    ),
)
STREAMS = (
    Row("an error in the middle", "error-in-stream"),
    Row("overloaded in the middle", "overloaded-in-stream"),
    Row("limited in the middle", "limited-in-stream"),
    Row("the connection is lost before the answer", "drop"),
    Row("the connection is lost in the middle", "cut"),
    Row("the connection is lost after the work was done", "lost-reply"),
    Row("the last event is missing", "no-done", blame="workflow", says="lacks", but=dict.fromkeys(LAST_TELLS)),
    Row(
        "the last event is missing, and the reason with it",
        "no-done",
        says="broke off",
        but=dict.fromkeys(TOLD_BEFORE),
    ),
    Row("it ends politely, half said", "no-end"),
    Row("an answer without an end", "endless", within=8),
)
ANSWERS = (
    Row("cut at the token limit", "length", blame="workflow"),
    Row("taken back by a filter", "content-filter"),
    Row("the model refuses", "refusal", probe=PLAIN_WORDS),
    Row("nothing is said", "empty"),
    Row("no body at all", "blank"),
    Row("reasoning and no answer", "reasoning-only"),
    Row("wrongly encoded", "garbage", probe=READABLE),
    Row("the same words over and over", "garbage,text=loop", probe=READABLE, pace=0.0),
    Row("a page of HTML", "html"),
    Row("events that are no JSON", "not-json"),
    Row("another answer", "wrong"),
    Row("another model answers", "model-swapped,text=gpt-4-turbo"),
    Row("fields have other names", "contract-changed"),
)
DOCUMENTS = (
    Row("an error, in one document", "error-in-stream", chat=WHOLE),
    Row("the connection is lost, in one document", "cut", chat=WHOLE),
    Row("cut at the token limit, in one document", "length", chat=WHOLE, blame="workflow"),
    Row("the model refuses, in one document", "refusal", chat=WHOLE, probe=PLAIN_WORDS),
    Row("nothing is said, in one document", "empty", chat=WHOLE),
    Row("no body at all, in one document", "blank", chat=WHOLE),
    Row("fields have other names, in one document", "contract-changed", chat=WHOLE),
    Row("no JSON, in one document", "not-json", chat=WHOLE),
)
GROUPS: Mapping[str, tuple[Row, ...]] = {
    "healthy": HEALTHY,
    "connections": CONNECTIONS,
    "refusals": REFUSALS,
    "times": TIMES,
    "streams": STREAMS,
    "answers": ANSWERS,
    "documents": DOCUMENTS,
}
ROWS: tuple[Row, ...] = tuple(row for group in GROUPS.values() for row in group)
