"""Whether a customer was still treated well while a model failed: answered, in time, and not by the machine. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from probes.checks.paths import compile_path
from probes.checks.texture import garbled
from probes.frames import Reply
from probes.words.failure import FACTS, Failure
from probes.words.text import clean

LOOKED_AT = 8_000  # characters of an answer
SHOWN = 160  # characters of it in a reason
# What a probe may find wrong with an answer that is polite all the same: it is not the one that was hoped for.
_KIND = frozenset({Failure.WRONG, Failure.REFUSED, Failure.CONTRACT_CHANGED})
_STACKS = (
    (re.compile(r"Traceback \(most recent call last\)"), "a stack trace"),
    (re.compile(r"^\s*File \"[^\"\n]{1,300}\", line \d+", re.MULTILINE), "a stack trace"),
    (re.compile(r"^\s*at [\w.$<>]{1,200} ?\([^()\n]{1,300}:\d+\)", re.MULTILINE), "a stack trace"),
    (re.compile(r"\b[A-Z]\w{2,60}(?:Error|Exception)\b ?[:(]"), "the name of an exception"),
)
_MACHINE = (
    (re.compile(r"internal server error|bad gateway|gateway time-?out|service unavailable", re.I), "an error page"),
    (re.compile(r"\b(?:http|status|error|answered)(?: (?:status|code))?:? ?[45]\d\d\b", re.I), "a status code"),
    (re.compile(r"\"(?:error|detail|traceback)\" ?:", re.I), "an error in JSON"),
    (re.compile(r"rate[ _-]?limit|too many requests|quota|api[ _-]?key", re.I), "the provider's own words"),
    (re.compile(r"\[object Object\]|\bundefined\b|\bNaN\b"), "what a program says for nothing"),
    (re.compile(r"\A\W*(?:null|none|error)\W*\Z", re.I), "what a program says for nothing"),
)

Judge = Callable[[str], Sequence[str]]
"""The user's own rules on an answer: what is wrong with it, in words."""


@dataclass(frozen=True, slots=True)
class Given:
    """One answer that a customer was given. `asked`: they had said something, and this is what they heard."""

    text: str
    status: int
    asked: bool


def answers(reply: Reply, chat: Mapping[str, Any]) -> list[Given]:
    """The answers in a reply's evidence, in order; `chat` is how the workflow is talked to."""
    steps = (reply.evidence or {}).get("steps", ())
    return [_given(one, chat) for step in steps for one in step["requests"] if one.get("status")]


def faults(reply: Reply, given: Sequence[Given], own: Judge) -> list[str]:
    """What a customer would have minded, in words; empty when they were still treated well."""
    failure = Failure(reply.failure) if reply.failure in {str(one) for one in Failure} else None
    if failure is not None and FACTS[failure].state == "unknown":
        return [f"nobody could look: {clean(reply.sentence, SHOWN) or FACTS[failure].sentence}"]
    if failure is not None and failure not in _KIND:
        shown = [said for one in given for said in _shows(one.text[:LOOKED_AT], _STACKS)]
        return [f"{FACTS[failure].sentence}: {clean(reply.sentence, SHOWN)}", *shown]
    found = [said for one in given for said in _minded(one, own)]
    if not any(one.asked for one in given) and failure in _KIND:
        found.append(f"no answer was given: {clean(reply.sentence, SHOWN)}")
    return list(dict.fromkeys(found))


def _minded(given: Given, own: Judge) -> list[str]:
    text = given.text[:LOOKED_AT]
    found = [f"answered {given.status}"] if given.status >= 500 or (given.asked and given.status >= 400) else []
    found += _shows(text, _STACKS if not given.asked else (*_STACKS, *_MACHINE))
    if not given.asked or found:
        return found
    if not text.strip():
        return ["an answer without a word"]
    if why := garbled(text):
        return [f"the answer cannot be read: {why}"]
    return list(own(text))


def _shows(text: str, rules: Sequence[tuple[re.Pattern[str], str]]) -> list[str]:
    """The first of these that stands in a text, with what is around it."""
    for rule, what in rules:
        if hit := rule.search(text):
            return [f"{what} in the answer: {clean(text[max(0, hit.start() - 20) : hit.end() + 60], 100)}"]
    return []


def _given(request: Mapping[str, Any], chat: Mapping[str, Any]) -> Given:
    body = str(request.get("response") or "")
    path = urlsplit(str(request.get("url") or "")).path
    asked = request.get("method") == "POST"
    if chat.get("post"):
        asked = asked and path.endswith(str(chat["post"]).partition("?")[0])
    return Given(_said(body, chat.get("reply")) if asked else body, int(request["status"]), asked)


def _said(body: str, path: Any) -> str:
    """The reply in a document, where a path leads to one; else the body as it stands."""
    if not path:
        return body
    try:
        found = compile_path(str(path))(json.loads(body))
    except (ValueError, RecursionError):
        return body
    if isinstance(found, list) and all(isinstance(part, str) for part in found):
        found = "".join(found)
    return found if isinstance(found, str) else body
