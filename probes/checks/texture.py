"""What an answer looks like when it is no answer: garbled, going round in circles, somebody's error instead of it."""

from __future__ import annotations

import re
from collections import Counter

from probes.checks.refusal import refuses

__all__ = ["garbled", "markup", "refuses"]

LOOKED_AT = 8_000  # characters; an answer gives itself away early
SHORT = 300  # characters of an error that stands alone; a longer text may speak of errors
# UTF-8 read as Latin-1 shows up as these pairs, whatever the language was.
_MOJIBAKE = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac.|\u00e2\u0080[\u0080-\u00bf]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_WORD = re.compile(r"\w+")
_ERROR = re.compile(
    r"\s*(?:upstream (?:request timeout|connect error)|no healthy upstream|internal server error|bad gateway"
    r"|service (?:temporarily )?unavailable|gateway time-?out|too many requests|request timed? ?out|stream timeout"
    r"|(?:error:? )?(?:\[?errno|econn(?:refused|reset)|etimedout|enotfound)|5\d\d (?:internal|bad|service|gateway)"
    r"|an (?:unexpected |internal |unknown )?error (?:has )?occurred|something went wrong"
    r"|(?:api|rate ?limit|connection|timeout|type|value|key|reference|runtime)\w* ?error\b"
    r"|\{\s*\"(?:error|detail)\"\s*:|\[object object\]\s*\Z|(?:undefined|null|none|nan)\s*\Z)",
    re.IGNORECASE,
)
_STACK = re.compile(
    r"Traceback \(most recent call last\)|\n\s+at [\w.$<>]+ ?\([\w./\\:-]+:\d+|\bpanic: |goroutine \d+ \[|"
    r'\n\s*File "[^"\n]{1,200}", line \d+|\b(?:java|org|com)\.[\w.]{3,80}(?:Exception|Error)\b'
)
_TOKENS = re.compile(r"<\|[a-z_]{2,30}\|>|</?(?:tool_call|function_call|think)>|\[/?INST\]")
_PAGE = re.compile(r"\s*(?:<!doctype html|<html[\s>]|<head[\s>]|<body[\s>])", re.IGNORECASE)


def garbled(text: str) -> str:
    """Why `text` is nothing that a person could use, in a few words; "" when it is."""
    text = text[:LOOKED_AT]
    if not text.strip():
        return ""
    if text.count("\ufffd") > max(1, len(text) // 200):
        return "characters that could not be decoded"
    if len(_CONTROL.findall(text)) > max(1, len(text) // 100):
        return "control characters"
    if len(_MOJIBAKE.findall(text)) > max(1, len(text) // 100):
        return "letters of the wrong encoding"
    if _circles(text):
        return "the same words over and over"
    return _instead(text)


def _instead(text: str) -> str:
    """What else than an answer it is."""
    if _STACK.search(text):
        return "a stack trace instead of an answer"
    if len(text.strip()) <= SHORT and _ERROR.match(text):
        return "the text of an error instead of an answer"
    return "marks that only the model should see" if _TOKENS.search(text) else ""


def markup(text: str) -> str:
    """What to say when `text` is a web page, "" when it is not."""
    return "a web page instead of an answer" if _PAGE.match(text) else ""


def _circles(text: str) -> bool:
    """True when one run of four words makes up most of a longer text."""
    words = _WORD.findall(text.lower())
    if len(words) < 40:
        return False
    runs = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    most = runs.most_common(1)[0][1]
    return most >= 6 and len(runs) <= len(words) // 3
