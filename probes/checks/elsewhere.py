"""Names that checks have in other tools, and what to write for each here."""

from __future__ import annotations

from collections.abc import Mapping

_WRITE: Mapping[str, str] = {
    "latency": "write value: total, below: 2s",
    "response-time": "write value: total, below: 2s",
    "ttft": "write value: first_token, below: 1.5s",
    "time-to-first-token": "write value: first_token, below: 1.5s",
    "max-gap": "write value: worst_gap, below: 3s",
    "tokens-per-second": "write value: tokens_per_second, above: 20",
    "tokens": "write value: tokens, at-most: 500",
    "cost": "write value: cost, at-most: 0.01 (US dollars)",
    "rate-limit-headroom": "write value: headroom_requests, above: 0.2",
    "garbage": "write readable: true",
    "refusal": "write not-is-refusal: true",
    "json-path": "write json: $.path and a matcher, such as equals:",
    "min-words": "write word-count: [3, 120]",
    "max-words": "write word-count: [1, 120]",
    "words": "write word-count: [3, 120]",
    "levenshtein": "write nearly-equals: [the text, 90%]",
    "similar-to": "write nearly-equals: [the text, 90%], or similar: {to: the text, by: PROVIDER}",
    "is-one-of": "write one-of: [a, b], or label-in: [a, b] for a model's answer",
    "assert-set": "write all: [...] and threshold: 80%",
    "set": "write all: [...] and threshold: 80%",
    "python": "code of yours runs in probes of its own: write the probe with @probe in journeys/NAME.py",
    "javascript": "code of yours runs in probes of its own: write the probe with @probe in journeys/NAME.py",
    "rubric": "write llm-rubric: {rubric: ..., by: PROVIDER, good: ..., bad: ...}",
    "judge": "write llm-rubric: {rubric: ..., by: PROVIDER, good: ..., bad: ...}",
    "g-eval": "write llm-rubric: {rubric: ..., by: PROVIDER, good: ..., bad: ...}",
    "model-graded-closedqa": "write factuality: {expected: ..., by: PROVIDER, bad: ...}",
    "context-faithfulness": "write faithfulness: {context: ..., by: PROVIDER, bad: ...}",
    "confusion-pair": "that is seen in a golden set: write kind: golden with labels:",
    "contract": "write a probe of its own: kind: contract",
    "cert-expires-in": "certificates of https hosts are watched by themselves; for another port write kind: tls",
    "key-expires-in": "write it under keys: of the file",
}


def elsewhere(name: str) -> str:
    """What to write for a check that is called so in other tools, "" when that is not known."""
    plain = name.replace("_", "-").lower()
    return _WRITE.get(plain) or _WRITE.get(plain.removeprefix("not-"), "")
