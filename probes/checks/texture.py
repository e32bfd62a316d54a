"""What an answer looks like when it is no answer: garbled, going round in circles, or a polite refusal."""

from __future__ import annotations

import re
from collections import Counter

LOOKED_AT = 8_000  # characters; an answer gives itself away early
# UTF-8 read as Latin-1 shows up as these pairs, whatever the language was.
_MOJIBAKE = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac.|\u00e2\u0080[\u0080-\u00bf]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_WORD = re.compile(r"\w+")
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|afraid|unable)|i (?:can(?:'t|not)|won't|will not|must decline)"
    r"|as an ai\b|against my (?:guidelines|policy))"
    r".{0,80}?\b(?:can(?:'t|not)|unable|not able|won't|decline|assist|help|comply|provide|language model)",
    re.IGNORECASE | re.DOTALL,
)


def garbled(text: str) -> str:
    """Why `text` cannot be read by a person, in a few words; "" when it can."""
    text = text[:LOOKED_AT]
    if not text.strip():
        return ""
    if text.count("\ufffd") > max(1, len(text) // 200):
        return "characters that could not be decoded"
    if len(_CONTROL.findall(text)) > max(1, len(text) // 100):
        return "control characters"
    if len(_MOJIBAKE.findall(text)) > max(1, len(text) // 100):
        return "letters of the wrong encoding"
    return "the same words over and over" if _circles(text) else ""


def _circles(text: str) -> bool:
    """True when one run of four words makes up most of a longer text."""
    words = _WORD.findall(text.lower())
    if len(words) < 40:
        return False
    runs = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    most = runs.most_common(1)[0][1]
    return most >= 6 and len(runs) <= len(words) // 3


def refuses(text: str) -> bool:
    """True when the beginning of `text` reads as a model declining to answer."""
    return _REFUSAL.search(text[:300].replace("\u2019", "'")) is not None
