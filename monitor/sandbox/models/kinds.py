"""Every fault of a model provider, what it does, and which failure showup has to call it."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.sandbox.faults import WIRE


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault does, and what it is called by who watches; `but` has the dialects in which it is called otherwise.

    A failure of "" means that nothing is wrong; None, that the dialect has no way to say such a thing.
    """

    does: str
    failure: str
    but: tuple[tuple[str, str | None], ...] = ()

    def expected(self, label: str) -> str | None:
        """The failure in a dialect."""
        return dict(self.but).get(label, self.failure)


# WIRE faults come first: they concern the connection, and are met before a word is read.
MODEL_KINDS: dict[str, Kind] = {
    "hang": Kind(WIRE["hang"], "timeout"),
    "slow": Kind(WIRE["slow"], "slow"),
    "drop": Kind(WIRE["drop"], "truncated"),
    "lost-reply": Kind(WIRE["lost-reply"], "truncated"),
    "rate-limited": Kind("429 with a wait; `seconds` (20) becomes Retry-After", "rate_limited"),
    "server-error": Kind("an error of the provider's own, in its JSON; `status` says which (500)", "provider_down"),
    "unauthorized": Kind("401: the key is not known", "auth"),
    "forbidden": Kind("403: the key may not do this", "auth"),
    "no-credit": Kind("429 that no wait helps: the credit is used up, said in the provider's way", "quota"),
    "payment-required": Kind("402", "quota"),
    "model-missing": Kind("404: the model was retired, or is not yours any more", "contract_changed"),
    "overloaded": Kind("503, at Anthropic 529: no room for this question", "provider_down"),
    "engine-overloaded": Kind("429 that is no limit of yours: the provider is overloaded", "provider_down"),
    "no-first-token": Kind("200 and the stream's opening, then nothing for `seconds` (600)", "timeout"),
    "idle-gap": Kind("says nothing for `seconds` (600) in the middle of the answer", "timeout"),
    "slow-tokens": Kind("`seconds` (0.2) between two words", "slow"),
    "buffered": Kind("the whole stream at once, after as long as it would have taken", "slow"),
    "error-in-stream": Kind(
        "200, half an answer, then an error in the stream; `text` is its message", "provider_down"
    ),
    "overloaded-in-stream": Kind("200, half an answer, then the provider is overloaded", "provider_down"),
    "limited-in-stream": Kind("200, half an answer, then a rate limit", "rate_limited"),
    "cut": Kind("half an answer, then the connection dies", "truncated"),
    "no-done": Kind("the whole answer, without the event that ends a stream", "truncated"),
    "no-end": Kind("half an answer, then a polite end without a reason", "truncated"),
    "length": Kind("half an answer that says it was cut for length", "truncated"),
    "content-filter": Kind("a third of an answer, taken back by a filter", "refused", (("chat.ollama", None),)),
    "refusal": Kind("the model refuses to answer", "refused"),
    "empty": Kind("an answer without a word", "empty"),
    "blank": Kind("200, and no byte of a body", "empty"),
    "reasoning-only": Kind("the model thinks, and says nothing", "empty"),
    "garbage": Kind("mojibake; `text` may be loop or json, or the garbage itself", "garbage"),
    "html": Kind("200 and a page in HTML, as a proxy on the way sends it", "garbage"),
    "not-json": Kind("a stream whose events are no JSON", "garbage"),
    "wrong": Kind("another answer: `text`", "wrong"),
    "model-swapped": Kind("answers as another model: `text`", "contract_changed"),
    "contract-changed": Kind("the fields that hold the answer have other names", "contract_changed"),
    "endless": Kind("an answer without an end, as fast as it is read", "truncated"),
}
KINDS: dict[str, str] = {name: kind.does for name, kind in MODEL_KINDS.items()}
