"""The model as a judge, and its embeddings: by rule, so that the same answer has the same verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from monitor.sandbox.models.answers import Messages, Rule, read_text
from monitor.sandbox.models.refusals import ModelRefused

SIZE = 128  # numbers of an embedding
MOST = 64  # texts of one request
_ANSWER = re.compile(r"<answer-([0-9a-f]+)>\n(.*?)\n</answer-\1>", re.DOTALL)
_RULE = re.compile(r"The rule:\n(.*?)\n\nThe (?:question it was given to|answer):\n", re.DOTALL)
_QUOTED = re.compile(r'"([^"\n]{1,200})"')
_SIGNS = re.compile(r"\d[\d:.,/-]*\d|\d|[^\W\d_]{5,}")


def judging(rule: Rule) -> Rule:
    """The same rule, but where somebody asks for a verdict, one is given."""

    def answer(messages: Messages) -> str:
        asked = read_text(messages[-1].get("content")) if messages else ""
        wanted, given = _RULE.search(asked), _ANSWER.search(asked)
        return verdict(wanted[1], given[2]) if wanted and given else rule(messages)

    return answer


def verdict(rule: str, answer: str) -> str:
    """Passes an answer that has one of the rule's quoted phrases; without any, one that has half of its words."""
    said = answer.casefold()
    quoted = [phrase.casefold() for phrase in _QUOTED.findall(rule)]
    given = rule.rpartition("Facts:\n")[2].rpartition("Context:\n")[2]
    signs = sorted({sign.casefold() for sign in _SIGNS.findall(given)})
    met = [sign for sign in signs if sign in said]
    score = float(any(phrase in said for phrase in quoted)) if quoted else len(met) / max(1, len(signs))
    ok = score >= 0.5
    reason = "it says what the rule asks for" if ok else "it does not say what the rule asks for"
    return json.dumps({"pass": ok, "score": round(score, 2), "reason": reason})


def embed(body: Any, models: Sequence[str]) -> dict[str, Any]:
    """The answer of /v1/embeddings; raises ModelRefused."""
    given = body.get("input") if isinstance(body, Mapping) else None
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 0 < len(texts) <= MOST or not all(isinstance(t, str) and t for t in texts):
        raise ModelRefused(400, "", "'input' must be a non-empty text, or a list of them.")
    model = body.get("model")
    if not isinstance(model, str) or not (model in models or "embed" in model):
        raise ModelRefused(404, "model_not_found", f"The model `{str(model)[:80]}` does not exist.")
    data = [{"object": "embedding", "index": number, "embedding": vector(text)} for number, text in enumerate(texts)]
    used = sum(len(text) // 4 + 1 for text in texts)
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": used, "total_tokens": used}}


def vector(text: str) -> list[float]:
    """A direction in which texts of the same words lie near each other."""
    found = [0.0] * SIZE
    for word in re.findall(r"\w+", text.casefold()):
        padded = f" {word} "
        for start in range(len(padded) - 2):
            found[crc32(padded[start : start + 3].encode()) % SIZE] += 1.0
    size = sum(part * part for part in found) ** 0.5 or 1.0
    return [round(part / size, 6) for part in found]
